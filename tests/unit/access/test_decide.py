"""From an actor to what the store may show."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from aubier.access.actor import ANONYMOUS, Actor, system_actor
from aubier.access.decide import readable, require
from aubier.access.decide import sight_of as sight_as_of
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Problem
from aubier.ground.rows import Policy
from aubier.search.keys import Keys
from aubier.store.keys import keyed_hash, type_numbers
from aubier.store.sight import Sight

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
KEYS = Keys(keyed_hash(b"secret"))


def sight_of(actor: Actor, now: datetime, policies: Sequence[Policy]) -> Sight:
    return sight_as_of(actor, now, policies, KEYS, lambda reference: reference)


def doctor(**changes: Any) -> Actor:
    facts: dict[str, Any] = {
        "keys": ("ps:8100", "org:1290"),
        "reference": "Practitioner/p",
        "scopes": ("user/*.cruds",),
        "purpose": "TREAT",
        "organization": "1290",
        "organization_name": "CHU",
    }
    return Actor("professional", "dr", "Dr", **(facts | changes))


CITIZEN = Actor("citizen", "ana", "Ana", keys=("person:a",), reference="Patient/a", scopes=("patient/*.rs",))


def test_only_the_platform_is_without_grants() -> None:
    assert sight_of(system_actor("x"), NOW, ()).unrestricted
    for actor in (doctor(), CITIZEN, ANONYMOUS):
        assert not sight_of(actor, NOW, ()).unrestricted


def test_what_an_actor_wrote_is_told_by_its_own_key_never_by_its_place_of_work() -> None:
    assert sight_of(doctor(), NOW, ()).own == ("author:ps:8100",)
    assert sight_of(CITIZEN, NOW, ()).own == ("author:person:a",)
    assert sight_of(ANONYMOUS, NOW, ()).own == ()


def test_the_line_bears_a_reference_and_a_place() -> None:
    sight = sight_of(doctor(), NOW, ())
    assert (sight.actor, sight.name, sight.org, sight.purpose) == (
        "Practitioner/p",
        "Dr",
        "1290 CHU",
        "TREAT",
    )
    assert sight_of(ANONYMOUS, NOW, ()).actor == "anonymous"
    assert sight.now == milliseconds(NOW) == 1_795_338_000_000


def test_deleting_is_for_authors_and_a_citizen_changes_own_writings_only() -> None:
    assert sight_of(doctor(), NOW, ()).author_only == {"delete"}
    assert sight_of(CITIZEN, NOW, ()).author_only == {"update", "patch", "delete"}
    assert sight_of(system_actor("x"), NOW, ()).author_only == frozenset()


def test_policies_hide_labels_from_those_they_are_about() -> None:
    policies = [
        Policy(
            "a", lambda actor: actor.kind == "professional", lambda _: frozenset({"type:x", "type:y"}), ""
        ),
        Policy("b", lambda actor: actor.profession == "21", lambda _: frozenset({"type:y", "type:z"}), ""),
    ]
    assert sight_of(doctor(), NOW, policies).hidden == ("type:x", "type:y")
    assert sight_of(doctor(profession="21"), NOW, policies).hidden == ("type:x", "type:y", "type:z")
    assert sight_of(CITIZEN, NOW, policies).hidden == ()


@pytest.mark.parametrize(
    ("scopes", "types"),
    [
        ((), set()),
        (("openid", "profile"), set()),
        (("user/Observation.rs",), {"Observation"}),
        (("user/Observation.s", "user/Patient.r"), {"Observation", "Patient"}),
        (("user/Observation.rs?category=x",), {"Observation"}),
        (("user/Observation.rs?nonsense=x",), set()),
        (("user/Observation.cud",), set()),
        (("user/Observation.read",), {"Observation"}),
        (("user/Nothing.rs",), set()),
    ],
)
def test_types_that_show_are_those_the_scopes_name(scopes: tuple[str, ...], types: set[str]) -> None:
    assert readable(doctor(scopes=scopes)) == types


@pytest.mark.parametrize(
    ("scopes", "shown", "found"),
    [
        ("r?code=a", ["code=a"], ["code=a"]),
        ("s?code=b", ["code=b"], ["code=b"]),
        ("r?code=a s?code=b", ["code=a"], ["code=b"]),
        ("r?code=a s", ["code=a"], []),
        ("r s?code=b", [], ["code=b"]),
        ("r s?code=b r?code=a", [], ["code=b"]),
        ("rs?code=a s?code=b", ["code=a"], ["code=a", "code=b"]),
    ],
)
def test_a_letter_without_a_query_has_no_limit(scopes: str, shown: list[str], found: list[str]) -> None:
    held = tuple(f"user/Condition.{scope}" for scope in scopes.split())
    sight = sight_of(doctor(scopes=held), NOW, ())
    assert [query.text for query in sight.limits("Condition")] == shown
    assert [query.text for query in sight.searching.limits("Condition")] == found


def test_limits_are_those_of_what_is_done() -> None:
    scopes = ("user/Observation.r?category=a", "user/Observation.s?category=b", "user/Condition.s?code=c")
    sight = sight_of(doctor(scopes=(*scopes, "user/Patient.cud?_id=d", "user/Encounter.rs")), NOW, ())

    def asked(limits: Any) -> dict[str, list[str]]:
        return {kind: [query.text for query in queries] for kind, queries in limits.items()}

    assert sight.constraints is not None
    assert asked(sight.constraints.shown) == {"Observation": ["category=a"], "Condition": ["code=c"]}
    assert asked(sight.searching.constraints.shown) == {
        "Observation": ["category=b"],
        "Condition": ["code=c"],
    }
    assert {letter: asked(of) for letter, of in sight.constraints.written.items()} == {
        letter: {"Patient": ["_id=d"]} for letter in "cud"
    }
    assert sight.whole_types == {"Encounter"}
    assert sight_of(doctor(scopes=(*scopes, "user/*.cruds")), NOW, ()).constraints is None


@pytest.mark.parametrize("limited", [True, False])
def test_who_cannot_hold_a_limit_refuses_such_scopes(limited: bool) -> None:
    actor = doctor(scopes=("user/Observation.rs?category=a",))
    if limited:
        assert require(actor, "Observation", "read", limited=True) is None
    else:
        with pytest.raises(Problem) as refused:
            require(actor, "Observation", "read")
        assert "a scope with a query" in refused.value.issues[0].text
    with pytest.raises(Problem):
        require(actor, "Observation", "create", limited=limited)


def test_every_type_is_none_of_them_in_particular() -> None:
    assert readable(doctor()) is None
    assert sight_of(doctor(), NOW, ()).sees_type("Observation")
    assert not sight_of(ANONYMOUS, NOW, ()).sees_type("Observation")
    assert len(type_numbers()) > 140


@pytest.mark.parametrize(
    "interaction",
    ["read", "vread", "search", "create", "update", "patch", "delete", "history-type", "history-instance"],
)
def test_nobody_may_do_anything(interaction: str) -> None:
    with pytest.raises(Problem) as refusal:
        require(ANONYMOUS, "Patient", interaction)
    assert refusal.value.kind == "login"
    assert refusal.value.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("letters", "allowed"),
    [
        ("r", {"read", "vread", "history-instance"}),
        ("s", {"search", "history-type", "history-system"}),
        ("c", {"create"}),
        ("u", {"update", "patch"}),
        ("d", {"delete"}),
    ],
)
def test_a_scope_lets_through_what_it_says(letters: str, allowed: set[str]) -> None:
    everything = {"read", "vread", "history-instance", "search", "history-type", "history-system", "create"}
    actor = doctor(scopes=(f"user/Patient.{letters}",))
    passed = set()
    for interaction in everything | {"update", "patch", "delete", "unheard-of"}:
        try:
            require(actor, "Patient", interaction)
        except Problem as refusal:
            assert refusal.kind == "forbidden"
            assert refusal.issues[0].at == ("http.Authorization",)
        else:
            passed.add(interaction)
    assert passed == allowed
