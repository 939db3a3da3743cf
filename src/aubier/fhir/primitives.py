"""The lexical forms of the FHIR primitive types, as checks on JSON values.

Rule: FHIR R4 4.0.1, datatypes.html#primitive. White space in the published patterns is that of XML (ASCII).
Every check is linear in the length of its value.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

MAX_STRING = 1_048_576
"""Characters of a string at most (1 MB). base64Binary is only bounded by the size of the body."""

_YEAR = r"(?!0000)[0-9]{4}"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = r"(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

_date = re.compile(f"{_YEAR}(?:-{_MONTH}(?:-({_DAY}))?)?").fullmatch
_date_time = re.compile(f"{_YEAR}(?:-{_MONTH}(?:-({_DAY})(?:T{_TIME}{_ZONE})?)?)?").fullmatch
_instant = re.compile(f"{_YEAR}-{_MONTH}-({_DAY})T{_TIME}{_ZONE}").fullmatch
_time = re.compile(_TIME).fullmatch
_forbidden = re.compile("[\x00\x0b\x0c]").search
_space = re.compile(r"\s", re.ASCII).search
_white = re.compile(r"\s+", re.ASCII)
_code = re.compile(r"\S+(?: \S+)*", re.ASCII).fullmatch
_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_oid = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_uuid = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def is_boolean(value: Any) -> bool:
    """`true` or `false`, not the strings."""
    return value is True or value is False


def is_integer(value: Any) -> bool:
    """A whole JSON number of 32 bits with sign."""
    return type(value) is int and -2_147_483_648 <= value <= 2_147_483_647


def is_unsigned(value: Any) -> bool:
    """0 to 2,147,483,647."""
    return type(value) is int and 0 <= value <= 2_147_483_647


def is_positive(value: Any) -> bool:
    """1 to 2,147,483,647."""
    return type(value) is int and 1 <= value <= 2_147_483_647


def is_decimal(value: Any) -> bool:
    """A JSON number: int or finite Decimal. A float is refused: it has lost its digits."""
    kind = type(value)
    return kind is int or (kind is Decimal and value.is_finite())


def is_string(value: Any) -> bool:
    """At least one character, at most 1 MB, none of NUL, vertical tab and form feed."""
    return type(value) is str and 0 < len(value) <= MAX_STRING and _forbidden(value) is None


def is_code(value: Any) -> bool:
    """No white space but single spaces inside."""
    return type(value) is str and _code(value) is not None


def is_id(value: Any) -> bool:
    """1 to 64 of A-Z a-z 0-9 - and . ."""
    return type(value) is str and _id(value) is not None


def is_uri(value: Any) -> bool:
    """At least one character, no white space. Also url and canonical."""
    return type(value) is str and value != "" and _space(value) is None


def is_oid(value: Any) -> bool:
    """`urn:oid:` and an OID without leading zeros."""
    return type(value) is str and _oid(value) is not None


def is_uuid(value: Any) -> bool:
    """`urn:uuid:` and a lower-case UUID."""
    return type(value) is str and _uuid(value) is not None


def is_base64(value: Any) -> bool:
    """RFC 4648 base64 with padding; white space is passed over."""
    if type(value) is not str or not value.isascii():
        return False
    packed = _white.sub("", value)
    try:
        binascii.a2b_base64(packed, strict_mode=True)
    except binascii.Error:
        return False
    return packed != ""


def _in_calendar(text: str, day: str | None) -> bool:
    """Whether the day exists in its month; `text` starts with YYYY-MM-DD when there is one."""
    if day is None or day < "29":
        return True
    try:
        date(int(text[:4]), int(text[5:7]), int(day))
    except ValueError:
        return False
    return True


def is_date(value: Any) -> bool:
    """YYYY, YYYY-MM or YYYY-MM-DD that exists in the calendar."""
    return type(value) is str and (found := _date(value)) is not None and _in_calendar(value, found.group(1))


def is_date_time(value: Any) -> bool:
    """As date, or a full date and time with seconds and a time zone."""
    return (
        type(value) is str
        and (found := _date_time(value)) is not None
        and _in_calendar(value, found.group(1))
    )


def is_instant(value: Any) -> bool:
    """A full date and time with seconds and a time zone."""
    return (
        type(value) is str and (found := _instant(value)) is not None and _in_calendar(value, found.group(1))
    )


def is_time(value: Any) -> bool:
    """HH:MM:SS with optional fractions, no time zone."""
    return type(value) is str and _time(value) is not None


CHECKS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "base64Binary": is_base64,
        "boolean": is_boolean,
        "canonical": is_uri,
        "code": is_code,
        "date": is_date,
        "dateTime": is_date_time,
        "decimal": is_decimal,
        "id": is_id,
        "instant": is_instant,
        "integer": is_integer,
        "markdown": is_string,
        "oid": is_oid,
        "positiveInt": is_positive,
        "string": is_string,
        "time": is_time,
        "unsignedInt": is_unsigned,
        "uri": is_uri,
        "url": is_uri,
        "uuid": is_uuid,
        "xhtml": is_string,
    }
)
"""Primitive type name to its check. For xhtml only the string form: see `aubier.validation.narrative`."""
