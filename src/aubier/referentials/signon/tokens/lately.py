"""Who was recognised lately, and what they stood on, which is asked again with their next question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from aubier.access.actor import Actor
from aubier.ground.memory import Memory
from aubier.ground.standing import Stands

_BYTES = 16_000_000
_EACH = 3_000
"""Bytes of an actor with their scopes, about, beside twice their token."""


@dataclass(frozen=True, slots=True)
class _Known:
    actor: Actor
    stands: Stands
    since: datetime
    until: datetime
    opened: int


@dataclass(slots=True)
class Lately:
    """The bearers of good tokens. `opened()` counts the store's connections: a new one may be to another
    database.

    What is recalled is no proof. It holds once a statement found that nothing of what it stands on has moved
    (`aubier.store.proof.standing`), at a moment when the token had begun and not ended.
    """

    opened: Callable[[], int] = lambda: 0
    known: Memory[str, _Known] = field(default_factory=lambda: Memory(_BYTES))

    def keep(
        self, token: str, actor: Actor, stands: Stands, span: tuple[datetime, datetime], opened: int
    ) -> None:
        """Remembers who bore a good token, from the moment it was judged until it ends by itself.

        `opened`: what was counted before that.
        """
        self.known.keep(token, _Known(actor, stands, *span, opened), _EACH + 2 * len(token))

    def recall(self, token: str, now: datetime) -> tuple[Actor, Stands] | None:
        """Who bore this token a moment ago."""
        found = self.known.get(token)
        if found is None or found.opened != self.opened() or not found.since <= now < found.until:
            return None
        return found.actor, found.stands

    def forget(self, token: str) -> None:
        """Forgets who bore this token, until they are recognised anew."""
        self.known.forget(token)
