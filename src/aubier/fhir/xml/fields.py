"""The namespaces of FHIR XML, and which properties it writes as attributes."""

from __future__ import annotations

from aubier.fhir.definitions import Property

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

_ID = frozenset({"id"})
_URL = frozenset({"id", "url"})
NO_ATTRIBUTES = frozenset[str]()


def attributes(found: Property) -> frozenset[str]:
    """The properties that XML writes as attributes: `id`, and the `url` of an Extension."""
    return _URL if found.type.code == "Extension" else _ID
