"""What each search must answer, worked out once by the book and kept beside the corpus; and the judge.

A cell counts only when the judge found no fault: the whole set of ids, each once; the exact total where it is
asked for; the order; what comes along with each match.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.contract.search.oracle import Oracle

from bench.client.connection import Connection, path_of
from bench.dataset.book import KINDS, Book
from bench.dataset.corpus import Corpus, Told
from bench.dataset.rights import Rights
from bench.workloads.samples import Samples
from bench.workloads.shapes import Pairs, Shape, path

_WHOLE = 3000
"""Answers up to this long are compared whole; of longer ones the total and the first page of a thousand."""
_PAGES = 60


@dataclass(frozen=True, slots=True)
class Expected:
    """The names that answer; where order is asked, the rank of each; and what comes along with each."""

    pairs: Pairs
    names: frozenset[str]
    ranks: dict[str, int] = field(default_factory=dict)
    along: dict[str, list[str]] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """For the file."""
        return {
            "pairs": self.pairs,
            "names": sorted(self.names),
            "ranks": self.ranks,
            "along": self.along,
        }

    @classmethod
    def read(cls, found: dict[str, Any]) -> Expected:
        """From the file."""
        pairs = [(k, v) for k, v in found["pairs"]]
        return cls(pairs, frozenset(found["names"]), found["ranks"], found["along"])


def worked_out(
    corpus: Corpus, shapes: Sequence[Shape], each: int, told: Told
) -> tuple[Samples, Rights, dict[str, dict[str, list[Expected]]]]:
    """The samples, the rights and, by mode and shape, what is expected of the first `each` criteria."""
    place = corpus.folder / f"answers-{each}.json"
    kept = json.loads(place.read_text("utf-8")) if place.exists() else {}
    by = _made_by()
    if kept.get("by") != by:
        kept = {"by": by, **_work_out(corpus, shapes, each, told)}
        part = place.with_name(place.name + ".part")
        part.write_text(json.dumps(kept), "utf-8")
        part.replace(place)
    rights = Rights(frozenset(kept["cared"]), frozenset(kept["denied"]))
    samples = Samples(**{k: [_back(v) for v in values] for k, values in kept["samples"].items()})
    answers = {
        mode: {name: [Expected.read(e) for e in found] for name, found in by_name.items()}
        for mode, by_name in kept["answers"].items()
    }
    return samples, rights, answers


def _made_by() -> str:
    """What the answers hang on besides the corpus: the shapes, the samples, the rights, the book."""
    found = hashlib.sha256()
    for module in (Shape, Samples, Rights, Book, Oracle, Expected):
        found.update(Path(sys.modules[module.__module__].__file__ or "").read_bytes())
    return found.hexdigest()


def _back(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _work_out(corpus: Corpus, shapes: Sequence[Shape], each: int, told: Told) -> dict[str, Any]:
    told("answers: reading the corpus")
    resources = list(corpus.read(*KINDS))
    rights = Rights.over([r["id"] for r in resources if r["resourceType"] == "Patient"])
    samples = Samples.of(resources, rights)
    books = {"off": Book(resources), "on": Book([r for r in resources if rights.sees(r)])}
    answers: dict[str, dict[str, list[Any]]] = {}
    for mode, book in books.items():
        for number, shape in enumerate(shapes):
            told(f"answers: {mode}, shape {number + 1} of {len(shapes)}")
            criteria = shape.criteria(samples, each)
            answers.setdefault(mode, {})[shape.name] = [_expected(book, shape, c).written() for c in criteria]
    drawn = {name: getattr(samples, name) for name in Samples.__slots__}
    return {
        "cared": sorted(rights.cared),
        "denied": sorted(rights.denied),
        "samples": drawn,
        "answers": answers,
    }


def _expected(book: Book, shape: Shape, pairs: Pairs) -> Expected:
    found = book.search(shape.kind, pairs)
    extra = dict(shape.extra)
    names = frozenset(f"{shape.kind}/{r['id']}" for r in found)
    ranks: dict[str, int] = {}
    along: dict[str, list[str]] = {}
    if sort := extra.get("_sort"):
        code, down = sort.removeprefix("-"), sort.startswith("-")
        keys = {f"{shape.kind}/{r['id']}": book.sort_key(r, code, down=down) for r in found}
        there = sorted({k for k in keys.values() if k is not None}, reverse=down)
        order = {key: n for n, key in enumerate(there)}
        ranks = {name: len(there) if key is None else order[key] for name, key in keys.items()}
    if include := extra.get("_include"):
        code = include.partition(":")[2]
        along = {f"{shape.kind}/{r['id']}": sorted(book.pointed(r, code)) for r in found}
    if include := extra.get("_revinclude"):
        kind, _, code = include.partition(":")
        along = {name: sorted(book.pointing(kind, code, {name})) for name in names}
    return Expected(pairs, names, ranks, along)


@dataclass(slots=True)
class Page:
    """A page as it was answered."""

    matches: list[str]
    along: set[str]
    total: int | None
    next: str

    @classmethod
    async def ask(cls, connection: Connection, target: str) -> Page:
        """One page. ValueError when the answer is not one."""
        answer = await connection.ask("GET", target)
        if answer.status != 200:
            raise ValueError(f"status {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}")
        bundle = json.loads(answer.body)
        entries = bundle.get("entry", [])
        modes: dict[str, list[str]] = {"match": [], "include": []}
        for entry in entries:
            found = entry["resource"]
            modes.setdefault(entry.get("search", {}).get("mode", "match"), []).append(
                f"{found['resourceType']}/{found['id']}"
            )
        links = {link["relation"]: link["url"] for link in bundle.get("link", [])}
        following = path_of(links.get("next", ""))
        return cls(modes["match"], set(modes["include"]), bundle.get("total"), following)


async def judged(connection: Connection, shape: Shape, expected: Expected) -> str:
    """Why the answers to one question are wrong; nothing when they are right."""
    try:
        first = await Page.ask(connection, shape.path(expected.pairs))
        return _first(shape, expected, first) or await _all(connection, shape, expected)
    except ValueError as error:
        return str(error)


def _first(shape: Shape, expected: Expected, page: Page) -> str:
    extra = dict(shape.extra)
    counted = "_total" in extra or "_summary" in extra
    if counted and page.total != len(expected.names):
        return f"total {page.total}, not {len(expected.names)}"
    if "_summary" in extra:
        return ""
    size = int(extra.get("_count", "20"))
    if len(page.matches) != min(size, len(expected.names)):
        return f"{len(page.matches)} on the first page, of {len(expected.names)}"
    if wrong := set(page.matches) - expected.names:
        return f"{len(wrong)} on the first page that do not match, {min(wrong)} for one"
    ranks = [expected.ranks.get(name, 0) for name in page.matches]
    if any(a > b for a, b in pairwise(ranks)):
        return "not in the order asked for"
    if expected.along:
        along = {name for match in page.matches for name in expected.along[match]}
        if along != page.along:
            return f"{len(along - page.along)} missing and {len(page.along - along)} too many come along"
    return ""


async def _all(connection: Connection, shape: Shape, expected: Expected) -> str:
    if "_summary" in dict(shape.extra):
        return ""
    found: list[str] = []
    target = path(shape.kind, [*expected.pairs, ("_count", "1000"), ("_total", "accurate")])
    for _ in range(_PAGES):
        page = await Page.ask(connection, target)
        found += page.matches
        if page.total is not None and page.total != len(expected.names):
            return f"total {page.total}, not {len(expected.names)}"
        if not page.next or len(expected.names) > _WHOLE:
            break
        target = page.next
    if len(found) != len(set(found)):
        return f"{len(found) - len(set(found))} entries twice"
    if wrong := set(found) - expected.names:
        return f"{len(wrong)} too many, {min(wrong)} for one"
    if len(expected.names) <= _WHOLE and (missed := expected.names - set(found)):
        return f"{len(missed)} missing, {min(missed)} for one"
    return ""


async def deep(connection: Connection, shape: Shape, pairs: Pairs) -> str:
    """The path of a page far behind: as many pages on as the shape says, or the last there is."""
    target, seen = shape.path(pairs), 0
    while (seen := seen + 1) < shape.page:
        page = await Page.ask(connection, target)
        if not page.next:
            break
        target = page.next
    return target
