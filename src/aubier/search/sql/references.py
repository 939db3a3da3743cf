"""References as conditions over a row, and the few records where what names a Patient is."""

from __future__ import annotations

from collections.abc import Sequence

from aubier.fhir.definitions import definitions
from aubier.search.keys import bounded
from aubier.search.model import Criterion, Has, Parameter, Value
from aubier.search.sql.frame import Frame, any_of, one_of, param_of, posting
from aubier.search.sql.owner import PATIENT, compartments, may_own, naming, of_owner
from aubier.search.terms.kept import elsewhere
from aubier.search.terms.paths import is_inside


def targets_of(parameter: Parameter, v: Value) -> list[str]:
    """The exact targets that a value accepts: a bare id stands for every type that the parameter may name,
    and for all where it says none.
    """
    types = parameter.targets or sorted(definitions().resource_types)
    return [v.text] if v.text else [f"{t}/{v.code}" for t in types]


def reference_targets(criterion: Criterion) -> list[str]:
    """Those of all values of a reference criterion."""
    return [target for v in criterion.values for target in targets_of(criterion.parameter, v)]


def refers(frame: Frame, kind: str, row: str, code: str, *, targets: Sequence[str], near: bool) -> str:
    """A reference of the parameter `code` to one of these; some types are kept under another parameter.

    `near`: the row is one of a few records.
    """
    mask = may_own(frame, kind, [code])
    owners = [t for t in targets if t.startswith(f"{PATIENT}/")] if mask else []
    if owners and not near:
        return f"({row}.pat, {row}.rid) in ({naming(frame, kind, [code], targets)})"
    ways: dict[bool, list[str]] = {}
    for target in targets:
        ways.setdefault(elsewhere(kind, code, target), []).append(target)
    tests = []
    for some in ways.values():
        param = param_of(frame, kind, code, some[0].partition("/")[0])
        which = one_of(frame, [bounded(t) for t in some])
        tests.append(posting(frame, "ref", kind, row, f"{{p}}.param = {param} and {{p}}.target {which}"))
    if owners:
        here = f"{row}.pat = any(array({compartments(frame, owners)}))"
        tests.insert(0, f"({of_owner(frame, mask, row)} and {here})")
    return any_of(tests)


def names_one(frame: Frame, kind: str, row: str, codes: Sequence[str], target: str) -> str:
    """The condition that a row of a few records names this by one of the parameters."""
    return any_of(refers(frame, kind, row, code, targets=[target], near=True) for code in codes)


def patients_named(frame: Frame, criterion: Criterion | Has, kind: str) -> list[str]:
    """The ids of the Patients one of whom every match of a criterion names; none when others may match."""
    if isinstance(criterion, Has) or criterion.modifier or criterion.chain:
        return []
    if criterion.parameter.type != "reference" or not placed(frame, criterion, kind):
        return []
    targets = reference_targets(criterion)
    patients = [t.removeprefix("Patient/") for t in targets if t.startswith("Patient/")]
    return patients if len(patients) == len(targets) else []


def placed(frame: Frame, criterion: Criterion, kind: str) -> bool:
    """Whether whatever a reference criterion finds is in the compartment of a Patient whom it names."""
    return not is_inside(kind) and not frame.table(kind) and criterion.parameter.code in frame.slices(kind)


def homes(frame: Frame, patients: list[str]) -> str:
    """A SELECT of the compartments where resources of these patients may live, each once."""
    number = frame.args.add(frame.number("Patient"), "smallint")
    named = one_of(frame, patients)
    m = frame.alias("m")
    return homes_of(frame, f"select {m}.pat from id_map {m} where {m}.type = {number} and {m}.id {named}")


def homes_of(frame: Frame, known: str) -> str:
    """The same of the compartments that a SELECT gives."""
    s = frame.alias("s")
    return f"{known} union select {s}.home from stub {s} where {s}.pat in ({known})"
