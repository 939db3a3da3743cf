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
        self._names: dict[Coded, str] = {}

    async def members(self, asked: Sequence[tuple[str, Coded]]) -> Sequence[bool | None]:
        """For each (value set, coding): whether it is a member, or None."""
        # A display is asked about once, with the code by itself: it is a matter of the system.
        rows = [
            (api.Coded(c.system or "", c.code, "" if url else c.display, c.version), url) for url, c in asked
        ]
        verdicts = await self._terminology.validate_each(rows)
        for (url, coded), v in zip(asked, verdicts, strict=True):
            if not url and v.member and not v.ok:
                self._names[coded] = v.display
        alone = [
            c.system or "" for (url, c), v in zip(asked, verdicts, strict=True) if not (url or v.checked)
        ]
        # A supplement, which has no code of its own, is never named by Coding.system: of it, all is told.
        # Rule: FHIR R4 4.0.1, codesystem.html#supplements.
        supplements = await self._terminology.library.supplements_among(alone)
        return [
            v.member if v.checked else False if not url and coded.system in supplements else None
            for (url, coded), v in zip(asked, verdicts, strict=True)
        ]

    async def names(self, asked: Sequence[Coded]) -> Sequence[str]:
        """For each coding whose system, asked before, calls it otherwise: how; else nothing."""
        return [self._names.get(coded, "") for coded in asked]
