"""The parts of composite parameters, found in one element, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from typing import Any

from aubier.search.keys import Keys, bounded, bounded_text
from aubier.search.model import Pair, Terms
from aubier.search.terms.brief import plainly, unit_system

MOST = 200
"""The most pairs that one element gives; more are left out."""
_TABLES = ("tokens", "identifiers", "references", "strings", "uris", "dates", "numbers", "quantities")


def pairs(terms: Terms, codes: Sequence[str], group: str, count: int, parts: Terms) -> None:
    """Adds what an element holds for composites of `count` parts; nothing unless it has them all.

    `parts` are its values under the numbers of the parts as parameters. Without a `group`, that the resource
    has them is all that is kept (`terms.whole`).
    """
    firsts = [(system, code) for p, system, code in (*parts.tokens, *parts.identifiers) if p == "1" and code]
    if not group and firsts and count == 2 and _any(parts):
        terms.present.update(codes)
        return
    values = [_values(parts, str(n)) for n in range(2, count + 1)]
    if not firsts or not all(values):
        return
    terms.present.update(codes)
    if not group:
        return
    element = f"#{len(terms.pairs)}" if count > 2 else ""
    found = (
        Pair(group, system, code, part, table, _numbered(table, row, element))
        for part, listed in enumerate(values, 2)
        for (system, code), (table, row) in product(firsts, listed)
    )
    terms.pairs += islice(found, MOST)


def _any(parts: Terms) -> bool:
    """Whether there is a value of the second part."""
    lists = (parts.quantities, parts.tokens, parts.strings, parts.dates, parts.numbers)
    others = (parts.references, parts.identifiers, parts.uris)
    return any(row[0] == "2" for rows in (*lists, *others) for row in rows)


def _values(parts: Terms, number: str) -> list[tuple[str, tuple[Any, ...]]]:
    found = ((table, rows) for table in _TABLES if (rows := getattr(parts, table)))
    return [(table, row[1:]) for table, rows in found for row in rows if row[0] == number]


def _numbered(table: str, row: tuple[Any, ...], element: str) -> tuple[Any, ...]:
    """A number beside a third one bears the mark of their element where a unit would stand."""
    return (element, "", *row) if table == "numbers" else row


def posted(
    found: Terms, kind: str, keys: Keys, local: Callable[[str], str]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The rows of composites, each with its table; two codes are a term of the resource (`terms`)."""
    for pair in found.pairs:
        for system in (None, pair.system):
            key = keys.pair(kind, pair.group, pair.part, pair.code, system)
            match pair.table, pair.values:
                case "tokens" | "identifiers", (own, code):
                    if code:
                        yield from (("terms", (keys.second(key, code, of),)) for of in (None, own))
                case "numbers" | "quantities", (own, code, *numbers):
                    yield "num", (key, *numbers, unit_system(own), bounded(code))
                case "dates", (low, high):
                    yield "dat", (key, low, high)
                case "strings", (text,):
                    yield "str", (key, bounded_text(plainly(text)), "")
                case _, (target,):
                    yield "ref", (key, bounded(local(target)))
