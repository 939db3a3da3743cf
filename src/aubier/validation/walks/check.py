"""The way in: a resource and the profiles it must follow; issues, and questions left to terminology."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.validation.profiles.items import Item, root
from aubier.validation.profiles.library import Library
from aubier.validation.profiles.questions import Answers, Question, settled
from aubier.validation.resource import validate
from aubier.validation.walks import words
from aubier.validation.walks.bundles import bundle_rules
from aubier.validation.walks.definitions import definition_rules
from aubier.validation.walks.ground import Ground
from aubier.validation.walks.implied import implied
from aubier.validation.walks.resolving import Surroundings
from aubier.validation.walks.walk import Spent, TooMuch, Walk, resources_in


@dataclass(slots=True)
class Found:
    """What a walk found: issues, questions for terminology, how often each invariant was not evaluated."""

    issues: list[Issue] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    unevaluated: dict[str, int] = field(default_factory=dict)


def walked(
    resource: Resource,
    profiles: Sequence[str],
    library: Library,
    *,
    declared: bool = True,
    vital: bool = False,
) -> Found:
    """Everything wrong with a resource, base and profiles; never raises for what the resource holds.

    The base check comes first: profiles are only walked over what has the right structure. `declared`: the
    profiles of `meta.profile` count too, in entries and contained resources as well. `vital`: so do those
    that the specification asks of vital signs by their codes.
    """
    base = validate(resource)
    if any(i.severity in ("error", "fatal") for i in base):
        return Found(base)
    item, spent = root(resource), Spent()
    walk = Walk(library, Surroundings(library.value_set), spent)
    try:
        Ground(walk).resource(item)
        for each in resources_in(item):
            bundle_rules(walk, each)
            definition_rules(walk, each)
            asked = _asked(each, profiles if each is item else (), declared=declared)
            for canonical in dict.fromkeys([*asked, *(implied(each) if vital else ())]):
                walk.profile(each, canonical)
    except TooMuch:
        walk.issues.append(words.exhausted())
    counted = [words.unevaluated(key, n) for key, n in sorted(spent.unevaluated.items())]
    issues = list(dict.fromkeys([*base, *walk.issues, *counted]))
    return Found(issues, list(dict.fromkeys(walk.questions)), dict(spent.unevaluated))


async def validated(
    resource: Resource,
    profiles: Sequence[str],
    library: Library,
    answers: Answers,
    *,
    vital: bool = False,
) -> list[Issue]:
    """The issues of `walked` with those of the answers to its questions."""
    found = walked(resource, profiles, library, vital=vital)
    return list(dict.fromkeys([*found.issues, *await settled(found.questions, answers)]))


def _asked(item: Item, profiles: Sequence[str], *, declared: bool) -> list[str]:
    """The profiles an item must follow, each once."""
    meta: Any = item.value.get("meta") if declared else None
    own = meta.get("profile") if isinstance(meta, dict) else None
    said = [p for p in own if isinstance(p, str)] if isinstance(own, list) else []
    return list(dict.fromkeys([*profiles, *said]))
