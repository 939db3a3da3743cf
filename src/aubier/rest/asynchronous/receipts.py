"""What a job wrote, kept by the transaction that wrote it: taken up again, it writes nothing twice."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import zstandard

from aubier.access.view import View
from aubier.ground.problem import problem
from aubier.store.intent import Written


@dataclass(slots=True)
class JobReceipts:
    """The receipts of one job, those of one entry of its Bundle at a time (`writing.receipts.Receipts`).

    Several writes of one entry are told apart by their order, which is the same each time.
    """

    view: View
    job: str
    holder: str
    entry: int = 0
    writes: int = field(default=0, init=False)

    def of(self, entry: int) -> JobReceipts:
        """The receipts of an entry, counted from 1."""
        return replace(self, entry=entry)

    async def made(self) -> bool:
        """Whether the next write was made before."""
        return bool(await self._found(self.writes + 1))

    async def kept(self) -> list[Written] | None:
        """Goes to the next write: what it came to when it was made before."""
        self.advance()
        found = await self._found(self.writes)
        return _read(found[0]["written"]) if found else None

    def advance(self) -> None:
        """Goes to the next write, which is known not to have been made."""
        self.writes += 1

    async def all_kept(self) -> list[Written]:
        """What every write of this entry came to that was made before; the next one comes after these."""
        first, last = self._number(0), self._number(_WRITES - 1)
        found = await self.view.run("asynchronous.receipts", self.job, first, last)
        self.writes = max((row["no"] - first for row in found), default=self.writes)
        return [written for row in found for written in _read(row["written"])]

    async def _found(self, write: int) -> list[Mapping[str, Any]]:
        return await self.view.run("asynchronous.receipt", self.job, self._number(write))

    async def stands(self) -> None:
        """Withdrawn when whoever asked may not act any more."""
        await self.view.still(self.view.actor)

    async def keep(self, conn: Any, written: list[Written]) -> None:
        """Keeps what a write comes to. It is not made when the job was cancelled or taken over (Problem), or
        when whoever asked may not act any more (Withdrawn).
        """
        await replace(self.view, conn=conn).still(self.view.actor)
        number, packed = self._number(self.writes), _packed(written)
        store = self.view.access.store
        if not await store.run("asynchronous.receive", self.job, self.holder, number, packed, conn=conn):
            raise problem("conflict", "The request was cancelled", "La demande a été annulée")

    def _number(self, write: int) -> int:
        return self.entry * _WRITES + min(write, _WRITES - 1)


async def written_by(view: View, job: str) -> list[Written]:
    """What the present step of a job wrote so far."""
    found = await view.run("asynchronous.receipts", job, 0, (1 << 63) - 1)
    return [written for row in found for written in _read(row["written"])]


_WRITES = 10_000
"""Writes of one entry: more than any operation makes, or the load of a part with a fault in every line."""


def _packed(written: list[Written]) -> bytes:
    rows = [(_facts(w), b64encode(w.raw).decode()) for w in written]
    return zstandard.compress(json.dumps(rows).encode())


def _facts(written: Written) -> dict[str, Any]:
    return {name: getattr(written, name) for name in Written.__struct_fields__ if name != "raw"}


def _read(packed: bytes) -> list[Written]:
    rows = json.loads(zstandard.decompress(packed))
    return [Written(**row, raw=b64decode(raw)) for row, raw in rows]
