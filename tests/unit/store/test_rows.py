"""A resource as rows: what is posted, what of it goes and comes, and whose record it is part of."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.fhir import json as fhir_json
from aubier.search.keys import Keys
from aubier.search.model import NO_DATE
from aubier.search.parameters import registry
from aubier.search.terms.brief import compared, unit_system
from aubier.search.terms.layout import NOT_MEASURED, UNSURE, bits
from aubier.store.compartment import followed, owned, patient_parameters, patients
from aubier.store.keys import CONTEXT, DIRECTORY, family, keyed_hash, type_names, type_numbers
from aubier.store.packing.rows import COLUMNS, Indexed, index
from aubier.store.writing.filing.numbers import Numbers
from aubier.store.writing.statement.parts import FamilyRows, array_text, text_array

KEYS = Keys(keyed_hash(b"secret"))
BASE = "http://127.0.0.1:8000/fhir/"


def local(reference: str) -> str:
    return reference.removeprefix(BASE)


def indexed(resource: dict[str, Any]) -> Indexed:
    return index(resource, KEYS, local, registry())


def observation(**changes: Any) -> dict[str, Any]:
    made = fhir_json.parse(
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org",'
        b'"code":"29463-7"},{"code":"local"}],"text":"Poids"},"subject":{"reference":"Patient/p"},'
        b'"effectiveDateTime":"2026-11-20","valueQuantity":{"value":79.10,"unit":"kg",'
        b'"system":"http://unitsofmeasure.org","code":"kg"},"identifier":[{"system":"urn:x","value":"1"}]}'
    )
    return {k: v for k, v in {**made, **changes}.items() if v is not None}


# -- rows ------------------------------------------------------------------------------------------------


def test_what_a_resource_is_of_is_posted_by_its_code_alone() -> None:
    rows = indexed(observation())
    posted = {term for term, *_ in rows.postings["post"]}
    assert posted == {KEYS.code("Observation", "code", code) for code in ("29463-7", "local")}
    assert posted <= set(rows.terms)
    of_type = indexed({**observation(), "resourceType": "Encounter", "type": [{"coding": [{"code": "a"}]}]})
    assert {t for t, *_ in of_type.postings["post"]} == {KEYS.code("Encounter", "type", "a")}


def test_of_a_version_that_goes_words_are_not_gathered() -> None:
    whole, gone = indexed(observation()), index(observation(), KEYS, local, registry(), words=False)
    assert whole.said == ("", "final 29463-7 local poids kg 1") and gone.said == ("", "")
    assert gone.postings == whole.postings and gone.terms == whole.terms


_PRESSURE = {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 140}}


@pytest.mark.parametrize(
    ("changes", "code", "number"),
    [
        ({}, "29463-7", 79.1),
        ({"valueQuantity": {"value": 0}}, "local", 0.0),
        ({"valueQuantity": {"value": 5, "comparator": "<"}}, "local", UNSURE),
        ({"valueQuantity": {"value": Decimal("1.000000000000001")}}, "local", UNSURE),
        ({"valueQuantity": None}, "local", NOT_MEASURED),
        ({"component": [_PRESSURE]}, "8480-6", 140.0),
        ({"component": [_PRESSURE]}, "local", 79.1),
        ({"component": [_PRESSURE, {**_PRESSURE, "valueQuantity": {"value": 150}}]}, "8480-6", UNSURE),
        ({"component": [{"code": {"coding": [{"code": "8480-6"}]}}]}, "8480-6", NOT_MEASURED),
    ],
)
def test_the_number_stands_beside_its_code(changes: dict[str, Any], code: str, number: float) -> None:
    rows = indexed(observation(**changes))
    param = "component-code" if code == "8480-6" else "code"
    term = KEYS.code("Observation", param, code)
    assert [v for t, _, v in rows.postings["post"] if t == term] == [number]


def test_a_code_is_a_term_alone_and_with_its_system() -> None:
    terms = indexed(observation()).terms
    assert KEYS.token("Observation", "code", "http://loinc.org", "29463-7") in terms
    assert KEYS.system("Observation", "code", "http://loinc.org") in terms
    assert KEYS.token("Observation", "code", "", "local") in terms
    assert KEYS.system("Observation", "code", "") not in terms
    assert KEYS.code("Observation", "status", "final") in terms
    assert KEYS.token("Observation", "status", "", "final") not in terms, "it never has a system"


def test_what_is_there_is_marked_and_what_is_not_is_not() -> None:
    rows, bit = indexed(observation()), bits("Observation")
    assert rows.has & bit["value-quantity"] and not rows.has & bit["encounter"]
    assert rows.terms == sorted(set(rows.terms))
    assert len(set(bit.values())) == len(bit) == len(registry().of("Observation"))


def test_every_parameter_of_r4_has_a_bit() -> None:
    for kind in type_numbers():
        assert len(bits(kind)) == len(registry().of(kind)), kind
        assert max(bits(kind).values()) < 2**63


def test_the_marks_of_owners_are_no_other_bits() -> None:
    for kind in type_numbers():
        marks = [*bits(kind).values(), *owned(kind).values()]
        assert len(set(marks)) == len(marks) and max(marks) < 2**63, kind


def test_exact_values_are_kept_as_values() -> None:
    postings = indexed(observation()).postings
    assert (KEYS.param("Observation", "identifier"), "1", "urn:x") in postings["ident"]
    rows, own = indexed(observation()), owned("Observation")
    assert not rows.postings["ref"] and rows.has & own["subject"] and not rows.has & own["performer"]
    both = indexed(observation(performer=[{"reference": "Patient/q"}]))
    assert len(both.postings["ref"]) == 2 and not both.has & (own["subject"] | own["performer"])
    away = indexed(observation(subject={"reference": "Group/g"})).postings["ref"]
    assert away == {(KEYS.param("Observation", "subject"), "Group/g")}
    assert (KEYS.param("Observation", "code:text"), "poids", "") in postings["str"]


@pytest.mark.parametrize(
    ("text", "kept"), [("Éric", ("eric", "Éric")), ("eric", ("eric", "")), ("ab" * 100, ("ab" * 80, ""))]
)
def test_a_text_is_kept_as_written_where_folding_changed_it(text: str, kept: tuple[str, str]) -> None:
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": text}]}
    assert (KEYS.param("Patient", "family"), *kept) in indexed(patient).postings["str"]
    assert compared(text) == kept


def test_systems_of_units_stay_apart_when_one_is_a_sign() -> None:
    systems = ["http://unitsofmeasure.org", "", "=", "==", "=http://unitsofmeasure.org", "urn:u"]
    kept = [unit_system(system) for system in systems]
    assert len(set(kept)) == len(systems) and kept[0] == "=" and kept[-1] == "urn:u"


def test_our_own_addresses_are_local_ones() -> None:
    here = indexed(observation(subject={"reference": f"{BASE}Patient/p"})).postings
    assert here["ref"] == indexed(observation()).postings["ref"]
    away = indexed(observation(subject={"reference": "http://else/fhir/Patient/p"})).postings["ref"]
    assert (KEYS.param("Observation", "subject"), "http://else/fhir/Patient/p") in away


def test_the_clinical_date_orders_it() -> None:
    rows = indexed(observation())
    assert (rows.lo, rows.hi) == (1_795_132_800_000, 1_795_219_200_000)
    assert {k for _, k, _ in rows.postings["post"]} == {-rows.lo}
    without = indexed(observation(effectiveDateTime=None))
    assert (without.lo, without.hi) == (NO_DATE, NO_DATE)


def test_a_content_remembers_the_document_it_belongs_to() -> None:
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain"}
    document = {"reference": "DocumentReference/d"}
    assert (CONTEXT, "DocumentReference/d") in indexed({**binary, "securityContext": document}).postings[
        "ref"
    ]
    absolute = {"reference": f"{BASE}DocumentReference/d"}
    assert (CONTEXT, "DocumentReference/d") in indexed({**binary, "securityContext": absolute}).postings[
        "ref"
    ]
    for other in (None, {"reference": "Patient/p"}, {"display": "x"}):
        rows = indexed({**binary, **({"securityContext": other} if other else {})}).postings["ref"]
        assert not [row for row in rows if row[0] == CONTEXT]


def test_another_store_has_other_terms() -> None:
    other = index(observation(), Keys(keyed_hash(b"other")), local, registry())
    assert not set(other.terms) & set(indexed(observation()).terms)


@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_every_row_has_the_columns_of_its_table(table: str) -> None:
    resource = observation(derivedFrom=[{"reference": "Observation/x"}])
    for row in indexed(resource).postings[table]:
        assert len(row) == len(COLUMNS[table]) - 2


# -- the difference --------------------------------------------------------------------------------------


def difference(old: dict[str, Any] | None, new: dict[str, Any] | None, **places: Any) -> FamilyRows:
    rows = FamilyRows("")
    rows.postings(
        indexed(old).postings if old else None,
        indexed(new).postings if new else None,
        places.get("was", (1, 2)),
        places.get("at", (1, 2)),
    )
    return rows


def test_only_what_changed_goes_and_comes() -> None:
    rows = difference(observation(), observation(code={"coding": [{"code": "local"}], "text": "Poids"}))
    assert rows.gone["str"] == rows.added["str"] == []
    assert (len(rows.gone["post"]), len(rows.added["post"])) == (1, 0)
    same = difference(observation(), observation())
    assert not any(same.gone.values()) and not any(same.added.values())


def test_a_new_one_only_comes_and_a_deleted_one_only_goes() -> None:
    came, went = difference(None, observation()), difference(observation(), None)
    assert {table: set(rows) for table, rows in came.added.items()} == {
        table: set(rows) for table, rows in went.gone.items()
    }
    assert all(len(rows) == len(set(rows)) for rows in came.added.values())
    assert not any(came.gone.values()) and not any(went.added.values())


def test_what_moves_goes_whole_and_comes_whole() -> None:
    rows = difference(observation(), observation(), was=(1, 2), at=(1, 3))
    for table in COLUMNS:
        assert {r[:-1] for r in rows.gone[table]} == {r[:-1] for r in rows.added[table]}
        assert {r[-1] for r in rows.gone[table]} <= {2} and {r[-1] for r in rows.added[table]} <= {3}


def test_a_deleted_content_still_belongs_to_its_document() -> None:
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain",
              "securityContext": {"reference": "DocumentReference/d"}}  # fmt: skip
    assert not [row for row in difference(binary, None).gone["ref"] if row[0] == CONTEXT]
    moved = difference(binary, {**binary, "securityContext": {"reference": "DocumentReference/e"}})
    assert [row[1] for row in moved.gone["ref"] if row[0] == CONTEXT] == ["DocumentReference/d"]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_numbers_travel_as_an_array(values: list[int]) -> None:
    assert array_text(values) == "{" + ",".join(str(v) for v in values) + "}"


@given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))))
def test_texts_travel_quoted(values: list[str]) -> None:
    text = text_array(values)
    read, inside, escaped = [""], False, False
    for char in text[1:-1]:
        if escaped:
            read[-1] += char
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            inside = not inside
        elif char == "," and not inside:
            read.append("")
        else:
            read[-1] += char
    assert read == (values or [""])


# -- whose record ----------------------------------------------------------------------------------------


def whose(resource: dict[str, Any]) -> dict[str, bool]:
    return patients(resource, indexed(resource).found)


@pytest.mark.parametrize(
    ("resource", "names"),
    [
        ({"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "Patient/q"}}]}, ["p"]),
        (observation(), ["p"]),
        (observation(performer=[{"reference": "Patient/q"}, {"reference": "Patient/p"}]), ["p", "q"]),
        (observation(subject={"reference": "Group/g"}), []),
        (observation(subject={"reference": "http://else/fhir/Patient/p"}), []),
        ({"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/p"}}, ["p"]),
        ({"resourceType": "Practitioner", "id": "x"}, []),
        ({"resourceType": "Bundle", "id": "x", "type": "collection"}, []),
    ],
)
def test_whose_record_a_resource_is_part_of(resource: dict[str, Any], names: list[str]) -> None:
    assert sorted(whose(resource)) == names


def test_whom_it_is_about_comes_first() -> None:
    resource = observation(performer=[{"reference": f"Patient/{p}"} for p in "ap"])
    assert list(whose(resource).items()) == [("p", True), ("a", False)]


@pytest.mark.parametrize(
    ("resource", "names"),
    [
        (
            {"resourceType": "Binary", "securityContext": {"reference": "DocumentReference/d"}},
            ["DocumentReference/d"],
        ),
        (
            {
                "resourceType": "Provenance",
                "target": [{"reference": "A/1"}, {"display": "x"}, {"reference": "B/2"}],
            },
            ["A/1", "B/2"],
        ),
        (
            {"resourceType": "Linkage", "item": [{"type": "source", "resource": {"reference": "A/1"}}]},
            ["A/1"],
        ),
        (
            {"resourceType": "Task", "focus": {"reference": "A/1"}, "basedOn": [{"reference": "B/2"}]},
            ["A/1", "B/2"],
        ),
        ({"resourceType": "MessageHeader", "focus": [{"reference": "A/1"}]}, ["A/1"]),
        ({"resourceType": "Observation", "focus": [{"reference": "A/1"}]}, []),
    ],
)
def test_what_names_no_patient_lives_with_what_it_names(resource: dict[str, Any], names: list[str]) -> None:
    assert followed(resource) == names


def test_compartments_are_those_of_the_standard() -> None:
    assert {"subject", "performer"} <= patient_parameters("Observation")
    assert patient_parameters("Practitioner") == frozenset()
    assert patient_parameters("Slot") == frozenset()


# -- numbers ---------------------------------------------------------------------------------------------


def test_every_type_has_one_number_and_one_family() -> None:
    numbers = type_numbers()
    assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))
    assert all(type_names()[n] == name for name, n in numbers.items())
    assert set(numbers) >= DIRECTORY
    assert family("Patient") == "" and family("Practitioner") == "dir_"


class _Sequence:
    """The one statement that numbers ask of a connection."""

    def __init__(self) -> None:
        self.next = 0

    async def fetch(self, sql: str, count: int) -> list[dict[str, int]]:
        self.next += count
        return [{"n": n} for n in range(self.next - count + 1, self.next + 1)]


async def test_numbers_are_never_given_twice() -> None:
    numbers, source = Numbers(), _Sequence()
    given = [n for count in (1, 999, 0, 2500, 3) for n in await numbers.take(source, count)]
    assert len(given) == len(set(given)) == 3503
    assert given == sorted(given)
    assert source.next == 4
