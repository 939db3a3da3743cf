"""Whose record a resource is in, as its index values tell."""

from typing import Any

import pytest

from aubier.search.extract import extract
from aubier.store.compartment import owner, patients


def named(kind: str, **links: str) -> dict[str, Any]:
    """A resource that names these."""
    lists = {"performer", "focus", "participant"}
    links_ = {name: {"reference": to} for name, to in links.items()}
    return {"resourceType": kind, **{n: [one] if n in lists else one for n, one in links_.items()}}


@pytest.mark.parametrize(
    ("resource", "of", "found"),
    [
        (named("Observation", subject="Patient/1"), "Patient/1", {"1": True}),
        (named("Observation", subject="Patient/1", performer="Practitioner/2"), "Patient/1", {"1": True}),
        (named("Observation", subject="Patient/1", focus="Patient/2"), "Patient/1", {"1": True}),
        (named("Observation", subject="Patient/1", performer="Patient/1"), "Patient/1", {"1": True}),
        (named("Observation", subject="Patient/1", performer="Patient/2"), "", {"1": True, "2": False}),
        (named("Observation", performer="Patient/2"), "Patient/2", {"2": False}),
        (named("Observation", subject="Group/1"), "", {}),
        (named("Practitioner"), "", {}),
    ],
)
def test_the_owner_and_who_else_is_concerned(
    resource: dict[str, Any], of: str, found: dict[str, bool]
) -> None:
    terms = extract(resource)
    assert owner(resource["resourceType"], terms) == of
    assert patients(resource, terms) == found
