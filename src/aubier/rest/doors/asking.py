"""What a search at a door may ask: the row's parameters, modifiers, prefixes and controls, nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aubier.ground.clock import milliseconds
from aubier.ground.problem import Issue, Kind, Problem
from aubier.ground.rows import Asked, Door, Offer
from aubier.rest.reading.spans import span

_FORMAT = ("_format", "_pretty")
_PAGE = "_page"
_INCLUDES = ("_include", "_revinclude")
_prefix = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL).fullmatch
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Search:
    """A search as the store takes it, and the parameters left out because the client let us."""

    pairs: list[Pair]
    left: tuple[Pair, ...] = ()


def search_at(door: Door, offer: Offer, pairs: Sequence[Pair], *, now: datetime, lenient: bool) -> Search:
    """The pairs of a search on a type, checked against the row.

    Problem with every fault at once: `required` for a parameter that is missing, `invalid` for one that is
    not taken or is not taken so, `too-costly` for a date that lies too far back.
    """
    checked = _Checked(door, offer, now, lenient and not door.strict)
    for name, value in pairs:
        if name not in _FORMAT:
            checked.take(name, value)
    issues = [*checked.missing(), *checked.issues]
    if issues:
        raise Problem(tuple(issues))
    return Search(checked.kept, tuple(checked.left))


class _Checked:
    def __init__(self, door: Door, offer: Offer, now: datetime, lenient: bool) -> None:
        self._door, self._offer, self._now, self._lenient = door, offer, now, lenient
        self._asked = {name: a for a in offer.asked for name in (a.code, a.also) if name}
        self.kept: list[Pair] = []
        self.left: list[Pair] = []
        self.issues: list[Issue] = []

    def take(self, name: str, value: str) -> None:
        control = name.partition(":")[0]
        asked = self._asked.get(name) or self._asked.get(_code(name))
        if control in _INCLUDES and control in self._door.controls:
            self._include(name, value)
        elif name == "_sort" and name in self._door.controls:
            self._sort(value)
        elif name == _PAGE or name in self._door.controls:
            self.kept.append((name, value))
        elif asked is not None:
            self._criterion(asked, name, value)
        elif self._lenient:
            self.left.append((name, value))
        else:
            self._refuse(name, *self._unknown(name))

    def missing(self) -> Iterator[Issue]:
        """An issue for each group of which the search names nothing."""
        named = {name for name, value in self.kept if value.strip()}
        for group in self._offer.required:
            if not named & set(group):
                text, fr = " or ".join(group), " ou ".join(group)
                yield self._issue(
                    "required", group[0], f"{text} is required here", f"{fr} est obligatoire ici"
                )

    def _criterion(self, asked: Asked, name: str, value: str) -> None:
        modifier = "" if name == asked.also else name.partition(":")[2].partition(".")[0]
        if modifier and asked.modifiers is not None and modifier not in asked.modifiers:
            taken = ", ".join(f":{m}" for m in asked.modifiers)
            self._refuse(
                name,
                f"{asked.code} takes {taken or 'no modifier'} here, not :{modifier[:40]}",
                f"{asked.code} accepte ici {taken or 'aucun modificateur'}, pas :{modifier[:40]}",
            )
            return
        for one in value.split(",") if asked.prefixes is not None or asked.days else ():
            self._dated(asked, one.strip())
        self.kept.append((asked.code if name == asked.also else name, value))

    def _dated(self, asked: Asked, value: str) -> None:
        found = _prefix(value)
        prefix, date = (found[1] or "eq", found[2]) if found else ("eq", value)
        if asked.prefixes is not None and prefix not in asked.prefixes:
            taken = ", ".join(asked.prefixes)
            self._refuse(
                asked.code,
                f"{asked.code} takes the prefixes {taken} here, not {prefix}",
                f"{asked.code} accepte ici les préfixes {taken}, pas {prefix}",
            )
        elif asked.days and span(asked.code, date)[0] < milliseconds(self._now - timedelta(asked.days)):
            self._refuse(
                asked.code,
                f"{asked.code} reaches back {asked.days} days at most; take everything again instead",
                f"{asked.code} remonte à {asked.days} jours au plus ; reprenez plutôt l'ensemble",
                kind="too-costly",
            )

    def _include(self, name: str, value: str) -> None:
        control, _, modifier = name.partition(":")
        taken = _taken(self._door, self._offer, control, iterates=modifier == "iterate")
        if value == "*" and control == "_include" and not modifier:
            self.kept += [(name, each) for each in taken]
        elif value in taken and modifier in ("", "iterate"):
            self.kept.append((name, value))
        else:
            listed = ", ".join(taken)
            self._refuse(
                name,
                f"{name[:40]} takes {listed or 'nothing'} here, not {value[:80]}",
                f"{name[:40]} accepte ici {listed or 'rien'}, pas {value[:80]}",
            )

    def _sort(self, value: str) -> None:
        keys = [key.strip().removeprefix("-") for key in value.split(",")]
        unknown = [key for key in keys if key not in self._asked]
        if unknown:
            self._refuse("_sort", *self._unknown(unknown[0]))
        self.kept.append(("_sort", value))

    def _unknown(self, name: str) -> tuple[str, str]:
        known = ", ".join(a.code for a in self._offer.asked)
        return (
            f"'{name[:60]}' is not taken here; {self._offer.type} takes {known}",
            f"« {name[:60]} » n'est pas accepté ici ; {self._offer.type} accepte {known}",
        )

    def _refuse(self, name: str, text: str, fr: str, *, kind: Kind = "invalid") -> None:
        self.issues.append(self._issue(kind, name, text, fr))

    def _issue(self, kind: Kind, name: str, text: str, fr: str) -> Issue:
        return Issue(kind, text, fr, (f"http.{name[:60]}",), rule=self._door.rule)


def _taken(door: Door, offer: Offer, control: str, *, iterates: bool) -> tuple[str, ...]:
    """The includes of the type that is searched, or of every type when they go on from what is included."""
    offers = door.offers if iterates else (offer,)
    lists = (o.includes if control == "_include" else o.revincludes for o in offers)
    return tuple(dict.fromkeys(each for listed in lists for each in listed))


def _code(name: str) -> str:
    """The parameter without its modifier: `type:not` gives `type`, `source:Patient.given` `source.given`."""
    head, _, rest = name.partition(":")
    _, _, chain = rest.partition(".")
    return f"{head}.{chain}" if chain else head
