"""Full text: words in any form, of either language, of what one may see."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from aubier.search.query import parse
from aubier.search.terms.words import MOST
from aubier.store.intent import Grant
from aubier.store.opening.reindexing import reindex
from aubier.store.reading import Reader
from tests.contract.desk import Desk, following, ids, opened
from tests.contract.search.test_paging import put, scale
from tests.contract.search.test_records import Listening, _rows_read
from tests.open_house import DOCTOR

Resource = dict[str, Any]


def _condition(logical: str, patient: str, told: str, text: str, note: str = "") -> Resource:
    return {
        "resourceType": "Condition",
        "id": logical,
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{told}</div>'},
        "code": {"text": text},
        "subject": {"reference": f"Patient/{patient}"},
        **({"note": [{"text": note}]} if note else {}),
    }


HELD = (
    _condition("kidney", "open", "<p>Insuffisance rénale chronique</p>", "Maladie des reins", "stade avancé"),
    _condition("bone", "open", "Fractures of the <b>femur</b>", "Broken bones", "l'œdème régresse"),
    _condition("heart", "shut", "Insuffisances cardiaques", "Cœur", "Fracture ancienne"),
    {
        "resourceType": "ValueSet",
        "id": "organs",
        "status": "active",
        "name": "Organs",
        "description": "Les reins et les os",
    },
)


@pytest.fixture(scope="module")
async def told(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    doctor = replace(DOCTOR, scopes=("user/*.cruds",))
    async with opened(database, tmp_path_factory.mktemp("house"), {"doctor": doctor}) as desk:
        people = ({"resourceType": "Patient", "id": p} for p in ("open", "shut"))
        await put(desk, *people, *HELD, *DIRECTORY)
        await desk.system().store.grant(Grant("open", doctor.keys[0], "treating-doctor", "r", since=1))
        yield desk


ASKED: list[tuple[str, str, set[str]]] = [
    ("_text", "insuffisance", {"kidney", "heart"}),
    ("_text", "Insuffisances RENALES", {"kidney"}),
    ("_text", "rénal", {"kidney"}),
    ("_text", "fracture", {"bone"}),
    ("_text", "fractured femurs", {"bone"}),
    ("_text", "rein", set()),
    ("_text", "insuffisance -cardiaque", {"kidney"}),
    ("_text", "femur or cardiaque", {"bone", "heart"}),
    ("_text", '"insuffisance chronique"', set()),
    ("_text", '"insuffisance rénale"', {"kidney"}),
    ("_content", "rein", {"kidney"}),
    ("_content", "fracture", {"bone", "heart"}),
    ("_content", "oedemes", {"bone"}),
    ("_content", "coeur", {"heart"}),
    ("_content", "bone breaking", set()),
    ("_content", "bones avancé", set()),
    ("_content", "insuffisance stade", {"kidney"}),
    ("_content", "the", {"bone"}),
    ("_content", "'); drop table res --", set()),
    ("_content", "& | ! ( <-> :*", set()),
]


@pytest.mark.parametrize(("name", "words", "expected"), ASKED)
async def test_words_of_either_language(told: Desk, name: str, words: str, expected: set[str]) -> None:
    for login, seen in (("loader", expected), ("doctor", expected - {"heart"})):
        for scope in ([], [("patient", "open")]):
            bundle = await told.found(login, "Condition", [(name, words), *scope, ("_total", "accurate")])
            due = seen - {"heart"} if scope else seen
            assert {i.partition("/")[2] for i in ids(bundle)} == due, (login, scope)
            assert bundle["total"] == len(due)


async def test_words_of_people(desk: Desk) -> None:
    """A type without identifiers of its words: a Patient too is found by what it says."""
    martin = {"text": "Marie Martin-Le Bihan", "family": "Martin-Le Bihan", "given": ["Marie"]}
    address = {"text": "12 rue de la Gare, Quimper"}
    await put(desk, {"resourceType": "Patient", "id": "said", "name": [martin], "address": [address]})
    await put(desk, {"resourceType": "Patient", "id": "else", "name": [{"text": "Martin Le Goff 100%"}]})
    asked = [
        ("_content", "bihan", ["said"]),
        ("_text", "bihan", []),
        ("name:text", "bihan marie", ["said"]),
        ("name:text", "ARTIN", ["else", "said"]),
        ("name:text", "martin goff,bihan", ["else", "said"]),
        ("name:text", "0%", ["else"]),
        ("name:text", "%", ["else"]),
        ("name:text", "martin paul", []),
        ("address:text", "quimper gare", ["said"]),
    ]
    for name, value, expected in asked:
        found = ids(await desk.found("loader", "Patient", [(name, value), ("_total", "accurate")]))
        assert sorted(found) == [f"Patient/{i}" for i in expected], (name, value)


async def test_definitions_too(told: Desk) -> None:
    assert ids(await told.found("doctor", "ValueSet", [("_content", "rein")])) == ["ValueSet/organs"]
    assert ids(await told.found("doctor", "ValueSet", [("_text", "rein")])) == []


DIRECTORY: tuple[Resource, ...] = (
    {
        "resourceType": "Organization",
        "id": "clinic",
        "name": "Clinique de l'Étoile",
        "alias": ["Maison des enfants"],
        "text": {
            "status": "generated",
            "div": "<div xmlns='http://www.w3.org/1999/xhtml'>Urgences pédiatriques</div>",
        },
        "type": [{"coding": [{"system": "urn:kinds", "code": "106", "display": "Centre hospitalier"}]}],
        "identifier": [{"value": "1", "type": {"text": "Numéro FINESS"}}],
    },
    {
        "resourceType": "Organization",
        "id": "office",
        "name": "Cabinet of the Star",
        "type": [{"text": "Cabinet"}],
    },
    {
        "resourceType": "Practitioner",
        "id": "alma",
        "name": [{"family": "Fontaine", "given": ["Alma"]}],
        "qualification": [{"code": {"text": "Diplôme d'État de sage-femme"}}],
    },
    {
        "resourceType": "PractitionerRole",
        "id": "midwife",
        "code": [{"coding": [{"system": "urn:jobs", "code": "70", "display": "Sage-femme"}]}],
        "specialty": [{"text": "Échographies obstétricales"}],
        "availabilityExceptions": "Closed on bank holidays",
    },
    {
        "resourceType": "HealthcareService",
        "id": "nights",
        "name": "Garde de nuit",
        "comment": "Home visits",
        "type": [{"text": "Soins non programmés"}],
    },
    {"resourceType": "Location", "id": "wing", "name": "Aile B", "description": "Deuxième étage"},
    {
        "resourceType": "Endpoint",
        "id": "mail",
        "status": "active",
        "name": "Messagerie sécurisée",
        "connectionType": {"system": "urn:ways", "code": "smtp"},
        "payloadType": [{"text": "Comptes rendus"}],
        "address": "mailto:a@example.org",
    },
)


IN_DIRECTORY: list[tuple[str, str, str, set[str]]] = [
    ("Organization", "_text", "urgence pediatrique", {"clinic"}),
    ("Organization", "_text", "étoile", set()),
    ("Organization", "_content", "enfant", {"clinic"}),
    ("Organization", "_content", "star or etoile", {"clinic", "office"}),
    ("Organization", "_content", "hospitaliers", {"clinic"}),
    ("Organization", "type:text", "centre", {"clinic"}),
    ("Organization", "type:text", "CABINET", {"office"}),
    ("Organization", "identifier:text", "numero", {"clinic"}),
    ("PractitionerRole", "role:text", "sage", {"midwife"}),
    ("PractitionerRole", "specialty:text", "echographie", {"midwife"}),
    ("HealthcareService", "_content", "visit", {"nights"}),
    ("HealthcareService", "service-type:text", "soins", {"nights"}),
    ("Location", "_content", "étages", {"wing"}),
    ("Endpoint", "_content", "messageries", {"mail"}),
    ("Endpoint", "payload-type:text", "comptes", {"mail"}),
    ("Endpoint", "_content", "example", set()),
]


@pytest.mark.parametrize(("kind", "name", "words", "expected"), IN_DIRECTORY)
async def test_words_of_the_directory(
    told: Desk, kind: str, name: str, words: str, expected: set[str]
) -> None:
    for login in ("loader", "doctor"):
        bundle = await told.found(login, kind, [(name, words), ("_total", "accurate")])
        assert {i.partition("/")[2] for i in ids(bundle)} == expected
        assert bundle["total"] == len(expected)


@pytest.mark.parametrize("kind", ["Practitioner", "PractitionerRole", "Slot", "Binary"])
async def test_masses_of_the_directory_say_that_they_have_no_full_text(told: Desk, kind: str) -> None:
    status, refused = await told.ask("loader", "GET", f"{kind}?_content=x")
    assert (status, refused["issue"][0]["code"]) == (400, "not-supported")
    assert refused["issue"][0]["expression"] == ["http._content"]


@pytest.mark.parametrize(("words", "status"), [(20, 200), (21, 422)])
async def test_words_that_are_not_looked_for_are_not_left_out_in_silence(
    told: Desk, words: int, status: int
) -> None:
    text = "+".join(f"w{n}" for n in range(words))
    answered, bundle = await told.ask("loader", "GET", f"Organization?name:text={text}")
    assert answered == status
    if status == 422:
        assert bundle["issue"][0]["code"] == "too-costly"


async def test_a_chain_ends_in_words_of_the_directory(told: Desk) -> None:
    await put(told, {**DIRECTORY[3], "id": "chained", "organization": {"reference": "Organization/clinic"}})
    for pair in (
        ("organization.type:text", "centre"),
        ("organization:Organization.type:text", "Centre hosp"),
    ):
        assert ids(await told.found("loader", "PractitionerRole", [pair])) == ["PractitionerRole/chained"]
    ordered = await told.found("loader", "Organization", [("_sort", "type"), ("type:text", "c")])
    assert ids(ordered) == ["Organization/office", "Organization/clinic"]
    status, _ = await told.ask("loader", "DELETE", "PractitionerRole/chained")
    assert status == 204


async def test_words_of_the_directory_are_made_for_what_stood_before(told: Desk) -> None:
    """A release without them noted 5: all are gone through, batch by batch, and noted."""
    said = [f"select count(*) from {table} where rest <> ''" for table in ("res", "dir_res")]
    before = [await told.sql(each) for each in said]
    stored = [(await told.sql(f"select count(*) from {table}"))[0][0] for table in ("res", "dir_res")]
    await told.sql("update dir_res set narrative = '', rest = ''")
    await told.sql("update res set narrative = '', rest = ''")
    await told.sql("update store_meta set value = '5' where key = 'index'")
    assert ids(await told.found("loader", "Location", [("_content", "étage")])) == []
    heard: list[int] = []
    store = told.house.store
    async with store.pool.acquire() as conn:
        done = await reindex(conn, store.index, heard.append)
        assert await reindex(conn, store.index) == 0
    assert (done, heard[-1]) == (sum(stored), sum(stored))
    assert ids(await told.found("loader", "Location", [("_content", "étage")])) == ["Location/wing"]
    assert [await told.sql(each) for each in said] == before and before[0][0][0] and before[1][0][0]


async def test_words_follow_the_resource(desk: Desk) -> None:
    await put(desk, {"resourceType": "Patient", "id": "w"}, _condition("moving", "w", "rougeole", "a"))
    asked = [("_text", "rougeole"), ("patient", "w")]
    assert ids(await desk.found("loader", "Condition", asked)) == ["Condition/moving"]
    await put(desk, _condition("moving", "w", "varicelle", "a"))
    assert ids(await desk.found("loader", "Condition", asked)) == []
    assert ids(await desk.found("loader", "Condition", [("_text", "varicelles")])) == ["Condition/moving"]
    await put(desk, _condition("moving", "w", "varicelle", "b"))
    assert len(await desk.sql("select 1 from res where narrative = 'varicelle'")) == 1
    status, _ = await desk.ask("loader", "DELETE", "Condition/moving")
    assert status == 204
    assert await desk.sql("select 1 from res where narrative = 'varicelle'") == []


async def test_pages_of_words(desk: Desk) -> None:
    await put(desk, {"resourceType": "Patient", "id": "many"})
    await put(desk, *(_condition(f"many{n}", "many", "zona", "z") for n in range(7)))
    bundle = await desk.found("loader", "Condition", [("_text", "zona"), ("_count", "3")])
    found = ids(bundle)
    while url := following(bundle):
        bundle = (await desk.ask("loader", "GET", url))[1]
        found += ids(bundle)
    assert sorted(found) == [f"Condition/many{n}" for n in range(7)]


async def test_the_longest_texts_are_kept(desk: Desk) -> None:
    at = Random(5)
    words = " ".join("".join(at.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(MOST // 4))
    await put(desk, {"resourceType": "Patient", "id": "long"}, _condition("long", "long", words, words[::-1]))
    for name in ("_text", "_content"):
        first = words.split()[0]
        assert ids(await desk.found("loader", "Condition", [(name, first)])) == ["Condition/long"]


async def test_words_of_one_record_are_looked_for_in_it(desk: Desk) -> None:
    patient, _ = await scale(desk, Random(51), 6)
    await scale(desk, Random(52), 300)
    store = desk.house.store
    await store.analyse()
    for name in ("_text", "_content"):
        query = parse("Observation", [("patient", patient), (name, "poids")], registry=store.registry)
        async with store.pool.acquire() as conn:
            heard = Listening(conn)
            page = await Reader(heard, desk.system().store.sight, store.keys, store.mark).search(query)
            text, *args = heard.last
            plan = await conn.fetchval(f"explain (analyze, format json) {text}", *args)
        assert len(page.rows) == 6 * (name == "_content")
        assert _rows_read(json.loads(plan)[0]["Plan"]) <= 40


async def test_statistics_stem_no_words(desk: Desk) -> None:
    """They would for each row they look at, 300,000 of a large table, whenever a tenth of it has changed."""
    store = desk.house.store
    await store.analyse()
    indexes = await store.pool.fetch(
        "select c.relname, a.attstattarget from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relkind = 'i' and pg_get_indexdef(c.oid) like '%to_tsvector%'"
    )
    assert len(indexes) == 4 and all(target == 0 for _, target in indexes), indexes
