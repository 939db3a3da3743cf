"""One value of a criterion as a condition over the posting `{p}`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aubier.ground.problem import problem
from aubier.ground.text import fold
from aubier.search.keys import Keys, bounded, bounded_text
from aubier.search.model import MAX_NUMBER, MIN_MS, MIN_NUMBER, Parameter, Value
from aubier.search.sql.frame import Frame
from aubier.search.terms.brief import STATED, compared, plainly, unit_system
from aubier.search.terms.layout import is_plain

_LAST = "\U0010ffff"
MOST_WORDS = 20
"""The most words of a `:text`: each is looked for in every text."""


def token_key(keys: Keys, kind: str, parameter: Parameter, value: Value) -> int:
    """The term that a token value looks for."""
    code = parameter.code
    if not value.code:
        return keys.system(kind, code, value.system or "")
    if value.system is None or (not value.system and is_plain(parameter)):
        return keys.code(kind, code, value.code)
    return keys.token(kind, code, value.system, value.code)


def identifier_test(frame: Frame, v: Value) -> str:
    """An identifier, in clear."""
    parts = [f"{{p}}.value = {frame.args.add(bounded(v.code), 'text')}"] if v.code else []
    if v.system is not None:
        parts.append(f"{{p}}.system = {frame.args.add(bounded(v.system), 'text')}")
    return " and ".join(parts)


def string_test(frame: Frame, v: Value, modifier: str = "") -> str:
    """A text that begins with the value, contains it or its words, ends with it, is it, or is it exactly."""
    if modifier == "exact":
        norm, written = compared(v.text)
        same = frame.args.add(norm, "text")  # the index is entered by it
        return f"{{p}}.norm = {same} and {{p}}.exact = {frame.args.add(written, 'text')}"
    if modifier == "equals":
        return f"{{p}}.norm = {frame.args.add(bounded_text(plainly(v.text)), 'text')}"
    if modifier in ("contains", "ends"):
        return _like(frame, plainly(v.text), modifier)
    if modifier == "text":
        words = dict.fromkeys(plainly(v.text).split())
        if len(words) > MOST_WORDS:
            raise problem(
                "too-costly",
                f"Too many words in one :text: at most {MOST_WORDS}",
                f"Trop de mots dans un seul :text : {MOST_WORDS} au plus",
                at="http.query",
            )
        return " and ".join(_like(frame, word, "contains") for word in words)
    start = bounded_text(plainly(v.text))
    low, high = frame.args.add(start, "text"), frame.args.add(start + _LAST, "text")
    return f"{{p}}.norm >= {low} and {{p}}.norm < {high}"


def _like(frame: Frame, text: str, modifier: str) -> str:
    pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{{p}}.norm like {frame.args.add(f'%{pattern}' + '%' * (modifier == 'contains'), 'text')}"


def canonical_test(frame: Frame, url: str, modifier: str = "") -> str:
    """A canonical URL that is `url`: of any version where it names none, of all below it with `below`.

    Rule: FHIR R4 4.0.1, search 3.1.1.4.13.
    """
    same = f"{{p}}.target = {frame.args.add(bounded(url), 'text')}"
    if "|" in url and modifier != "below":
        return same
    start = f"{url}." if "|" in url else f"{url}|"
    low, high = frame.args.add(start, "text"), frame.args.add(start + _LAST, "text")
    return f"({same} or {{p}}.target >= {low} and {{p}}.target < {high})"


def uri_test(frame: Frame, v: Value, modifier: str = "") -> str:
    """A URI that is the value, begins with it, or that it begins with."""
    if modifier == "below":
        text = frame.args.add(bounded(v.text), "text")
        high = frame.args.add(v.text + _LAST, "text")
        return f"{{p}}.target >= {text} and {{p}}.target < {high}"
    if modifier == "above":
        # Every beginning of it by name: an index finds these, and not a test of each URI that is stored.
        beginnings = sorted({bounded(v.text[:n]) for n in range(1, len(v.text) + 1)})
        return f"{{p}}.target = any({frame.args.add(beginnings, 'text[]')})"
    return f"{{p}}.target = {frame.args.add(bounded(v.text), 'text')}"


# `lo < high` follows from the rest: it lets an index be entered at both ends.
_INSIDE = "({lo} >= {low} and {lo} < {high} and {hi} <= {high})"
_SPANS = {
    "eq": _INSIDE,
    "ne": f"not {_INSIDE}",
    "gt": "{hi} > {high}",
    "lt": "{lo} < {low}",
    "ge": "{hi} > {low}",
    "le": "{lo} < {high}",
    "sa": "{lo} >= {high}",
    "eb": "{hi} <= {low}",
    "ap": "({lo} < {high} and {hi} > {low})",
    "po": "({lo} < {high} and {hi} > {low})",
}
"""How a stored span `lo`..`hi` stands to the searched span `low`..`high` (ends excluded).

Rule: FHIR R4 search, 3.1.1.4.5: the range above a value begins where the value does; `le` mirrors it.
"""


def span_test(frame: Frame, v: Value, lo: str = "{p}.lo", hi: str = "{p}.hi") -> str:
    """A span of time between `lo` and `hi`, expressions in milliseconds."""
    low, high = v.lo, v.hi
    if v.prefix == "ap":
        # R4: approximately is within 10 % of the distance between the date and now.
        gap = abs(int(frame.now.timestamp() * 1000) - (low + high) // 2) // 10
        low, high = max(low - gap, MIN_MS), high + gap
    template = _SPANS[v.prefix]
    # PostgreSQL refuses an argument that no test uses.
    first = frame.args.add(low, "bigint") if "{low}" in template else ""
    second = frame.args.add(high, "bigint") if "{high}" in template else ""
    return template.format(lo=lo, hi=hi, low=first, high=second)


_INSTANTS = {
    "eq": "({0} >= {low} and {0} < {high})",
    "ne": "not ({0} >= {low} and {0} < {high})",
    "gt": "{0} >= {high}",
    "sa": "{0} >= {high}",
    "ge": "{0} >= {low}",
    "lt": "{0} < {low}",
    "eb": "{0} < {low}",
    "le": "{0} < {high}",
}


def instant_test(frame: Frame, v: Value, moment: str) -> str:
    """The same of a millisecond, said so that an index of `moment` is entered by it."""
    template = _INSTANTS.get(v.prefix)
    if template is None:
        return span_test(frame, v, moment, f"({moment} + 1)")
    low = frame.args.add(v.lo, "bigint") if "{low}" in template else ""
    high = frame.args.add(v.hi, "bigint") if "{high}" in template else ""
    return template.format(moment, low=low, high=high)


LONGEST = 366 * 86_400_000
"""Milliseconds. A date without an end of its own lasts a year at most: `2020`."""

_ENDS_AFTER: dict[str, Callable[[Value], int]] = {"ge": lambda v: v.lo, "gt": lambda v: v.hi}
_BEGINS_BEFORE: dict[str, Callable[[Value], int]] = {"le": lambda v: v.hi, "eb": lambda v: v.lo}


def date_test(frame: Frame, v: Value, *, brief: bool) -> str:
    """A posted date. What follows from the test of its span is said beside: the index is entered by it.

    `brief`: no value lasts longer than `LONGEST`, so that one which ends after a moment begins not long
    before it.
    """
    bounds = []
    if edge := _ENDS_AFTER.get(v.prefix):
        bounds.append(f"{{p}}.hi > {frame.args.add(edge(v), 'bigint')}")
        if brief:
            bounds.append(f"{{p}}.lo > {frame.args.add(edge(v) - LONGEST, 'bigint')}")
    if edge := _BEGINS_BEFORE.get(v.prefix):
        bounds.append(f"{{p}}.lo < {frame.args.add(edge(v), 'bigint')}")
    return f"({' and '.join([*bounds, span_test(frame, v)])})"


_SPREAD = "{p}.low + {p}.high <> 2 * {p}.val"
"""What the digits of a value allow lies evenly around it; of what has a comparator (`<5`), of a Range and of
samples it does not. An index holds these alone."""
_BELOW = f"{{p}}.low = {MIN_NUMBER}"
_ABOVE = f"{{p}}.high = {MAX_NUMBER}"


def number_test(frame: Frame, v: Value) -> str:
    """A value compares as the point it is, a Range from its one end to the other; one with a comparator, or
    with one end alone, as all that it may be.

    Rule: FHIR R4 4.0.1, search 3.1.1.4.5 and 3.1.1.4.6: numbers are exact beside gt, lt, ge, le, sa and eb.
    """

    def arg(number: Any) -> str:
        return frame.args.add(number, "numeric")

    if v.prefix in ("eq", "ne"):
        low, high = arg(v.low), arg(v.high)
        within = f"(not {_SPREAD} or {{p}}.high < {high} and not {_BELOW})"
        test = f"({{p}}.val >= {low} and {{p}}.val < {high} and {within})"
        return test if v.prefix == "eq" else f"not {test}"
    if v.prefix == "ap":
        gap = abs(v.number) / 10
        return f"({{p}}.high > {arg(v.number - gap)} and {{p}}.low < {arg(v.number + gap)})"
    n = arg(v.number)
    return {
        "gt": f"({{p}}.val > {n} or {_SPREAD} and {{p}}.high > {n} and not {_BELOW})",
        "lt": f"({{p}}.val < {n} or {_SPREAD} and {_BELOW})",
        "ge": f"({{p}}.val >= {n} or {_SPREAD} and {{p}}.high >= {n} and not {_BELOW})",
        "le": f"({{p}}.val <= {n} or {_SPREAD} and {_BELOW})",
        "sa": f"({{p}}.val >= {n} and ({{p}}.val > {n} and not {_ABOVE} and not {_BELOW}"
        f" or {{p}}.low >= {n} and {_ABOVE}))",
        "eb": f"({{p}}.val <= {n} and ({{p}}.val < {n} and not {_SPREAD}"
        f" or {_SPREAD} and ({{p}}.high < {n} or {{p}}.high = {n} and {_BELOW})))",
    }[v.prefix]


def quantity_test(frame: Frame, v: Value) -> str:
    """A number, and its unit where the value names one: by its code, without a system by its words too.

    Rule: FHIR R4 4.0.1, search 3.1.1.4.11.
    """
    test = number_test(frame, v)
    if v.system is not None:
        test += f" and {{p}}.usystem = {frame.args.add(unit_system(v.system), 'text')}"
    if v.code:
        code = frame.args.add(bounded(v.code), "text")
        begins = frame.args.add(bounded(v.code) + STATED, "text")
        ways = [f"{{p}}.ucode = {code}", f"starts_with({{p}}.ucode, {begins})"]
        if v.system is None:
            stated = frame.args.add(STATED + v.code, "text")
            ways.append(f"right({{p}}.ucode, {len(v.code) + 1}) = {stated}")
        test += f" and ({' or '.join(ways)})"
    return test


_BOTH = "(to_tsvector('pg_catalog.french', {0}) || to_tsvector('pg_catalog.english', {0}))"
_WORDS = {
    "_text": f"{{p}}.narrative <> '' and {_BOTH.format('{p}.narrative')}",
    "_content": "({p}.narrative <> '' or {p}.rest <> '') and "
    + _BOTH.format("{p}.narrative || ' ' || {p}.rest"),
}
"""The texts of a row as stems of both languages, written as the indexes are."""


def words_test(frame: Frame, v: Value, code: str) -> str:
    """Words in any form, in French or in English: all of them, `"a phrase"`, `one or other`, `-without`.

    The test is over the row `{p}` of the resource itself.
    """
    asked = frame.args.add(fold(v.text), "text")
    either = " || ".join(
        f"websearch_to_tsquery('pg_catalog.{each}', {asked})" for each in ("french", "english")
    )
    return f"{_WORDS[code]} @@ ({either})"


_EARTH_KM = 6371.0088
"""The mean radius of the Earth (IUGG)."""
_KM_OF_LATITUDE = 111.0
"""Parallels a degree apart are farther from each other than this: what lies beyond is not measured."""


def near_test(frame: Frame, v: Value) -> str:
    """A place at most `high` kilometres from latitude `number` and longitude `low`, over the great circle."""
    lat, lon, km = float(v.number), float(v.low), float(v.high)
    here, there = frame.args.add(lat, "float8"), frame.args.add(lon, "float8")
    reach = km / _KM_OF_LATITUDE
    band = [frame.args.add(Decimal(repr(edge)), "numeric") for edge in (lat - reach, lat + reach)]
    north, east = "{p}.val::float8", "{p}.low::float8"
    square = (
        f"power(sin(radians({north} - {here}) / 2), 2) + cos(radians({here})) * cos(radians({north}))"
        f" * power(sin(radians({east} - {there}) / 2), 2)"
    )
    far = f"2 * {_EARTH_KM} * asin(sqrt(least(1, {square})))"
    return f"{{p}}.val >= {band[0]} and {{p}}.val <= {band[1]} and {far} <= {frame.args.add(km, 'float8')}"
