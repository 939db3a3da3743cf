"""Nothing acknowledged is lost, whatever is killed when: a real server under load, and kill -9.

Clients create, update and send transactions while the serving process, the main process, the database
server, or all of them are killed. After each kill it must come back by itself (or by starting it again when
the main process died); at the end the database is compared with what was answered.
"""

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest

from aubier.fhir import json as fhir_json
from aubier.store import codec
from aubier.store.embedded.server import find
from tests.contract.running import Running, running

CLIENTS = 6
LONGEST_ANSWER = 10.0
TOGETHER = 5
MARK = "urn:kill"
DOCTOR, CARED_FOR = "dr.morvan", ("yann", "odette", "gael", "gwen")


@dataclass
class Book:
    """What the clients sent and were answered. Versions are of resources known by a mark of ours."""

    created: dict[str, str] = field(default_factory=dict)  # mark -> id, acknowledged
    versions: dict[str, int] = field(default_factory=dict)  # id -> highest acknowledged version
    values: dict[tuple[str, int], int] = field(default_factory=dict)  # (id, version) -> value acknowledged
    whole: set[str] = field(default_factory=set)  # tokens of acknowledged transactions
    answers: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0


def weight(patient: str, mark: str, value: int) -> dict[str, Any]:
    """An Observation that bears a mark."""
    code = {"system": "http://loinc.org", "code": "29463-7"}
    unit = {"unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "identifier": [{"system": MARK, "value": mark}],
        "code": {"coding": [code]},
        "subject": {"reference": patient},
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": {"value": value, **unit},
    }


class Client:
    """One client: keeps on writing until told to stop, and keeps book of the answers."""

    def __init__(self, number: int, at: Running, who: tuple[str, str], book: Book) -> None:
        self.number, self.at, self.book = number, at, book
        self.patient, self.token = who
        self.draw = random.Random(number)
        self.mine: list[str] = []
        self.count = 0
        self.stopping = False

    async def run(self) -> None:
        """Writes; a lost connection or a refusal for the moment is waited out."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=self.at.url, headers=headers, timeout=30, verify=False) as http:
            while not self.stopping:
                self.count += 1
                begun = time.monotonic()
                try:
                    await self._write(http)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                took = time.monotonic() - begun
                self.book.slowest = max(self.book.slowest, took)

    async def _write(self, http: httpx.AsyncClient) -> None:
        turn = self.draw.random()
        if turn < 0.4 or not self.mine:
            await self._create(http)
        elif turn < 0.7:
            await self._update(http)
        else:
            await self._transact(http)

    async def _create(self, http: httpx.AsyncClient) -> None:
        mark = f"c{self.number}-{self.count}"
        answer = await http.post("/fhir/Observation", json=weight(self.patient, mark, 1))
        if self._fine(answer, 201):
            logical = answer.json()["id"]
            self.book.created[mark] = logical
            self.book.versions[logical] = 1
            self.mine.append(logical)

    async def _update(self, http: httpx.AsyncClient) -> None:
        logical = self.draw.choice(self.mine)
        value = self.count + 1
        body = {**weight(self.patient, f"u{self.number}-{self.count}", value), "id": logical}
        answer = await http.put(f"/fhir/Observation/{logical}", json=body)
        if self._fine(answer, 200):
            version = int(answer.json()["meta"]["versionId"])
            self.book.versions[logical] = max(version, self.book.versions[logical])
            self.book.values[logical, version] = value

    async def _transact(self, http: httpx.AsyncClient) -> None:
        token = f"t{self.number}-{self.count}"
        entries = [
            {
                "resource": weight(self.patient, f"{token}-{n}", n),
                "request": {"method": "POST", "url": "Observation"},
            }
            for n in range(TOGETHER)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        if self._fine(await http.post("/fhir", json=bundle), 200):
            self.book.whole.add(token)

    def _fine(self, answer: httpx.Response, expected: int) -> bool:
        self.book.answers[answer.status_code] += 1
        if answer.status_code == expected:
            return True
        if answer.status_code != 503 or answer.json()["issue"][0]["code"] != "transient":
            self.book.wrong.append(f"{answer.status_code} {answer.request.method} {answer.text[:600]}")
        return False


KINDS = ("serving", "postgres", "main", "all")


def strike(at: Running, kind: str) -> None:
    """Kills, and starts again what nobody else would."""
    if kind in ("serving", "all"):
        at.kill_serving()
    if kind in ("main", "all"):
        at.kill_main()
    if kind in ("postgres", "all"):
        at.kill_postgres()
    if kind in ("main", "all"):
        at.start()


async def under_load(at: Running, kills: int, seed: int) -> Book:
    """Kills again and again while the clients write; gives the book."""
    book, draw = Book(), random.Random(seed)
    patients, token = at.patients(), at.token(DOCTOR, "user/*.cruds")
    clients = [Client(n, at, (patients[CARED_FOR[n % 4]], token), book) for n in range(CLIENTS)]
    tasks = [asyncio.create_task(c.run()) for c in clients]
    try:
        for n in range(kills):
            await _some_answers(book, at)
            await asyncio.sleep(draw.random())
            await asyncio.to_thread(strike, at, KINDS[n % len(KINDS)])
            await asyncio.to_thread(at.wait)
        await _some_answers(book, at)
    finally:
        for client in clients:
            client.stopping = True
        await asyncio.gather(*tasks)
    return book


async def _some_answers(book: Book, at: Running, most: float = 10.0) -> None:
    """Waits until writes are answered well again."""
    before, until = len(book.created), time.monotonic() + most
    while len(book.created) < before + CLIENTS:
        assert time.monotonic() < until, f"no write was acknowledged: {book.answers} {at.log()}"
        await asyncio.sleep(0.05)


async def look(at: Running, book: Book) -> None:
    """Compares the database with what was answered."""
    dsn = find(at.data)
    assert dsn
    conn = await asyncpg.connect(dsn)
    try:
        current = await conn.fetch(
            "select distinct r.id, r.ver, r.pat, r.rid, r.seq, r.dict, r.raw from res r join ident i"
            " on i.rid = r.rid and i.pat = r.pat where i.system = $1",
            MARK,
        )
        past = await conn.fetch(
            "select h.id, h.ver, h.seq, h.dict, h.raw from hist h where h.rid = any($1::bigint[])",
            [r["rid"] for r in current],
        )
        lines = await conn.fetch(
            "select what from audit where outcome = 'ok' and what like '%Observation/%'"
            " and action in ('create', 'update', 'transaction')"
        )
        doubles = await conn.fetchval("select count(*) - count(distinct (type, id)) from res")
    finally:
        await conn.close()
    assert doubles == 0
    _same_as_answered(book, [*current, *past])
    _history_without_hole(current, past)
    _every_write_has_its_line([*current, *past], lines)


def _same_as_answered(book: Book, rows: list[Any]) -> None:
    stored = {(r["id"], r["ver"]): fhir_json.parse(codec.unpack(r["dict"], r["raw"])) for r in rows}
    latest: dict[str, int] = defaultdict(int)
    for logical, version in stored:
        latest[logical] = max(latest[logical], version)
    marks = {v["identifier"][0]["value"]: key for key, v in stored.items()}
    lost = [m for m, logical in book.created.items() if marks.get(m) != (logical, 1)]
    assert not lost, f"acknowledged and lost: {lost[:5]} of {len(book.created)}"
    behind = {i: (v, latest[i]) for i, v in book.versions.items() if latest[i] < v}
    assert not behind, behind
    changed = [key for key, value in book.values.items() if stored[key]["valueQuantity"]["value"] != value]
    assert not changed, changed
    parts: dict[str, int] = defaultdict(int)
    for mark in marks:
        if mark.startswith("t"):
            parts[mark.rpartition("-")[0]] += 1
    assert set(parts.values()) <= {TOGETHER}, "a transaction was torn"
    assert book.whole <= parts.keys(), "an acknowledged transaction was lost"


def _history_without_hole(current: list[Any], past: list[Any]) -> None:
    versions: dict[str, list[int]] = defaultdict(list)
    for row in [*current, *past]:
        versions[row["id"]].append(row["ver"])
    holes = {i: sorted(v) for i, v in versions.items() if sorted(v) != list(range(1, len(v) + 1))}
    assert not holes, holes


def _every_write_has_its_line(rows: list[Any], lines: list[Any]) -> None:
    """One audit line for each write that is there, naming what it wrote, and none for what is not."""
    told: dict[str, int] = defaultdict(int)
    for line in lines:
        for name in line["what"].split(", "):
            told[name.removeprefix("Observation/")] += 1
    written: dict[str, int] = defaultdict(int)
    for row in rows:
        written[row["id"]] += 1
    assert {i: n for i, n in told.items() if i in written} == written
    invented = {i for i in told if i not in written}
    assert not invented, f"audit lines of writes that are not there: {sorted(invented)[:5]}"


async def survive(kills: int, seed: int) -> Book:
    """A whole run: load, kills, comparison; after it the server stops and answers the same from cold."""
    with running() as at:
        book = await under_load(at, kills, seed)
        if book.wrong:
            pytest.fail(f"{book.wrong[:3]}\n{at.log()}")
        assert book.slowest < LONGEST_ANSWER, f"an answer took {book.slowest:.1f} s"
        assert min(len(book.created), len(book.whole), len(book.values)) > 5, book.answers
        await look(at, book)
        at.stop()
        at.start()
        await look(at, book)
        token = at.token(DOCTOR)
        told = {at.ask(f"/fhir/Observation/{i}", token)[0] for i in list(book.created.values())[-10:]}
        assert told == {200}
    return book


async def test_nothing_acknowledged_is_lost() -> None:
    book = await survive(kills=4, seed=1)
    print(f"answers {dict(book.answers)}, slowest {book.slowest:.1f} s")


@pytest.mark.whole
async def test_nothing_acknowledged_is_lost_in_fifty_kills() -> None:
    book = await survive(kills=50, seed=2)
    print(f"answers {dict(book.answers)}, slowest {book.slowest:.1f} s")
