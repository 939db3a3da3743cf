"""Operations that are answered from what this process remembers, as long as nothing has moved below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.memory import Memory
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.ground.standing import Stands
from aubier.terminology.shelves.remembering import Reading, Remembered

_Ask = Callable[[Any, Resource, Reading], Awaitable[Resource]]
_Key = tuple[str, str, frozenset[str] | None, bytes]

_ANSWERS: Memory[_Key, tuple[bytes, Stands]] = Memory(32_000_000)
_READ = Remembered()
_LARGEST = 200_000
"""The longest answer that is kept, in bytes."""


@dataclass(frozen=True, slots=True)
class Answering:
    """An operation of that name that only asks. `ask` answers from what a `Reading` gives it.

    What it answers follows from the parameters, the language, the types that the asker's scopes open, and
    what the reading stands on: nothing else. Of one instance the answer follows from a right too, and is
    never kept.
    """

    name: str
    ask: _Ask

    async def __call__(self, ctx: Any, parameters: Resource) -> Resource:
        """The answer, as things stand after the question was asked. Problem as `ask`."""
        if "_id" in parameters or ctx.store.conn is not None:
            return await self.ask(ctx, parameters, Reading(ctx.store))
        key = _key(self.name, ctx, parameters)
        known = _ANSWERS.get(key)
        if known is not None and await ctx.store.unmoved(known[1]):
            return fhir_json.parse(known[0])
        reading = Reading(ctx.store, _READ)
        try:
            found = await self.ask(ctx, parameters, reading)
        except Problem:
            if await _holds(ctx, reading):
                raise
            found = None
        if found is None or not await _holds(ctx, reading):
            reading = Reading(ctx.store, _READ, anew=True)
            found = await self.ask(ctx, parameters, reading)
        _keep(key, fhir_json.dumps(found), reading)
        return found

    async def recall(self, ctx: Any, parameters: Resource) -> tuple[bytes, Stands] | None:
        """The answer by what is remembered, and what it stands on, which nobody has asked yet; None without.

        `ctx` is of somebody recognised a moment ago: whatever must be read ends it (Unproven).
        """
        if "_id" in parameters:
            return None
        key = _key(self.name, ctx, parameters)
        known: tuple[bytes, Stands] | None = _ANSWERS.get(key)
        if known is not None:
            return known
        reading = Reading(ctx.store, _READ)
        return _keep(key, fhir_json.dumps(await self.ask(ctx, parameters, reading)), reading)


def _key(name: str, ctx: Any, parameters: Resource) -> _Key:
    return name, ctx.language, ctx.store.sight.whole_types, fhir_json.dumps(parameters)


async def _holds(ctx: Any, reading: Reading) -> bool:
    """Whether what was remembered is as it was; what was read for this answer is as it is."""
    if not reading.recalled:
        return True
    return reading.stands is not None and bool(await ctx.store.unmoved(reading.stands))


def _keep(key: _Key, answer: bytes, reading: Reading) -> tuple[bytes, Stands] | None:
    stands = reading.stands
    if stands is None:
        return None
    if len(answer) <= _LARGEST:
        _ANSWERS.keep(key, (answer, stands), len(answer) + len(key[-1]) + 500)
    return answer, stands
