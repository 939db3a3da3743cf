"""What a question names and only the caller knows: value sets, what a code subsumes, the server's base.

Search is pure: the query says which sets it needs, the caller finds them where codes are known, and gets a
query that lists them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from aubier.ground.problem import problem
from aubier.search.extract import value_types
from aubier.search.model import CodeSet, Condition, Criterion, Has, Logic, Query, Value
from aubier.search.query.values import CODED

MOST = 20_000
"""The most codes that one question may come to stand for."""

Codes = Sequence[tuple[str, str]]
"""(system, code) pairs."""
FindCodes = Callable[[CodeSet], Awaitable[Codes]]
"""Gives the codes of a set. Problem `not-found` when it is not known, `too-costly` when it has too many."""

_RELATIONS = frozenset({"in", "not-in", "above", "below"})


def sets_named(query: Query) -> tuple[CodeSet, ...]:
    """The sets that must be found before the query can be compiled, each once."""
    # Most questions are plain, and every one is looked at.
    if all(isinstance(c, Criterion) and not c.chain and not c.modifier for c in query.criteria):
        return ()
    return tuple(dict.fromkeys(s for c in query.criteria for s in _named(c)))


def with_sets(query: Query, found: Mapping[CodeSet, Codes]) -> Query:
    """The query with the codes of its sets listed. Problem `too-costly` beyond 20,000 codes."""
    if sum(map(len, found.values())) > MOST:
        raise problem(
            "too-costly",
            f"These sets hold more than {MOST} codes; name narrower ones",
            f"Ces jeux contiennent plus de {MOST} codes ; nommez-en de plus étroits",
            at="http.query",
        )
    return replace(query, criteria=tuple(_with(c, found) for c in query.criteria))


def at_home(query: Query, local: Callable[[str], str]) -> Query:
    """The query with references of the form `[base]/Patient/1` as `Patient/1`: `local` knows the base.

    Rule: FHIR R4 4.0.1, search 3.1.1.4.12: both find the same.
    """
    if not any("://" in value for _, value in query.applied) or all(map(_names_nothing, query.criteria)):
        return query
    criteria = tuple(_at_home(c, local) for c in query.criteria)
    return query if criteria == query.criteria else replace(query, criteria=criteria)


def names_in(query: Query) -> frozenset[str]:
    """What the values of a query say, each of a list on its own."""
    return frozenset(one for _, value in query.applied for one in value.split(","))


def with_names(query: Query, known: Mapping[str, str]) -> Query:
    """The query with each reference that is `known` by another name, as a fullUrl is, under that one."""

    def named(text: str) -> str:
        return known.get(text, text)

    criteria = tuple(_at_home(c, named) for c in query.criteria)
    applied = tuple((name, ",".join(map(named, value.split(",")))) for name, value in query.applied)
    return replace(query, criteria=criteria, applied=applied)


def _names_nothing(condition: Condition) -> bool:
    """Whether a criterion is plain, and no reference by a URL."""
    if not isinstance(condition, Criterion) or condition.chain:
        return False
    sort = condition.parameter.type
    if sort == "reference":
        return not any("://" in value.text for value in condition.values)
    return sort != "composite"


def asks_for_set(criterion: Criterion) -> bool:
    """Whether a criterion stands for codes that are not listed yet."""
    return criterion.parameter.type == "token" and criterion.modifier in _RELATIONS


def _named(criterion: Condition) -> Iterator[CodeSet]:
    if isinstance(criterion, Logic):
        for part in criterion.parts:
            yield from _named(part)
        return
    if isinstance(criterion, Has):
        yield from _named(criterion.criterion)
        return
    for step in criterion.chain:
        yield from _named(step)
    if asks_for_set(criterion):
        yield from (_set(criterion, v) for v in criterion.values)


def _at_home(condition: Condition, local: Callable[[str], str]) -> Condition:
    if isinstance(condition, Logic):
        return replace(condition, parts=tuple(_at_home(part, local) for part in condition.parts))
    return _link_at_home(condition, local)


def _link_at_home(criterion: Criterion | Has, local: Callable[[str], str]) -> Criterion | Has:
    if isinstance(criterion, Has):
        return replace(criterion, criterion=_link_at_home(criterion.criterion, local))
    if criterion.chain:
        return replace(criterion, chain=tuple(_link_at_home(step, local) for step in criterion.chain))
    if criterion.parameter.type not in ("reference", "composite") or criterion.modifier:
        return criterion
    values = tuple(_named_at_home(v, local) for v in criterion.values)
    return criterion if values == criterion.values else replace(criterion, values=values)


def _named_at_home(value: Value, local: Callable[[str], str]) -> Value:
    if value.parts:
        return replace(value, parts=tuple(_named_at_home(part, local) for part in value.parts))
    return replace(value, text=local(value.text)) if ":" in value.text else value


def _set(criterion: Criterion, value: Value) -> CodeSet:
    if criterion.modifier in ("in", "not-in"):
        return CodeSet("in", value_set=value.text)
    return CodeSet(criterion.modifier, system=value.system or "", code=value.code)  # type: ignore[arg-type]


def _with(condition: Condition, found: Mapping[CodeSet, Codes]) -> Condition:
    if isinstance(condition, Logic):
        return replace(condition, parts=tuple(_with(part, found) for part in condition.parts))
    return _listed(condition, found)


def _listed(criterion: Criterion | Has, found: Mapping[CodeSet, Codes]) -> Criterion | Has:
    if isinstance(criterion, Has):
        return replace(criterion, criterion=_listed(criterion.criterion, found))
    if criterion.chain:
        return replace(criterion, chain=tuple(_listed(step, found) for step in criterion.chain))
    if not asks_for_set(criterion):
        return criterion
    codes = dict.fromkeys(pair for v in criterion.values for pair in found[_set(criterion, v)])
    # A `code` is stored without a system: its element is bound to one.
    plain = bool(value_types(criterion.parameter) - CODED)
    coded = bool(value_types(criterion.parameter) & CODED)
    values = [Value(system=system, code=code) for system, code in codes] if coded else []
    # Where nothing has a system, a code of any is the one that is posted.
    of = "" if coded else None
    values += [Value(system=of, code=code) for code in dict.fromkeys(c for _, c in codes)] if plain else []
    modifier = "not" if criterion.modifier == "not-in" else ""
    return replace(criterion, modifier=modifier, values=tuple(values))
