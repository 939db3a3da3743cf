"""What an element of FHIR XML may hold: child elements and attributes, from the definitions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from aubier.fhir.definitions import Property, definitions
from aubier.fhir.primitives import CHECKS

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"


def is_primitive(found: Property) -> bool:
    """Whether the element bears a `value` attribute."""
    return found.type.code in CHECKS and found.type.code != "xhtml"


def is_resource(found: Property) -> bool:
    """Whether the element wraps a resource, whose name is the next element."""
    return found.type.code == "Resource"


def below(found: Property) -> Mapping[str, Property]:
    """The properties of an element: of its own when it is a backbone, of its type otherwise."""
    return found.element.properties or definitions().type(found.type.code).properties


def attributes(found: Property) -> frozenset[str]:
    """The properties that XML writes as attributes: `id`, and the `url` of an Extension."""
    return _URL if found.type.code == "Extension" else _ID


_ID = frozenset({"id"})
_URL = frozenset({"id", "url"})
NO_ATTRIBUTES = frozenset[str]()


@cache
def of_primitive() -> Mapping[str, Property]:
    """What stands inside a primitive element."""
    return MappingProxyType(dict(definitions().type("Element").properties))
