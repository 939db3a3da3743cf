"""The list of documents: filters as links and a form, counts, pages by link."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from aubier.ground.rows import Request
from aubier.ground.text import fold
from aubier.portals.frame.dates import partial
from aubier.portals.reading.papers import families, family

PAGE_SIZE = 20
"""Documents on one page of the list."""


@cache
def synonyms() -> Mapping[str, Sequence[str]]:
    """Words of people -> words of titles. Data: `words.json`."""
    raw = json.loads((Path(__file__).parent / "words.json").read_text(encoding="utf-8"))
    found: Mapping[str, Sequence[str]] = raw["words"]
    return found


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; all may be empty. Dates are `YYYY-MM-DD`."""

    words: str = ""
    kind: str = ""
    author: str = ""
    since: str = ""
    until: str = ""
    page: str = ""

    @property
    def any(self) -> bool:
        """Whether something narrows the list."""
        return any((self.words, self.kind, self.author, self.since, self.until))


def read_filters(request: Request) -> tuple[Filters, Mapping[str, str]]:
    """The filters of a request, and the errors by field: a date that is none is told, not ignored."""
    got = {name: request.one(name).strip()[:100] for name in ("q", "type", "auteur", "du", "au", "page")}
    errors = {name: "error.date" for name in ("du", "au") if got[name] and not _day(got[name])}
    if not errors and got["du"] and got["au"] and got["du"] > got["au"]:
        errors["au"] = "error.date_order"
    known = got["type"] if family(got["type"]) else ""
    return Filters(got["q"], known, got["auteur"], got["du"], got["au"], got["page"]), errors


def _day(text: str) -> bool:
    found = partial(text)
    return bool(found and found.day and len(text) == 10)


def criteria(patient: str, filters: Filters) -> list[tuple[str, str]]:
    """The FHIR search of DocumentReference for these filters, without paging."""
    found = [("patient", patient), ("status", "current")]
    if filters.words:
        said = synonyms().get(fold(filters.words), (filters.words,))
        found.append(("description:contains", ",".join(w.replace(",", "\\,") for w in said)))
    chosen = family(filters.kind)
    if chosen:
        found.append(("type", ",".join(chosen.codes)))
    if filters.author:
        found.append(("author:Practitioner.name:contains", filters.author.replace(",", "\\,")))
    if filters.since:
        found.append(("date", f"ge{filters.since}"))
    if filters.until:
        found.append(("date", f"le{filters.until}"))
    return found


@dataclass(frozen=True, slots=True)
class Chip:
    """One family as a link with its count."""

    key: str
    count: int
    href: str
    current: bool


def chips(base: str, filters: Filters, counts: Mapping[str, int], total: int) -> list[Chip]:
    """« Tout » then each family that has something, keeping the other filters."""
    found = [Chip("all", total, address(base, filters, kind=""), not filters.kind)]
    for one in families():
        if counts.get(one.key) or filters.kind == one.key:
            link = address(base, filters, kind=one.key)
            found.append(Chip(one.key, counts.get(one.key, 0), link, filters.kind == one.key))
    return found


def address(base: str, filters: Filters, *, kind: str | None = None, page: str = "") -> str:
    """The address of the list with these filters, `kind` and `page` replaced."""
    pairs: Sequence[tuple[str, str]] = (
        ("q", filters.words),
        ("type", filters.kind if kind is None else kind),
        ("auteur", filters.author),
        ("du", filters.since),
        ("au", filters.until),
        ("page", page),
    )
    kept = [(k, v) for k, v in pairs if v]
    return f"{base}?{urlencode(kept)}" if kept else base
