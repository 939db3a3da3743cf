"""What a writer that must write nothing twice is given: a place where each write is told as it is made."""

from __future__ import annotations

from typing import Any, Protocol, Self

from aubier.store.intent import Written


class Receipts(Protocol):
    """The receipts of a request that may be run again after it was interrupted."""

    def of(self, entry: int) -> Self:
        """The receipts of one entry of a Bundle, or of one part of a load, counted from 1."""
        ...

    async def made(self) -> bool:
        """Whether the next write was made before."""
        ...

    async def kept(self) -> list[Written] | None:
        """Goes to the next write: what it came to when it was made before."""
        ...

    def advance(self) -> None:
        """Goes to the next write, which is known not to have been made."""
        ...

    async def all_kept(self) -> list[Written]:
        """What every write of this entry came to that was made before; the next one comes after these."""
        ...

    async def stands(self) -> None:
        """Raises when whoever asked may not act any more."""
        ...

    async def keep(self, conn: Any, written: list[Written]) -> None:
        """Keeps what this write comes to, in its own transaction. Problem: it must not be made."""
        ...
