"""What a view that must write nothing twice is given: a place where each write is told as it is made."""

from __future__ import annotations

from typing import Any, Protocol, Self

from aubier.store.intent import Written


class Receipts(Protocol):
    """The receipts of a request that may be run again after it was interrupted."""

    def of(self, entry: int) -> Self:
        """The receipts of one entry of a Bundle, counted from 1."""
        ...

    async def made(self) -> bool:
        """Whether the next write was made before."""
        ...

    async def kept(self) -> list[Written] | None:
        """Goes to the next write: what it came to when it was made before."""
        ...

    async def keep(self, conn: Any, written: list[Written]) -> None:
        """Keeps what this write comes to, in its own transaction. Problem: it must not be made."""
        ...
