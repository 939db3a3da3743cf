"""What the numbers beside posted codes tell of a query: which postings need not be followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from aubier.search.model import Condition, Criterion, Value
from aubier.search.terms.layout import FLOAT_DIGITS, MEASURED, NOT_MEASURED, UNSURE
from aubier.search.terms.whole import whole

if TYPE_CHECKING:
    from aubier.search.sql.frame import Frame


def measures(frame: Frame, criteria: Iterable[Condition], kind: str, anchor: Criterion) -> list[str]:
    """Conditions over a posting `{p}` of a code that `anchor` names, which every match of `criteria` meets.

    Whether a resource matches, its own rows tell.
    """
    posted, codes = _named(anchor)
    if read := MEASURED.get(kind, {}).get(posted):
        asked = (found for c in criteria if (found := list(_numbers(c, kind, posted, codes, read))))
        return [f"({' or '.join(_test(frame, v) for v in values)})" for values in asked]
    return []


def _named(anchor: Criterion) -> tuple[str, frozenset[str]]:
    """The posted parameter that a criterion asks for, and its codes."""
    if not anchor.parameter.groups:
        return anchor.parameter.code, frozenset(v.code for v in anchor.values)
    first = anchor.parameter.groups[0].parts[0].parameter.code
    return first, frozenset(v.parts[0].code for v in anchor.values)


def _numbers(
    criterion: Condition, kind: str, posted: str, codes: frozenset[str], read: str
) -> Iterator[Value]:
    """The values that a criterion asks of the number beside these codes; none when others match too."""
    if not isinstance(criterion, Criterion) or criterion.modifier or criterion.chain:
        return
    parameter = criterion.parameter
    if not parameter.groups:
        yield from criterion.values if parameter.code == read else ()
        return
    of_resource = [whole(kind, group) for group in parameter.groups]
    alone = len(of_resource) == 1 and of_resource[0]
    if (alone and alone.value.code == read) or (
        parameter.code == read and len(codes) == 1 and _named(criterion) == (posted, codes)
    ):
        yield from (v.parts[1] for v in criterion.values)


def _test(frame: Frame, v: Value) -> str:
    def arg(number: Decimal) -> str:
        return frame.args.add(float(number), "float8")

    def apart(number: Decimal, way: str) -> str:
        """`<` or `>`, with `=` where floats may be equal and numbers not."""
        return way if len(number.as_tuple().digits) <= FLOAT_DIGITS else f"{way}="

    known, unsure = f"{{p}}.v > '{NOT_MEASURED}'", f"{{p}}.v = '{UNSURE}'"
    match v.prefix:
        case "gt":
            return f"{{p}}.v {apart(v.number, '>')} {arg(v.number)}"
        case "ge" | "sa":
            return f"{{p}}.v >= {arg(v.number)}"
        case "lt":
            return f"({known} and {{p}}.v {apart(v.number, '<')} {arg(v.number)} or {unsure})"
        case "le" | "eb":
            return f"({known} and {{p}}.v <= {arg(v.number)} or {unsure})"
        case "eq":
            below = apart(v.high, "<")
            return f"({{p}}.v >= {arg(v.low)} and {{p}}.v {below} {arg(v.high)} or {unsure})"
    return known
