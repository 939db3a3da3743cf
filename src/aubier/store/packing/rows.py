"""A resource as rows: its terms, its postings, its place in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from aubier.ground.rows import Resource
from aubier.search.extract import extract
from aubier.search.keys import Keys, bounded
from aubier.search.model import NO_DATE, Parameter, Terms
from aubier.search.parameters import Registry, is_clinical_date, registry
from aubier.search.terms.brief import compared, unit_system
from aubier.search.terms.contained import contained
from aubier.search.terms.kept import elsewhere
from aubier.search.terms.layout import (
    FLOAT_DIGITS,
    MEASURED,
    NOT_MEASURED,
    UNSURE,
    is_plain,
    is_posted,
    there,
)
from aubier.search.terms.pairs import posted
from aubier.search.terms.paths import type_of
from aubier.search.terms.words import words_of
from aubier.store.compartment import followed, owned, owner
from aubier.store.keys import CONTEXT, SECURED

COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "post": (
        ("term", "bigint"),
        ("k", "bigint"),
        ("v", "float8"),
        ("rid", "bigint"),
        ("pat", "bigint"),
    ),
    "ident": (
        ("param", "bigint"),
        ("value", "text"),
        ("system", "text"),
        ("rid", "bigint"),
        ("pat", "bigint"),
    ),
    "ref": (("param", "bigint"), ("target", "text"), ("rid", "bigint"), ("pat", "bigint")),
    "str": (("param", "bigint"), ("norm", "text"), ("exact", "text"), ("rid", "bigint"), ("pat", "bigint")),
    "dat": (("param", "bigint"), ("lo", "bigint"), ("hi", "bigint"), ("rid", "bigint"), ("pat", "bigint")),
    "num": (
        ("param", "bigint"),
        ("val", "numeric"),
        ("low", "numeric"),
        ("high", "numeric"),
        ("usystem", "text"),
        ("ucode", "text"),
        ("rid", "bigint"),
        ("pat", "bigint"),
    ),
}
"""The posting tables: columns in order, with their PostgreSQL types. Every column tells a row from others."""

Row = tuple[Any, ...]
Postings = dict[str, set[Row]]
"""The rows of one resource by table, without the closing (rid, pat)."""


_OFTEN = 100
"""Characters of a text that is worth remembering."""


class Indexed(msgspec.Struct):
    """What the store keeps beside the bytes. `lo`, `hi`: the primary clinical date in ms, or NO_DATE.

    `has`: which parameters have a value, each a bit (`layout.bits`). `said`: the narrative and the other
    texts (`words.words_of`).
    """

    found: Terms
    terms: list[int]
    postings: Postings
    lo: int = NO_DATE
    hi: int = NO_DATE
    has: int = 0
    said: tuple[str, str] = ("", "")


def index(
    resource: Resource,
    keys: Keys,
    local: Callable[[str], str],
    of: Registry,
    *,
    date: tuple[int, int] | None = None,
    words: bool = True,
) -> Indexed:
    """The rows of a resource under the parameters `of`. `local` turns a URL of this server into `Type/id`.

    With its primary `date`, the rows of these parameters alone, without words and contents; `words` False
    leaves these out where they are not asked for.
    """
    kind = resource["resourceType"]
    found = extract(resource, of=of)
    inside = list(contained(resource, found))
    for each in (found, *(terms for _, terms in inside)):
        each.references = [(param, local(target)) for param, target in each.references]
    primary = of.primary_date(kind)
    lo, hi = _primary_date(primary, found) if date is None else date
    has, unmarked = there(kind, frozenset(found.present - {"_lastUpdated"}))
    terms: set[int] = {keys.present(kind, param) for param in unmarked}
    postings: Postings = {table: set() for table in COLUMNS}
    posts = postings["post"]
    _tokens(found, kind, _coded(of, kind), keys, terms=terms, posts=posts, k=-lo)
    whose = owner(kind, found) if date is None else ""
    has |= _exact(kind, found, keys, postings, whose)
    # Columns of the row itself; the last change, moreover, is not the client's to say.
    held = {"_lastUpdated", primary.code if primary and is_clinical_date(primary) else ""}
    _values(kind, found, keys, local, held=held, terms=terms, postings=postings)
    for path, each in inside:
        _contained(path, each, keys, local, terms=terms, postings=postings)
    if date is not None:
        return Indexed(found, sorted(terms), postings, lo, hi, has)
    if kind == "Binary":
        postings["ref"] |= _context(resource, local)
    return Indexed(found, sorted(terms), postings, lo, hi, has, words_of(resource) if words else ("", ""))


def _contained(
    path: str,
    found: Terms,
    keys: Keys,
    local: Callable[[str], str],
    *,
    terms: set[int],
    postings: Postings,
) -> None:
    """What a contained resource gives stands with its holder's own, under the path to it: nothing is posted,
    no bit is left for what has a value, and what is named is named by a row.
    """
    plain, _ = _coded(registry(), type_of(path))
    terms |= {keys.present(path, param) for param in ("", *found.present)}
    _tokens(found, path, (plain, frozenset()), keys, terms=terms, posts=set(), k=0)
    _exact(path, found, keys, postings, "")
    _values(path, found, keys, local, held=set(), terms=terms, postings=postings)


def _values(
    kind: str,
    found: Terms,
    keys: Keys,
    local: Callable[[str], str],
    *,
    held: set[str],
    terms: set[int],
    postings: Postings,
) -> None:
    """Texts, dates but those `held` elsewhere, numbers and the parts of composites."""
    for param, text in found.strings:
        norm, written = _compared(text)
        # Beside a code, words are looked for, never a text as it is written.
        postings["str"].add((keys.param(kind, param), norm, "" if param.endswith(":text") else written))
    for param, low, high in found.dates:
        if param in held:
            continue
        postings["dat"].add((keys.param(kind, param), low, high))
    _numbers(kind, found, keys, postings)
    for table, row in posted(found, kind, keys, local):
        if table == "terms":
            terms.add(row[0])
        else:
            postings[table].add(row)


def _compared(text: str) -> tuple[str, str]:
    """`keys.compared`, remembered for short texts: what a code is called is said in all that bear it."""
    return _remembered(text) if len(text) <= _OFTEN else compared(text)


_remembered = lru_cache(maxsize=16_384)(compared)


def _tokens(
    found: Terms,
    kind: str,
    coded: tuple[frozenset[str], frozenset[str]],
    keys: Keys,
    *,
    terms: set[int],
    posts: set[tuple[Any, ...]],
    k: int,
) -> None:
    """Terms of the row: each code alone, with its system, and the system. Some codes are posted too, with
    what they measured.
    """
    plain, posted = coded
    measured = _measured(found, kind)
    for token in found.tokens:
        param, system, code = token
        if param == "_id":
            continue
        short = len(system) <= _OFTEN and len(code) <= _OFTEN
        made = (_known_terms if short else _terms)(keys, kind, token, param in plain)
        terms.update(made)
        if param in posted and code:
            number = measured.get((param, ""), NOT_MEASURED)
            posts.add((made[0], k, measured.get((param, code), number)))


def _measured(found: Terms, kind: str) -> dict[tuple[str, str], float]:
    """The number beside a posted parameter, or beside one code of it, as near as a float comes."""
    made: dict[tuple[str, str], float] = {}
    for param, read in MEASURED.get(kind, {}).items():
        rows = [("", *row[3:]) for row in found.quantities if row[0] == read]
        if found.pairs:
            groups = _groups(kind, read)
            pairs = (p for p in found.pairs if p.group in groups and p.table == "quantities")
            rows += [(pair.code, *pair.values[2:]) for pair in pairs]
        for code, value, low, high in rows:
            unsure = (param, code) in made or low + high != 2 * value  # spread: two numbers, or no end
            unsure |= len(value.as_tuple().digits) > FLOAT_DIGITS
            made[param, code] = UNSURE if unsure else float(value)
    return made


@lru_cache(maxsize=256)
def _groups(kind: str, code: str) -> frozenset[str]:
    """The names of what a composite compares."""
    parameter = registry().get(kind, code)
    return frozenset(group.name for group in parameter.groups) if parameter else frozenset()


def _terms(keys: Keys, kind: str, token: tuple[str, str, str], plain: bool) -> tuple[int, ...]:
    """The terms of a code alone, of both together where it may have a system, and of that system."""
    param, system, code = token
    made = [keys.code(kind, param, code)] if code else []
    if code and not plain:
        made.append(keys.token(kind, param, system, code))
    return (*made, keys.system(kind, param, system)) if system else tuple(made)


_known_terms = lru_cache(maxsize=50_000)(_terms)
"""Few codes are most of what is written."""


@lru_cache(maxsize=1024)
def _coded(of: Registry, kind: str) -> tuple[frozenset[str], frozenset[str]]:
    """The token parameters of a type whose values have no system, and those whose codes are posted."""
    tokens = [parameter for parameter in of.of(kind) if parameter.type == "token"]
    return frozenset(p.code for p in tokens if is_plain(p)), frozenset(p.code for p in tokens if is_posted(p))


def _context(resource: Resource, local: Callable[[str], str]) -> set[tuple[Any, ...]]:
    """The document a content belongs to, when it names one: it is seen only by who sees that document.
    Anything else that it names is what it lives with.
    """
    named = local(next(iter(followed(resource)), ""))
    param = CONTEXT if named.startswith("DocumentReference/") else SECURED
    return {(param, bounded(named))} if named else set()


def _exact(kind: str, found: Terms, keys: Keys, postings: Postings, whose: str) -> int:
    """Identifiers, references and URIs. Gives the bits of the references to the Patient whose record it is,
    which the compartment says already.
    """
    said, bits = 0, owned(kind) if whose else {}
    for param, system, value in found.identifiers:
        postings["ident"].add((keys.param(kind, param), bounded(value), bounded(system)))
    for param, target in [*found.references, *found.uris]:
        if elsewhere(kind, param, target):
            continue
        if target == whose and param in bits:
            said |= bits[param]
        else:
            postings["ref"].add((keys.param(kind, param), bounded(target)))
    return said


def _numbers(kind: str, found: Terms, keys: Keys, postings: Postings) -> None:
    none = ("", "")
    for param, value, low, high in found.numbers:
        postings["num"].add((keys.param(kind, param), value, low, high, *none))
    for param, system, code, value, low, high in found.quantities:
        unit = (unit_system(system), bounded(code))
        postings["num"].add((keys.param(kind, param), value, low, high, *unit))
    for param, latitude, longitude in found.places:
        # A row of `num` in other words: the value is north, what would be its bounds east.
        postings["num"].add((keys.param(kind, param), latitude, longitude, longitude, *none))


def _primary_date(primary: Parameter | None, found: Terms) -> tuple[int, int]:
    if primary is None:
        return NO_DATE, NO_DATE
    spans = [(lo, hi) for param, lo, hi in found.dates if param == primary.code]
    if not spans:
        return NO_DATE, NO_DATE
    return min(lo for lo, _ in spans), max(hi for _, hi in spans)
