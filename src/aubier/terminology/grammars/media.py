"""Media types. Rule: BCP 13 (RFC 6838 §4.2) and RFC 2045 §5.1 for their parameters."""

from __future__ import annotations

import re

from aubier.terminology.meaning.concepts import Concept

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&\-^_.+]{0,126}"
_TOKEN = r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"
_QUOTED = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_TYPE = re.compile(rf"{_NAME}/{_NAME}")
_ADDRESS = r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s;\"]+"
"""FHIR writes the address of a canonical form without quotes. Rule: FHIR R4 4.0.1, json.html#canonical."""
_PARAMETER = re.compile(rf"[ \t]*;[ \t]*{_TOKEN}=(?:{_ADDRESS}|{_TOKEN}|{_QUOTED})[ \t]*", re.ASCII)
_LONGEST = 500
_SHORT = ("json", "ttl", "xml")
"""What stands for a media type in CapabilityStatement.format. Rule: HL7 FHIR R4 (4.0.1)."""


def concept(code: str) -> Concept | None:
    """A media type, with parameters or without; None when it is not written as one."""
    if code in _SHORT:
        return Concept(code, lineage=frozenset((code,)))
    if len(code) > _LONGEST or not code.isascii() or (head := _TYPE.match(code)) is None:
        return None
    at = head.end()
    while at < len(code):
        row = _PARAMETER.match(code, at)
        if row is None:
            return None
        at = row.end()
    return Concept(code, lineage=frozenset((code,)))
