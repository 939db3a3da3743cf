"""Systems, concepts and value sets by their names, wherever they stand."""

from __future__ import annotations

import json
from asyncio import sleep
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.store.aside import by_size
from aubier.terminology import grammars
from aubier.terminology.meaning import value_set
from aubier.terminology.meaning.concepts import Concept, Property, System, named
from aubier.terminology.meaning.predicates import EVERYTHING, Predicate, holds, path
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.meaning.versions import fits, is_pattern
from aubier.terminology.shelves import shipped
from aubier.terminology.shelves.given import Given
from aubier.terminology.shelves.remembering import Reading, Store

__all__ = ["Library", "Store", "parted"]


_BLOCK = 500
"""Concepts in memory that are looked at in one go."""


def parted(canonical: str) -> tuple[str, str]:
    """The URL and the version of a canonical."""
    url, _, version = canonical.partition("|")
    return url, version


@dataclass(slots=True)
class Library:
    """What is here, for one request: each system is looked for once. What people wrote comes first."""

    reading: Reading
    systems: dict[tuple[str, str], System] = field(default_factory=dict)
    value_sets: dict[tuple[str, str], ValueSet | None] = field(default_factory=dict)
    given: Given = field(default_factory=Given)

    @property
    def store(self) -> Store:
        """Where to read what is not remembered."""
        return self.reading.store

    async def expect(self, systems: Collection[str], value_sets: Collection[str]) -> None:
        """Looks at once for what will be asked: systems and value sets by URL, without version."""
        if wanted := [url for url in systems if (url, "") not in self.systems]:
            found = {
                row["url"]: _system(row) for row in await self.store.run("terminology.systems-of", wanted)
            }
            ours = {
                url: s
                for url in wanted
                if url not in found and (s := shipped.system(url) or grammars.system(url))
            }
            rows = await self.store.run(
                "terminology.supplements", [n for s in ours.values() for n in (s.url, s.canonical)]
            )
            for url, system in ours.items():
                more = tuple(r["sid"] for r in rows if r["supplements"] in (url, system.canonical))
                found[url] = replace(system, supplements=more)
            self.systems |= {(url, ""): found.get(url) or _unknown(url, "") for url in wanted}
        if wanted := [url for url in value_sets if (url, "") not in self.value_sets]:
            rows = await self.store.run("terminology.value-sets", wanted)
            kept = {row["url"]: await self._read(row["vid"], str(row["mark"])) for row in rows}
            self.value_sets |= {
                (url, ""): kept.get(url) or shipped.find_value_set(url) or value_set.implicit(url)
                for url in wanted
            }

    async def system(self, url: str, version: str = "") -> System:
        """A code system; one that is not here has the key -1."""
        found = self.systems.get((url, version))
        if found is None:
            found = self.systems[url, version] = await self._find(url, version)
        return found

    async def _find(self, url: str, version: str) -> System:
        if ours := self.given.system(url, version):
            return replace(ours, supplements=await self._supplements(ours))
        if is_pattern(version):
            rows = await self.reading.rows("terminology.versions", url)
            if found := next((row for row in rows if fits(row["version"], version)), None):
                return _system(found)
        for row in await self.reading.rows("terminology.systems", url, version):
            return _system(row)
        ours = shipped.system(url) or grammars.system(url)
        if ours is not None and (fits(ours.version, version) or ours.grammar):
            return replace(ours, supplements=await self._supplements(ours))
        return _unknown(url, version)

    async def _supplements(self, system: System) -> tuple[int, ...]:
        rows = await self.reading.rows("terminology.supplements-of", system.url, system.canonical)
        return tuple(row["sid"] for row in rows)

    def _held(self, system: System) -> Mapping[str, Concept]:
        """The concepts of a system that is in memory: it came with the question, or is shipped."""
        if system.grammar:
            return grammars.common(system.url)
        came = self.given.concepts(replace(system, supplements=()))
        return shipped.concepts(system.url) if came is None else came

    async def supplement(self, canonical: str) -> str:
        """The canonical of a supplement, with its version, by its own URL; empty when it is not here."""
        named = parted(canonical)
        if came := self.given.supplement(*named):
            return came
        rows = await self.reading.rows("terminology.supplement", *named)
        return _canonical(rows[0]["url"], rows[0]["version"]) if rows else ""

    async def supplements_among(self, urls: Collection[str]) -> frozenset[str]:
        """Those of these URLs that are of supplements."""
        wanted = sorted({*urls} - {""})
        rows = await self.store.run("terminology.supplements-among", wanted) if wanted else ()
        return frozenset(row["url"] for row in rows)

    def _among(self, system: System, codes: Sequence[str]) -> dict[str, Concept]:
        if system.grammar:
            return {code: one for code in codes if (one := grammars.concept(system.url, code))}
        came = self.given.concepts(replace(system, supplements=()))
        every = shipped.concepts(system.url) if came is None else came
        found = {code: every[code] for code in codes if code in every}
        if not system.case_sensitive and len(found) < len(codes):
            lower = shipped.folded(system.url) if came is None else {code.lower(): code for code in came}
            for code in codes:
                if code not in found and code.lower() in lower:
                    found[code] = every[lower[code.lower()]]
        return found

    async def concepts(self, system: System, codes: Sequence[str]) -> dict[str, Concept]:
        """The concepts among `codes` that exist, by the code as asked."""
        if not system.known or not codes:
            return {}
        if system.key is None:
            return await self._supplemented(system, self._among(system, codes))
        whole = await self.reading.whole(system, _concept)
        if whole is not None:
            return await self._supplemented(
                system, _chosen_of(whole, codes, any_case=not system.case_sensitive)
            )
        rows = await self.store.run("terminology.concepts", system.key, list(codes))
        found = {row["code"]: _concept(row) for row in rows}
        if not system.case_sensitive and len(found) < len(codes):
            found |= await self._any_case(system, [c for c in codes if c not in found])
        return await self._supplemented(system, found)

    async def known(self, system: System, codes: Sequence[str]) -> Collection[str]:
        """Those of the codes that a system has, written as it writes them."""
        if system.key is None:
            return self._among(system, codes)
        rows = await self.store.run("terminology.known", system.key, list(codes))
        return {row["code"] for row in rows}

    async def _any_case(self, system: System, codes: list[str]) -> dict[str, Concept]:
        rows = await self.store.run(
            "terminology.concepts-any-case", system.key, [code.lower() for code in codes]
        )
        lower = {row["code"].lower(): _concept(row) for row in rows}
        return {code: lower[code.lower()] for code in codes if code.lower() in lower}

    async def _supplemented(self, system: System, found: dict[str, Concept]) -> dict[str, Concept]:
        """With what the supplements of the system add."""
        for sid in system.supplements:
            for row in await self.store.run("terminology.concepts", sid, list(found)):
                found[row["code"]] = _joined(found[row["code"]], _concept(row))
        for more in self.given.added(system):
            found |= {code: _joined(found[code], more[code]) for code in found if code in more}
        return found

    async def children(self, system: System, code: str, most: int) -> list[str]:
        """The codes just below one, in order, at most `most`."""
        if system.key is None:
            return [c.code for c in self._held(system).values() if code in c.parents][:most]
        if (whole := await self.reading.whole(system, _concept)) is not None:
            return [c.code for c in whole.values() if code in c.parents][:most]
        condition = f"$.par[*] == {json.dumps(code, ensure_ascii=False)}"
        rows = await self.store.run("terminology.page", system.key, condition, [], "", 0, most)
        return [row["code"] for row in rows]

    async def count(
        self, system: System, predicate: Predicate, words: list[str], without: Sequence[str] = ()
    ) -> int:
        """How many concepts meet a condition, hold words, and are not among `without`."""
        if system.key is None:
            return len(await self._chosen(system, predicate, words, without))
        if predicate == EVERYTHING and not words and not without:
            return system.size
        rows = await self.store.run(
            "terminology.count", system.key, path(predicate), list(without), _query(words)
        )
        return int(rows[0]["n"])

    async def page(
        self,
        system: System,
        predicate: Predicate,
        words: list[str],
        without: Sequence[str] = (),
        *,
        offset: int,
        limit: int,
    ) -> list[Concept]:
        """So many of them from `offset`, in the system's order."""
        if system.key is None:
            every = await self._chosen(system, predicate, words, without, offset + limit)
            chosen = every[offset : offset + limit]
            return list((await self._supplemented(system, {c.code: c for c in chosen})).values())
        found = await self._page(system, predicate, words, without, (offset, limit))
        return list((await self._supplemented(system, found)).values())

    async def _page(
        self,
        system: System,
        predicate: Predicate,
        words: list[str],
        without: Sequence[str],
        span: tuple[int, int],
    ) -> dict[str, Concept]:
        offset, limit = span
        if predicate != EVERYTHING or words or without:
            args = (path(predicate), list(without), _query(words), offset, limit)
            rows = await self.store.run("terminology.page", system.key, *args)
        elif (whole := await self.reading.whole(system, _concept)) is not None:
            return dict(islice(whole.items(), offset, offset + limit))
        else:
            rows = await self.store.run("terminology.all", system.key, offset, offset + limit - 1)
        return {row["code"]: _concept(row) for row in rows}

    async def _chosen(
        self,
        system: System,
        predicate: Predicate,
        words: list[str],
        without: Sequence[str],
        most: int | None = None,
    ) -> list[Concept]:
        """Concepts in memory that meet a condition, in order; others are served between blocks of them."""
        listed, found = frozenset(without), list[Concept]()
        for n, concept in enumerate(self._held(system).values()):
            if n % _BLOCK == _BLOCK - 1:
                await sleep(0)
            if most is not None and len(found) >= most:
                break
            if concept.code in listed or not holds(predicate, concept):
                continue
            if not words or named(concept, words):
                found.append(concept)
        return found

    async def value_set(self, canonical: str, version: str = "") -> ValueSet | None:
        """A value set by its canonical URL, or None."""
        url, own = parted(canonical)
        key = url, own or version
        if key not in self.value_sets:
            self.value_sets[key] = await self._value_set(*key)
        return self.value_sets[key]

    async def _value_set(self, url: str, version: str) -> ValueSet | None:
        if came := self.given.value_set(url, version):
            return came
        for row in await self.reading.rows("terminology.value-set", url, version):
            return await self._read(row["vid"], str(row["mark"]))
        ours = shipped.find_value_set(url) or value_set.implicit(url)
        return ours if ours is not None and version in ("", ours.version) else None

    async def _read(self, vid: int, mark: str) -> ValueSet | None:
        """What stands under a mark never changes: what was read once need not be read again."""
        found = _MEMORY.get(mark)
        if found is None:
            rows = await self.store.run("terminology.value-set-body", vid)
            if not rows:
                return None
            body = str(rows[0]["body"])
            found = await by_size(len(body), _value_set, body)
            _MEMORY.keep(mark, found, len(body))
        return found


def _value_set(body: str) -> ValueSet:
    return value_set.read(fhir_json.parse(body.encode()))


@dataclass(slots=True)
class _Memory:
    """Value sets lately read, up to so many characters of JSON in all; the oldest go first."""

    most: int
    held: int = 0
    kept: OrderedDict[str, tuple[ValueSet, int]] = field(default_factory=OrderedDict)

    def get(self, mark: str) -> ValueSet | None:
        found = self.kept.get(mark)
        return found[0] if found else None

    def keep(self, mark: str, found: ValueSet, size: int) -> None:
        if size * 4 > self.most or mark in self.kept:
            return
        self.kept[mark] = found, size
        self.held += size
        while self.held > self.most:
            self.held -= self.kept.popitem(last=False)[1][1]


_MEMORY = _Memory(16_000_000)


def _system(row: Mapping[str, Any]) -> System:
    return System(
        row["url"],
        row["version"],
        row["content"],
        row["case_sensitive"],
        row["title"],
        row["name"],
        row["sid"],
        row["size"],
        tuple(row["supplements"]),
        row["language"],
        tuple(row["standing"].split()),
        place=row.get("place", 0),
        mark=row.get("moved", 0),
    )


def _chosen_of(every: Mapping[str, Concept], codes: Sequence[str], *, any_case: bool) -> dict[str, Concept]:
    """The concepts among `codes`, by the code as asked."""
    found = {code: every[code] for code in codes if code in every}
    if any_case and len(found) < len(codes):
        lower = {code.lower(): code for code in every}
        found |= {c: every[lower[c.lower()]] for c in codes if c not in found and c.lower() in lower}
    return found


def _canonical(url: str, version: str) -> str:
    return f"{url}|{version}" if version else url


def _unknown(url: str, version: str) -> System:
    return System(url, version, "not-present", key=-1)


def _query(words: list[str]) -> str:
    """Each word as the beginning of one; words are letters and digits, so nothing needs escaping."""
    return " & ".join(f"'{word}':*" for word in words)


def _concept(row: Mapping[str, Any]) -> Concept:
    """A concept from its row."""
    detail = json.loads(row["detail"], parse_float=Decimal) if row["detail"] else {}
    return Concept(
        code=row["code"],
        display=row["display"],
        definition=detail.get("definition", ""),
        parents=tuple(row["par"]),
        lineage=frozenset(row["line"]),
        properties=tuple(Property(*one) for one in detail.get("property", ())),
        designations=tuple(detail.get("designation", ())),
    )


def _joined(concept: Concept, more: Concept) -> Concept:
    """A concept with what a supplement says besides."""
    return replace(
        concept,
        definition=concept.definition or more.definition,
        properties=concept.properties + more.properties,
        designations=concept.designations + more.designations,
    )
