"""What every reader of ours owes to any input: a value, or a refusal that can be understood."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from aubier.ground.problem import Problem

T = TypeVar("T")

_told = re.compile(r"\b(?:line|column|character|byte) \d", re.IGNORECASE).search


@dataclass(frozen=True, slots=True)
class Target:
    """A reader under trial.

    `run` takes any bytes: it holds what must hold, and raises when it does not. `seeds` are valid inputs,
    `words` what the grammar is made of: both lead a search to what lies behind the first refusal.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], tuple[bytes, ...]]
    words: tuple[bytes, ...] = ()


def read(call: Callable[[], T], within: str = "") -> T | None:
    """What `call` gives; None for a refusal, which must say what and where in both languages.

    `within` is what its caller would name as the place: the body of a request, a file, an expression.
    """
    try:
        return call()
    except Problem as refusal:
        check(refusal, within)
        return None


def check(refusal: Problem, within: str = "") -> None:
    """A refusal says what, in English and French, and where: a place, or a line or column in its words."""
    assert refusal.issues
    for issue in refusal.issues:
        assert issue.text.strip() and issue.fr.strip() and issue.text != issue.fr, issue
        assert within or any(place.strip() for place in issue.at) or _told(issue.text), issue
