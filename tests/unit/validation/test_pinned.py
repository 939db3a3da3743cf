"""Guides that write the version of everything they name, and slices that only codes tell apart."""

from typing import Any

import pytest

from aubier.validation.profiles import AtHand, Library
from aubier.validation.profiles.at_hand import told
from aubier.validation.walks import validated, walked
from tests.unit.validation.test_profiles import found, library, observation, patient, places
from tests.unit.validation.test_snapshots import BASE, MINE, profile, row

UUID = "urn:uuid:6f1c3c5e-0000-4000-8000-00000000000"
SYSTEM = "http://example.org/codes"


def aimed(*kinds: str) -> dict[str, Any]:
    """A profile of Observation whose subject is one of these types, by the version of the specification."""
    named = [f"{BASE}{kind}|4.0.1" for kind in kinds]
    return profile(
        "Observation", row("Observation.subject", type=[{"code": "Reference", "targetProfile": named}])
    )


def together(kind: str) -> dict[str, Any]:
    """A Bundle with an Observation and what it is about."""
    about = {"resourceType": kind, "id": "a"}
    said = observation(subject={"reference": UUID + "1"}, meta={"profile": [MINE + "mine"]})
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": UUID + "1", "resource": about}, {"fullUrl": UUID + "2", "resource": said}],
    }


@pytest.mark.parametrize(
    ("kinds", "kind", "right"),
    [
        (("Resource",), "Patient", True),
        (("Patient",), "Patient", True),
        (("Patient", "Group"), "Patient", True),
        (("Group",), "Patient", False),
    ],
)
def test_a_type_named_with_its_version_is_that_type(kinds: tuple[str, ...], kind: str, right: bool) -> None:
    definition = aimed(*kinds)
    issues = walked(together(kind), [], library(definition)).issues
    assert bool([i for i in issues if "subject" in i.at[0] and i.severity == "error"]) is not right
    outside = observation(subject={"reference": f"{kind}/a"})
    assert bool(places(found(outside, definition))) is not right


@pytest.mark.parametrize("above", ["Resource", "DomainResource", "Resource|4.0.1"])
def test_a_resource_is_what_every_resource_is(above: str) -> None:
    issues = walked(patient(), [BASE + above], Library()).issues
    assert [i.at[0] for i in issues if i.severity == "error"] == []


def test_a_resource_is_not_of_another_type() -> None:
    issues = walked(patient(), [BASE + "Observation|4.0.1"], Library()).issues
    assert places([i for i in issues if i.severity == "error"]) == [("Patient", "structure")]


def listed(name: str, *codes: str) -> dict[str, Any]:
    """A value set that lists its codes."""
    include = [{"system": SYSTEM, "concept": [{"code": code} for code in codes]}]
    return {
        "resourceType": "ValueSet",
        "url": MINE + name,
        "status": "active",
        "compose": {"include": include},
    }


def coded(name: str, kind: str, value_set: str) -> dict[str, Any]:
    """A profile of Observation with a code out of a value set, and a value of one type."""
    bound = row("Observation.code", binding={"strength": "required", "valueSet": MINE + value_set})
    return profile("Observation", bound, row("Observation.value[x]", type=[{"code": kind}]), name=name)


def page() -> dict[str, Any]:
    """A Bundle that knows two kinds of Observation, which only their codes tell apart."""
    cut = {"discriminator": [{"type": "profile", "path": "resource"}], "rules": "open"}
    rows = [row("Bundle.entry", slicing=cut)]
    for name in ("first", "second"):
        rows.append(row("Bundle.entry", name, min=0, max="*"))
        rows.append(
            row("Bundle.entry.resource", min=1, type=[{"code": "Observation", "profile": [MINE + name]}])
            | {"id": f"Bundle.entry:{name}.resource"}
        )
    return profile("Bundle", *rows, name="page")


@pytest.mark.parametrize("code", ["b", "c"])
async def test_codes_tell_slices_apart(code: str) -> None:
    kinds = [coded("first", "string", "As"), coded("second", "string", "Bs")]
    known = {d["url"]: d for d in (page(), *kinds, listed("As", "a"), listed("Bs", "b"))}
    library = Library(known.get, lambda url: told(url, known.get))
    said = observation(code={"coding": [{"system": SYSTEM, "code": code}]}, valueString="x")
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": UUID + "1", "resource": said}],
    }
    issues = await validated(bundle, [MINE + "page"], library, AtHand(known.get))
    assert [i for i in issues if i.severity == "error"] == []
