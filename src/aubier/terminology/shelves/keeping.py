"""How code systems and value sets come into the tables: whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.store.aside import by_length
from aubier.terminology.meaning import value_set
from aubier.terminology.meaning.code_system import concepts_of, system_of
from aubier.terminology.meaning.concepts import Concept, System, words
from aubier.terminology.meaning.hierarchy import check_lineage
from aubier.terminology.meaning.predicates import facts
from aubier.terminology.shelves.library import Store

BLOCK = 2_000
"""Concepts of one statement."""

LONGEST = 600
"""The longest code, URL or version, in characters: what an index entry holds."""


@dataclass(slots=True)
class Loading:
    """A system on its way into the tables; nobody sees it until `finish`."""

    store: Store
    sid: int
    resource: str
    url: str
    version: str
    size: int = 0
    hierarchy: bool = False
    adopts: bool = False
    strict: bool = True

    async def add(self, concepts: Sequence[Concept]) -> None:
        """Adds a block of concepts. Problem `business-rule` when a code comes twice."""
        if not concepts:
            return
        if any(len(concept.code) > LONGEST for concept in concepts):
            raise too_long("CodeSystem.concept.code")
        rows = [_row(n, concept) for n, concept in enumerate(concepts)]
        columns = (list(column) for column in zip(*rows, strict=True))
        added = await self.store.run("terminology.add", self.sid, self.size, *columns)
        self.size += len(added)
        if self.strict and len(added) < len(rows):
            new = {row["code"] for row in added}
            raise _twice(next((c.code for c in concepts if c.code not in new), _repeated(concepts)))
        self.hierarchy = self.hierarchy or any(concept.parents for concept in concepts)
        self.adopts = self.adopts or any(p.code == "child" for c in concepts for p in c.properties)

    async def finish(self) -> None:
        """Works out the hierarchy, shows the system, and takes away what it replaces."""
        for first in range(0, self.size if self.adopts else 0, BLOCK):
            await self.store.run("terminology.adopt", self.sid, first, first + BLOCK - 1)
        for first in range(0, self.size if self.hierarchy or self.adopts else 0, BLOCK):
            await self.store.run("terminology.ancestors", self.sid, first, first + BLOCK - 1)
        replaced = await self.store.run("terminology.older", self.sid, self.resource, self.url, self.version)
        await self.store.run("terminology.finish", self.sid, self.size)
        for row in replaced:
            await forget(self.store, row["sid"])


async def begin(store: Store, system: System, *, resource: str = "", supplements: str = "") -> Loading:
    """Begins a system; `resource` is the id of its CodeSystem, when there is one."""
    if max(len(text) for text in (system.url, system.version, supplements)) > LONGEST:
        raise too_long("CodeSystem.url")
    rows = await store.run(
        "terminology.system",
        *(system.url, system.version, resource, system.content, system.case_sensitive, supplements),
        *(system.title, system.name, system.language[:100], " ".join(system.standing)),
    )
    return Loading(store, rows[0]["sid"], resource, system.url, system.version)


async def load(
    store: Store, system: System, concepts: Iterable[Concept], *, resource: str, supplements: str = ""
) -> int:
    """A whole system from a stream of concepts, in blocks; gives how many there are.

    `resource` is the id under which it is known: what stood under it goes at the end. Of a code that comes
    twice, the first counts. Problem: nothing changed.
    """
    loading = await begin(store, system, resource=resource, supplements=supplements)
    loading.strict = False
    try:
        for block in blocks(concepts):
            await loading.add(block)
        await loading.finish()
    except BaseException:
        await forget(store, loading.sid)
        raise
    return loading.size


def blocks(concepts: Iterable[Concept]) -> Iterator[list[Concept]]:
    """A stream by lists of `BLOCK`."""
    stream = iter(concepts)
    while block := list(islice(stream, BLOCK)):
        yield block


async def forget(store: Store, sid: int) -> None:
    """Hides a system, then takes it away block by block."""
    await store.run("terminology.hide", sid)
    last = (await store.run("terminology.last", sid))[0]["last"]
    for first in range(0, last + 1, BLOCK):
        await store.run("terminology.forget-concepts", sid, first, first + BLOCK - 1)
    await store.run("terminology.forget-system", sid)


async def keep_code_system(store: Store, resource: Resource) -> None:
    """The concepts of a CodeSystem that is being stored, in the same transaction.

    One without content says that there is a system; its concepts, if they were loaded, stay. Without a url
    nobody can name it.
    """
    present = resource.get("content") != "not-present" or resource.get("concept")
    if not present or not resource.get("url"):
        return
    loading = await begin(
        store,
        system_of(resource),
        resource=str(resource.get("id", "")),
        supplements=str(resource.get("supplements", "")),
    )
    await by_length(lambda whole: check_lineage(concepts_of(whole)), resource)
    for block in blocks(concepts_of(resource)):
        await loading.add(block)
    await loading.finish()


async def keep_value_set(store: Store, resource: Resource) -> None:
    """A ValueSet that is being stored, if it can be understood. Problem as `value_set.read`."""
    await by_length(value_set.read, resource)
    kept = {k: v for k, v in resource.items() if k not in ("text", "meta")}
    if max(len(str(resource.get(name, ""))) for name in ("url", "version")) > LONGEST:
        raise too_long("ValueSet.url")
    await store.run(
        "terminology.keep-value-set",
        *(str(resource.get("url", "")), str(resource.get("version", "")), str(resource.get("id", ""))),
        fhir_json.dumps(kept).decode(),
    )


async def is_kept(store: Store, logical: str) -> bool:
    """Whether the concepts of the CodeSystem of that id are here."""
    return bool(await store.run("terminology.of-resource", logical))


async def forget_resource(store: Store, kind: str, logical: str) -> None:
    """After a resource was deleted: takes away what stood for it."""
    if kind == "ValueSet":
        await store.run("terminology.forget-value-set", logical)
    elif kind == "CodeSystem":
        for row in await store.run("terminology.of-resource", logical):
            await forget(store, row["sid"])


def _row(number: int, concept: Concept) -> tuple[int, str, str, str, str, str]:
    detail = {
        "definition": concept.definition,
        "property": [[p.code, p.kind, p.value] for p in concept.properties],
        "designation": [dict(d) for d in concept.designations],
    }
    kept = {k: v for k, v in detail.items() if v}
    return (
        number,
        concept.code,
        concept.display,
        fhir_json.dumps(kept).decode() if kept else "",
        json.dumps(facts(concept), ensure_ascii=False),
        " ".join(words(concept.code, *concept.names())),
    )


def _repeated(concepts: Sequence[Concept]) -> str:
    seen: set[str] = set()
    return next((c.code for c in concepts if c.code in seen or seen.add(c.code)), "")  # type: ignore[func-returns-value]


def _twice(code: str) -> Exception:
    return problem(
        "business-rule",
        f"The code '{code[:80]}' comes twice; keep one of them",
        f"Le code « {code[:80]} » vient deux fois ; gardez-en un",
        at="CodeSystem.concept",
        rule="FHIR R4 CodeSystem, csd-1",
    )


def too_long(at: str) -> Problem:
    """The refusal of a name that no index entry holds."""
    return problem(
        "too-long",
        f"A code, a URL or a version has at most {LONGEST} characters here",
        f"Un code, une URL ou une version a au plus {LONGEST} caractères ici",
        at=at,
    )
