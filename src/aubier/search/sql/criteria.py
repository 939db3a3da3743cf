"""Criteria as conditions over one row of a resource table: by type of parameter, and through links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from msgspec.structs import replace

from aubier.ground.problem import Problem, problem
from aubier.search.extract import value_types
from aubier.search.model import Condition, Criterion, Has, Logic, Parameter, Value
from aubier.search.parameters import is_clinical_date, is_single_date
from aubier.search.sql.bounds.measure import measures
from aubier.search.sql.bounds.stretch import long_span
from aubier.search.sql.composite import in_element
from aubier.search.sql.frame import Frame, any_of, of_record, one_of, param_of, posting, termed
from aubier.search.sql.owner import PATIENT, may_own, named, of_owner
from aubier.search.sql.references import (
    homes,
    homes_of,
    patients_named,
    placed,
    reference_targets,
    refers,
)
from aubier.search.sql.values import (
    canonical_test,
    date_test,
    identifier_test,
    instant_test,
    near_test,
    quantity_test,
    span_test,
    string_test,
    token_key,
    uri_test,
    words_test,
)
from aubier.search.terms.kept import kept, link
from aubier.search.terms.layout import bits, is_canonical, is_posted
from aubier.search.terms.paths import below, holder, is_inside, type_of
from aubier.search.terms.whole import Whole, whole


def conditions(frame: Frame, criteria: Iterable[Condition], kind: str, row: str) -> list[str]:
    """SQL conditions over `row` of type `kind`, for criteria that all must hold: one for each, but of several
    of one date one for all.
    """
    windows: dict[str, list[Criterion]] = {}
    found = []
    taken_apart: list[Condition] = []
    for criterion in criteria:
        if together := _alone(criterion, kind):
            found.append(_has_value(frame, kind, together.present, row))
            taken_apart += _both(together, criterion.values[0], kind)  # type: ignore[union-attr]
        else:
            taken_apart.append(criterion)
    for criterion in sorted(taken_apart, key=_leads, reverse=True):
        if (code := _window_of(criterion)) and row not in frame.walked:
            windows.setdefault(code, []).append(criterion)  # type: ignore[arg-type]
        else:
            found.append(condition(frame, criterion, kind, row))
        if frame.mine and _leads(criterion):
            # Its postings stand together by record: the others need not be said to be of these.
            frame.own = row
    return found + [_window(frame, group, kind, row) for group in windows.values()]


def _alone(criterion: Condition, kind: str) -> Whole | None:
    """What answers a composite that is one question of the resource itself, if anything does."""
    if not isinstance(criterion, Criterion) or criterion.modifier or criterion.chain:
        return None
    groups = criterion.parameter.groups
    return whole(kind, groups[0]) if len(groups) == len(criterion.values) == 1 else None


def _leads(criterion: Condition) -> bool:
    """Whether a criterion asks for posted codes, by record or over all of them."""
    return (
        isinstance(criterion, Criterion)
        and not (criterion.modifier or criterion.chain)
        and is_posted(criterion.parameter)
        and all(v.code for v in criterion.values)
    )


def _window_of(criterion: Condition) -> str:
    """The parameter of a criterion on a posted date of which a resource has one; empty for others."""
    if not isinstance(criterion, Criterion) or criterion.modifier or criterion.chain:
        return ""
    parameter = criterion.parameter
    single = is_single_date(parameter) and not is_clinical_date(parameter)
    return parameter.code if single and parameter.code != "_lastUpdated" else ""


def _window(frame: Frame, group: list[Criterion], kind: str, row: str) -> str:
    """From one date to another is a stretch of an index; said apart, each half would be read whole."""
    if len(group) == 1:
        return condition(frame, group[0], kind, row)
    param = param_of(frame, kind, group[0].parameter.code)
    brief = _brief(group[0].parameter)
    tests = (any_of(date_test(frame, v, brief=brief) for v in c.values) for c in group)
    return posting(frame, "dat", kind, row, f"{{p}}.param = {param} and {' and '.join(tests)}")


def condition(frame: Frame, criterion: Condition, kind: str, row: str) -> str:
    """The condition of one criterion over `row`."""
    if isinstance(criterion, Logic):
        parts = [condition(frame, part, kind, row) for part in criterion.parts]
        return (
            f"not ({parts[0]})"
            if criterion.operator == "not"
            else f"({f' {criterion.operator} '.join(parts)})"
        )
    if isinstance(criterion, Has):
        return _has(frame, criterion, kind, row)
    if criterion.modifier == "missing":
        return _missing(frame, criterion, kind, row)
    if criterion.chain:
        return _chain(frame, criterion, kind, row)
    if criterion.parameter.code == "_id":
        return _logical_id(frame, criterion, kind, row)
    if criterion.parameter.code == "_lastUpdated":
        return "false" if is_inside(kind) else any_of(_instant(frame, v, row) for v in criterion.values)
    return _BY_TYPE[criterion.parameter.type](frame, criterion, kind, row)


def _logical_id(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if is_inside(kind):  # what is contained has an id among its like only
        return "true" if criterion.modifier == "not" else "false"
    named = one_of(frame, _ids(criterion))
    if criterion.modifier == "not":
        return f"not ({row}.id {named})"
    if row in frame.walked:
        return f"{row}.id {named}"
    m = frame.alias("m")
    known = (
        f"select {m}.pat, {m}.rid from id_map {m} where {m}.type = {frame.number(kind)} and {m}.id {named}"
    )
    return f"({row}.pat, {row}.rid) in ({known})"


def _ids(criterion: Criterion) -> list[str]:
    return [v.text or v.code for v in criterion.values]


def _missing(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if criterion.parameter.code in ("_id", "_lastUpdated"):
        # The store gives both to every row.
        return "true" if criterion.missing == is_inside(kind) else "false"
    test = _has_value(frame, kind, criterion.parameter.code, row)
    return f"not {test}" if criterion.missing else test


def _has_value(frame: Frame, kind: str, code: str, row: str) -> str:
    if not is_inside(kind) and (bit := bits(kind).get(code)):
        return f"({row}.has & {frame.args.add(bit, 'bigint')} <> 0)"
    return termed(frame, row, [frame.keys.present(kind, code)])


@lru_cache(maxsize=4096)
def of_identifiers(parameter: Parameter) -> bool:
    """Whether a token parameter finds Identifiers, which are kept as exact values."""
    return parameter.type == "token" and "Identifier" in value_types(parameter)


def _token(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    code = criterion.parameter.code
    if criterion.modifier in _SETS:
        raise _unlisted(criterion)
    if criterion.modifier == "identifier":
        test = _identifiers(frame, criterion, kind, row, code + ":identifier")
    elif of_identifiers(criterion.parameter):
        test = _identifiers(frame, criterion, kind, row, code)
    else:
        test = _codes(frame, criterion, kind, row)
    return f"not {test}" if criterion.modifier == "not" else test


def _codes(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    """By the terms of the row; over a population by the codes posted, whose systems the terms tell."""
    parameter, values = criterion.parameter, criterion.values
    each = [_under(parameter, code) for code in kept(kind, parameter.code)]
    of_row = termed(frame, row, [token_key(frame.keys, kind, one, v) for one in each for v in values])
    plain = replace(criterion, modifier="") if criterion.modifier else criterion
    codes = posted_codes(frame, plain, kind)
    beside = _beside(frame, criterion, kind, row) if codes else ""
    if row in frame.walked or not codes or (frame.counting and not beside):
        return of_row
    if row == frame.own and frame.each and len(codes) == 1:
        test = _in_each(frame, codes[0], beside, row)
    else:
        test = posting(frame, "post", kind, row, f"{{p}}.term {one_of(frame, codes, 'bigint')}{beside}")
    # The same said twice: to PostgreSQL the second must not look as if it left few of the first.
    return f"({test} and coalesce({of_row}, false))"


def _in_each(frame: Frame, code: int, beside: str, row: str) -> str:
    """The condition that a row has a posting in the record that is looked at: all of them at once, for they
    stand side by side, and so do their rows.
    """
    p = frame.alias("p")
    found = of_record(p, frame.each, frame.args.add(code, "bigint"))
    return f"{row}.rid = any(array(select {p}.rid from post {p} where {found}{beside.replace('{p}', p)}))"


def _under(parameter: Parameter, code: str) -> Parameter:
    return parameter if parameter.code == code else replace(parameter, code=code)


def _beside(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    """What a posting tells of the clinical date, which is minus its `k`, and of the number: follows from the
    row's own.
    """
    tests = [*_begins(frame, kind, row), *measures(frame, frame.asked.get(row, ()), kind, criterion)]
    return "".join(f" and {test}" for test in tests)


def _begins(frame: Frame, kind: str, row: str) -> list[str]:
    known = frame.stretches.get(row)
    if known is None:
        return []
    tests = known.falling("{p}.k", frame.args)
    if known.cut is not None:
        n, since = frame.alias("l"), frame.args.add(known.since, "bigint")
        lasting = (
            f"select {n}.pat, {n}.rid from {frame.table(kind)}res {n} where {n}.type = {frame.number(kind)}"
            f" and {long_span(n)} and {n}.hi > {since}"
        )
        cut = frame.args.add(-known.cut, "bigint")
        tests.append(f"({{p}}.k <= {cut} or ({{p}}.pat, {{p}}.rid) in ({lasting}))")
    return tests


def posted_codes(frame: Frame, criterion: Criterion, kind: str) -> list[int]:
    """The terms of which one is posted by every match of a criterion; none when others may match.

    Of a composite: those of the code that it begins with.
    """
    if criterion.modifier or criterion.chain or is_inside(kind):
        return []
    named = [(criterion.parameter, v) for v in criterion.values]
    if criterion.parameter.type == "composite":
        firsts = [group.parts[0].parameter for group in criterion.parameter.groups]
        named = [(first, v.parts[0]) for v in criterion.values for first in firsts]
    if not all(is_posted(parameter) and v.code for parameter, v in named):
        return []
    under = ((code, v) for parameter, v in named for code in kept(kind, parameter.code))
    return list(dict.fromkeys(frame.keys.code(kind, code, v.code) for code, v in under))


_SETS = frozenset({"in", "not-in", "above", "below"})


def _unlisted(criterion: Criterion) -> Problem:
    """Nobody found the codes of a set that the question names."""
    name = f"{criterion.parameter.name}:{criterion.modifier}"
    return problem(
        "not-supported",
        f"{name} needs a terminology service, which is not connected here; list the codes instead",
        f"{name} demande un service de terminologie, qui n'est pas branché ici ; listez plutôt les codes",
        at=f"http.{name}",
    )


def _identifiers(frame: Frame, criterion: Criterion, kind: str, row: str, code: str) -> str:
    param = param_of(frame, kind, code)
    tests = [identifier_test(frame, v) for v in criterion.values]
    return any_of(posting(frame, "ident", kind, row, f"{{p}}.param = {param} and {t}") for t in tests)


def posted(criterion: Condition) -> bool:
    """Whether each match of a criterion has a posting, with which a search over a population may begin."""
    if isinstance(criterion, Logic):
        return criterion.operator == "and" and any(map(posted, criterion.parts))
    if isinstance(criterion, Has):
        return True
    parameter = criterion.parameter
    if criterion.modifier in ("not", "missing") or parameter.code in ("_id", "_lastUpdated"):
        return False
    if criterion.chain:
        return len(criterion.chain) == 1
    if parameter.type == "string" and criterion.modifier in ("contains", "ends", "text"):
        return False  # nothing of it is found by its beginning
    if parameter.type == "token" and criterion.modifier != "identifier" and not of_identifiers(parameter):
        return is_posted(parameter) and all(v.code for v in criterion.values)
    if parameter.type == "composite":
        if together := _alone(criterion, criterion.type):
            return any(map(posted, _both(together, criterion.values[0], criterion.type)))
        if any(g.parts[1].parameter.type == "token" for g in parameter.groups):
            return False
    ways = len(criterion.values) * max(1, len(parameter.groups))
    return ways == 1 and not (parameter.type == "date" and is_clinical_date(parameter))


def _reference(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if criterion.modifier == "identifier":
        return _token(frame, criterion, kind, row)
    targets = reference_targets(criterion)
    if is_canonical(criterion.parameter):
        param = param_of(frame, kind, criterion.parameter.code)
        tests = (canonical_test(frame, url, criterion.modifier) for url in targets)
        return posting(frame, "ref", kind, row, f"{{p}}.param = {param} and {any_of(tests)}")
    patients = [] if row in frame.walked else patients_named(frame, criterion, kind)
    near = row in frame.walked or bool(patients)
    test = refers(frame, kind, row, criterion.parameter.code, targets=targets, near=near)
    if patients:
        test = f"{row}.pat = any(array({homes(frame, patients)})) and {test}"
    return f"({test})"


def records(frame: Frame, criterion: Condition, kind: str) -> str:
    """A SELECT of the few compartments where every match of a criterion is; empty when they may be many.

    Those of the Patients named, or found by an identifier (`patient.identifier`), and those of what is asked
    for by its id.
    """
    if isinstance(criterion, Logic):
        parts = criterion.parts if criterion.operator == "and" else ()
        return next((found for part in parts if (found := records(frame, part, kind))), "")
    if patients := patients_named(frame, criterion, kind):
        return homes(frame, patients)
    if found := _own(frame, criterion, kind):
        return found
    if isinstance(criterion, Has) or len(criterion.chain) != 1 or not placed(frame, criterion, kind):
        return ""
    (step,) = criterion.chain
    if isinstance(step, Has) or step.type != "Patient" or step.chain or step.modifier:
        return ""
    if step.parameter.code != "_id" and not _numbered(step):
        return ""
    c, within = _containing(frame, step, _path(criterion, step, kind))
    t, inner = _targets(frame, step)
    return f"{homes_of(frame, f'select {t}.pat {inner}')} union select {c}.pat {within}"


def _own(frame: Frame, criterion: Criterion | Has, kind: str) -> str:
    """A SELECT of the compartments of what is named by its id, or of a Patient by a number; else empty."""
    if isinstance(criterion, Has) or criterion.modifier or criterion.chain or frame.table(kind):
        return ""
    if criterion.parameter.code == "_id":
        m, number = frame.alias("m"), frame.number(kind)
        named = one_of(frame, _ids(criterion))
        return f"select distinct {m}.pat from id_map {m} where {m}.type = {number} and {m}.id {named}"
    if kind != PATIENT or not _numbered(criterion):
        return ""
    p, param = frame.alias("p"), param_of(frame, kind, criterion.parameter.code)
    tests = any_of(identifier_test(frame, v).replace("{p}", p) for v in criterion.values)
    return f"select distinct {p}.pat from ident {p} where {p}.param = {param} and {tests}"


def _numbered(criterion: Criterion) -> bool:
    """Whether a criterion asks for identifiers by their values, and not for all of a system."""
    return of_identifiers(criterion.parameter) and all(v.code for v in criterion.values)


def _chain(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    way = _step_by_step if row in frame.walked else _step
    return any_of(way(frame, criterion, step, kind, row) for step in criterion.chain)


def _goes_on(step: Criterion | Has) -> bool:
    """Whether a way of a chain has steps of its own."""
    return isinstance(step, Has) or bool(step.chain)


def _step_by_step(frame: Frame, criterion: Criterion, step: Criterion | Has, kind: str, row: str) -> str:
    """The condition that what a row of a record names, or contains, meets one way of a chain.

    What the contained names is looked for among all: looked for from there too, a statement would be twice as
    long with each step.
    """
    target = _target(step)
    if target == PATIENT and may_own(frame, kind, [criterion.parameter.code]):
        named = _near(frame, criterion, step, kind, row)
    else:
        param = param_of(frame, kind, criterion.parameter.code, target)
        if is_inside(kind) and _goes_on(step):
            t, inner = _targets(frame, step)
            meets = f"{{p}}.target in (select '{target}/' || {t}.id {inner})"
        else:
            meets = _named(frame, step)
        named = posting(frame, "ref", kind, row, f"{{p}}.param = {param} and {meets}")
    path = _path(criterion, step, kind)
    return f"({named} or {_holds(frame, path, row)} and {condition(frame, step, path, row)})"


def _step(frame: Frame, criterion: Criterion, step: Criterion | Has, kind: str, row: str) -> str:
    """The same of a row of the population: of all that meet the rest of a chain it names one, or holds it."""
    target = _target(step)
    mask = may_own(frame, kind, [criterion.parameter.code]) if target == PATIENT else 0
    sliced = target == PATIENT and placed(frame, criterion, kind)
    param = param_of(frame, kind, criterion.parameter.code, target)
    t, inner = _targets(frame, step)
    meets = f"{{p}}.param = {param} and {{p}}.target in (select '{target}/' || {t}.id {inner})"
    apart = row in frame.apart
    c, within = ("", "") if apart else _containing(frame, step, _path(criterion, step, kind))
    if len(criterion.chain) == 1 and not (apart or mask or sliced):
        # Said as two conditions, neither could be begun with.
        p = frame.alias("p")
        named = f"select {p}.pat, {p}.rid from {frame.stored(kind)}ref {p} where {meets.replace('{p}', p)}"
        named += _of_mine(frame, kind, p)
        return f"({row}.pat, {row}.rid) in ({named} union all select {c}.pat, {c}.rid {within})"
    test = posting(frame, "ref", kind, row, meets)
    if mask:
        here = f"{row}.pat = any(array(select {t}.pat {inner}))"
        test = f"({of_owner(frame, mask, row)} and {here} or {test})"
    homes = homes_of(frame, f"select {t}.pat {inner}") if sliced else ""
    if not apart:
        test = f"({test} or ({row}.pat, {row}.rid) in (select {c}.pat, {c}.rid {within}))"
        homes = homes and f"{homes} union select {c}.pat {within}"
    return f"({row}.pat = any(array({homes})) and {test})" if sliced else f"({test})"


def _of_mine(frame: Frame, path: str, row: str) -> str:
    """What follows from the condition that a row shows; said so, the rows of other records are not read."""
    if not frame.mine or frame.stored(path):
        return ""
    return f" and {row}.pat in (select m.pat from {frame.mine} m)"


def _target(step: Criterion | Has) -> str:
    """The type that a way of a chain leads to."""
    return step.type if isinstance(step, Criterion) else step.target


def _path(criterion: Criterion, step: Criterion | Has, kind: str) -> str:
    """The path of what `kind` contains and names, that a way of a chain asks for."""
    target = _target(step)
    return below(kind, link(kind, criterion.parameter.code, target), target)


def _holds(frame: Frame, path: str, row: str) -> str:
    """The condition that something is at this path inside `row`."""
    test = _marked(frame, [path], row)
    return f"({test}) is true" if row in frame.walked else test


def _marked(frame: Frame, paths: Iterable[str], row: str) -> str:
    """The condition that `row` bears the mark of one of these paths. They are those of the question, whatever
    it looks for: written out, a plan for any values knows how few bear them.
    """
    return f"{row}.terms && '{{{','.join(str(frame.keys.present(path, '')) for path in paths)}}}'::bigint[]"


def _containing(frame: Frame, step: Criterion | Has, path: str) -> tuple[str, str]:
    """The resources that contain, at this path, what meets one way of a chain; as `_targets` gives them."""
    c = frame.alias("c")
    return c, (
        f"from {frame.stored(path)}res {c} where {c}.type = {frame.number(holder(path))}"
        f"{_of_mine(frame, path, c)} and {_holds(frame, path, c)}"
        f" and {condition(frame, step, path, c)}"
    )


def holding(frame: Frame, criteria: Sequence[Condition], kind: str, row: str) -> str:
    """The condition that `row` contains something to which one of these chains leads; empty without any, or
    where a condition of several parts may hide some.
    """
    if any(isinstance(c, Logic) for c in criteria):
        return ""
    chains = [c for c in criteria if isinstance(c, Criterion) and c.chain]
    paths = dict.fromkeys(_path(c, step, kind) for c in chains for step in c.chain)
    return _marked(frame, paths, row) if paths else ""


def _near(frame: Frame, criterion: Criterion, step: Criterion | Has, kind: str, row: str) -> str:
    """The condition that a Patient whom a row of a record names meets one way of a chain."""
    n, t = frame.alias("n"), frame.alias("t")
    frame.walked.add(t)
    return (
        f"exists (select 1 from ({named(frame, kind, criterion.parameter.code, row)}) {n}"
        f" join res {t} on {t}.pat = {n}.pat and {t}.rid = {n}.rid where {frame.visible(t, PATIENT)}"
        f" and {condition(frame, step, PATIENT, t)} offset 0)"
    )


def _named(frame: Frame, step: Criterion | Has) -> str:
    """The condition that what the reference `{p}` names meets one way of a chain."""
    target = _target(step)
    m, t, number = frame.alias("m"), frame.alias("t"), frame.number(target)
    frame.walked.add(t)
    return (
        f"starts_with({{p}}.target, '{target}/') and exists (select 1 from id_map {m}"
        f" join {frame.table(target)}res {t} on {t}.pat = {m}.pat and {t}.rid = {m}.rid"
        f" where {m}.type = {number} and {m}.id = substr({{p}}.target, {len(target) + 2})"
        f" and {frame.visible(t, target)} and {condition(frame, step, target, t)} offset 0)"
    )


def _targets(frame: Frame, step: Criterion | Has) -> tuple[str, str]:
    """The resources that meet one way of a chain: their row name, and the SELECT's text from FROM on.

    What goes on from there is said once in a statement, however many conditions ask for it.
    """
    if not _goes_on(step):
        return _meeting(frame, step)
    if step not in frame.sets:
        t, inner = _meeting(frame, step)
        # Named by the arguments so far too, which several questions of one statement share.
        name = f"set{len(frame.args)}_{len(frame.sets)}"
        frame.sets[step] = name, f"select {t}.pat, {t}.id {inner}"
    t = frame.alias("t")
    return t, f"from {frame.sets[step][0]} {t}"


def _meeting(frame: Frame, step: Criterion | Has) -> tuple[str, str]:
    """The same, written out."""
    target = _target(step)
    t = frame.alias("t")
    mine = ""
    if frame.mine and not frame.table(target) and not posted(step):
        # Follows from what shows. What is posted says it itself, and is better begun with.
        mine = f" and {t}.pat in (select m.pat from {frame.mine} m)"
    return t, (
        f"from {frame.table(target)}res {t} where {t}.type = {frame.number(target)}{mine}"
        f" and {frame.visible(t, target)} and {condition(frame, step, target, t)}"
    )


def _has(frame: Frame, has: Has, kind: str, row: str) -> str:
    if is_inside(kind):
        return "false"  # nothing outside names what is contained
    p, o = frame.alias("p"), frame.alias("o")
    walked = row in frame.walked
    if walked:
        frame.walked.add(o)
    table = frame.table(has.type)
    if kind == PATIENT and (mask := may_own(frame, has.type, [has.reference.code])):
        return _has_of_owner(frame, has, mask, row, o=o)
    param = param_of(frame, has.type, has.reference.code, kind)
    naming = (
        f"from {table}ref {p} join {table}res {o} on {o}.pat = {p}.pat and {o}.rid = {p}.rid"
        f" where {p}.param = {param} and {o}.type = {frame.number(has.type)}"
        f" and {frame.visible(o, has.type)} and {condition(frame, has.criterion, has.type, o)}"
    )
    if walked:
        return f"exists (select 1 {naming} and {p}.target = '{kind}/' || {row}.id offset 0)"
    # By the ids that are named: there are no more than what names them, whoever else there is.
    m, number = frame.alias("m"), frame.number(kind)
    ids = f"select substr({p}.target, {len(kind) + 2}) {naming} and starts_with({p}.target, '{kind}/')"
    known = f"select {m}.pat, {m}.rid from id_map {m} where {m}.type = {number} and {m}.id in ({ids})"
    return f"({row}.pat, {row}.rid) in ({known})"


def _has_of_owner(frame: Frame, has: Has, mask: int, row: str, *, o: str) -> str:
    """The condition that a Patient is named by what most often is in that Patient's record.

    Which Patient it is, the compartment tells: it is of one.
    """
    code, table = has.reference.code, frame.table(has.type)
    p, own = frame.alias("p"), of_owner(frame, mask, o)
    param, number = param_of(frame, has.type, code, PATIENT), frame.number(PATIENT)
    meets = (
        f"{o}.type = {frame.number(has.type)} and {frame.visible(o, has.type)}"
        f" and {condition(frame, has.criterion, has.type, o)}"
    )
    kept = f"{p}.rid = {o}.rid and {p}.pat = {o}.pat and {p}.param = {param}"
    if row in frame.walked:
        # What names a Patient is in that record, or has a stub in it.
        s = frame.alias("s")
        homes = f"select {row}.pat union all select {s}.home from stub {s} where {s}.pat = {row}.pat"
        one = f"select 1 from {table}ref {p} where {kept} and {p}.target = '{PATIENT}/' || {row}.id"
        return (
            f"exists (select 1 from {table}res {o} where {o}.pat = any(array({homes}))"
            f" and ({o}.pat = {row}.pat and {own} or exists ({one})) and {meets} offset 0)"
        )
    m, n = frame.alias("m"), frame.alias("n")
    others = (
        f"select {m}.pat from {table}ref {p} join id_map {m} on {m}.type = {number}"
        f" and {m}.id = substr({p}.target, {len(PATIENT) + 2})"
        f" where {kept} and starts_with({p}.target, '{PATIENT}/') and not ({own})"
    )
    whose = f"select {o}.pat where {own} union all {others}"
    found = f"select {n}.pat from {table}res {o} cross join lateral ({whose}) {n}(pat) where {meets}"
    return f"{row}.pat in ({found})"


def _string(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    tests = [string_test(frame, v, criterion.modifier) for v in criterion.values]
    return _posted(frame, criterion, kind, row, table="str", tests=tests)


def texts(frame: Frame, criterion: Criterion, kind: str) -> str:
    """The condition over `{p}` of the postings of texts of which every match has one."""
    param = param_of(frame, kind, criterion.parameter.code)
    tests = (string_test(frame, v, criterion.modifier) for v in criterion.values)
    return f"{{p}}.param = {param} and {any_of(tests)}"


def _posted(
    frame: Frame, criterion: Criterion, kind: str, row: str, *, table: str, tests: Iterable[str]
) -> str:
    """One posting of the parameter for which one of `tests` holds."""
    param = param_of(frame, kind, criterion.parameter.code)
    return any_of(posting(frame, table, kind, row, f"{{p}}.param = {param} and {t}") for t in tests)


def _uri(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if is_canonical(criterion.parameter) and not criterion.modifier:
        tests = [canonical_test(frame, v.text) for v in criterion.values]
    else:
        tests = [uri_test(frame, v, criterion.modifier) for v in criterion.values]
    return _posted(frame, criterion, kind, row, table="ref", tests=tests)


def _instant(frame: Frame, v: Value, row: str) -> str:
    return instant_test(frame, v, f"{row}.upd")


def _date(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if criterion.modifier == "overlaps":
        criterion = replace(criterion, values=tuple(replace(v, prefix="po") for v in criterion.values))
    if is_clinical_date(criterion.parameter) and not is_inside(kind):
        tests = [span_test(frame, v, f"{row}.lo", f"{row}.hi") for v in criterion.values]
        return f"({row}.lo < {row}.hi and {any_of(tests)})"
    brief = _brief(criterion.parameter)
    tests = [date_test(frame, v, brief=brief) for v in criterion.values]
    return _posted(frame, criterion, kind, row, table="dat", tests=tests)


def _brief(parameter: Parameter) -> bool:
    """Whether all that a date parameter finds is written as one date or moment, and not as a period."""
    found = value_types(parameter)
    return bool(found) and found <= {"date", "dateTime", "instant"}


def _number(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    tests = [quantity_test(frame, v) for v in criterion.values]
    return _posted(frame, criterion, kind, row, table="num", tests=tests)


def _composite(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    return any_of(
        _of_resource(frame, found, v, kind, row)
        if (found := whole(type_of(kind), group))
        else in_element(frame, group, v, kind, row)
        for v in criterion.values
        for group in criterion.parameter.groups
    )


def _of_resource(frame: Frame, found: Whole, value: Value, kind: str, row: str) -> str:
    """Both parts of a composite that compares the resource itself."""
    tests = [condition(frame, part, kind, row) for part in _both(found, value, kind)]
    return f"({' and '.join([_has_value(frame, kind, found.present, row), *tests])})"


def _both(found: Whole, value: Value, kind: str) -> list[Criterion]:
    parts = zip((found.code, found.value), value.parts, strict=True)
    return [Criterion(kind, parameter, values=(part,)) for parameter, part in parts]


def _special(frame: Frame, criterion: Criterion, kind: str, row: str) -> str:
    if (code := criterion.parameter.code) in ("_text", "_content"):
        if is_inside(kind):
            return "false"  # its words stand with those of what holds it
        tests = [words_test(frame, v, code) for v in criterion.values]
        said = any_of(test.replace("{p}", row) for test in tests)
        # Said so, the index of all words does not serve: a record is walked in its own order.
        return f"({said} is true)" if row in frame.walked else said
    tests = [near_test(frame, v) for v in criterion.values]
    return _posted(frame, criterion, kind, row, table="num", tests=tests)


_BY_TYPE: dict[str, Callable[[Frame, Criterion, str, str], str]] = {
    "token": _token,
    "reference": _reference,
    "string": _string,
    "date": _date,
    "uri": _uri,
    "number": _number,
    "quantity": _number,
    "composite": _composite,
    "special": _special,
}
