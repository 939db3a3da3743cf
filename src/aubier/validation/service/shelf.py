"""Definitions of the store, brought before a walk and kept while nobody changes any.

A shelf belongs to a state of the definitions, which any change of a StructureDefinition, ValueSet or
CodeSystem ends. One look at that state per request, and nothing more when all is here already.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath.grammar.lexer import words
from aubier.fhir.packages import Canonicals, split
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.validation.profiles import AtHand, Library
from aubier.validation.profiles.at_hand import told
from aubier.validation.profiles.library import LONGEST
from aubier.validation.service.marks import Mark, mark_of
from aubier.validation.service.named import named
from aubier.validation.snapshots.base import base_tree
from aubier.validation.snapshots.tree import MALFORMED

KINDS = ("StructureDefinition", "ValueSet", "CodeSystem")
_ROUNDS = 24
_MOST = 3000
"""Definitions that one request asks for, and those of a shelf before another is begun."""
_SHELVES = 2

Wanted = tuple[str, str]
"""A type of definition and a canonical."""

_PROSE = frozenset({"definition", "comment", "requirements", "mapping", "alias", "example", "short", "code"})
_UNREAD = frozenset(
    {"text", "contact", "mapping", "description", "purpose", "copyright", "useContext", "keyword"}
)


class Shelf:
    """The definitions of one state of the store."""

    def __init__(self) -> None:
        self._held: dict[str, Canonicals[Resource]] = {kind: Canonicals() for kind in KINDS}
        self._asked: set[Wanted] = set()
        self.library = Library(self.profile, lambda url: told(url, self.coded))
        self.answers = AtHand(self.coded)

    @property
    def full(self) -> bool:
        """Whether it is time for another shelf."""
        return len(self._asked) > _MOST

    def profile(self, canonical: str) -> Resource | None:
        """A StructureDefinition, or None."""
        return self._held["StructureDefinition"].find(canonical)

    def coded(self, canonical: str) -> Resource | None:
        """A ValueSet or CodeSystem, or None."""
        return self._held["ValueSet"].find(canonical) or self._held["CodeSystem"].find(canonical)

    async def bring(self, view: Any, wanted: Iterable[Wanted]) -> None:
        """Brings definitions and all that they rest on from the store: all of them at once, or none.

        Whoever asks for the same meanwhile reads it too. Were it told that they had been asked for, it would
        go without, and so would everybody after somebody who was stopped halfway. Problem `too-costly` for
        more than a shelf holds.
        """
        asked, brought = set[Wanted](), list[Resource]()
        pending = self._fresh(wanted, asked)
        if len(pending) > _MOST:
            raise _too_many()
        for _ in range(_ROUNDS):
            if not pending:
                break
            asked.update(pending)
            found = [d async for d in _read(view, pending)]
            brought += found
            pending = self._fresh((w for one in found for w in wanted_by(one)), asked)
        if not asked:
            return
        for one in brought:
            self._held[one["resourceType"]].add(one["url"], str(one.get("version", "")), one)
        self.library.refresh()
        self._asked |= asked

    def _fresh(self, wanted: Iterable[Wanted], asked: set[Wanted]) -> list[Wanted]:
        """What is to be read: neither here, nor asked for just now, nor shipped."""
        rows = dict.fromkeys((kind, split(canonical)[0]) for kind, canonical in wanted)
        new = (w for w in rows if len(w[1]) <= LONGEST and w not in self._asked and w not in asked)
        return [w for w in new if not _shipped(w)]


def _too_many() -> Problem:
    return problem(
        "too-costly",
        f"This names more than {_MOST} profiles and extensions: validate its parts one by one",
        f"Ceci nomme plus de {_MOST} profils et extensions : validez ses parties une à une",
    )


def _shipped(wanted: Wanted) -> bool:
    kind, url = wanted
    if kind == "StructureDefinition":
        # A package may let an extension of the specification stand in more places.
        row = definitions().profiles.get(url)
        return base_tree(url) is not None and (row is None or row["t"] != "Extension")
    return (
        definitions().value_set(url) is not None
        if kind == "ValueSet"
        else definitions().code_system(url) is not None
    )


async def _read(view: Any, wanted: list[Wanted]) -> Any:
    """The stored definitions of these URLs, as far as a walk reads them."""
    async for found in stored(view, wanted):
        with suppress(*MALFORMED):  # a package is stored as published: what is no definition stays out
            yield _trimmed(found)


async def stored(view: Any, wanted: list[Wanted]) -> Any:
    """The stored definitions of these URLs as they are, every version of each."""
    for kind in KINDS:
        async for found in named(view, kind, [url for k, url in wanted if k == kind]):
            yield found


def _trimmed(definition: Resource) -> Resource:
    """A definition without what no walk reads."""
    kept = {k: v for k, v in definition.items() if k not in _UNREAD}
    for part in ("snapshot", "differential"):
        rows = (definition.get(part) or {}).get("element")
        if rows:
            kept[part] = {"element": [{k: v for k, v in row.items() if k not in _PROSE} for row in rows]}
    if "snapshot" in kept:
        kept.pop("differential", None)
    return kept


def wanted_by(definition: Resource) -> list[Wanted]:
    """What a definition rests on; of a malformed one, nothing."""
    try:
        return [w for w in needs(definition) if isinstance(w[1], str)]
    except MALFORMED:
        return []


def needs(definition: Resource) -> Iterator[Wanted]:
    """What a definition rests on: its base, the profiles and value sets it names, their code systems."""
    if definition["resourceType"] == "StructureDefinition":
        if isinstance(definition.get("baseDefinition"), str):
            yield "StructureDefinition", definition["baseDefinition"]
        for part in ("snapshot", "differential"):
            for row in (definition.get(part) or {}).get("element", ()):
                yield from _of_element(row)
    elif definition["resourceType"] == "ValueSet":
        for row in (definition.get("compose") or {}).get("include", ()):
            if isinstance(row.get("system"), str) and "concept" not in row:
                yield "CodeSystem", row["system"]


def _of_element(row: Resource) -> Iterator[Wanted]:
    for type in row.get("type", ()):
        for canonical in (*type.get("profile", ()), *type.get("targetProfile", ())):
            yield "StructureDefinition", canonical
    for rule in row.get("constraint", ()):
        yield from asked_in(str(rule.get("expression", "")))
    value_set = (row.get("binding") or {}).get("valueSet")
    if isinstance(value_set, str):
        yield "ValueSet", value_set


_ASKS = {"memberOf": "ValueSet", "conformsTo": "StructureDefinition"}


def asked_in(expression: str) -> list[Wanted]:
    """The value sets and profiles that an invariant asks for: `memberOf('url')`, `conformsTo('url')`."""
    if not any(name in expression for name in _ASKS):
        return []
    try:
        found = words(expression)
    except Problem:
        return []
    pairs = zip(found, found[2:], strict=False)
    kinds = ((_ASKS.get(word.text) if word.kind == "identifier" else None, url) for word, url in pairs)
    return [(kind, url.text) for kind, url in kinds if kind and url.kind == "string"]


def named_in(resource: Any) -> Iterator[Wanted]:
    """The profiles and extensions that a resource names, at every depth."""
    pending: list[Any] = [resource]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            for key, value in node.items():
                if key == "profile" and isinstance(value, list):
                    yield from (("StructureDefinition", v) for v in value if isinstance(v, str))
                elif key in ("extension", "modifierExtension") and isinstance(value, list):
                    urls = (v.get("url") for v in value if isinstance(v, dict))
                    yield from (("StructureDefinition", u) for u in urls if isinstance(u, str) and ":" in u)
                if isinstance(value, list | dict):
                    pending.append(value)


_kept: OrderedDict[Mark, Shelf] = OrderedDict()


async def shelf_of(view: Any) -> Shelf:
    """The shelf of the store as it is now; `view` sees every definition."""
    mark = await mark_of(view, KINDS)
    if mark not in _kept or _kept[mark].full:
        _kept[mark] = Shelf()
        while len(_kept) > _SHELVES:
            _kept.popitem(last=False)
    _kept.move_to_end(mark)
    return _kept[mark]
