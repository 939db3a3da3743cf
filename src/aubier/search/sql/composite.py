"""Composite parameters: two values, or three, of one and the same element.

The code of the first part is hashed into the key under which the second is posted, so that a question goes
straight to the values of that code: the index is entered by both.
"""

from __future__ import annotations

from collections.abc import Callable

from aubier.search.keys import bounded
from aubier.search.model import Group, Value
from aubier.search.sql.frame import Frame, one_of, posting, termed
from aubier.search.sql.references import targets_of
from aubier.search.sql.values import quantity_test, span_test, string_test, uri_test


def in_element(frame: Frame, group: Group, value: Value, kind: str, row: str) -> str:
    """The condition that an element of `row` holds the parts of a composite's value."""
    first, second, *third = value.parts
    key = frame.keys.pair(kind, group.name, 2, first.code, first.system)
    type = group.parts[1].parameter.type
    if type == "token":
        return _second_code(frame, key, second, row)
    table, read = _TABLES[type]
    param = frame.args.add(key, "bigint")
    test = f"{{p}}.param = {param} and {_test(frame, group, 1, second, read)}"
    if third:
        # The number of the element stands where these numbers have no unit.
        last = frame.alias("q")
        other = frame.args.add(frame.keys.pair(kind, group.name, 3, first.code, first.system), "bigint")
        inner = _test(frame, group, 2, third[0], read).replace("{p}", last)
        test += (
            f" and exists (select 1 from {frame.stored(kind)}{table} {last} where {last}.rid = {{p}}.rid"
            f" and {last}.pat = {{p}}.pat and {last}.param = {other} and {last}.usystem = {{p}}.usystem"
            f" and {inner})"
        )
    return posting(frame, table, kind, row, test)


def _test(frame: Frame, group: Group, number: int, v: Value, read: Callable[[Frame, Value], str]) -> str:
    if group.parts[number].parameter.type != "reference":
        return read(frame, v)
    named = [bounded(target) for target in targets_of(group.parts[number].parameter, v)]
    return f"{{p}}.target {one_of(frame, named)}"


def _second_code(frame: Frame, key: int, v: Value, row: str) -> str:
    """Two codes are one term of the row."""
    return termed(frame, row, [frame.keys.second(key, v.code, v.system)])


_TABLES: dict[str, tuple[str, Callable[[Frame, Value], str]]] = {
    "quantity": ("num", quantity_test),
    "number": ("num", quantity_test),
    "date": ("dat", span_test),
    "string": ("str", string_test),
    "uri": ("ref", uri_test),
    "reference": ("ref", uri_test),
}
"""Where the second part is posted, and how its value is tested there."""
