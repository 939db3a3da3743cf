"""The store on a real PostgreSQL: writes, versions, conditions, conflicts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import zstandard

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.exporting.export import Slice
from aubier.store.intent import Batch, Claim, Grant, Intent
from aubier.store.packing import codec
from aubier.store.sight import Sight
from aubier.store.store import Store, open_store
from aubier.store.writing import Finder, Undertaking, undertaken
from tests.contract.locks import OURS

DICTIONARIES = Path(codec.__file__).parent / "dictionaries"

NOW = 1_795_000_000_000
ROOT = Sight("system:test", "test", NOW, unrestricted=True, keys=("system:test",), types=None)


@pytest.fixture
async def store(database: Callable[[], str]) -> AsyncIterator[Store]:
    opened = await open_store(database())
    yield opened
    await opened.close()


async def _as_is(conn: Any, resource: dict[str, Any], before: Any) -> tuple[dict[str, Any], list[str]]:
    return resource, [f"kind:{resource['resourceType']}"]


def batch(*intents: Intent, **options: Any) -> Batch:
    return Batch(list(intents), _as_is, **options)


def patient(logical: str = "", family: str = "Le Goff") -> dict[str, Any]:
    body: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": family, "given": ["Yann"]}]}
    return {**body, "id": logical} if logical else body


def weight(of: str, value: str) -> dict[str, Any]:
    return fhir_json.parse(
        f'{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"system":"http://loinc.org",'
        f'"code":"29463-7"}}]}},"subject":{{"reference":"Patient/{of}"}},"effectiveDateTime":"2026-11-20",'
        f'"valueQuantity":{{"value":{value},"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}}}'.encode()
    )


async def test_a_created_resource_comes_back_with_its_digits(store: Store) -> None:
    (written,) = await store.transact(ROOT, batch(Intent("create", "Patient", resource=patient())))
    (made,) = await store.transact(
        ROOT, batch(Intent("create", "Observation", resource=weight(written.id, "79.10")))
    )
    row = await store.read(ROOT, "Observation", made.id)
    assert b'"value":79.10' in row.raw
    assert row.version == 1
    assert written.status == made.status == "created"


async def test_versions_are_kept_and_told(store: Store) -> None:
    await store.transact(
        ROOT, batch(Intent("update", "Patient", "p1", resource=patient("p1"), may_create=True))
    )
    changed = Intent("update", "Patient", "p1", resource=patient("p1", "Morvan"), if_match=1)
    (second,) = await store.transact(ROOT, batch(changed))
    assert second.version == 2
    assert b"Le Goff" in (await store.vread(ROOT, "Patient", "p1", 1)).raw
    assert b"Morvan" in (await store.read(ROOT, "Patient", "p1")).raw
    rows, following, total = await store.history(ROOT, ["Patient"], "p1", count=10)
    assert [r.version for r in rows] == [2, 1]
    assert (following, total) == (None, 2)


async def test_what_was_packed_whole_is_read_changed_and_kept(store: Store) -> None:
    """As rows of before are: they hold the head that is no longer packed."""
    made = Intent("update", "Patient", "p1", resource=patient("p1"), may_create=True)
    await store.transact(ROOT, batch(made))
    before = await store.read(ROOT, "Patient", "p1")
    number = -(await store.pool.fetchval("select dict from res"))
    dictionary = zstandard.ZstdCompressionDict((DICTIONARIES / f"{number:04d}.zdict").read_bytes())
    packing = zstandard.ZstdCompressor(dict_data=dictionary, write_dict_id=False)
    whole = packing.compress(before.raw)
    assert await store.pool.fetchval("update res set dict = $1, raw = $2 returning true", number, whole)
    assert await store.read(ROOT, "Patient", "p1") == before
    await store.transact(ROOT, batch(Intent("update", "Patient", "p1", resource=patient("p1", "Morvan"))))
    kept = await store.pool.fetch("select dict from hist union all select dict from res")
    assert [r["dict"] for r in kept] == [number, -number]
    assert (await store.vread(ROOT, "Patient", "p1", 1)).raw == before.raw
    assert b"Morvan" in (await store.read(ROOT, "Patient", "p1")).raw


async def test_a_stale_version_is_refused_and_nothing_changes(store: Store) -> None:
    await store.transact(
        ROOT, batch(Intent("update", "Patient", "p1", resource=patient("p1"), may_create=True))
    )
    with pytest.raises(Problem) as refusal:
        await store.transact(
            ROOT,
            batch(
                Intent("create", "Patient", resource=patient()),
                Intent("update", "Patient", "p1", resource=patient("p1", "X"), if_match=7),
            ),
        )
    assert refusal.value.kind == "precondition"
    assert await store.pool.fetchval("select count(*) from res") == 1


async def test_deleted_then_made_again(store: Store) -> None:
    await store.transact(
        ROOT, batch(Intent("update", "Patient", "p1", resource=patient("p1"), may_create=True))
    )
    (gone,) = await store.transact(ROOT, batch(Intent("delete", "Patient", "p1")))
    assert (gone.status, gone.version) == ("deleted", 2)
    with pytest.raises(Problem) as refusal:
        await store.read(ROOT, "Patient", "p1")
    assert refusal.value.kind == "deleted"
    assert await store.pool.fetchval("select count(*) from str") == 0
    (again,) = await store.transact(
        ROOT, batch(Intent("update", "Patient", "p1", resource=patient("p1"), may_create=True))
    )
    assert (again.status, again.version) == ("created", 3)


async def test_a_deleted_content_keeps_the_mark_of_its_document_once(database: Callable[[], str]) -> None:
    """Also when a later release makes all index rows again: its past hides with the document."""
    dsn = database()
    content = {"resourceType": "Binary", "id": "b", "contentType": "text/plain"}
    content["securityContext"] = {"reference": "DocumentReference/d"}  # type: ignore[assignment]
    marks = "select target from ref where param = 0"
    for round in range(2):
        store = await open_store(dsn)
        for write in ("update", "delete", "update", "delete"):
            one = Intent(write, "Binary", "b", resource=content, may_create=True)  # type: ignore[arg-type]
            await store.transact(ROOT, batch(one))
            assert [r["target"] for r in await store.pool.fetch(marks)] == ["DocumentReference/d"], round
        await store.set_note("index", "0")
        await store.close()
    await (await open_store(dsn)).close()
    conn = await asyncpg.connect(dsn)
    assert await conn.fetchval("select count(*) from ref where param = 0") == 1
    await conn.close()


async def test_a_resource_may_arrive_before_its_patient(store: Store) -> None:
    (early,) = await store.transact(
        ROOT, batch(Intent("create", "Observation", resource=weight("late", "80")))
    )
    with pytest.raises(Problem):
        await store.read(ROOT, "Patient", "late")
    await store.transact(
        ROOT, batch(Intent("update", "Patient", "late", resource=patient("late"), may_create=True))
    )
    pats = await store.pool.fetch("select distinct pat from res")
    assert len(pats) == 1
    assert (await store.read(ROOT, "Observation", early.id)).version == 1


async def test_a_changed_subject_moves_the_resource_with_its_history(store: Store) -> None:
    for name in ("a", "b"):
        await store.transact(
            ROOT, batch(Intent("update", "Patient", name, resource=patient(name), may_create=True))
        )
    (made,) = await store.transact(ROOT, batch(Intent("create", "Observation", resource=weight("a", "80"))))
    moved = {**weight("b", "80"), "id": made.id}
    await store.transact(ROOT, batch(Intent("update", "Observation", made.id, resource=moved)))
    rows, _, total = await store.history(ROOT, ["Observation"], made.id, count=10)
    assert (total, rows[0].pat != rows[1].pat) == (2, True)
    assert await store.pool.fetchval("select count(*) from ref where pat = $1", rows[1].pat) == 0


async def test_fifty_writers_of_one_patient_lose_no_update(store: Store) -> None:
    await store.transact(
        ROOT, batch(Intent("update", "Patient", "p1", resource=patient("p1"), may_create=True))
    )

    async def once(n: int) -> None:
        await store.transact(ROOT, batch(Intent("update", "Patient", "p1", resource=patient("p1", f"N{n}"))))

    await asyncio.gather(*(once(n) for n in range(50)))
    rows, _, total = await store.history(ROOT, ["Patient"], "p1", count=100)
    assert total == 51
    assert [r.version for r in rows] == list(range(51, 0, -1))


async def test_a_history_of_many_is_counted_when_asked_or_told_whole(store: Store) -> None:
    for n in range(5):
        await store.transact(
            ROOT, batch(Intent("update", "Patient", "p1", resource=patient("p1", f"N{n}"), may_create=True))
        )
    rows, following, total = await store.history(ROOT, ["Patient"], count=3)
    assert (len(rows), total) == (3, None)
    rest, end, total = await store.history(ROOT, ["Patient"], count=3, cursor=following)
    assert [r.version for r in (*rows, *rest)] == [5, 4, 3, 2, 1] and (end, total) == (None, None)
    assert (await store.history(ROOT, ["Patient"], count=5))[1:] == (None, 5)
    assert await store.history(ROOT, ["Patient"], count=0) == ([], None, 5)
    assert (await store.history(ROOT, ["Patient"], "p1", count=3))[2] == 5


async def test_what_comes_again_is_no_older_than_its_deletion(store: Store) -> None:
    """A clock that went back must not hide a version from who asks what changed since."""
    again = Intent("update", "Patient", "p1", resource=patient("p1"), may_create=True)
    await store.transact(ROOT, batch(again))
    later = ROOT.but(now=NOW + 5_000)
    await store.transact(later, batch(Intent("delete", "Patient", "p1")))
    (made,) = await store.transact(ROOT, batch(again))
    assert (made.version, made.updated) == (3, NOW + 5_000)
    (gone,) = await store.transact(ROOT, batch(Intent("delete", "Patient", "p1")))
    assert (gone.version, gone.updated) == (4, NOW + 5_000)


def _asked(text: str) -> Intent:
    condition = parse("Practitioner", [("identifier", text)], registry=registry())
    return Intent("create", "Practitioner", resource={"resourceType": "Practitioner"}, condition=condition)


async def test_a_thousand_conditions_take_one_lock_that_all_others_heed(store: Store) -> None:
    """PostgreSQL has room for some thousands of locks: one transaction must not take them all."""
    many, one = batch(*(_asked(f"urn:a|{n}") for n in range(1000))), batch(_asked("urn:a|7"))
    counted = f"select count(*) from {OURS} and locktype = 'advisory' and granted"

    async def lock(what: Batch, held: Undertaking) -> None:
        finder = Finder(held, ROOT, store.keys, store.ids, lambda conn, asked: None)
        await finder._lock_conditions(what)

    async with undertaken(store.pool, store.planned, store.added) as first:
        await lock(many, first)
        assert await store.planned.fetchval(counted) == 1
        async with undertaken(store.pool, store.planned, store.added) as second:
            waits = asyncio.create_task(lock(one, second))
            await asyncio.wait({waits}, timeout=0.3)
            assert not waits.done()
            await first.running.rollback()
            first.running = None
            await waits
            assert await store.planned.fetchval(counted) == 2


async def test_a_write_names_what_concerns_several_in_the_same_words_however_many(store: Store) -> None:
    people = [patient(f"p{n}") for n in range(3)]
    both = [
        {**weight("p0", "70"), "id": f"w{n}", "performer": [{"reference": "Patient/p1"}]} for n in range(40)
    ]
    for rows in (people, both):
        await store.transact(ROOT, batch(*(_put(row) for row in rows)))
    other = [{**row, "performer": [{"reference": "Patient/p2"}]} for row in both]
    texts = []
    for rows in (other[:1], other[1:3], other[3:]):
        asked: list[tuple[str, int]] = []
        with _noting(asked):
            await store.transact(ROOT, batch(*(_put(row) for row in rows)))
        texts.append([one for one in asked if "until_ver" in one[0]])
    assert len(texts[1]) == 1 and texts[1] == texts[2]
    stubs = await store.pool.fetch("select until_ver, count(*) from stub group by 1 order by 1")
    assert [tuple(row) for row in stubs] == [(1, 40), (None, 40)]


async def test_what_comes_again_concerns_those_whom_it_names_now(store: Store) -> None:
    """Its stubs outlive a deletion, whose past they hide or show; not its coming again for somebody else."""
    people = [_put(patient(f"p{n}")) for n in range(3)]
    both = {**weight("p0", "70"), "id": "w", "performer": [{"reference": "Patient/p1"}]}
    await store.transact(ROOT, batch(*people, _put(both)))

    async def exported(whose: str) -> list[int]:
        found, _ = await store.export(ROOT, Slice("Observation", store.mark() + 1, members=(whose,)))
        return [row.version for row in found]

    assert (await exported("p0"), await exported("p1")) == ([1], [1])
    await store.transact(ROOT, batch(Intent("delete", "Observation", "w")))
    await store.transact(ROOT, batch(_put({**weight("p0", "71"), "id": "w"})))
    assert (await exported("p0"), await exported("p1")) == ([3], [])
    await store.transact(ROOT, batch(Intent("delete", "Observation", "w")))
    await store.transact(ROOT, batch(_put({**both, "performer": [{"reference": "Patient/p2"}]})))
    assert (await exported("p0"), await exported("p1"), await exported("p2")) == ([5], [], [5])


def _put(row: dict[str, Any]) -> Intent:
    return Intent("update", row["resourceType"], row["id"], resource=row, may_create=True)


@contextmanager
def _noting(asked: list[tuple[str, int]]) -> Iterator[None]:
    """Notes the statements of undertakings, and how many arguments each has."""
    last = Undertaking.last

    async def noted(self: Undertaking, sql: str, *args: Any, brief: bool) -> Any:
        asked.append((sql, len(args)))
        return await last(self, sql, *args, brief=brief)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Undertaking, "last", noted)
        yield


async def test_a_claim_is_held_by_one(store: Store) -> None:
    held = Claim("ins|1", "Patient/a", NOW + 10)
    await store.transact(ROOT, batch(claims=[held]))
    with pytest.raises(Problem) as refusal:
        await store.transact(ROOT, batch(claims=[replace(held, holder="Patient/b")]))
    assert refusal.value.kind == "conflict"
    later = ROOT.but(now=NOW + 20)
    await store.transact(later, batch(claims=[replace(held, holder="Patient/b")]))
    assert await store.pool.fetchval("select holder from claim") == "Patient/b"


class TestRights:
    """Hidden and missing are one; rights end at once."""

    doctor = Sight("dr", "Dr Morvan", NOW, keys=("ps:1",), own=("author:ps:1",), types=None)

    @pytest.fixture
    async def record(self, store: Store) -> str:
        await store.transact(
            ROOT, batch(Intent("update", "Patient", "p", resource=patient("p"), may_create=True))
        )
        (made,) = await store.transact(
            ROOT, batch(Intent("create", "Observation", resource=weight("p", "80")))
        )
        return made.id

    async def test_without_a_grant_nothing_is_there(self, store: Store, record: str) -> None:
        for kind, logical in (("Patient", "p"), ("Observation", record), ("Observation", "no-such")):
            with pytest.raises(Problem) as refusal:
                await store.read(self.doctor, kind, logical)
            assert str(refusal.value) == f"{kind}/{logical} is not known here"
        assert await store.history(self.doctor, ["Observation"], count=10) == ([], None, 0)

    async def test_a_grant_opens_and_a_deny_closes(self, store: Store, record: str) -> None:
        await store.transact(ROOT, batch(grants=[Grant("p", "ps:1", "care")]))
        assert (await store.read(self.doctor, "Observation", record)).version == 1
        await store.transact(ROOT, batch(grants=[Grant("p", "anyone", "opposition", deny=True)]))
        with pytest.raises(Problem):
            await store.read(self.doctor, "Observation", record)

    async def test_writing_needs_a_right_to_write(self, store: Store, record: str) -> None:
        await store.transact(ROOT, batch(grants=[Grant("p", "ps:1", "care", "r")]))
        with pytest.raises(Problem) as refusal:
            await store.transact(
                self.doctor, batch(Intent("create", "Observation", resource=weight("p", "81")))
            )
        assert refusal.value.kind == "forbidden"
        await store.transact(ROOT, batch(grants=[Grant("p", "ps:1", "care", "rw")]))
        await store.transact(self.doctor, batch(Intent("create", "Observation", resource=weight("p", "81"))))
        assert await store.pool.fetchval("select count(*) from res") == 3

    async def test_each_answer_leaves_its_line(self, store: Store, record: str) -> None:
        await store.transact(ROOT, batch(grants=[Grant("p", "ps:1", "care")]))
        await store.read(self.doctor, "Observation", record)
        with pytest.raises(Problem):
            await store.read(self.doctor, "Patient", "q")
        lines = await store.pool.fetch("select * from audit where actor = 'dr' order by aid")
        assert [(r["action"], r["hits"], r["basis"], r["pat"] > 0) for r in lines] == [
            ("read", 1, "care", True),
            ("read", 0, "none", False),
        ]


async def test_a_large_transaction_lets_others_have_their_turn(store: Store) -> None:
    """Whoever asks while it is prepared is not kept waiting until all of it is."""
    (whose,) = await store.transact(ROOT, batch(Intent("create", "Patient", resource=patient())))
    prepared: list[str] = []

    async def noted(conn: Any, resource: dict[str, Any], before: Any) -> tuple[dict[str, Any], list[str]]:
        prepared.append(resource["resourceType"])
        return await _as_is(conn, resource, before)

    many = [Intent("create", "Observation", resource=weight(whose.id, "79")) for _ in range(300)]
    one = [Intent("create", "Patient", resource=patient())]
    written = await asyncio.gather(*(store.transact(ROOT, Batch(intents, noted)) for intents in (many, one)))
    assert prepared.index("Patient") < 100
    assert [len(each) for each in written] == [300, 1]
    assert len(prepared) == 301


async def test_no_feed_goes_on_past_a_large_transaction(database: Callable[[], str]) -> None:
    """It holds nobody back while it is prepared: it is dated, and marked, when it is written."""
    store = await open_store(database(), clock_moved=False)
    (whose,) = await store.transact(ROOT, batch(Intent("create", "Patient", resource=patient())))
    told: list[int] = []

    async def changed(since: int) -> list[int]:
        rows, _, _ = await store.history(ROOT, ["Patient", "Observation"], since=since, count=500)
        return [row.updated for row in rows]

    async def slowly(conn: Any, resource: dict[str, Any], before: Any) -> tuple[dict[str, Any], list[str]]:
        if not told:
            await asyncio.sleep(0.002)
            await store.transact(ROOT, batch(Intent("create", "Patient", resource=patient())))
            told.extend(await changed(whose.updated))
        return await _as_is(conn, resource, before)

    many = [Intent("create", "Observation", resource=weight(whose.id, "79")) for _ in range(40)]
    await store.transact(ROOT, Batch(many, slowly))
    assert len(told) == 2 and max(told) > whose.updated
    assert len(await changed(max(told))) == 41, "the last one told, and all of the transaction"
    await store.close()


async def test_many_that_leave_one_value_do_not_each_read_all(store: Store) -> None:
    """Before PostgreSQL has any statistics, too."""
    count, read = 400, []
    bodies = [{**weight("p1", "70"), "id": f"w{n}"} for n in range(count)]
    others = "insert into ref select n % 50, 'Device/' || n, n, n from generate_series(1, 20000) n"
    await store.pool.execute(others)

    async def reckon(conn: Any, written: Any) -> None:
        rows = "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'ref'"
        read.append(await conn.fetchval(rows))

    for name in ("one", "other"):
        named = [b | {"performer": [{"reference": f"Practitioner/{name}"}]} for b in bodies]
        intents = [Intent("update", "Observation", b["id"], resource=b, may_create=True) for b in named]
        await store.transact(ROOT, batch(*intents, receipt=reckon))
    assert read[1] <= 10 * count
    assert await store.pool.fetchval("select count(*) from ref where target = 'Practitioner/one'") == 0
