"""What the terminology service says of the codes of a resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aubier.terminology import api
from aubier.validation.profiles.questions import Coded


class Asking:
    """Answers of the terminology service, in one batch; what it does not know stays untold."""

    def __init__(self, store: Any) -> None:
        self._terminology = api.Terminology(store)

    async def members(self, asked: Sequence[tuple[str, Coded]]) -> Sequence[bool | None]:
        """For each (value set, coding): whether it is a member, or None."""
        rows = [(api.Coded(c.system or "", c.code, "", c.version), url) for url, c in asked]
        verdicts = await self._terminology.validate_each(rows)
        return [v.member if v.checked else None for v in verdicts]
