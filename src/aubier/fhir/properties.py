"""What stands below a JSON property, whichever way its definition says it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from aubier.fhir.definitions import Property, definitions
from aubier.fhir.primitives import CHECKS


def is_primitive(found: Property) -> bool:
    """Whether it holds a primitive value, which may have a sibling `_name`. A narrative's xhtml has none."""
    return found.type.code in CHECKS and found.type.code != "xhtml"


def is_resource(found: Property) -> bool:
    """Whether it holds a whole resource, of any type."""
    return found.type.code == "Resource"


def below(found: Property) -> Mapping[str, Property]:
    """The properties inside: of the element's own when it is a backbone, of its type otherwise."""
    return found.element.properties or definitions().type(found.type.code).properties


@cache
def of_sibling() -> Mapping[str, Property]:
    """The properties of the sibling of a primitive: `id` and `extension`."""
    return MappingProxyType(dict(definitions().type("Element").properties))
