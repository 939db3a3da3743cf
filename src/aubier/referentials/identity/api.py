"""What other rooms may ask of identity. `find_strip` and `register` use the store, all the rest is pure.

`sandbox` tells whether this platform is a sandbox: only test and demonstration authorities act there, only
production ones elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.referentials.identity.actions import Record, find_strip, register
from aubier.referentials.identity.insi.matching import Person
from aubier.referentials.identity.number import AUTHORITIES, DEMO, NIA, NIR, TEST, check, synthetic
from aubier.referentials.identity.patient import (
    Ins,
    Strip,
    Traits,
    identity_strip,
    ins_of,
    may_carry_ins,
    missing_traits,
    patient_ins,
    patient_ins_issues,
    standing,
    status,
    traits,
    with_standing,
)
from aubier.referentials.identity.rules import Attribute, Standing, Status, step

__all__ = [
    "DEMO",
    "NIA",
    "NIR",
    "TEST",
    "Attribute",
    "Ins",
    "Person",
    "Received",
    "Record",
    "Standing",
    "Status",
    "Strip",
    "Traits",
    "check_ins",
    "find_strip",
    "identity_strip",
    "ins_of",
    "may_carry_ins",
    "missing_traits",
    "patient_ins",
    "patient_ins_issues",
    "receive_identity",
    "register",
    "standing",
    "status",
    "step",
    "synthetic",
    "traits",
    "with_standing",
]


def check_ins(value: str, oid: str, *, sandbox: bool) -> list[Issue]:
    """What forbids `value` under the authority `oid` to act as an INS here; empty when nothing does.

    Rule: FR Core 2.2.0 Patient INS (authorities); NIR key.
    """
    return check(value, oid, sandbox=sandbox)


@dataclass(frozen=True, slots=True)
class Received:
    """How the identity of an arriving document enters.

    `flagged`: it bears a number that must not act. `reasons`: why, as warnings with their places.
    `keep`: the identifiers that may be used and forwarded. `status`: PROV when flagged, else as declared.
    """

    flagged: bool
    reasons: tuple[Issue, ...]
    keep: tuple[Resource, ...]
    status: Status


def receive_identity(
    identifiers: Iterable[Resource], *, sandbox: bool, declared: Status = Status.PROV
) -> Received:
    """Sorts the identifiers of a document's patient: which may act, which enter flagged and stay here.

    Never refuses: a document under a production authority, or with a false key, enters under a provisional
    identity and its number is not forwarded. `declared` is the status the document tells.
    Rule: RNIV 1 v2.0: only a qualified identity carries its number.
    """
    keep: list[Resource] = []
    reasons: list[Issue] = []
    for place, identifier in enumerate(identifiers):
        found = _flags(identifier, place, sandbox)
        reasons += found
        if not found:
            keep.append(identifier)
    return Received(bool(reasons), tuple(reasons), tuple(keep), Status.PROV if reasons else declared)


def _flags(identifier: Resource, place: int, sandbox: bool) -> list[Issue]:
    system = identifier.get("system") or ""
    if system not in AUTHORITIES or not identifier.get("value"):
        return []
    at = f"Patient.identifier[{place}].value"
    issues = check(identifier["value"], system, sandbox=sandbox, at=at)
    return [Issue(i.kind, i.text, i.fr, i.at, "warning", i.rule) for i in issues]
