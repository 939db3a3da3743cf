"""Snapshots with the words of the specification, as they are given to whoever asks for one."""

from typing import Any

from aubier.validation.snapshots import Snapshots
from tests.unit.validation.test_snapshots import BASE, profile, row


def told(definition: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """The definition with its snapshot, in words."""
    known = {d["url"]: d for d in others}
    return Snapshots(known.get, prose=True).snapshot(definition)


def elements(definition: dict[str, Any], *others: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The elements of such a snapshot by id."""
    return {e["id"]: e for e in told(definition, *others)["snapshot"]["element"]}


def test_elements_have_what_the_specification_says_of_them() -> None:
    found = elements(profile("Patient", row("Patient.contact.name.family", min=1)))
    assert found["Patient.active"]["definition"].startswith("Whether this patient record is in active use")
    assert found["Patient.active"]["comment"] and found["Patient.active"]["requirements"]
    assert "SubjectOfCare Client Resident" in found["Patient"]["alias"]
    assert {"identity": "v2", "map": "PID-3"} in found["Patient.identifier"]["mapping"]
    assert found["Patient.gender"]["binding"]["valueSet"].endswith("administrative-gender|4.0.1")
    assert found["Patient.gender"]["binding"]["description"].startswith("The gender of a person")
    assert "genealogy" in found["Patient.contact.name.family"]["definition"]
    assert found["Patient.id"]["definition"].startswith("The logical id of the resource")


def test_what_a_differential_says_stands_and_may_go_on() -> None:
    found = elements(
        profile(
            "Patient",
            row("Patient.active", definition="In use here."),
            row("Patient.gender", definition="... In France.", alias=["sexe"]),
            row("Patient.identifier", slicing={"discriminator": [], "rules": "open"}),
            row("Patient.identifier", "nir", requirements="One only."),
        )
    )
    assert found["Patient.active"]["definition"] == "In use here."
    gender = found["Patient.gender"]["definition"]
    assert gender.startswith("Administrative Gender") and gender.endswith(" In France.")
    slice = found["Patient.identifier:nir"]
    assert slice["definition"] == found["Patient.identifier"]["definition"] != slice["short"]
    assert slice["requirements"] == "One only." != found["Patient.identifier"]["requirements"]


def test_the_specification_s_own_profiles_have_their_own_words() -> None:
    found = elements(profile("Observation", baseDefinition=f"{BASE}bp"))
    assert "blood pressure" in found["Observation"]["definition"].lower()
    assert found["Observation.component:SystolicBP.code.coding"]["definition"] == "Systolic Blood Pressure."
    note = found["Observation.note"]["definition"]  # not said again there
    assert note == elements(profile("Observation"))["Observation.note"]["definition"]


def test_a_definition_names_what_its_elements_are_mapped_to() -> None:
    mine = profile("Patient", mapping=[{"identity": "own", "uri": "http://example.org/own"}])
    made = told(mine)
    used = {m["identity"] for e in made["snapshot"]["element"] for m in e.get("mapping", ())}
    named = [m["identity"] for m in made["mapping"]]
    assert {"own", "v2", "rim"} <= set(named) and used <= set(named) and len(named) == len(set(named))
    below = profile("Patient", baseDefinition=mine["url"], name="below")
    mine["differential"]["element"] = [row("Patient.active", mapping=[{"identity": "own", "map": "A"}])]
    assert {"identity": "own", "uri": "http://example.org/own"} in told(below, mine)["mapping"]


def test_constraints_of_the_specification_have_their_xpath() -> None:
    own = {"key": "own-1", "severity": "error", "human": "x", "expression": "true"}
    found = elements(profile("Patient", row("Patient.active", constraint=[own])))
    rules = {rule["key"]: rule for rule in found["Patient.active"]["constraint"]}
    assert rules["ele-1"]["xpath"].startswith("@value") and "xpath" not in rules["own-1"]
    assert "xpath" in {rule["key"]: rule for rule in found["Patient.contact"]["constraint"]}["pat-1"]


def test_what_checks_resources_is_made_without_words() -> None:
    mine = profile("Patient")
    plain = Snapshots({}.get).snapshot(mine)
    assert all(e["definition"] == e["short"] for e in plain["snapshot"]["element"])
    assert "mapping" not in plain
    strict = ("id", "path", "min", "max", "type", "sliceName", "base", "contentReference")
    with_words = elements(mine)
    for e in plain["snapshot"]["element"]:
        assert {k: e.get(k) for k in strict} == {k: with_words[e["id"]].get(k) for k in strict}
