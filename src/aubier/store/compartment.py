"""Which patient's compartment a resource belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from aubier.ground.rows import Resource
from aubier.search.model import Terms
from aubier.search.parameters import naming_no_other, patient_compartment, registry
from aubier.search.terms.kept import link
from aubier.search.terms.layout import owner_bits
from aubier.store.keys import family

_FOLLOWED = {
    "Binary": {"securityContext": ""},
    "Provenance": {"target": "target"},
    "Linkage": {"item": "item", "author": "author"},
    "MessageHeader": {"focus": "focus"},
    "Task": {"focus": "focus", "basedOn": "based-on"},
}
"""Types outside the Patient compartment definition: they live with the resources these elements name. Beside
each element, the search parameter that finds by it.
"""

_ABOUT = frozenset({"subject", "patient", "beneficiary"})
"""The parameters that tell whom a resource is about: it is filed there, not with who wrote or received it."""


@lru_cache(maxsize=256)
def patient_parameters(kind: str) -> frozenset[str]:
    """The codes of the reference parameters that put a resource of this type in a Patient's compartment.

    The CompartmentDefinition of R4, and for the types it leaves out, their `patient` or `subject` parameter.
    """
    defined = {p.code for p in patient_compartment(kind)}
    if defined:
        return frozenset(defined)
    own = registry().of(kind)
    return frozenset(p.code for p in own if p.code in ("patient", "subject") and "Patient" in p.targets)


def patients(resource: Resource, found: Terms) -> dict[str, bool]:
    """The logical ids of the Patients whose record this resource is part of, and whether it is about them.

    The one it is filed under comes first. Those it is not about have a part in it: a mother who took her
    child's temperature, someone who is told.
    """
    kind = resource["resourceType"]
    if kind == "Patient":
        return {resource["id"]: True}
    codes = patient_parameters(kind)
    about = codes & _ABOUT or codes
    named = [(t.removeprefix("Patient/"), p) for p, t in found.references if t.startswith("Patient/")]
    concerned = {logical: True for logical, p in named if p in about}
    return concerned | {logical: False for logical, p in named if p in codes and logical not in concerned}


@lru_cache(maxsize=256)
def placing(kind: str) -> frozenset[str]:
    """The parameters whose Patients have in their compartment whatever of `kind` names them.

    A Patient's own links are none of these: whoever names another stays in a record of their own.
    """
    return frozenset() if kind == "Patient" else naming_no_other(kind, patient_parameters(kind))


@lru_cache(maxsize=256)
def owned(kind: str) -> dict[str, int]:
    """The reference parameters that keep no row for the Patient whose record it is; the bit of each.

    They are those that `placing` keeps its Patients under.
    """
    if family(kind):
        return {}
    return owner_bits(kind, frozenset(link(kind, code, "Patient") for code in placing(kind)))


def owner(kind: str, found: Terms) -> str:
    """The one Patient (`Patient/1`) whose record a resource is part of; empty when none, or several."""
    codes = patient_parameters(kind)
    named = {t for p, t in found.references if p in codes and t.startswith("Patient/")}
    return named.pop() if len(named) == 1 else ""


def lives_with_others(kind: str) -> bool:
    """Whether what names no patient lives with other things that it names: these are to be stored before."""
    return kind in _FOLLOWED


def followed(resource: Resource) -> list[str]:
    """The references whose compartment a resource shares when it names no patient itself: of a version, to
    the resource.
    """
    out: list[str] = []
    for element in _FOLLOWED.get(resource["resourceType"], ()):
        out += (named.partition("/_history/")[0] for named in _references(resource.get(element)))
    return out


def following() -> list[tuple[str, str]]:
    """The types and search parameters by which what lives with a resource is found."""
    return [(kind, code) for kind, codes in _FOLLOWED.items() for code in codes.values() if code]


def _references(value: object) -> Iterable[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for name in ("resource", "item"):
            yield from _references(value.get(name))
