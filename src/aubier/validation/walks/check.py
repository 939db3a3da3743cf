"""The way in: a resource and the profiles it must follow; issues, and questions left to terminology."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, cast

from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.validation.profiles.items import Item, root
from aubier.validation.profiles.library import Library
from aubier.validation.profiles.questions import Answers, Question, settled
from aubier.validation.resource import validate
from aubier.validation.telling import bounded, exhausted, incomplete
from aubier.validation.walks import words
from aubier.validation.walks.around.resolving import Surroundings, TooMuch
from aubier.validation.walks.ground import Ground
from aubier.validation.walks.rules.bundles import bundle_rules
from aubier.validation.walks.rules.definitions import definition_rules
from aubier.validation.walks.rules.implied import implied
from aubier.validation.walks.walk import Spent, Walk, resources_in

_ROUNDS, _MOST = 5, 100
"""Times that the store is read, and resources looked for each time and kept in all, at most."""


class Targets(Protocol):
    """Who reads what references name."""

    async def read(self, named: Sequence[str]) -> Mapping[str, Resource]:
        """The resources of these names (`Type/id`) that are there for whoever asks."""
        ...


@dataclass(slots=True)
class Found:
    """What a walk found: issues, questions for terminology, how often each invariant was not evaluated.

    `wanted` are the references (`Type/id`) whose target would have been looked at, were it here.
    """

    issues: list[Issue] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    unevaluated: dict[str, int] = field(default_factory=dict)
    wanted: list[str] = field(default_factory=list)


def walked(
    resource: Resource,
    profiles: Sequence[str],
    library: Library,
    *,
    declared: bool = True,
    vital: bool = False,
    stored: Mapping[str, Resource] | None = None,
    base: list[Issue] | None = None,
    now: datetime | None = None,
) -> Found:
    """Everything wrong with a resource, base and profiles; never raises for what the resource holds.

    The base check comes first: profiles are only walked over what has the right structure. `declared`: the
    profiles of `meta.profile` count too, in entries and contained resources as well. `vital`: so do those
    that the specification asks of vital signs by their codes. `stored`: targets of references, by `Type/id`.
    `base`: what the base check said, where it was made before. `now`: the moment, for rules that ask for it.
    """
    steps = _walking(
        resource, profiles, library, declared=declared, vital=vital, stored=stored, base=base, now=now
    )
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return cast(Found, ended.value)


def _walking(
    resource: Resource,
    profiles: Sequence[str],
    library: Library,
    *,
    declared: bool = True,
    vital: bool = False,
    stored: Mapping[str, Resource] | None = None,
    base: list[Issue] | None = None,
    now: datetime | None = None,
) -> Generator[None, None, Found]:
    """The same, with a pause now and then (`walk.PAUSE`)."""
    base = validate(resource) if base is None else base
    if any(i.severity in ("error", "fatal") for i in base):
        return Found(base)
    item, spent = root(resource), Spent()
    around = Surroundings(library.value_set, stored, item, now)
    walk = Walk(library, around, spent)
    around.judge = walk.judged
    try:
        yield from Ground(walk).parts(item)
        for each in resources_in(item):
            bundle_rules(walk, each)
            definition_rules(walk, each)
            asked = _asked(each, profiles if each is item else (), declared=declared)
            for canonical in dict.fromkeys([*asked, *(implied(each) if vital else ())]):
                yield from walk.profile(each, canonical)
    except TooMuch:
        walk.say(exhausted())
    counted = [words.unevaluated(key, n) for key, n in sorted(spent.unevaluated.items())]
    issues = bounded([*base, *walk.telling.told(), *counted])
    questions = list(dict.fromkeys(walk.questions))
    return Found(issues, questions, dict(spent.unevaluated), sorted(around.wanted))


async def _served(steps: Generator[None, None, Found]) -> Found:
    """A walk to its end, others being served in its pauses."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return cast(Found, ended.value)
        await sleep(0)


async def validated(
    resource: Resource,
    profiles: Sequence[str],
    library: Library,
    answers: Answers,
    *,
    vital: bool = False,
    targets: Targets | None = None,
    base: list[Issue] | None = None,
    now: datetime | None = None,
) -> list[Issue]:
    """The issues of `walked` with those of the answers to its questions.

    `targets` reads what references name and a profile speaks of: each round of reading, one more walk. `now`
    is the moment, for rules that ask for it.
    """
    base = validate(resource) if base is None else base
    stored, asked = dict[str, Resource](), set[str]()
    found = await _served(_walking(resource, profiles, library, vital=vital, base=base, now=now))
    for _ in range(_ROUNDS if targets is not None else 0):
        fresh = [name for name in found.wanted if name not in asked][:_MOST]
        if targets is None or not fresh or len(stored) >= _MOST:
            break
        asked.update(fresh)
        if more := await targets.read(fresh):
            stored |= more
            found = await _served(
                _walking(resource, profiles, library, vital=vital, stored=stored, base=base, now=now)
            )
    unread = len(set(found.wanted) - asked) if targets is not None else 0
    told = [incomplete(unread)] if unread else []
    return bounded([*found.issues, *told, *await settled(found.questions, answers)])


def _asked(item: Item, profiles: Sequence[str], *, declared: bool) -> list[str]:
    """The profiles an item must follow, each once."""
    meta: Any = item.value.get("meta") if declared else None
    own = meta.get("profile") if isinstance(meta, dict) else None
    said = [p for p in own if isinstance(p, str)] if isinstance(own, list) else []
    return list(dict.fromkeys([*profiles, *said]))
