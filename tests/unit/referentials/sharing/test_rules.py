"""Terms, parameters, and the Consent of a right."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.access.actor import Actor
from aubier.ground.clock import instant
from aubier.ground.problem import Problem
from aubier.referentials.sharing import rules
from aubier.referentials.sharing.rules import Party
from aubier.store.intent import Grant
from aubier.validation import check

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
DOCTOR = Party("ps:810000000009", {"reference": "Practitioner/d", "display": "Dr D"})
HOLDER = {"reference": "Patient/p", "display": "P"}


def _consent(until: datetime | None = None, **more: Any) -> dict[str, Any]:
    right = rules.carer("p", DOCTOR.key, "stated", **more)
    return rules.consent(right, DOCTOR, HOLDER, NOW, until)


def test_a_day_is_meant_to_its_end_and_an_instant_is_exact() -> None:
    assert rules.term("2026-11-22", NOW, longest=None) == datetime(2026, 11, 23, tzinfo=UTC)
    assert rules.term("2026-11-22T12:00:00+02:00", NOW, longest=None) == datetime(
        2026, 11, 22, 10, tzinfo=UTC
    )


def test_without_a_term_the_longest_or_none() -> None:
    assert rules.term("", NOW, longest=None) is None
    assert rules.term("", NOW, longest=rules.LONGEST) == NOW + rules.LONGEST
    assert rules.term("2027-11-22", NOW, longest=rules.LONGEST) is not None


@pytest.mark.parametrize(
    "until",
    ["2026-11-21", "2026-11-22T09:00:00Z", "2027-11-24", "2026", "20261122", "2026-W48-1", "2026-13-01",
     "9999-12-31", "2026-11-23T10:00:00", "x" * 400, "2026-11-22T25:00:00Z", "9999-12-31T23:00:00-14:00"],
)  # fmt: skip
def test_a_term_that_cannot_be(until: str) -> None:
    with pytest.raises(Problem) as refused:
        rules.term(until, NOW, longest=rules.LONGEST)
    assert refused.value.kind == "value"
    assert "until" in refused.value.issues[0].at[0]


@given(st.text(max_size=40) | st.datetimes().map(str) | st.dates().map(str))
def test_any_text_is_a_term_ahead_or_a_problem(until: str) -> None:
    try:
        end = rules.term(until, NOW, longest=None)
    except Problem as refused:
        assert refused.issues[0].fr
    else:
        assert end is None or end > NOW


def test_parameters_are_read_by_name() -> None:
    rows = [
        {"name": "actor", "valueReference": {"reference": "Practitioner/d"}},
        {"name": "masked", "valueBoolean": False},
    ]
    told = rules.asked({"resourceType": "Parameters", "parameter": rows}, "actor", "masked")
    assert told == {"actor": "Practitioner/d", "masked": False}
    assert rules.asked({"resourceType": "Parameters", "_id": "p"}) == {}


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5),
        lambda c: st.lists(c, max_size=3) | st.dictionaries(
            st.sampled_from(["name", "valueString", "valueReference", "reference", "actor"]), c, max_size=3
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_shape_is_read_or_refused(rows: Any) -> None:
    try:
        told = rules.asked({"resourceType": "Parameters", "parameter": rows}, "actor")
    except Problem as refused:
        assert refused.issues[0].at
    else:
        assert set(told) <= {"actor"}
        assert all(isinstance(v, str | bool) for v in told.values())


def test_a_consent_is_valid_fhir_and_says_the_right() -> None:
    made = _consent(NOW + timedelta(days=1), reason="nursing")
    check(made)
    assert rules.is_ours(made) and rules.kind_of(made) == "permit"
    assert rules.founded_on(made, "stated") and not rules.founded_on(made, "consent")
    assert made["provision"]["purpose"][0]["display"] == "nursing"
    deny = rules.consent(Grant("p", DOCTOR.key, "opposition", deny=True), DOCTOR, HOLDER, NOW, None)
    check(deny)
    assert rules.kind_of(deny) == "deny" and "end" not in deny["provision"]["period"]


def test_same_is_basis_reason_and_end() -> None:
    soon = NOW + timedelta(hours=1)
    assert rules.same(_consent(soon), _consent(soon + timedelta(seconds=30)))
    assert not rules.same(_consent(soon), _consent(soon + timedelta(minutes=2)))
    assert not rules.same(_consent(soon), _consent())
    assert not rules.same(_consent(soon), _consent(soon, reason="other"))


def test_an_ended_consent_keeps_an_end_already_past() -> None:
    past, later = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    assert rules.ended(_consent(past), NOW)["provision"]["period"]["end"] == instant(past)
    assert rules.ended(_consent(later), NOW)["provision"]["period"]["end"] == instant(NOW)
    over = rules.ended(_consent(), NOW)
    assert over["status"] == "inactive"
    assert over["provision"]["period"]["end"] == instant(NOW)
    assert "end" not in _consent()["provision"]["period"]


def test_a_grant_has_the_bounds_of_its_consent() -> None:
    until = NOW + timedelta(days=1)
    given_ = rules.granted(rules.carer("p", "ps:8", "stated", reason="other"), NOW, until)
    assert (given_.till - given_.since, given_.reason) == (86_400_000, "other")
    assert rules.granted(rules.carer("p", "ps:8", "consent"), NOW, None).till == Grant("", "", "").till


def test_the_treating_doctor_alone_sees_what_is_masked() -> None:
    closed = {basis: rules.carer("p", "ps:8", basis).withheld for basis in rules.BASES}
    assert [basis for basis, withheld in closed.items() if not withheld] == ["treating-doctor"]
    assert rules.carer("p", "ps:8", "never heard of").withheld == ("mask:ps",)


def test_delegates_never_open_what_is_hidden_from_representatives() -> None:
    whole = rules.delegation("p", "person:m", "parental-authority", (), ())
    assert [(g.rights, g.scope, g.withheld) for g in whole] == [("rw", (), ("mask:rep",))]
    some = rules.delegation("p", "person:g", "mandate", ("treatments", "add-documents"), ("type:X",))
    assert [g.rights for g in some] == ["r", "w"]
    assert all("mask:rep" in g.withheld and "type:X" in g.withheld for g in some)
    assert "kind:MedicationRequest" in some[0].scope
    assert "kind:DocumentReference" not in some[0].scope


def test_only_professionals_have_a_key_here() -> None:
    doctor = Actor("professional", "d", "D", keys=("ps:8", "org:1"))
    assert rules.only_professional(doctor) == "ps:8"
    for other in (Actor("citizen", "c", "C", keys=("person:c",)), Actor("professional", "d", "D")):
        with pytest.raises(Problem) as refused:
            rules.only_professional(other)
        assert refused.value.kind == "forbidden"
