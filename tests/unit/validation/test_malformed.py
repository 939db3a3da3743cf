"""Definitions of others are stored as published: whatever they hold, validation answers."""

import copy
import random
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.validation.snapshots import Snapshots
from aubier.validation.walks import walked
from tests.unit.validation.test_profiles import PHONE, library, patient, sliced
from tests.unit.validation.test_snapshots import BASE, profile, row

JUNK: list[Any] = [None, 0, -1, "", "x", "..", [], {}, [[]], [{}], {"a": []}, True, "1e9", ["x", None]]


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) of a value."""
    found: list[tuple[Any, Any]] = []
    pending = [node]
    while pending:
        here = pending.pop()
        pairs = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
        for key, value in pairs:
            found.append((here, key))
            pending.append(value)
    return found


def definitions() -> list[dict[str, Any]]:
    """Profiles with slices, extensions, bindings, targets; one of them whole."""
    place = [{"code": "Extension", "profile": [BASE + "patient-birthPlace"]}]
    aimed = [{"code": "Reference", "targetProfile": [BASE + "Organization"]}]
    bound = {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/administrative-gender"}
    other = profile(
        "Patient",
        row("Patient.extension", "place", type=place, min=1),
        row("Patient.managingOrganization", type=aimed, min=1),
        row("Patient.gender", binding=bound, min=1),
        row(
            "Patient.telecom",
            slicing={"discriminator": [{"type": "type", "path": "$this"}], "rules": "closed"},
        ),
        row("Patient.telecom", "one", min=1, maxLength=3, constraint=[{"key": "a", "expression": "true"}]),
    )
    return [sliced(), other, Snapshots(lambda canonical: None).snapshot(sliced(rules="closed"))]


@pytest.mark.parametrize("seed", range(3))
def test_a_definition_with_junk_in_it_is_told_or_walked(seed: int) -> None:
    dice = random.Random(seed)
    whole = patient(telecom=[PHONE], gender="male", managingOrganization={"reference": "Organization/1"})
    whole["extension"] = [{"url": BASE + "patient-birthPlace", "valueAddress": {"city": "x"}}]
    for _ in range(150):
        broken = copy.deepcopy(dice.choice(definitions()))
        for _ in range(dice.randint(1, 3)):
            holder, key = dice.choice([p for p in places(broken) if p[1] not in ("url", "resourceType")])
            holder[key] = copy.deepcopy(dice.choice(JUNK))
        found = walked(whole, [broken["url"]], library(broken))
        assert all(i.text and i.fr for i in found.issues)
        try:
            Snapshots(lambda canonical: None, prose=seed == 0).snapshot(broken)
        except Problem as refusal:
            assert refusal.issues[0].fr
