"""SMART 2 scopes: read, compared, narrowed, never widened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.access.scopes import (
    CEILINGS,
    FIRST_PARTY,
    Parsed,
    Scope,
    allows,
    constraints,
    granted,
    narrow,
    opens,
    parse,
    refuse_unheld,
)
from aubier.ground.problem import Problem

LETTERS = ["".join(c for i, c in enumerate("cruds") if n >> i & 1) for n in range(1, 32)]
QUERIES = [(), (("category", "laboratory"),), (("status", "final"),)]
scopes = st.builds(
    Scope,
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(["*", "Observation", "Patient"]),
    st.sampled_from(LETTERS),
    st.sampled_from(QUERIES),
)
INTERACTIONS = ["create", "read", "vread", "update", "patch", "delete", "search", "history-type"]


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("patient/*.rs", Scope("patient", "*", "rs")),
        ("user/Observation.cruds", Scope("user", "Observation", "cruds")),
        ("system/Patient.read", Scope("system", "Patient", "rs")),
        ("user/*.write", Scope("user", "*", "cud")),
        ("user/*.*", Scope("user", "*", "cruds")),
        (
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            Scope(
                "patient",
                "Observation",
                "rs",
                (("category", "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"),),
            ),
        ),
    ],
)
def test_smart_scopes_are_read(text: str, scope: Scope) -> None:
    assert parse(text).smart == (scope,)
    assert parse(str(scope)).smart == (scope,)


@pytest.mark.parametrize(
    "word",
    [
        "patient/*.sr",
        "patient/*.rr",
        "patient/*.x",
        "patient/*.",
        "patient/.rs",
        "patient/observation.rs",
        "patient/Nothing.rs",
        "user/DomainResource.rs",
        "Patient/*.rs",
        "admin/*.rs",
        "patient/*.rs?",
        "patient/*.rs?category",
        "patient/*.rs?category=",
        "patient/*.rs?=x",
        "patient/*.rs?a=1&b",
        "patient/*.read.write",
        "patient/Observation.rs?" + "x" * 600,
        "patient/Obsérvation.rs",
        "launch/encounter",
        "OPENID",
    ],
)
def test_what_is_not_a_scope_is_kept_apart_and_opens_nothing(word: str) -> None:
    found = parse(f"openid {word}")
    assert (found.smart, found.plain, found.unknown) == ((), ("openid",), (word,))
    assert not any(allows([word], "Observation", each) for each in INTERACTIONS)


def test_repeats_count_once() -> None:
    assert str(parse("openid openid patient/*.rs patient/*.read")) == "openid patient/*.rs"


@pytest.mark.parametrize("text", ["x" * 4097, " ".join(f"s{n}" for n in range(101))])
def test_too_much_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        parse(text)
    assert refused.value.issues[0].at == ("http.scope",)


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    found = parse(text)
    assert set(text.split()) >= {*found.plain, *found.unknown}


@pytest.mark.parametrize(
    ("held", "type", "interaction", "answer"),
    [
        ("user/*.rs", "Patient", "read", True),
        ("user/*.rs", "Patient", "vread", True),
        ("user/*.r", "Patient", "history-instance", True),
        ("user/*.r", "Patient", "search", False),
        ("user/*.s", "Patient", "history-type", True),
        ("user/*.rs", "Patient", "create", False),
        ("user/*.u", "Patient", "patch", True),
        ("user/*.u", "Patient", "delete", False),
        ("user/Observation.cruds", "Patient", "read", False),
        ("user/*.cruds", "Patient", "explode", False),
        ("openid profile", "Patient", "read", False),
        ("", "Patient", "read", False),
    ],
)
def test_letters_and_types_decide(held: str, type: str, interaction: str, answer: bool) -> None:
    assert allows(held.split(), type, interaction) is answer


def test_a_condition_is_not_forgotten() -> None:
    held = ["patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=vital-signs"]
    assert not allows(held, "Observation", "read")
    both = ((("category", "laboratory"),), (("category", "vital-signs"),))
    assert constraints(held, "Observation", "read") == both
    assert opens(held, "Observation", "read") and not opens(held, "Observation", "create")
    assert constraints(held, "Condition", "read") is None
    assert constraints([*held, "patient/*.r"], "Observation", "read") == ()


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "category:not=laboratory",
        "category:in=http://x",
        "category:missing=true",
        "category",
        "category=",
        "category=,",
        "category=|",
        "",
        "subject:Patient=1",
        "subject:Patient.name=a",
        "patient.name=a",
        "_has:Group:member:_id=1",
        "_filter=status eq final".replace(" ", "%20"),
        "_list=1",
        "_text=a",
        "_content=a",
        "_count=1",
        "_include=*",
        "_sort=date",
        "_format=json",
        "_contained=false",
        "code-value-quantity=718-7$gt1",
        "category=laboratory&nonsense=1",
        "&".join(f"code={n}" for n in range(51)),
    ],
)
def test_a_query_that_cannot_be_held_is_refused_and_opens_nothing(query: str) -> None:
    word = f"patient/Observation.rs?{query}"
    with pytest.raises(Problem) as refused:
        refuse_unheld(parse(word))
    assert refused.value.issues[0].at == ("http.scope",)
    if query.count("=") < 50:
        assert not opens([word], "Observation", "read")


@pytest.mark.parametrize(
    "word", ["patient/*.rs?_lastUpdated=gt2020", "patient/Nothing.rs?a=1", "patient/Patient.rs?category=1"]
)
def test_a_query_is_about_one_type_that_has_the_parameter(word: str) -> None:
    with pytest.raises(Problem):
        refuse_unheld(parse(word))


@pytest.mark.parametrize(
    "query",
    [
        "category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
        "category=laboratory,vital-signs&status=final",
        "_id=a&_security=R&_tag=http://x|y&_profile=http://x/y",
        "date=ge2020-01-01",
        "subject=Patient/1",
        "value-quantity=gt5||mg",
    ],
)
def test_what_is_held_is_granted_as_it_was_written(query: str) -> None:
    word = f"patient/Observation.rs?{query}"
    refuse_unheld(parse(word))
    assert str(parse(word)) == word
    assert opens([word], "Observation", "search") and not allows([word], "Observation", "search")


def test_what_would_change_the_list_of_scopes_stays_encoded() -> None:
    word = "patient/Observation.rs?code=a%20b%26c%2Bd%25e%23%22"
    assert parse(word).smart[0].query == (("code", 'a b&c+d%e#"'),)
    assert str(parse(word)) == word


@given(st.lists(scopes, max_size=5), st.lists(scopes, max_size=5))
def test_narrowing_never_widens(asked: list[Scope], ceiling: list[Scope]) -> None:
    given_scopes = [str(scope) for scope in narrow(asked, ceiling)]
    for type in ("Observation", "Patient", "Condition"):
        for interaction in INTERACTIONS:
            for limit in (asked, ceiling):
                held = [str(scope) for scope in limit]
                if allows(given_scopes, type, interaction):
                    assert allows(held, type, interaction)
                if constraints(given_scopes, type, interaction) is not None:
                    assert constraints(held, type, interaction) is not None


@given(st.lists(scopes, max_size=5))
def test_narrowing_by_oneself_changes_nothing_that_counts(held: list[Scope]) -> None:
    words, again = [str(s) for s in held], [str(s) for s in narrow(held, held)]
    for type in ("Observation", "Condition"):
        for interaction in INTERACTIONS:
            assert allows(words, type, interaction) == allows(again, type, interaction)


def test_a_condition_of_the_ceiling_is_added() -> None:
    ceiling = parse("patient/Observation.rs?category=laboratory").smart
    (met,) = narrow(parse("patient/*.cruds?status=final").smart, ceiling)
    assert str(met) == "patient/Observation.rs?status=final&category=laboratory"


@pytest.mark.parametrize(
    ("kind", "context", "letters"),
    [("citizen", "patient", "rs"), ("professional", "user", "cruds"), ("system", "system", "cruds")],
)
def test_each_kind_of_actor_has_its_ceiling(kind: str, context: str, letters: str) -> None:
    everything = parse("openid launch/patient patient/*.cruds user/*.cruds system/*.cruds")
    found = granted(everything, kind, everything)
    assert Scope(context, "*", letters) in found.smart
    assert {scope.context for scope in found.smart} == {context}
    assert ("launch/patient" in found.plain) == (kind == "citizen")
    # A citizen's application changes and ends what it asked itself to be told of, and nothing else.
    changed = {scope.type for scope in CEILINGS["citizen"] if set(scope.letters) & set("ud")}
    assert changed == {"Subscription"}
    assert all(parse(word).smart for words in FIRST_PARTY.values() for word in words)


def test_a_client_gets_no_more_than_it_registered() -> None:
    found = granted(parse("openid profile user/*.cruds"), "professional", parse("openid user/Patient.rs"))
    assert found == Parsed(parse("user/Patient.rs").smart, ("openid",), ())


def test_a_query_of_a_registration_that_cannot_be_held_is_never_granted() -> None:
    with pytest.raises(Problem):
        granted(parse("patient/Patient.rs"), "citizen", parse("patient/Patient.rs?category=1"))


def test_a_crossing_that_grows_too_long_is_refused() -> None:
    asked = parse(" ".join(f"patient/*.c?a{n}={'x' * 25}" for n in range(95)))
    with pytest.raises(Problem) as refused:
        granted(asked, "citizen", parse("patient/*.cruds"))
    assert refused.value.kind == "too-long"
