"""Seals over the audit lines: what is changed, missing or added afterwards is found.

The lines of transactions that have ended are sealed, up to 10,000 at a time: a keyed digest of each, and one
of these together with the seal before, so that no seal can be taken out or put elsewhere. The key lies beside
the database, not in it. Nothing is done on the way of a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from typing import Any

import msgspec

from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Migration
from aubier.store.pool import Connection, answered

MIGRATIONS = (
    Migration(
        1,
        "sealing: seals over the audit lines",
        """
CREATE TABLE audit_seal (
  no bigint PRIMARY KEY, since bigint NOT NULL, upto bigint NOT NULL,  -- the lines: since < aid <= upto
  at bigint NOT NULL, key bytea NOT NULL, marks bytea NOT NULL, seal bytea NOT NULL);
ALTER TABLE audit_seal ALTER COLUMN marks SET STORAGE EXTERNAL;
-- A line may be sealed when every transaction that could have a number as low has ended.
CREATE TABLE audit_unsealed (upto bigint NOT NULL, ended xid8 NOT NULL);
INSERT INTO audit_unsealed VALUES (0, '0');
CREATE INDEX audit_aid ON audit USING brin (aid) WITH (pages_per_range = 32, autosummarize = on);
""",
    ),
)

Told = Callable[[int, int, bytes], None]

SPAN = 10_000
"""Numbers of lines that one seal holds, at most."""
_MARK, _NUMBER, _LINES = 16, 8, 500
_LINE = "aid, pat, at, actor, name, org, client, purpose, basis, action, what, hits, outcome"
_FIRST = b"\0" * 32
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not as it was sealed: a line by its number (0: the seal `seal` itself), and how."""

    seal: int
    line: int
    how: str


async def seal(pool: Any, key: bytes, now: int) -> int:
    """Seals what can be; gives how many lines. Processes that come together take turns: one does it.

    Problem (conflict): the seals before are under another key.
    """
    sealed = 0
    async with answered():
        while True:
            async with pool.acquire() as conn, conn.transaction():
                taken = await _seal_next(conn, key, now)
            if taken is None:
                return sealed
            sealed += taken


async def _seal_next(conn: Connection, key: bytes, now: int) -> int | None:
    """Seals the next lines; None: there is nothing left to seal for now."""
    row = await conn.fetchrow(
        "select upto, ended <= pg_snapshot_xmin(pg_current_snapshot()) as ended,"
        " ended > pg_snapshot_xmax(pg_current_snapshot()) as elsewhere from audit_unsealed"
        " for update skip locked"
    )
    if row is None:
        return None
    last = await conn.fetchrow("select no, upto, key, seal from audit_seal order by no desc limit 1")
    if last and last["key"] != _name(key):
        raise _other_key(last["no"])
    number, since, before = (last["no"], last["upto"], last["seal"]) if last else (0, 0, _FIRST)
    if row["elsewhere"]:  # noted by another server, of which this is the copy
        await conn.execute("update audit_unsealed set ended = pg_snapshot_xmax(pg_current_snapshot())")
    if not row["ended"]:
        return None
    if since >= row["upto"]:
        await conn.execute(
            "update audit_unsealed set upto = s.n, ended = pg_snapshot_xmax(pg_current_snapshot())"
            " from (select coalesce(pg_sequence_last_value(pg_get_serial_sequence('audit', 'aid')), 0) as n)"
            " s where s.n > upto"
        )
        return None
    upto = min(row["upto"], since + SPAN)
    marks = b"".join([mark async for mark in _marks(conn, key, since, upto)])
    made = _seal(key, before, (number + 1, since, upto), marks)
    await conn.execute(
        "insert into audit_seal (no, since, upto, at, key, marks, seal) values ($1, $2, $3, $4, $5, $6, $7)",
        number + 1,
        since,
        upto,
        now,
        _name(key),
        marks,
        made,
    )
    return len(marks) // (_NUMBER + _MARK)


async def check(
    pool: Any, key: bytes, first: int = 1, told: Told = lambda number, lines, seal: None
) -> AsyncIterator[Fault]:
    """What is not as it was sealed, from the seal of number `first` on; `told` hears of each seal that was
    looked at: its number, how many lines it holds, itself.

    Problem (conflict): sealed under another key; (not-found): there is no such seal.
    """
    async with answered():
        before = await pool.fetchval("select seal from audit_seal where no = $1", first - 1) or b""
        if first == 1:
            before = _FIRST
        elif not before:
            raise problem(
                "not-found",
                f"There is no seal {first - 1} to begin after",
                f"Il n'y a pas de sceau {first - 1} après lequel commencer",
                at="--from",
            )
        due, since = first, None
        while row := await pool.fetchrow("select * from audit_seal where no >= $1 order by no limit 1", due):
            number = row["no"]
            if row["key"] != _name(key):
                raise _other_key(number)
            whole = _seal(key, before, (number, row["since"], row["upto"]), row["marks"])
            if number != due or since not in (None, row["since"]) or whole != row["seal"]:
                yield Fault(number, 0, "changed" if number == due else "missing before")
            for fault in await _lines(pool, key, row):
                yield fault
            told(number, len(row["marks"]) // (_NUMBER + _MARK), row["seal"])
            due, before, since = number + 1, row["seal"], row["upto"]


async def _lines(pool: Any, key: bytes, row: Mapping[str, Any]) -> list[Fault]:
    kept = set(_parts(row["marks"]))
    async with pool.acquire() as conn, conn.transaction():
        found = set(_parts(b"".join([m async for m in _marks(conn, key, row["since"], row["upto"])])))
    gone, new = ({line for line, _ in odd} for odd in (kept - found, found - kept))
    how = dict.fromkeys(gone - new, "missing") | dict.fromkeys(new - gone, "added")
    how |= dict.fromkeys(gone & new, "changed")
    return [Fault(row["no"], line, how[line]) for line in sorted(how)]


async def _marks(conn: Connection, key: bytes, since: int, upto: int) -> AsyncIterator[bytes]:
    """The number and the keyed digest of each line, in the order of the numbers."""
    rows = await conn.fetch(
        f"select {_LINE} from audit where aid > $1 and aid <= $2 order by aid, pat", since, upto
    )
    for number, row in enumerate(rows, 1):
        yield row["aid"].to_bytes(_NUMBER, "big") + digest(key, _encode(tuple(row)), sha256)[:_MARK]
        if number % _LINES == 0:
            await asyncio.sleep(0)


def _parts(marks: bytes) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(marks), _NUMBER + _MARK):
        end = start + _NUMBER
        yield int.from_bytes(marks[start:end], "big"), marks[end : end + _MARK]


def _seal(key: bytes, before: bytes, place: tuple[int, int, int], marks: bytes) -> bytes:
    """The seal of a number, and of the lines after one and up to another, behind the seal before."""
    return digest(key, before + _encode(place) + marks, sha256)


def _name(key: bytes) -> bytes:
    """Tells keys apart without telling them."""
    return digest(key, b"name", sha256)[:_NUMBER]


def _other_key(number: int) -> Problem:
    return problem(
        "conflict",
        f"Seal {number} of the audit lines is under another key; put secret/audit back from a backup",
        f"Le sceau {number} des traces est sous une autre clé ; remettez secret/audit depuis une sauvegarde",
    )
