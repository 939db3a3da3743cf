"""Value sets that can be told without a terminology service: listed codes, and whole code systems at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.rows import Resource
from aubier.terminology import grammars
from aubier.validation.profiles.library import Codes
from aubier.validation.profiles.questions import Coded

Find = Callable[[str], Resource | None]


def told(url: str, find: Find) -> Codes | None:
    """The (system, code) pairs of a value set, of the specification or given by `find`; None when it cannot.

    Told are expansions that are complete, listed concepts and complete code systems; filters, imports and
    exclusions are for a terminology service.
    """
    bare = url.partition("|")[0]
    shipped = definitions().value_set(bare)
    if shipped is not None:
        return shipped
    found = find(url) or find(bare) or definitions().value_sets.get(bare)
    return _codes(found, find) if found is not None else None


def _codes(value_set: Mapping[str, Any], find: Find) -> Codes | None:
    compose = value_set.get("compose") or {}
    if compose.get("exclude") or not compose.get("include"):
        return None
    pairs: set[tuple[str, str]] = set()
    for row in compose["include"]:
        some = _included(row, find)
        if some is None:
            return None
        pairs |= some
    return frozenset(pairs)


def _included(row: dict[str, Any], find: Find) -> set[tuple[str, str]] | None:
    system = row.get("system")
    if not isinstance(system, str) or row.get("filter") or row.get("valueSet"):
        return None
    if row.get("concept"):
        return {(system, str(c.get("code"))) for c in row["concept"]}
    # A package brings its systems in a younger version than the specification's own.
    found = find(system)
    if found is not None and found.get("content") == "complete":
        return {(system, code) for code in _nested(found.get("concept", ()))}
    shipped = definitions().code_system(system)
    if shipped is None or shipped.content != "complete":
        return None
    return {(system, code) for code in shipped.concepts}


def _nested(concepts: Sequence[dict[str, Any]]) -> list[str]:
    codes: list[str] = []
    pending = list(concepts)
    while pending:
        row = pending.pop()
        codes.append(str(row.get("code")))
        pending += row.get("concept", ())
    return codes


class AtHand:
    """Answers from the value sets at hand alone: what they do not tell stays untold."""

    def __init__(self, find: Find = lambda url: None) -> None:
        self._find = find

    async def members(self, asked: Sequence[tuple[str, Coded]]) -> Sequence[bool | None]:
        """For each (value set, coding): whether it is a member, or None."""
        sets = {url: told(url, self._find) for url in dict.fromkeys(url for url, _ in asked) if url}
        alone = dict.fromkeys(c.system for url, c in asked if not url and c.system and not c.version)
        systems = {system: _included({"system": system}, self._find) for system in alone}
        found = [_member(sets[url] if url else systems.get(c.system or ""), c) for url, c in asked]
        return [
            False if told is None and self._is_not(url, c) else told
            for (url, c), told in zip(asked, found, strict=True)
        ]

    def _is_not(self, url: str, coded: Coded) -> bool:
        """Whether a code is surely none of a value set or, without one, of its system."""
        if url:
            return self._is_elsewhere(url, coded)
        system = coded.system or ""
        if grammars.system(system) is not None:
            return grammars.concept(system, coded.code) is None
        return grammars.impossible(system, coded.code) is not None

    def _is_elsewhere(self, url: str, coded: Coded) -> bool:
        """Whether a value set, not known code by code, takes from other systems alone than that of a code."""
        value_set = self._find(url) or self._find(url.partition("|")[0])
        rows = ((value_set or {}).get("compose") or {}).get("include") or ()
        plain = all(isinstance(row.get("system"), str) and not row.get("valueSet") for row in rows)
        return bool(rows and plain and coded.system) and coded.system not in {row["system"] for row in rows}

    async def names(self, asked: Sequence[Coded]) -> Sequence[str]:
        """For each coding that the specification's own system calls otherwise: how; else nothing."""
        return [_name(coded) for coded in asked]


def _name(coded: Coded) -> str:
    system = definitions().code_system(coded.system or "")
    concept = system.concepts.get(coded.code) if system is not None else None
    if concept is None or not concept.display or concept.display.casefold() == coded.display.casefold():
        return ""
    return concept.display


def _member(pairs: Set[tuple[str, str]] | None, coded: Coded) -> bool | None:
    if pairs is None:
        return None
    if coded.system is None:
        return any(code == coded.code for _, code in pairs)
    return (coded.system, coded.code) in pairs
