"""A parsed query compiled to SQL conditions over one row of a resource table.

Nothing here runs: `conditions` gives text with `$n` and fills `Args`. The caller says what is visible,
which table holds a type and how terms are keyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from aubier.ground.problem import problem
from aubier.ground.text import fold
from aubier.search.extract import value_types
from aubier.search.keys import Keys, bounded, bounded_text
from aubier.search.model import MAX_NUMBER, MIN_MS, MIN_NUMBER, Criterion, Has, Parameter, Value
from aubier.search.parameters import is_clinical_date

_LAST = "\U0010ffff"
_MOST_JOINS = 120
"""Row names in one statement: each is a join or a look-up."""


class Args(list[Any]):
    """The arguments of a statement; `add` gives the placeholder with its type."""

    def add(self, value: Any, cast: str) -> str:
        """The placeholder of one more argument."""
        self.append(value)
        return f"${len(self)}::{cast}"


@dataclass(slots=True)
class Frame:
    """What compiling needs from the store.

    `table(type)` is the table prefix, `number(type)` the type's number, `visible(row, type)` the access
    condition, `slices(type)` the codes of the reference parameters that place a resource in a Patient's
    compartment. `now` serves `ap`. `walked` is the row that a record gives one after the other, if one is:
    what such a row tells of itself is not looked for in the postings, where the whole population is.
    """

    keys: Keys
    table: Callable[[str], str]
    number: Callable[[str], int]
    visible: Callable[[str, str], str]
    slices: Callable[[str], frozenset[str]]
    now: datetime
    args: Args = field(default_factory=Args)
    walked: str = ""
    depth: int = 0

    def alias(self, letter: str) -> str:
        """A row name not used yet. Problem (too-costly) when the query would join too much."""
        self.depth += 1
        if self.depth > _MOST_JOINS:
            raise problem(
                "too-costly",
                "This search goes through too many chains and lists at once; split it",
                "Cette recherche passe par trop de chaînes et de listes à la fois ; découpez-la",
                at="http.query",
            )
        return f"{letter}{self.depth}"


def conditions(frame: Frame, criteria: Iterable[Criterion | Has], kind: str, row: str) -> list[str]:
    """One SQL condition per criterion, over `row` of type `kind`."""
    return [condition(frame, c, kind, row) for c in criteria]


def condition(frame: Frame, criterion: Criterion | Has, kind: str, row: str) -> str:
    """The condition of one criterion over `row`."""
    if isinstance(criterion, Has):
        return _has(frame, criterion, kind, row)
    if criterion.modifier == "missing":
        return _missing(frame, criterion, kind, row)
    if criterion.chain:
        return _chain(frame, criterion, kind, row)
    if criterion.parameter.code == "_id":
        ids = frame.args.add([v.text or v.code for v in criterion.values], "text[]")
        test = f"{row}.id = any({ids})"
        return f"not {test}" if criterion.modifier == "not" else test
    if criterion.parameter.code == "_lastUpdated":
        return _any(_instant(frame, v, row) for v in criterion.values)
    return _BY_TYPE[criterion.parameter.type](frame, criterion, kind, row)


def _any(parts: Iterable[str]) -> str:
    return "(" + " or ".join(parts) + ")"


def _posting(frame: Frame, table: str, kind: str, row: str, test: str) -> str:
    p = frame.alias("p")
    # Without a fence PostgreSQL would start from the postings, and sort what it finds.
    fence = " offset 0" if row == frame.walked else ""
    return (
        f"exists (select 1 from {frame.table(kind)}{table} {p} where {p}.rid = {row}.rid"
        f" and {p}.pat = {row}.pat and {test.replace('{p}', p)}{fence})"
    )


def _param(frame: Frame, kind: str, code: str) -> str:
    return frame.args.add(frame.keys.param(kind, code), "bigint")


def _one_of(frame: Frame, texts: list[str]) -> str:
    """`= $1`, or `= any($1)`: of a list PostgreSQL expects ten, and would plan each search anew to know."""
    if len(texts) == 1:
        return f"= {frame.args.add(texts[0], 'text')}"
    return f"= any({frame.args.add(texts, 'text[]')})"


def _missing(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if criterion.parameter.code in ("_id", "_lastUpdated"):
        return "false" if criterion.missing else "true"  # the store gives both to every row
    mark = frame.args.add([frame.keys.present(kind, criterion.parameter.code)], "bigint[]")
    test = f"{row}.terms @> {mark}"
    return f"not {test}" if criterion.missing else test


@lru_cache(maxsize=4096)
def of_identifiers(parameter: Parameter) -> bool:
    """Whether a token parameter finds Identifiers, which are kept as exact values."""
    return "Identifier" in value_types(parameter)


def _token(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    code = criterion.parameter.code
    if criterion.modifier == "identifier":
        test = _identifiers(frame, criterion, kind, row, code + ":identifier")
    elif of_identifiers(criterion.parameter):
        test = _identifiers(frame, criterion, kind, row, code)
    else:
        terms = [token_key(frame.keys, kind, code, v) for v in criterion.values]
        array = frame.args.add(terms, "bigint[]")
        posted = [v for v in criterion.values if v.code and v.system != ""]
        if len(posted) == len(terms) and row != frame.walked:
            test = _posting(frame, "post", kind, row, f"{{p}}.term = any({array})")
        else:
            test = f"{row}.terms && {array}"
    return f"not {test}" if criterion.modifier == "not" else test


def token_key(keys: Keys, kind: str, code: str, value: Value) -> int:
    """The term that a token value looks for."""
    if not value.code:
        return keys.system(kind, code, value.system or "")
    if value.system is None:
        return keys.code(kind, code, value.code)
    return keys.token(kind, code, value.system, value.code)


def _identifiers(frame: Frame, criterion: Criterion, kind: str, row: str, code: str) -> str:
    param = _param(frame, kind, code)
    tests = []
    for v in criterion.values:
        parts = [f"{{p}}.value = {frame.args.add(bounded(v.code), 'text')}"] if v.code else []
        if v.system is not None:
            parts.append(f"{{p}}.system = {frame.args.add(bounded(v.system), 'text')}")
        tests.append(" and ".join(parts))
    return _any(_posting(frame, "ident", kind, row, f"{{p}}.param = {param} and {t}") for t in tests)


def reference_targets(criterion: Criterion) -> list[str]:
    """The exact targets that a reference criterion accepts; a bare id stands for every possible type."""
    out: list[str] = []
    for v in criterion.values:
        out += [v.text] if v.text else [f"{t}/{v.code}" for t in criterion.parameter.targets]
    return out


def _reference(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if criterion.modifier == "identifier":
        return _token(frame, criterion, kind, row)
    targets = reference_targets(criterion)
    named = _one_of(frame, [bounded(t) for t in targets])
    param = _param(frame, kind, criterion.parameter.code)
    test = _posting(frame, "ref", kind, row, f"{{p}}.param = {param} and {{p}}.target {named}")
    if row != frame.walked and (patients := patients_named(frame, criterion, kind)):
        test = f"{row}.pat = any(array({homes(frame, patients)})) and {test}"
    return f"not {test}" if criterion.modifier == "not" else f"({test})"


def patients_named(frame: Frame, criterion: Criterion | Has, kind: str) -> list[str]:
    """The ids of the Patients one of whom every match of a criterion names; none when others may match."""
    if isinstance(criterion, Has) or criterion.modifier or criterion.chain:
        return []
    if criterion.parameter.type != "reference" or not _sliced(frame, criterion, kind):
        return []
    targets = reference_targets(criterion)
    patients = [t.removeprefix("Patient/") for t in targets if t.startswith("Patient/")]
    return patients if len(patients) == len(targets) else []


def _sliced(frame: Frame, criterion: Criterion, kind: str) -> bool:
    return not frame.table(kind) and criterion.parameter.code in frame.slices(kind)


def records(frame: Frame, criterion: Criterion | Has, kind: str) -> str:
    """A SELECT of the few compartments where every match of a criterion is; empty when they may be many.

    Those of the Patients named, or found by an identifier (`patient.identifier`).
    """
    if patients := patients_named(frame, criterion, kind):
        return homes(frame, patients)
    if isinstance(criterion, Has) or len(criterion.chain) != 1 or not _sliced(frame, criterion, kind):
        return ""
    (step,) = criterion.chain
    if isinstance(step, Has) or step.type != "Patient" or step.chain or step.modifier:
        return ""
    if step.parameter.code != "_id" and not of_identifiers(step.parameter):
        return ""
    return _homes_of(frame, *_targets(frame, step))


def homes(frame: Frame, patients: list[str]) -> str:
    """A SELECT of the compartments where resources of these patients may live, each once."""
    number = frame.args.add(frame.number("Patient"), "smallint")
    named = _one_of(frame, patients)
    m, s = frame.alias("m"), frame.alias("s")
    known = f"select {m}.pat from id_map {m} where {m}.type = {number} and {m}.id {named}"
    return f"{known} union select {s}.home from stub {s} where {s}.pat in ({known})"


def _chain(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    param = _param(frame, kind, criterion.parameter.code)
    tests = []
    for step in criterion.chain:
        target = step.type if isinstance(step, Criterion) else step.target
        t, inner = _targets(frame, step)
        test = _posting(
            frame,
            "ref",
            kind,
            row,
            f"{{p}}.param = {param} and {{p}}.target in (select '{target}/' || {t}.id {inner})",
        )
        if target == "Patient" and row != frame.walked and _sliced(frame, criterion, kind):
            test = f"{row}.pat = any(array({_homes_of(frame, t, inner)})) and {test}"
        tests.append(f"({test})")
    return _any(tests)


def _targets(frame: Frame, step: Criterion | Has) -> tuple[str, str]:
    """The resources that meet one way of a chain: their row name, and the SELECT's text from FROM on."""
    target = step.type if isinstance(step, Criterion) else step.target
    t = frame.alias("t")
    return t, (
        f"from {frame.table(target)}res {t} where {t}.type = {frame.number(target)}"
        f" and {frame.visible(t, target)} and {condition(frame, step, target, t)}"
    )


def _homes_of(frame: Frame, t: str, patients: str) -> str:
    """The compartments where resources of these Patients may live, each once."""
    s, known = frame.alias("s"), f"select {t}.pat {patients}"
    return f"{known} union select {s}.home from stub {s} where {s}.pat in ({known})"


def _has(frame: Frame, has: Has, kind: str, row: str) -> str:
    p, o = frame.alias("p"), frame.alias("o")
    table = frame.table(has.type)
    param = _param(frame, has.type, has.reference.code)
    return (
        f"exists (select 1 from {table}ref {p} join {table}res {o} on {o}.pat = {p}.pat and {o}.rid = {p}.rid"
        f" where {p}.param = {param} and {p}.target = '{kind}/' || {row}.id"
        f" and {o}.type = {frame.number(has.type)} and {frame.visible(o, has.type)}"
        f" and {condition(frame, has.criterion, has.type, o)})"
    )


def _string(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if criterion.parameter.code.endswith(":text") and frame.table(kind):
        _refused(frame, criterion, kind, row)
    param = _param(frame, kind, criterion.parameter.code)
    tests = []
    for v in criterion.values:
        if criterion.modifier == "exact":
            test = f"{{p}}.exact = {frame.args.add(bounded_text(v.text), 'text')}"
        elif criterion.modifier == "contains":
            pattern = fold(v.text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            test = f"{{p}}.norm like {frame.args.add(f'%{pattern}%', 'text')}"
        else:
            start = bounded_text(fold(v.text))
            low, high = frame.args.add(start, "text"), frame.args.add(start + _LAST, "text")
            test = f"{{p}}.norm >= {low} and {{p}}.norm < {high}"
        tests.append(_posting(frame, "str", kind, row, f"{{p}}.param = {param} and {test}"))
    return _any(tests)


def _uri(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    param = _param(frame, kind, criterion.parameter.code)
    tests = []
    for v in criterion.values:
        text = frame.args.add(bounded(v.text), "text")
        if criterion.modifier == "below":
            high = frame.args.add(v.text + _LAST, "text")
            test = f"{{p}}.target >= {text} and {{p}}.target < {high}"
        elif criterion.modifier == "above":
            test = f"starts_with({text}, {{p}}.target)"
        else:
            test = f"{{p}}.target = {text}"
        tests.append(_posting(frame, "ref", kind, row, f"{{p}}.param = {param} and {test}"))
    found = _any(tests)
    return f"not {found}" if criterion.modifier == "not" else found


# `lo < high` follows from the rest: it lets an index be entered at both ends.
_INSIDE = "({lo} >= {low} and {lo} < {high} and {hi} <= {high})"
_SPANS = {
    "eq": _INSIDE,
    "ne": f"not {_INSIDE}",
    "gt": "{hi} > {high}",
    "lt": "{lo} < {low}",
    "ge": f"({{hi}} > {{high}} or {_INSIDE})",
    "le": f"({{lo}} < {{low}} or {_INSIDE})",
    "sa": "{lo} >= {high}",
    "eb": "{hi} <= {low}",
    "ap": "({lo} < {high} and {hi} > {low})",
}
"""How a stored span `lo`..`hi` stands to the searched span `low`..`high` (ends excluded).

Rule: FHIR R4 search, 3.1.1.4.6 prefixes.
"""


def _span(frame: Frame, v: Value, lo: str, hi: str) -> str:
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


def _instant(frame: Frame, v: Value, row: str) -> str:
    return _span(frame, v, f"{row}.upd", f"({row}.upd + 1)")


def _date(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if is_clinical_date(criterion.parameter):
        tests = [_span(frame, v, f"{row}.lo", f"{row}.hi") for v in criterion.values]
        return f"({row}.lo < {row}.hi and {_any(tests)})"
    param = _param(frame, kind, criterion.parameter.code)
    tests = []
    for v in criterion.values:
        test = _span(frame, v, "{p}.lo", "{p}.hi")
        tests.append(_posting(frame, "dat", kind, row, f"{{p}}.param = {param} and {test}"))
    return _any(tests)


_BELOW = f"{{p}}.low = {MIN_NUMBER}"
_ABOVE = f"{{p}}.high = {MAX_NUMBER}"


def _number_test(frame: Frame, v: Value) -> str:
    """A value compares as the point it is; one with a comparator (`<5`) as all that it may be."""

    def arg(number: Any) -> str:
        return frame.args.add(number, "numeric")

    if v.prefix in ("eq", "ne"):
        test = f"({{p}}.val >= {arg(v.low)} and {{p}}.val < {arg(v.high)} and not {_BELOW} and not {_ABOVE})"
        return test if v.prefix == "eq" else f"not {test}"
    if v.prefix == "ap":
        gap = abs(v.number) / 10
        return f"({{p}}.high > {arg(v.number - gap)} and {{p}}.low < {arg(v.number + gap)})"
    number = arg(v.number)
    return {
        "gt": f"({{p}}.val > {number} or {_ABOVE})",
        "lt": f"({{p}}.val < {number} or {_BELOW})",
        "ge": f"({{p}}.val >= {number} or {_ABOVE})",
        "le": f"({{p}}.val <= {number} or {_BELOW})",
        "sa": f"{{p}}.low >= {number}",
        "eb": f"{{p}}.high <= {number}",
    }[v.prefix]


def _number(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    param = _param(frame, kind, criterion.parameter.code)
    tests = []
    for v in criterion.values:
        test = _number_test(frame, v)
        if v.system is not None and criterion.parameter.type == "quantity":
            test += f" and {{p}}.usystem = {frame.args.add(bounded(v.system), 'text')}"
        if v.code:
            test += f" and {{p}}.ucode = {frame.args.add(bounded(v.code), 'text')}"
        tests.append(_posting(frame, "num", kind, row, f"{{p}}.param = {param} and {test}"))
    return _any(tests)


def _refused(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    raise problem(
        "not-supported",
        f"The {criterion.parameter.type} parameter '{criterion.parameter.code}' is not searchable yet",
        f"Le paramètre « {criterion.parameter.code} » ({criterion.parameter.type}) n'est pas encore"
        f" cherchable",
        at=f"http.{criterion.parameter.code}",
    )


_BY_TYPE: dict[str, Callable[[Frame, Criterion, str, str], str]] = {
    "token": _token,
    "reference": _reference,
    "string": _string,
    "date": _date,
    "uri": _uri,
    "number": _number,
    "quantity": _number,
    "composite": _refused,
    "special": _refused,
}
