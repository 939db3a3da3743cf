"""No plan collapses: the rows that a search reads grow with its answer, not with the population."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.dataset.rights import KEY
from bench.workloads.shapes import SHAPES, Shape
from msgspec import structs

from aubier.fhir.definitions import definitions
from aubier.search.query import parse
from aubier.store.proof.trace import secret_actors
from aubier.store.reading.ahead import newest, worth
from aubier.store.reading.ahead.worth import Worth
from aubier.store.reading.versions import history
from tests.contract.own import fresh, running
from tests.contract.plans.listening import Listening, nodes, rows_read
from tests.contract.plans.work import Both, Database, Population, both_peopled, peopled

BY_NAME = {shape.name: shape for shape in SHAPES if shape.page == 1 and "_summary" not in dict(shape.extra)}
RECORD = sorted(name for name, shape in BY_NAME.items() if shape.scope != "all")
ACROSS = sorted(name for name, shape in BY_NAME.items() if shape.scope == "all")
QUESTIONS = 4
BESIDE = 20
"""Rows that a last page may read besides: it is longer or shorter by some."""
SLACK = 80
"""Rows that any search may read besides: identifiers, rights, the pages of an index."""


@pytest.fixture(scope="module", params=["ours", "Debian's"])
def server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Makes databases: of the engine that comes with the program, and of the oldest that may be brought."""
    if request.param == "ours":
        yield request.getfixturevalue("database")
        return
    with running() as dsn:
        yield lambda: fresh(dsn)


@pytest.fixture(scope="module")
async def few_and_many(server: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    """Small enough for every day; reading a table whole is cheap then, so it is not allowed."""
    async with both_peopled(server, tmp_path_factory.mktemp("plans"), 12, 60) as both:
        yield both


@pytest.fixture(scope="module")
async def town_and_county(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Both]:
    """Large enough for the planner to choose freely."""
    async with both_peopled(database, tmp_path_factory.mktemp("plans"), 150, 1500) as both:
        yield both


async def _grown(both: Both, shape: Shape, actor: str, *, scans: bool) -> tuple[list[int], list[int]]:
    """The rows read, and the answers there are, of the smaller population and of the larger."""
    read, answers = [], []
    for population in both:
        criteria = shape.criteria(population.named(actor), QUESTIONS)
        read.append(sum([await population.work(actor, shape, pairs, scans=scans) for pairs in criteria]))
        answers.append(sum(population.found(shape, pairs) for pairs in criteria))
    return read, answers


async def _judge(both: Both, name: str, actor: str, *, scans: bool) -> None:
    read, answers = await _grown(both, BY_NAME[name], actor, scans=scans)
    grown = max(1.0, answers[1] / max(answers[0], 1))
    assert read[1] <= read[0] * 2 * grown + QUESTIONS * SLACK, (name, actor, read, answers)


@pytest.mark.parametrize("name", RECORD)
@pytest.mark.parametrize("actor", ["off", "on", "self"])
async def test_a_record_costs_the_same_among_more_people(few_and_many: Both, name: str, actor: str) -> None:
    await _judge(few_and_many, name, actor, scans=False)


@pytest.mark.parametrize("name", ACROSS)
async def test_a_search_across_records_costs_what_it_finds(few_and_many: Both, name: str) -> None:
    await _judge(few_and_many, name, "off", scans=False)


async def test_a_page_far_behind_costs_the_same(few_and_many: Both) -> None:
    """People have no clinical date: all stand side by side in the order of a page."""
    shape = replace(BY_NAME["patients born in a month"], extra=(("_count", "3"),))
    asked = [("gender", "male,female")]
    read = [await each.work("off", shape, asked, scans=False, last=True) for each in few_and_many]
    assert read[1] <= read[0] + BESIDE, read


async def test_records_of_others_are_left_out_in_the_index(few_and_many: Both) -> None:
    """Of a professional who may open few of many, most rows that a page is looked for in are of others."""
    many, shape = few_and_many[1], BY_NAME["measurements of a day, newest first"]
    async with many.house.store.pool.acquire() as conn:
        await conn.execute("vacuum res, grants")
    (plan, *_) = await many.plans("on", shape, [("date", "ge2020")], scans=False)
    along = [node["Node Type"] for node in nodes(plan) if node.get("Index Name") == "res_type"]
    assert along and set(along) == {"Index Only Scan"}
    (mine,) = [node for node in nodes(plan) if node.get("Subplan Name") == "CTE mine"]
    rights = [node["Node Type"] for node in nodes(mine) if node.get("Alias") == "g"]
    assert rights == ["Index Only Scan"], "of the rights of a thousand records, no page is read"


async def test_whether_a_record_is_open_is_looked_for_there(database: Database, tmp_path: Path) -> None:
    """By who may open hundreds, also with a plan made for any values, which does not know how few records are
    asked for.
    """
    others = (
        "insert into grants (pat, actor, basis, since, till, made)"
        " select 1000000 + n, $1, 'care', 0, 253402300800000, 0 from generate_series(1, 600) n"
    )
    async with peopled(database(), tmp_path, 200) as some:
        async with some.house.store.pool.acquire() as conn:
            await conn.execute(others, KEY)
            await conn.execute("vacuum analyze grants")
        shape = BY_NAME["record, category"]
        (pairs,) = shape.criteria(some.samples, 1)
        plans = await some.plans("on", shape, pairs)
    rights = [node for plan in plans for node in nodes(plan) if node.get("Relation Name") == "grants"]
    assert rights and sum(rows_read(node) for node in rights) <= 10


async def test_what_is_not_posted_is_counted_in_open_records(few_and_many: Both) -> None:
    """By no index of everybody, which would be entered anew for each record."""
    many, asked = few_and_many[1], [("category", "vital-signs"), ("status", "final")]
    shape = replace(BY_NAME["measurements of a code"], extra=(("_total", "accurate"),))
    plans = await many.plans("on", shape, asked, scans=False)
    assert not [n for plan in plans for n in nodes(plan) if n.get("Index Name") == "res_terms"]


async def test_a_code_is_counted_record_by_record(few_and_many: Both) -> None:
    """Its rows are read side by side. Among so few people it makes no difference to see."""
    many = few_and_many[1]
    async with many.reading("on") as (reader, heard):
        asked = [("code", "8867-4"), ("status", "final"), ("_summary", "count")]
        found = await reader.search(parse("Observation", asked, registry=many.house.store.registry))
    seen = [r for r in many.book.search("Observation", asked[:2]) if many.rights.sees(r)]
    assert found.total == len(seen) > 0
    text = heard.asked[-1][0]
    assert re.search(r"from mine m cross join lateral \(select .+? and r\.pat = m\.pat offset 0\) f", text)
    assert text.count("from grants g where g.actor") == 1, "an actor's rights are read once"


async def test_a_count_of_a_code_reads_no_more_than_has_it(few_and_many: Both) -> None:
    """Not all rows of the type, to leave out those of other types: none has the code."""
    many, asked = few_and_many[1], [("code", "http://loinc.org|85354-9")]
    shape = replace(BY_NAME["measurements of a code"], extra=(("_summary", "count"),))
    plans = await many.plans("off", shape, asked, scans=False)
    ways = {node.get("Index Name") for plan in plans for node in nodes(plan) if node["Actual Loops"]}
    assert "res_terms" in ways and not ways & {"res_type", "res_upd", "res_seq", "res_slice"}, ways


async def test_what_is_counted_of_a_code_is_entered_once_for_each_record(few_and_many: Both) -> None:
    """Where its postings stand together, and its rows: not once for each of twenty."""
    shape = replace(BY_NAME["measurements of a code"], extra=(("_summary", "count"),))
    plans = await few_and_many[1].plans("on", shape, [("code", "8867-4")])
    entered = [n for plan in plans for n in nodes(plan) if n.get("Relation Name") == "res"]
    assert _ways(plans, "post") == {"post_pat"}
    assert 0 < sum(node["Actual Loops"] for node in entered) <= len(few_and_many[1].rights.cared)


async def test_of_a_code_no_more_is_opened_than_fills_a_page(
    few_and_many: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By who may open few of many, whose newest are not among the newest of all."""
    monkeypatch.setattr(newest, "_SCANNED", {"post": 1, "res": 1})
    shape = replace(BY_NAME["measurements of a code"], extra=(("_count", "3"),))
    (_, plan) = await few_and_many[1].plans("on", shape, [("code-value-quantity", "8867-4$gt60")])
    opened = [node for node in nodes(plan) if node.get("Relation Name") == "res"]
    assert _ways([plan], "post") == {"post_pat"}
    assert 3 < sum(node["Actual Loops"] for node in opened) <= 3 + BESIDE


async def test_whether_it_is_visible_is_asked_of_what_matches(few_and_many: Both) -> None:
    """Where each open record is looked at by itself: most of what is there is not asked for."""
    (plan,) = await few_and_many[1].plans(
        "on", BY_NAME["patients by part of a name"], [("name:contains", "zq")]
    )
    rights = [n for n in nodes(plan) if n.get("Relation Name") == "grants" and n["Actual Loops"]]
    (mine,) = [node for node in nodes(plan) if node.get("Subplan Name") == "CTE mine"]
    gathered = [n for n in nodes(mine) if n.get("Relation Name") == "grants"]
    assert sum(map(rows_read, rights)) == sum(map(rows_read, gathered)) > 0


async def test_a_row_that_is_met_is_not_looked_for_again(few_and_many: Both) -> None:
    """Where all are visible, and the index of a page leads to the rows themselves."""
    plans = await few_and_many[1].plans("off", BY_NAME["visits not ambulatory"], [("class:not", "EMER")])
    assert _ways(plans, "res") == {"res_type"}


def _ways(plans: list[dict[str, Any]], table: str) -> set[str]:
    """The indexes by which a table was entered."""
    met = [n for plan in plans for n in nodes(plan) if n["Actual Loops"] and n.get("Relation Name") == table]
    return {node["Index Name"] for node in met}


async def test_what_is_long_is_merged_with_the_rest(few_and_many: Both) -> None:
    """The scan of a stretch ends with the page, because what is long has the same order: else both are read
    whole and sorted. Among so few people it makes no difference to see.
    """
    many = few_and_many[1]
    for asked, down in (([("code", "8867-4")], ""), ([], " desc")):
        asked = [*asked, ("date", "ge2026-11-05"), ("date", "lt2026-11-12")]
        async with many.reading("off") as (reader, heard):
            await reader.search(parse("Observation", asked, registry=many.house.store.registry))
        lasting = r"\(select l\.\* from \(select .+? offset 0\) l order by l\.k{}, l\.rid limit \d+\)"
        assert re.search(lasting.format(down), heard.asked[0][0])


async def test_versions_are_looked_for_in_their_records(few_and_many: Both) -> None:
    """What a version became tells whether it shows: that is found by its record, not among all there are."""
    many = few_and_many[1]
    async with many.reading("on") as (reader, heard):
        await reader.vread("Patient", many.rights.open[0], 1)
        rows, following, _ = await history(reader, ["Observation"], count=5)
        assert len(rows) == 5 and following
    found = [n for plan in heard.plans for n in nodes(plan) if n.get("Relation Name") == "res"]
    entered = [n.get("Index Cond", n.get("Recheck Cond", "")) for n in found]
    assert entered and all("pat" in cond for cond in entered), entered


async def test_whose_presence_is_secret_is_looked_for_in_the_record(few_and_many: Both) -> None:
    """Whether what has a past is still there too: by its id, not among all that there is."""
    many = few_and_many[1]
    async with many.reading("on") as (reader, heard):
        store = replace(many.house.store, pool=Listening(many.house.store.pool, heard))
        await secret_actors(store, reader.sight, many.rights.open[0])
    kept = [node for plan in heard.plans for node in nodes(plan) if node.get("Relation Name") == "res"]
    asked = [node.get("Index Cond", node.get("Recheck Cond", "")) for node in kept]
    assert len(asked) > 3
    assert all("pat = " in condition for condition in asked), asked


async def test_what_a_chain_leads_to_is_looked_for_in_open_records(few_and_many: Both) -> None:
    """Where nothing of it is posted, as of a gender. Among so few people it makes no difference to see."""
    many, asked = few_and_many[1], [("code", "I10"), ("patient.gender", "female")]
    async with many.reading("on") as (reader, heard):
        await reader.search(parse("Condition", asked, registry=many.house.store.registry))
    led = re.compile(r"from res (t\d+) where \1\.type = \d+ and \1\.pat in \(select m\.pat from mine m\) and")
    assert led.search(heard.asked[-1][0])


async def test_a_step_of_a_chain_stays_in_open_records(few_and_many: Both) -> None:
    """What the second step leads from, and what contains what it leads to, is of these records too."""
    many, asked = few_and_many[1], [("encounter.service-provider.name", "c")]
    async with many.reading("on") as (reader, heard):
        await reader.search(parse("Observation", asked, registry=many.house.store.registry))
    mine = r"\.pat in \(select m\.pat from mine m\)"
    ways = rf"from ref (p\d+) where .+? and \1{mine} union all select (c\d+)\.pat, \2\.rid from res \2 where"
    # By what mark these are known is written out: so a plan for any values knows how few there are.
    mark = r"\2\.terms && '\{-?\d+\}'::bigint\[\]"
    assert re.search(rf"{ways} \2\.type = \d+ and \2{mine} and {mark}", heard.asked[-1][0])


@pytest.mark.parametrize("actor", ["off", "on"])
async def test_a_compartment_costs_the_same_among_more_people(few_and_many: Both, actor: str) -> None:
    """By who may open many records, too: the others are not read."""
    read = []
    codes = definitions().compartment("Patient")["Observation"]
    for population in few_and_many:
        within = f"Patient/{population.rights.open[0]}", codes
        async with population.reading(actor) as (reader, heard):
            query = parse("Observation", [("_count", "3")], registry=population.house.store.registry)
            page = await reader.search(structs.replace(query, within=within))
            assert len(page.rows) == 3 and page.cursor
            read.append(heard.rows)
    assert read[1] <= read[0] + SLACK, read


async def test_all_who_have_a_number_of_a_system_are_not_walked_one_by_one(few_and_many: Both) -> None:
    many = few_and_many[1]
    for asked, walked in (("urn:oid:1.2.250|", False), ("urn:oid:1.2.250|1", True)):
        async with many.reading("off") as (reader, heard):
            query = parse("Observation", [("patient.identifier", asked)], registry=many.house.store.registry)
            await reader.search(query)
        assert ("with walked(pat)" in heard.asked[-1][0]) == walked


@pytest.mark.parametrize("kind", ["Observation", "PractitionerRole"])
async def test_what_has_changed_since_is_found_by_it(
    few_and_many: Both, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """However many there are that have not."""
    monkeypatch.setattr(newest, "_SCANNED", {"post": 1, "res": 1})
    many, asked = few_and_many[1], [("_lastUpdated", "gt2100")]
    async with many.reading("off") as (reader, heard):
        await reader.search(parse(kind, asked, registry=many.house.store.registry))
        assert heard.rows <= BESIDE


WHOLE = "found as materialized"
"""What a statement says that asks for every match before it makes a page of them."""


async def _asked(population: Population, kind: str, *pairs: tuple[str, str]) -> list[bool]:
    """Of each statement that a search of everybody takes, whether it reads the whole."""
    async with population.reading("off") as (reader, heard):
        await reader.search(parse(kind, [*pairs, ("_count", "20")], registry=population.house.store.registry))
        return [WHOLE in text for text, *_ in heard.asked]


async def test_what_promises_a_page_is_looked_for_further(
    few_and_many: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few among the newest, but no page: ten times as far there is one."""
    monkeypatch.setattr(newest, "_OPENED", 12)
    many, beyond = few_and_many[1], ("category:not", "laboratory")
    assert await _asked(many, "Observation", beyond) == [False, False]
    assert await _asked(many, "Observation", ("status:not", "final")) == [False, True], "nothing is promised"


@pytest.mark.parametrize("asked", [("name:contains", "a"), ("family:text", "e")])
async def test_what_no_index_is_entered_by_is_looked_for_among_the_newest(
    few_and_many: Both, asked: tuple[str, str]
) -> None:
    assert await _asked(few_and_many[1], "Patient", asked) == [False]


async def test_few_texts_are_read_whole_and_not_looked_for_first(
    few_and_many: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many there are is asked once in a while."""
    query = parse("Patient", [("name:contains", "a")], registry=few_and_many[1].house.store.registry)

    async def asked(judge: Worth) -> list[bool]:
        async with few_and_many[1].reading("off") as (reader, heard):
            reader.worth = judge
            await reader.search(query)
            return [WHOLE in text for text, *_ in heard.asked]

    few = Worth()
    assert [await asked(few) for _ in range(3)] == [[False, True], [True], [True]]
    monkeypatch.setattr(worth, "FEW", 20)
    assert await asked(few) == [True], "it is believed for a while"
    many = Worth()
    assert [await asked(many) for _ in range(2)] == [[False, False], [False]]


async def test_words_beside_codes_are_looked_for_among_the_newest_where_they_are_common(
    few_and_many: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "_COMMON", 30)
    word = ("code:text", "heart")
    assert await _asked(few_and_many[1], "Observation", word) == [False]
    monkeypatch.setattr(newest, "_COMMON", 1_000_000)
    assert await _asked(few_and_many[1], "Observation", word) == [False, True]


async def test_names_are_known_to_the_planner_by_the_hundreds(few_and_many: Both) -> None:
    """Otherwise a search by name and day of birth begins with all who bear the name, as if they were few."""
    async with few_and_many[1].house.store.pool.acquire() as conn:
        known = await conn.fetchval(
            "select cardinality(most_common_freqs) from pg_stats where tablename = 'str' and attname = 'norm'"
        )
    assert known > 100


async def test_high_values_of_a_code_are_found_among_the_low(few_and_many: Both) -> None:
    """Each person has one, the oldest of twenty."""
    asked, many = [("code-value-quantity", "http://loinc.org|8867-4$gt96")], few_and_many[1]
    shape = BY_NAME["code and value together"]
    read = await many.work("off", shape, asked, scans=False)
    assert read <= 3 * many.found(shape, asked), read


@pytest.mark.whole
@pytest.mark.parametrize("name", RECORD)
@pytest.mark.parametrize("actor", ["off", "on", "self"])
async def test_a_record_costs_the_same_in_a_county(town_and_county: Both, name: str, actor: str) -> None:
    await _judge(town_and_county, name, actor, scans=True)


def test_the_rows_of_a_plan_are_all_counted() -> None:
    inner = {"Node Type": "Index Scan", "Relation Name": "res", "Actual Rows": 2.0, "Actual Loops": 3}
    left_out = {**inner, "Rows Removed by Filter": 5, "Rows Removed by Index Recheck": 1}
    bitmap = {"Node Type": "Bitmap Index Scan", "Actual Rows": 4.0, "Actual Loops": 1}
    plan = {"Node Type": "Limit", "Actual Rows": 9, "Actual Loops": 1, "Plans": [inner, left_out, bitmap]}
    assert rows_read(plan) == 6 + 24 + 4
