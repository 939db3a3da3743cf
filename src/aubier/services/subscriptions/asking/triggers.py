"""What makes an event: which changes of which type, and what the versions must meet. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

from aubier.fhir.fhirpath import Environment, compile
from aubier.ground.memory import remembered
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource

NAMES = frozenset({"current", "previous"})
"""What a FHIRPath criterion may name with `%`. Rule: FHIR R5 SubscriptionTopic, fhirPathCriteria."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """`current`, `previous` and `filters` are query strings without their type, empty for no condition.

    With `both`, the present version and the one before must meet theirs, else one of them. `on_create` is
    what the question of the version before counts as when there was none, `on_delete` that of the present
    one when it is gone. `filters` are asked of the present version, of the last one after a deletion.
    """

    type: str
    ops: tuple[str, ...] = ("create", "update")
    current: str = ""
    previous: str = ""
    both: bool = False
    on_create: bool = True
    on_delete: bool = True
    fhirpath: str = ""
    filters: str = ""

    @property
    def text(self) -> str:
        """The same text for the same trigger: by it what many ask is asked once."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @property
    def queries(self) -> tuple[str, ...]:
        """The query strings that are there."""
        return tuple(q for q in (self.current, self.previous, self.filters) if q)

    def questions(self, op: str) -> Iterator[tuple[str, bool]]:
        """The query strings to ask for a change `op`, and whether of the version before."""
        if self.current and op != "delete":
            yield self.current, False
        if self.previous and op != "create":
            yield self.previous, True
        if self.filters:
            yield self.filters, op == "delete"

    def fires(self, op: str, met: Sequence[bool]) -> bool:
        """Whether a change `op` is an event, given the answers to `questions(op)` in their order."""
        if op not in self.ops:
            return False
        answers = iter(met)
        parts = []
        if self.current:
            parts.append(self.on_delete if op == "delete" else next(answers))
        if self.previous:
            parts.append(self.on_create if op == "create" else next(answers))
        judged = all(parts) if self.both else any(parts) or not parts
        return judged and (not self.filters or next(answers))

    def finds(self, current: Resource | None, previous: Resource | None) -> bool:
        """Whether its FHIRPath criterion holds; an expression that cannot be evaluated does not."""
        if not self.fhirpath:
            return True
        world = Environment(constants={"current": current, "previous": previous})
        try:
            found = compile(self.fhirpath, self.type, constants=NAMES)(current or previous, world)
        except Problem:
            return False
        return found == [True]


@remembered(16_000_000, lambda found, text: 3 * len(text) + 600)
def read_trigger(text: str) -> Trigger:
    """The trigger of a text."""
    row: dict[str, Any] = json.loads(text)
    return Trigger(**{**row, "ops": tuple(row["ops"])})


@remembered(16_000_000, lambda found, query: 2 * len(query) + 200 * len(found) + 200)
def pairs_of(query: str) -> tuple[tuple[str, str], ...]:
    """The decoded (name, value) pairs of a query string. ValueError for what is not percent-encoded UTF-8."""
    return tuple(parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=200))
