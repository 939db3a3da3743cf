"""Query strings: criteria, chains, includes, results, refusals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.search.model import Criterion, Has, Include, Query, Sort, Value
from aubier.search.parameters import registry
from aubier.search.query import parse


def ask(type: str, *pairs: tuple[str, str] | str, **options) -> Query:
    split = [tuple(p.split("=", 1)) if isinstance(p, str) else p for p in pairs]
    return parse(type, split, registry=registry(), **options)


def refusal(type: str, *pairs: tuple[str, str] | str, **options) -> Problem:
    with pytest.raises(Problem) as refused:
        ask(type, *pairs, **options)
    return refused.value


def of(type: str, code: str):
    return registry().get(type, code)


def outline(criterion: Criterion | Has) -> str:
    """A criterion in short: `Type.code:modifier`, chains in brackets, `<` for `_has`."""
    if isinstance(criterion, Has):
        return (
            f"{criterion.target}<{criterion.type}.{criterion.reference.code}[{outline(criterion.criterion)}]"
        )
    name = f"{criterion.type}.{criterion.parameter.code}" + (
        f":{criterion.modifier}" if criterion.modifier else ""
    )
    return f"{name}[{' '.join(map(outline, criterion.chain))}]" if criterion.chain else name


def test_nothing_asked():
    assert ask("Patient") == Query("Patient")


def test_criteria_and_repetition():
    found = ask("Observation", "code=a,b", "code=c", "date=ge2020", "date=lt2021")
    assert [outline(c) for c in found.criteria] == ["Observation.code"] * 2 + ["Observation.date"] * 2
    assert found.criteria[0].values == (Value(code="a"), Value(code="b"))
    assert [c.values[0].prefix for c in found.criteria[2:]] == ["ge", "lt"]
    assert found.applied == (("code", "a,b"), ("code", "c"), ("date", "ge2020"), ("date", "lt2021"))


@pytest.mark.parametrize(
    ("type", "name", "value", "modifier"),
    [
        ("Patient", "name:exact", "A", "exact"),
        ("Patient", "name:contains", "A", "contains"),
        ("Patient", "name:text", "A b", "text"),
        ("Patient", "gender:not", "male", "not"),
        ("Observation", "subject:identifier", "s|1", "identifier"),
        ("ValueSet", "url:below", "http://x", "below"),
        ("ValueSet", "url:above", "http://x/y", "above"),
        ("Patient", "_profile:below", "http://x", "below"),
        ("Patient", "_tag:not", "a|b", "not"),
    ],
)
def test_modifiers(type, name, value, modifier):
    (criterion,) = ask(type, (name, value)).criteria
    assert (criterion.modifier, criterion.parameter.code) == (modifier, name.partition(":")[0])


@pytest.mark.parametrize(
    "code", ["birthdate", "gender", "name", "organization", "identifier", "_profile", "_lastUpdated"]
)
def test_missing(code):
    (yes, no) = ask("Patient", f"{code}:missing=true", f"{code}:missing=false").criteria
    assert (yes.modifier, yes.missing, no.missing, yes.values) == ("missing", True, False, ())


def test_words_of_a_token_are_a_string():
    (criterion,) = ask("Observation", "code:text=a|b").criteria
    assert (criterion.parameter.code, criterion.parameter.type, criterion.modifier) == (
        "code:text",
        "string",
        "",
    )
    assert criterion.values == (Value(text="a|b"),)


def test_the_type_of_an_identifier_stands_beside_it():
    (criterion,) = ask("Patient", "identifier:of-type=urn:t|MR|12").criteria
    assert (criterion.parameter.code, criterion.modifier) == ("identifier:of-type", "")
    assert criterion.values == (Value(system="urn:t", code="MR|12"),)


def test_type_modifier():
    (criterion,) = ask("Observation", "subject:Patient=1,Patient/2,http://x/Patient/3").criteria
    assert criterion.modifier == ""
    assert [v.text for v in criterion.values] == ["Patient/1", "Patient/2", "http://x/Patient/3"]
    assert refusal("Observation", "subject:Patient=Group/1").kind == "invalid"


@pytest.mark.parametrize(
    ("type", "name", "value", "shape"),
    [
        ("Observation", "patient.identifier", "s|1", "Observation.patient[Patient.identifier]"),
        ("Observation", "subject:Patient.name", "x", "Observation.subject[Patient.name]"),
        (
            "Observation",
            "subject.name:exact",
            "x",
            "Observation.subject[Patient.name:exact Location.name:exact]",
        ),
        (
            "Observation",
            "patient.birthdate:missing",
            "true",
            "Observation.patient[Patient.birthdate:missing]",
        ),
        (
            "Observation",
            "patient.organization.partof.name",
            "x",
            "Observation.patient[Patient.organization[Organization.partof[Organization.name]]]",
        ),
        (
            "Patient",
            "general-practitioner.identifier",
            "1",
            "Patient.general-practitioner"
            "[Practitioner.identifier Organization.identifier PractitionerRole.identifier]",
        ),
        ("Patient", "_has:Observation:patient:code", "1", "Patient<Observation.patient[Observation.code]"),
        (
            "Patient",
            "_has:Observation:patient:code:not",
            "1",
            "Patient<Observation.patient[Observation.code:not]",
        ),
        (
            "Patient",
            "_has:Observation:patient:_has:Provenance:target:recorded",
            "2020",
            "Patient<Observation.patient[Observation<Provenance.target[Provenance.recorded]]",
        ),
        (
            "Patient",
            "_has:Observation:patient:encounter.status",
            "finished",
            "Patient<Observation.patient[Observation.encounter[Encounter.status]]",
        ),
        (
            "Patient",
            "_has:Encounter:patient:participant:Practitioner.name",
            "x",
            "Patient<Encounter.patient[Encounter.participant[Practitioner.name]]",
        ),
        (
            "Observation",
            "patient._has:Condition:patient:code",
            "1",
            "Observation.patient[Patient<Condition.patient[Condition.code]]",
        ),
    ],
)
def test_chains(type, name, value, shape):
    (criterion,) = ask(type, (name, value)).criteria
    assert outline(criterion) == shape


def test_chain_keeps_the_ways_that_can_be_read():
    (criterion,) = ask("Provenance", "target.active=true").criteria
    ways = {c.type for c in criterion.chain}
    assert {"Patient", "Practitioner", "Organization"} <= ways
    (narrow,) = ask("Observation", "subject.type=person").criteria
    assert {c.type for c in narrow.chain} == {"Group", "Device", "Location"}


@pytest.mark.parametrize(
    ("type", "pair", "kind", "words"),
    [
        ("Patient", "famly=x", "not-supported", "did you mean: family"),
        ("Patient", "zzzzzz=x", "not-supported", "no search parameter 'zzzzzz'"),
        ("Patient", "phonetic=x", "not-supported", "nothing can be searched by the parameter"),
        ("Observation", "code-value-quantity=x", "invalid", "code$value-quantity"),
        ("Observation", "code-value-quantity=x$5$6", "invalid", "has 3 parts"),
        ("Observation", "code-value-quantity=x$big", "invalid", "is not a number"),
        ("Observation", "code-value-quantity:text=x$5", "not-supported", "does not take 'text'"),
        ("DocumentReference", "relationship=replaces", "invalid", "relatesto$relation"),
        ("Location", "near=1|2|3|parsec", "invalid", "a distance (units: km, m"),
        ("Location", "near:not=1|2", "not-supported", "does not take 'not'"),
        ("Patient", "_query=x", "not-supported", "_query is not supported"),
        ("Patient", "_filter=name eq", "invalid", "an operator and a value"),
        ("Patient", "_list=$current-allergies", "not-supported", "give the id of a List"),
        ("Patient", "_list=a b", "invalid", "is not an id"),
        ("Slot", "_text=x", "not-supported", "not searched by its words"),
        ("Patient", "_text:missing=true", "not-supported", "'_text'"),
        ("Patient", "_sort:x=name", "not-supported", "no search parameter '_sort'"),
        ("Patient", "name:like=x", "not-supported", "contains, exact, missing"),
        ("Patient", "name:=x", "not-supported", "does not take ''"),
        ("Patient", "gender:exact=male", "not-supported", "does not take 'exact'"),
        ("Patient", "active:in=vs", "not-supported", "does not take 'in'"),
        ("Patient", "gender:text=x", "not-supported", "does not take 'text'"),
        ("Patient", "gender:of-type=a|b|c", "not-supported", "does not take 'of-type'"),
        ("Patient", "identifier:of-type=a|b", "invalid", "is not system|code|value"),
        ("Patient", "identifier:below=a|b", "not-supported", "does not take 'below'"),
        ("Observation", "code:below=8480-6", "invalid", "system|code"),
        ("Observation", "code:in=a b", "invalid", "is not a URI"),
        ("Patient", "birthdate:not=2020", "not-supported", "does not take 'not'"),
        ("Patient", "birthdate:missing=yes", "invalid", "true or false"),
        ("Patient", "name=", "invalid", "has no value"),
        ("Patient", "name=  ", "invalid", "has no value"),
        ("Patient", "name=a,,b", "invalid", "empty value"),
        ("Patient", "name=a\0", "invalid", "null character"),
        ("Patient", "=x", "invalid", "has no name"),
        ("Observation", "subject.nam=x", "not-supported", "did you mean: name"),
        ("Observation", "subject:Practitioner.name=x", "invalid", "never names a Practitioner"),
        ("Observation", "subject:Nobody=x", "invalid", "is no resource type"),
        ("Observation", "subject:Patient.birthdate=x", "invalid", "is not a date"),
        ("Observation", "code.text=x", "invalid", "is no reference"),
        ("Observation", "subject:missing.name=x", "invalid", "is no resource type"),
        ("Observation", "patient.=x", "not-supported", "no search parameter ''"),
        ("Patient", "_has:Observation:patient=x", "invalid", "_has is written"),
        ("Patient", "_has:Observation:patient:=x", "invalid", "_has is written"),
        ("Patient", "_has=x", "not-supported", "no search parameter '_has'"),
        ("Patient", "_has:Nobody:patient:code=x", "invalid", "is no resource type"),
        ("Patient", "_has:Observation:code:code=x", "invalid", "never names a Patient"),
        ("Patient", "_has:Observation:encounter:code=x", "invalid", "never names a Patient"),
        ("Patient", "_has:Observation:patent:code=x", "not-supported", "did you mean: patient"),
        ("Patient", "_has:Observation:patient:cod=x", "not-supported", "did you mean: code"),
        ("Organization", "partof" + ".partof" * 8 + ".name=x", "too-costly", "more than 8 steps"),
        ("Provenance", "target.subject.subject.identifier=x", "too-costly", "too many ways"),
        ("Patient", "_include=Patient:name", "invalid", "is no reference"),
        ("Patient", "_include=Patient:zzz", "not-supported", "no search parameter 'zzz'"),
        ("Patient", "_include=Patient", "invalid", "written Type:parameter"),
        ("Patient", "_include=Patient::x", "invalid", "written Type:parameter"),
        ("Patient", "_include=Patient:link:Patient:x", "invalid", "written Type:parameter"),
        ("Patient", "_include=Observation:subject", "invalid", "the search is on Patient"),
        ("Patient", "_include=Patient:organization:Device", "invalid", "never names a Device"),
        ("Patient", "_include=Nobody:x", "invalid", "is no resource type"),
        ("Patient", "_include:logical=Patient:link", "not-supported", "no modifier but iterate"),
        ("Patient", "_revinclude=Observation:encounter", "invalid", "never names a Patient"),
        ("Patient", "_revinclude:iterate=*", "too-costly", "name the type"),
        ("Patient", "_sort=zzz", "not-supported", "no search parameter 'zzz'"),
        ("Patient", "_sort=name,,birthdate", "invalid", "empty value"),
        ("Patient", "_sort=" + ",".join(["name"] * 9), "too-costly", "more than 8"),
        ("Patient", "_count=-1", "invalid", "_count is a number"),
        ("Patient", "_count=ten", "invalid", "_count is a number"),
        ("Patient", "_count=²", "invalid", "_count is a number"),
        ("Patient", "_total=all", "invalid", "none, estimate, accurate"),
        ("Patient", "_summary=yes", "invalid", "_summary is one of"),
        ("Patient", "_elements=nam", "invalid", "no element 'nam'"),
        ("Patient", "_elements=Nobody.name", "invalid", "is no resource type"),
        ("Patient", "name=" + "x" * 4001, "too-long", "4000"),
        ("Patient", "name=a," + "x" * 4001, "too-long", "4000"),
        ("Patient", "name=" + "x," * 16_000 + "x", "too-long", "32000"),
        ("Patient", "_sort=" + "name," * 900, "too-long", "4000"),
        ("Nobody", "name=x", "invalid", "is no resource type"),
    ],
)
def test_refusals(type, pair, kind, words):
    refused = refusal(type, pair)
    assert refused.kind == kind
    assert words in refused.issues[0].text
    assert refused.issues[0].fr
    name = pair.partition("=")[0] or "query"
    place = {"Nobody": "type"}.get(type, name)
    assert refused.issues[0].at == (f"http.{place[:100]}",)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("birthdate=soon", "une date (2020, 2020-05"),
        ("famly=x", " ; peut-être : family ?"),
        ("_include=Foo", "_include s'écrit Type:paramètre"),
    ],
)
def test_french_tells_the_form_too(pair, words):
    assert words in refusal("Patient", pair).issues[0].fr


def test_all_faults_at_once():
    refused = refusal("Patient", "famly=x", "birthdate=soon", "name:like=x", "_count=x", "gender=male")
    assert [i.at[0] for i in refused.issues] == [
        "http.famly",
        "http.birthdate",
        "http.name:like",
        "http._count",
    ]


def test_lenient_leaves_out_unknown_parameters_only():
    found = ask("Patient", "famly=x", "_query=y", "name=z", "link.zzz=1", "_sort=zzz", lenient=True)
    assert found.ignored == (("famly", "x"), ("_query", "y"), ("link.zzz", "1"), ("_sort", "zzz"))
    assert found.applied == (("name", "z"),)
    assert found.sort == ()
    assert refusal("Patient", "famly=x", "birthdate=soon", lenient=True).kind == "invalid"
    assert refusal("Patient", "name:like=x", lenient=True).kind == "not-supported"
    assert refusal("Patient", "_include=Patient:zzz", lenient=True).kind == "not-supported"


def test_format_is_set_aside():
    found = ask("Patient", "_format=json", "_pretty=true", "_format=")
    assert (found.applied, found.ignored, found.criteria) == ((), (), ())


def test_sort():
    found = ask("Observation", "_sort=-date,code,_id,-_lastUpdated")
    assert found.sort == (
        Sort(of("Observation", "date"), True),
        Sort(of("Observation", "code")),
        Sort(of("Observation", "_id")),
        Sort(of("Observation", "_lastUpdated"), True),
    )


@pytest.mark.parametrize(
    ("pairs", "count", "summary"),
    [
        ([], 20, ""),
        (["_count=5"], 5, ""),
        (["_count=5000"], 1000, ""),
        (["_count=0"], 0, "count"),
        (["_count=0", "_summary=text"], 0, "count"),
        (["_summary=text", "_count=0"], 0, "count"),
        (["_summary=true"], 20, "true"),
        (["_summary=false"], 20, ""),
        (["_summary=count"], 20, "count"),
    ],
)
def test_count_and_summary(pairs, count, summary):
    found = ask("Patient", *pairs)
    assert (found.count, found.summary) == (count, summary)


def test_own_bounds():
    assert ask("Patient", max_count=10).count == 10
    assert ask("Patient", default_count=7).count == 7
    assert ask("Patient", "_count=50", max_count=10).count == 10


def test_results():
    found = ask(
        "Patient",
        "_total=accurate",
        "_elements=name,Patient.birthDate,Practitioner.name",
        "_page=abc=",
    )
    assert (found.total, found.cursor) == ("accurate", "abc=")
    assert found.elements == ("name", "birthDate", "Practitioner.name")


@pytest.mark.parametrize(
    "name", ["_count=1", "_sort=name", "_total=none", "_summary=true", "_page=x", "_elements=name"]
)
def test_given_once(name):
    assert "given twice" in str(refusal("Patient", name, name))


@pytest.mark.parametrize(
    ("type", "pair", "includes"),
    [
        ("Observation", "_include=Observation:patient", [("Observation", "patient", "", False, False)]),
        (
            "Observation",
            "_include=Observation:subject:Patient",
            [("Observation", "subject", "Patient", False, False)],
        ),
        ("Observation", "_include:iterate=Patient:link", [("Patient", "link", "", False, True)]),
        ("Observation", "_include:recurse=Patient:link", [("Patient", "link", "", False, True)]),
        ("Patient", "_revinclude=Observation:patient", [("Observation", "patient", "", True, False)]),
        (
            "Patient",
            "_revinclude=Provenance:target:Patient",
            [("Provenance", "target", "Patient", True, False)],
        ),
        ("Patient", "_revinclude:iterate=Provenance:target", [("Provenance", "target", "", True, True)]),
        (
            "Patient",
            "_include=*",
            [
                ("Patient", "general-practitioner", "", False, False),
                ("Patient", "link", "", False, False),
                ("Patient", "organization", "", False, False),
            ],
        ),
        (
            "Patient",
            "_include=Patient:*:Organization",
            [
                ("Patient", "general-practitioner", "Organization", False, False),
                ("Patient", "organization", "Organization", False, False),
            ],
        ),
        (
            "Patient",
            "_revinclude=Coverage:*",
            [
                ("Coverage", c, "", True, False)
                for c in ("beneficiary", "patient", "payor", "policy-holder", "subscriber")
            ],
        ),
    ],
)
def test_includes(type, pair, includes):
    found = ask(type, pair).includes
    assert sorted((i.source, i.parameter.code, i.target, i.reverse, i.iterate) for i in found) == sorted(
        includes
    )
    assert all(isinstance(i, Include) for i in found)


def test_bounds():
    assert len(ask("Patient", *["name=x"] * 200).criteria) == 200
    assert refusal("Patient", *["name=x"] * 201).kind == "too-costly"
    assert refusal("Patient", "gender=" + ",".join(["x"] * 501)).kind == "too-costly"
    assert refusal("Patient", "x" * 4001 + "=1").kind == "too-long"


_NAMES = st.one_of(
    st.sampled_from(
        [
            "name",
            "birthdate",
            "link",
            "gender",
            "_has:Observation:patient:code",
            "_include",
            "_sort",
            "_count",
            "_elements",
            "_revinclude",
            "general-practitioner.name",
            "active",
            "_id",
            "identifier",
        ]
    ),
    st.text(alphabet="name_.:hasPtienObrvo-", max_size=30),
)
_SUFFIXES = st.sampled_from(["", ":missing", ":not", ":exact", ":Patient", ".name", ":identifier", ":", "."])
_VALUES = st.one_of(st.text(max_size=12), st.text(alphabet="ge2019-T:,|\\$Patient/*+.", max_size=20))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.builds("{}{}".format, _NAMES, _SUFFIXES), _VALUES), max_size=4), st.booleans())
def test_only_problems(pairs, lenient):
    try:
        found = parse("Patient", pairs, registry=registry(), lenient=lenient)
    except Problem as refused:
        assert all(i.text and i.fr and i.at for i in refused.issues)
    else:
        formats = [p for p in pairs if p[0] in ("_format", "_pretty")]
        assert len(found.applied) + len(found.ignored) + len(formats) == len(pairs)
