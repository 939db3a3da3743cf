"""Who asks again and again what came since the last date told is told every version, whoever writes how."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from aubier.access.actor import system_actor
from aubier.ground.clock import system_clock
from aubier.store import pool
from aubier.store.intent import Grant
from aubier.store.keys import type_names
from tests.open_house import BASE, DOCTOR, JSON, OpenHouse, open_house

LONG, WRITERS = 5.0, 8
BEGIN = "2020-01-01T00:00:00Z"
PATIENT = "Patient/of-feeds"
SLOW = """
create function slow() returns trigger language plpgsql as
$$ begin if random() < 0.25 then perform pg_sleep(random() * 0.04); end if; return null; end $$;
create trigger slow_to_write after insert or update on res for each statement execute function slow();
create constraint trigger slow_to_commit after insert on id_map deferrable initially deferred
  for each row when (new.id like '%7') execute function slow();
"""
"""Writers that take their time between their mark and their commit, each another one."""

Version = tuple[str, int]
"""`Type/id` and a number."""


@dataclass
class Book:
    """What was acknowledged: versions with whether they are deletions."""

    versions: set[Version] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    """Resources whose last version is a deletion."""

    def wrote(self, name: str, version: int) -> None:
        self.versions.add((name, version))


def observation(value: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "identifier": [{"system": "urn:feeds", "value": str(value)}],
        "subject": {"reference": PATIENT},
        "valueInteger": value,
    }


def basic(value: int) -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"text": str(value)}, "subject": {"reference": PATIENT}}


@dataclass
class Door:
    """One of several serving processes, as its clients see it."""

    house: OpenHouse

    async def ask(
        self, method: str, path: str, body: Any = None, *, who: str = "feeds", **headers: str
    ) -> httpx.Response:
        sent = {"x-login": who, "content-type": headers.pop("kind", JSON)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if path.startswith("http") else f"{BASE}/fhir/{path}".rstrip("/")
        content = None if body is None else json.dumps(body).encode()
        return await self.house.client.request(method, url, headers=sent, content=content)

    async def good(self, path: str, who: str = "feeds") -> Any:
        answer = await self.ask("GET", path, who=who)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pages(self, path: str, who: str) -> AsyncIterator[dict[str, Any]]:
        """The entries of an answer and of all its pages."""
        while path:
            page = await self.good(path, who)
            for entry in page.get("entry", []):
                yield entry
            path = next((x["url"] for x in page.get("link", []) if x["relation"] == "next"), "")


class Writer:
    """Writes without rest, of its own and what others write too."""

    def __init__(self, number: int, doors: list[Door], book: Book) -> None:
        self.number, self.doors, self.book = number, doors, book
        self.draw, self.count = random.Random(number), 0
        self.mine: list[str] = []

    def value(self) -> int:
        self.count += 1
        return self.number * 1_000_000 + self.count

    async def run(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        one = (self.create, self.change, self.patch, self.delete, self.once, self.named)
        acts = (*one, self.together, self.load)
        while loop.time() < until:
            act = self.draw.choices(acts, weights=(6, 4, 3, 1, 1, 1, 3, 1))[0]
            await act(self.draw.choice(self.doors))

    def done(self, answer: httpx.Response) -> None:
        if answer.status_code in (404, 409, 410, 412, 422):
            return
        assert answer.status_code in (200, 201, 204), answer.text
        if location := answer.headers.get("location", answer.headers.get("content-location", "")):
            kind, logical, _, version = location.split("/")[-4:]
            self.noted(f"{kind}/{logical}", int(version))

    def noted(self, name: str, version: int) -> None:
        self.book.wrote(name, version)
        if name.startswith("Observation/") and name not in self.mine:
            self.mine.append(name)

    async def create(self, door: Door) -> None:
        self.done(await door.ask("POST", "Observation", observation(self.value())))

    async def change(self, door: Door) -> None:
        name = "Basic/shared" if self.draw.random() < 0.3 or not self.mine else self.draw.choice(self.mine)
        kind, _, logical = name.partition("/")
        body = {
            "resourceType": "Basic",
            "code": {"text": str(self.value())},
            "subject": {"reference": PATIENT},
        }
        if kind == "Observation":
            body = observation(self.value())
        answer = await door.ask("PUT", name, {**body, "id": logical})
        self.done(answer)
        if answer.status_code in (200, 201):
            self.book.wrote(name, int(answer.json()["meta"]["versionId"]))

    async def patch(self, door: Door) -> None:
        if not self.mine:
            return
        name, change = (
            self.draw.choice(self.mine),
            {"op": "replace", "path": "/valueInteger", "value": self.value()},
        )
        answer = await door.ask("PATCH", name, [change], kind="application/json-patch+json")
        if answer.status_code == 200:
            self.book.wrote(name, int(answer.json()["meta"]["versionId"]))

    async def delete(self, door: Door) -> None:
        if len(self.mine) < 5:
            return
        name = self.mine.pop(self.draw.randrange(len(self.mine)))
        answer = await door.ask("DELETE", name)
        assert answer.status_code in (200, 204, 409), answer.text
        if answer.status_code != 409:
            self.book.gone.add(name)

    async def once(self, door: Door) -> None:
        value = self.draw.randrange(20)
        condition = f"identifier=urn:feeds|{value}"
        self.done(await door.ask("POST", "Observation", observation(value), if_none_exist=condition))

    async def named(self, door: Door) -> None:
        value = self.draw.randrange(20, 30)
        answer = await door.ask("PUT", f"Observation?identifier=urn:feeds|{value}", observation(value))
        if answer.status_code in (200, 201):
            found = answer.json()
            self.book.wrote(f"Observation/{found['id']}", int(found["meta"]["versionId"]))

    async def together(self, door: Door) -> None:
        size = self.draw.choice((2, 3, 5, 20, 40, 100))
        entries = [
            {"resource": observation(self.value()), "request": {"method": "POST", "url": "Observation"}}
            for _ in range(size)
        ]
        answer = await door.ask(
            "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        )
        assert answer.status_code == 200, answer.text
        for entry in answer.json()["entry"]:
            kind, logical, _, version = entry["response"]["location"].split("/")[-4:]
            self.noted(f"{kind}/{logical}", int(version))

    async def load(self, door: Door) -> None:
        """In bulk: what is new by COPY, the rest by updates."""
        first = self.draw.randrange(40)
        some = [
            {**observation(self.value()), "id": f"loaded-{self.number}-{n}"} for n in range(first, first + 20)
        ]
        report = await door.house.system().store.load(some)
        assert report.created + report.updated == len(some)


@dataclass
class Poller:
    """Keeps what it was told, and asks what came since the last date among it."""

    door: Door
    path: str
    who: str = "feeds"
    since: str = BEGIN
    told: set[Version] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    async def once(self) -> None:
        """One question, all its pages."""
        path = self.path.format(since=self.since)
        for entry in [e async for e in self.door.pages(path, self.who)]:
            self.heard(entry)

    def heard(self, entry: dict[str, Any]) -> None:
        name = "/".join(entry["fullUrl"].split("/")[-2:])
        if meta := entry.get("resource", {}).get("meta"):
            self.told.add((name, int(meta["versionId"])))
            self.since = max(self.since, meta["lastUpdated"])
        else:
            self.gone.add(name)
            self.since = max(self.since, entry["response"]["lastModified"])

    async def run(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            await self.once()
            await asyncio.sleep(0.002)


@dataclass
class Exporter(Poller):
    """The same by `$export`, each since the moment of the one before."""

    async def once(self) -> None:
        path = self.path.format(since=self.since)
        begun = await self.door.ask("GET", path, who=self.who, prefer="respond-async")
        assert begun.status_code == 202, begun.text
        place = begun.headers["content-location"]
        answer = await self.door.ask("GET", place, who=self.who)
        for _ in range(3000):
            if answer.status_code != 202:
                break
            await asyncio.sleep(0.01)
            answer = await self.door.ask("GET", place, who=self.who)
        assert answer.status_code == 200, answer.text
        manifest = answer.json()
        for row in manifest["output"]:
            for line in (await self.door.ask("GET", row["url"], who=self.who)).content.splitlines():
                resource = json.loads(line)
                name = f"{resource['resourceType']}/{resource['id']}"
                self.told.add((name, int(resource["meta"]["versionId"])))
        for row in manifest.get("deleted", []):
            for entry in (await self.door.good(row["url"], self.who))["entry"]:
                self.gone.add(entry["request"]["url"])
        self.since = manifest["transactionTime"]


EVERY = ("_history?_since={since}", "_history?_since={since}&_sort=_lastUpdated&_count=7")
OF_TYPE = ("Observation/_history?_since={since}&_count=50",)
OF_ONE = ("Basic/shared/_history?_since={since}&_count=3",)
LATEST = (
    PATIENT + "/$everything?_since={since}&_count=60",
    "Observation?_lastUpdated=ge{since}&_count=40",
    "Observation?_lastUpdated=ge{since}&_sort=_lastUpdated&_count=7",
    "?_type=Observation,Basic&_lastUpdated=ge{since}&_count=7",
)
EXPORT = "$export?_type=Observation,Basic&_since={since}"
ACTORS = {"feeds": system_actor("feeds"), "doctor": DOCTOR}

Stored = dict[str, list[tuple[int, int, bool]]]
"""The versions of each resource by their commit marks: number, date, whether it is a deletion."""


@pytest.fixture
async def doors(database: Callable[[], str], tmp_path: Path) -> AsyncIterator[list[Door]]:
    """Two houses on one database, under the machine's clock, whose writers take their time."""
    dsn = database()
    async with AsyncExitStack() as stack:
        houses = [
            await stack.enter_async_context(open_house(dsn, tmp_path / name, system_clock, ACTORS))
            for name in ("one", "two")
        ]
        yield [Door(house) for house in houses]


async def laid(door: Door, book: Book) -> None:
    """The record that all write in, open to a doctor."""
    for name, body in ((PATIENT, {"resourceType": "Patient"}), ("Basic/shared", basic(0))):
        made = await door.ask("PUT", name, {**body, "id": name.partition("/")[2]})
        assert made.status_code == 201, made.text
        book.wrote(name, 1)
    grant = Grant(PATIENT.partition("/")[2], DOCTOR.keys[0], "treating-doctor", "r")
    await door.house.system().store.grant(grant)
    await door.house.house.store.pool.execute(SLOW)


async def test_nothing_is_missed(doors: list[Door]) -> None:
    book, ended = Book(), asyncio.Event()
    await laid(doors[0], book)
    asked = [(path, "feeds") for path in (*EVERY, *OF_TYPE, *OF_ONE, *LATEST)]
    asked += [(path, "doctor") for path in (*OF_TYPE, *LATEST)]
    pollers = [Poller(doors[n % 2], *one) for n, one in enumerate(asked)]
    pollers.append(Exporter(doors[0], EXPORT))
    until = asyncio.get_running_loop().time() + LONG
    polling = [asyncio.create_task(poller.run(ended)) for poller in pollers]
    await asyncio.gather(*(Writer(n, doors, book).run(until) for n in range(1, WRITERS + 1)))
    ended.set()
    await asyncio.gather(*polling)
    for poller in pollers:
        await poller.once()
    stored = await versions_of(doors[0])
    every = {(name, number) for name, rows in stored.items() for number, _, gone in rows if not gone}
    assert book.versions <= every and len(every) > 100
    for name, rows in stored.items():
        numbers, dates, _ = zip(*rows, strict=True)
        assert list(numbers) == list(range(1, len(rows) + 1)), f"{name} is out of order"
        assert list(dates) == sorted(dates), f"{name} has a version older than the one before"
    missed = [(p.path, p.who, len(wanted(p.path, stored, every) - p.told)) for p in pollers]
    assert not [one for one in missed if one[2]]
    ended_here = {name for name, rows in stored.items() if rows[-1][2]}
    assert ended_here >= book.gone
    for poller in pollers:
        if poller.path in (*EVERY, *OF_TYPE, EXPORT):
            assert poller.gone >= ended_here, poller.path


@pytest.mark.parametrize("order", ["", "&_sort=-_lastUpdated"])
async def test_all_types_of_a_search_by_date_are_of_one_moment(doors: list[Door], order: str) -> None:
    """Else the last date told of one type is later than what came meanwhile of another, never told."""
    door = doors[0]
    await laid(door, Book())
    for n in range(2):
        await door.ask("POST", "Observation", observation(n))
    path = f"?_type=Observation,Basic&_lastUpdated=ge{BEGIN}&_count=2{order}"
    told = []
    async for entry in door.pages(path, "feeds"):
        if not told:
            await door.ask("POST", "Observation", observation(9))
            await door.ask("POST", "Basic", basic(9))
        told.append(entry["resource"])
    assert len(told) == 3 and not [r for r in told if r.get("valueInteger") == 9]
    assert "9" not in [r["code"].get("text") for r in told]


async def versions_of(door: Door) -> Stored:
    found: Stored = defaultdict(list)
    parts = " union all ".join(
        f"select type, id, ver, seq, upd, op from {table}" for table in ("res", "hist")
    )
    for row in await door.house.house.store.pool.fetch(f"select * from ({parts}) r order by seq, ver"):
        name = f"{type_names()[row['type']]}/{row['id']}"
        found[name].append((row["ver"], row["upd"], row["op"] == 4))
    return found


def wanted(path: str, stored: Stored, every: set[Version]) -> set[Version]:
    """What who asks this is to be told: all versions, or the latest of what is there."""
    if path in EVERY:
        return every
    if path in OF_TYPE:
        return {v for v in every if v[0].startswith("Observation/")}
    if path in OF_ONE:
        return {v for v in every if v[0] == "Basic/shared"}
    latest = {(name, rows[-1][0]) for name, rows in stored.items() if not rows[-1][2]}
    return {v for v in latest if v[0].startswith("Observation/")}


async def test_a_version_comes_after_the_one_before_though_that_one_is_marked_later(
    doors: list[Door],
) -> None:
    """As after a release whose marks were the clocks of processes, or a database whose clock was set back."""
    book, pool = Book(), doors[0].house.house.store.pool
    await laid(doors[0], book)
    # at the beginning of its millisecond, so that the marks that follow are in it too
    await pool.execute("update res set seq = upd * 1000 + 60000000, upd = upd + 60000 where id = 'shared'")
    changed = await doors[1].ask("PUT", "Basic/shared", {**basic(1), "id": "shared"})
    assert changed.status_code == 200, changed.text
    gone = await doors[0].ask("DELETE", "Basic/shared")
    assert gone.status_code in (200, 204), gone.text
    again = await doors[1].ask("PUT", "Basic/shared", {**basic(2), "id": "shared"})
    assert again.status_code == 201, again.text
    rows = (await versions_of(doors[0]))["Basic/shared"]
    assert [number for number, _, _ in rows] == [1, 2, 3, 4]
    assert len({date for _, date, _ in rows}) == 1
    told = await doors[0].good("Basic/shared/_history")
    assert [e["response"]["etag"] for e in told["entry"]] == [f'W/"{n}"' for n in (4, 3, 2, 1)]


async def test_who_reads_for_long_or_leaves_a_transaction_idle_holds_up_nobody(doors: list[Door]) -> None:
    """A backup, a client left open: what does not write holds nothing back; what does, until it has ended."""
    book, feed = Book(), Poller(doors[0], EVERY[0])
    await laid(doors[0], book)
    async with doors[1].house.house.store.pool.acquire() as other, other.transaction():
        await other.fetchval("select count(*) from res")
        await doors[0].ask("PUT", "Basic/shared", {**basic(1), "id": "shared"})
        await feed.once()
        assert ("Basic/shared", 2) in feed.told
        await other.execute("select pg_current_xact_id()")
        await doors[0].ask("PUT", "Basic/shared", {**basic(2), "id": "shared"})
        await feed.once()
        assert ("Basic/shared", 3) not in feed.told
    await feed.once()
    assert ("Basic/shared", 3) in feed.told


@pytest.mark.parametrize("path", [EVERY[0] + "&_count=2", *(p.rpartition("=")[0] + "=2" for p in LATEST)])
async def test_pages_keep_to_the_look_of_the_first(doors: list[Door], path: str) -> None:
    """Another would find who began before and writes since, and hide what is older than the last told."""
    book, door = Book(), doors[0]
    await laid(door, book)
    async with doors[1].house.house.store.pool.acquire() as other, other.transaction():
        await other.fetchval("select count(*) from res")
        for n in range(5):
            made = await door.ask("PUT", f"Observation/o{n}", {**observation(n), "id": f"o{n}"})
            assert made.status_code == 201, made.text
        told = set()
        async for entry in door.pages(path.format(since=BEGIN), "feeds"):
            told.add(entry["fullUrl"].rpartition("/")[2])
            await other.execute("select pg_current_xact_id()")
    assert {f"o{n}" for n in range(5)} <= told


async def test_a_writer_that_stands_still_is_ended_and_feeds_go_on(
    database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process that is stopped in the middle, or whose network is gone."""
    monkeypatch.setattr(pool, "LONGEST_IDLE_MS", 4000)
    async with open_house(database(), tmp_path, system_clock, ACTORS) as house:
        book, feed = Book(), Poller(Door(house), EVERY[0])
        await laid(feed.door, book)
        still = await house.house.store.pool.acquire()
        await still.execute("begin")
        await still.execute("select pg_current_xact_id()")
        changed = await feed.door.ask("PUT", "Basic/shared", {**basic(1), "id": "shared"})
        assert changed.status_code == 200, changed.text
        await feed.once()
        assert feed.told == book.versions, "the change waits"
        stands = "select exists (select from pg_stat_activity where pid = $1)"
        pid = still.get_server_pid()
        for _ in range(600):
            if not await house.house.store.pool.fetchval(stands, pid):
                break
            await asyncio.sleep(0.05)
        await feed.once()
        assert feed.told == book.versions | {("Basic/shared", 2)}
        await house.house.store.pool.release(still)
