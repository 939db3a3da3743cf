"""References to the Patient whose record a row is in: the compartment and a bit of the row say them.

Of all that a record holds, nearly everything names its Patient; no row is kept for that (`Frame.owned`). Each
condition here looks at these and at the references that are kept, for a row that may be of either kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aubier.search.keys import bounded
from aubier.search.sql.frame import Frame, one_of, param_of
from aubier.search.terms.kept import link, typed
from aubier.search.terms.paths import is_inside

PATIENT = "Patient"


def may_own(frame: Frame, kind: str, codes: Iterable[str]) -> int:
    """The bits by which a row says that it names its Patient by one of these parameters; none: 0."""
    known = {} if is_inside(kind) else frame.owned(kind)
    return sum({known.get(link(kind, code, PATIENT), 0) for code in codes})


def of_owner(frame: Frame, mask: int, row: str) -> str:
    """The condition that `row` names, by a parameter of `mask`, the Patient whose record it is in."""
    return f"{row}.has & {frame.args.add(mask, 'bigint')} <> 0"


def compartments(frame: Frame, targets: Sequence[str]) -> str:
    """A SELECT of the compartments of the Patients among some targets; empty when there are none."""
    ids = [t.removeprefix(f"{PATIENT}/") for t in targets if t.startswith(f"{PATIENT}/")]
    if not ids:
        return ""
    m, number = frame.alias("m"), frame.number(PATIENT)
    return f"select {m}.pat from id_map {m} where {m}.type = {number} and {m}.id {one_of(frame, ids)}"


def naming(frame: Frame, kind: str, codes: Sequence[str], targets: Sequence[str]) -> str:
    """A SELECT of the rows (pat, rid) of `kind` that name one of these by one of the parameters."""
    table, parts = frame.table(kind), []
    by_key: dict[int, list[str]] = {}
    for target in targets:
        for code in codes:
            key = frame.keys.param(kind, link(kind, code, target.partition("/")[0]))
            by_key.setdefault(key, []).append(bounded(target))
    together: dict[tuple[str, ...], list[int]] = {}
    for key, some in by_key.items():
        together.setdefault(tuple(some), []).append(key)
    for wanted, keys in together.items():
        p, params = frame.alias("p"), frame.args.add(keys, "bigint[]")
        which = f"{p}.param = any({params}) and {p}.target {one_of(frame, list(wanted))}"
        parts.append(f"select {p}.pat, {p}.rid from {table}ref {p} where {which}")
    mask, o = may_own(frame, kind, codes), frame.alias("o")
    if mask and (homes := compartments(frame, targets)):
        own = of_owner(frame, mask, o)
        parts.append(
            f"select {o}.pat, {o}.rid from {table}res {o} where {o}.pat = any(array({homes}))"
            f" and {o}.type = {frame.number(kind)} and {own}"
        )
    return " union all ".join(parts)


def named(frame: Frame, kind: str, code: str, row: str) -> str:
    """A SELECT of the places (pat, rid) of the Patients here whom `row` names by a parameter."""
    p, m, o = frame.alias("p"), frame.alias("m"), frame.alias("o")
    number, param = frame.number(PATIENT), param_of(frame, kind, code, PATIENT)
    kept = (
        f"select {m}.pat, {m}.rid from {frame.table(kind)}ref {p} join id_map {m} on {m}.type = {number}"
        f" and {m}.id = substr({p}.target, {len(PATIENT) + 2}) where {p}.rid = {row}.rid"
        f" and {p}.pat = {row}.pat and {p}.param = {param} and starts_with({p}.target, '{PATIENT}/')"
    )
    mask = may_own(frame, kind, [code])
    if not mask:
        return kept
    own = of_owner(frame, mask, row)
    # Who names the owner names no other Patient: one of the two is not looked for.
    return (
        f"select {o}.pat, {o}.rid from res {o} where {own} and {o}.pat = {row}.pat and {o}.type = {number}"
        f" union all {kept} and not ({own})"
    )


def owner_named(frame: Frame, mask: int, row: str) -> str:
    """A SELECT of the reference to the Patient whose record a row is in, where the row names that Patient."""
    o, number = frame.alias("o"), frame.number(PATIENT)
    return (
        f"select '{PATIENT}/' || {o}.id from res {o} where {of_owner(frame, mask, row)}"
        f" and {o}.pat = {row}.pat and {o}.type = {number}"
    )


def held(frame: Frame, kind: str, code: str, s: str) -> str:
    """The condition that the posting `s` is a value of the parameter."""
    own = f"{s}.param = {param_of(frame, kind, code)}"
    if (held := typed(kind).get(code)) is None:
        return own
    of, target = held
    return f"({own} or {s}.param = {param_of(frame, kind, of)} and starts_with({s}.target, '{target}/'))"
