"""Pure decisions of sharing: what was asked, terms, bases, words of scope, the Consent of a right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aubier.access.actor import Actor
from aubier.ground.clock import instant, milliseconds
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.store.intent import Grant

BASIS = "urn:aubier:grant-basis"
"""The system of what founds a right, told in `Consent.provision.purpose`."""

PARTIES = {"system": "urn:aubier:sharing", "code": "parties"}
"""Borne in `meta.security` by the Consents of this room: for the holder and the one concerned only."""

PARTIES_LABEL = f"security:{PARTIES['system']}|{PARTIES['code']}"

_SAME = timedelta(minutes=1)
"""Two requests for the same right whose ends are closer than this are one request sent twice."""

LONGEST = timedelta(days=366)
"""A stated relationship ends by itself within a year; the last day is whole."""

HIDDEN_FROM_CARERS = ("mask:ps",)
"""Labels that an ordinary carer's grant does not open. Rule: DMP, a masked document stays visible to its
author, the holder and the treating doctor."""

BASES = {
    "treating-doctor": (),
    "care-team": HIDDEN_FROM_CARERS,
    "hospital-stay": HIDDEN_FROM_CARERS,
    "pharmacy": HIDDEN_FROM_CARERS,
    "consent": HIDDEN_FROM_CARERS,
    "stated": HIDDEN_FROM_CARERS,
}
"""What each basis of a professional's grant leaves closed."""

BY_LAW = frozenset({"parental-authority", "guardianship"})
"""Bases of a relative's right that the holder did not give, and that neither of them ends here."""

REASONS = (
    "consultation",
    "hospital",
    "pharmacy",
    "nursing",
    "emergency-visit",
    "telecare",
    "coordination",
    "other",
)
"""Reasons a professional may give for a relationship."""

_WORDS = {
    "treatments": (
        "MedicationRequest",
        "MedicationStatement",
        "MedicationDispense",
        "MedicationAdministration",
    ),
    "agenda": ("Appointment", "AppointmentResponse", "Encounter"),
    "documents": ("DocumentReference", "Binary", "Composition"),
    "circle": ("CareTeam", "RelatedPerson", "CarePlan", "Task"),
}


_ADDED = ("kind:Binary", "kind:DocumentReference")


def delegation(
    patient: str, delegate: str, basis: str, words: Iterable[str], withheld: Iterable[str]
) -> list[Grant]:
    """The grants of a delegate, without `since` and `till`; what is hidden from representatives stays hidden.

    `words` empty is everything, as for parents. `add-documents` lets write documents, not read others' ones.
    """
    chosen, closed = list(words), tuple(sorted({*withheld, "mask:rep"}))
    if not chosen:
        return [Grant(patient, delegate, basis, "rw", (), closed)]
    kinds = {kind for word in chosen for kind in _WORDS.get(word, ())}
    scope = tuple(sorted(f"kind:{k}" for k in {*kinds, "Patient"}))
    given = [Grant(patient, delegate, basis, "r", scope, closed)]
    if "add-documents" in chosen:
        given.append(Grant(patient, delegate, basis, "w", _ADDED, closed))
    return given


def carer(patient: str, actor: str, basis: str, scope: Iterable[str] = (), *, reason: str = "") -> Grant:
    """The grant of a professional or structure, by what founds it."""
    closed = BASES.get(basis, HIDDEN_FROM_CARERS)
    return Grant(patient, actor, basis, "rw", tuple(scope), closed, reason=reason)


@dataclass(frozen=True, slots=True)
class Party:
    """A professional or a structure: the grant key, and the Reference that a Consent names it by."""

    key: str
    reference: Resource


def asked(parameters: Resource, *names: str) -> dict[str, Any]:
    """The values of a Parameters by name: text, boolean, or the text of a reference.

    Problem `structure` for anything else than one value under each of `names`.
    """
    rows = parameters.get("parameter", [])
    if parameters.get("resourceType") != "Parameters" or not isinstance(rows, list):
        raise _misread("Parameters")
    found: dict[str, Any] = {}
    for number, row in enumerate(rows):
        at = f"Parameters.parameter[{number}]"
        name = row.get("name") if isinstance(row, dict) else None
        if name not in names or name in found:
            raise _unexpected(at, names)
        found[name] = _one(row, at)
    return found


def _one(row: Resource, at: str) -> Any:
    values = [v for k, v in row.items() if k.startswith("value")]
    value = values[0] if len(values) == 1 else None
    if isinstance(value, dict) and "valueReference" in row:
        value = value.get("reference")
    if not isinstance(value, str | bool) or len(str(value)) > 500:
        raise _misread(at)
    return value


def _misread(at: str) -> Problem:
    return problem(
        "structure",
        "Send a Parameters resource with one short value per parameter",
        "Envoyez une ressource Parameters avec une valeur courte par paramètre",
        at=at,
    )


def _unexpected(at: str, names: tuple[str, ...]) -> Problem:
    known = ", ".join(names)
    return problem(
        "invalid",
        f"Each parameter comes once, among: {known}",
        f"Chaque paramètre vient une fois, parmi : {known}",
        at=at,
    )


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?", re.ASCII)
_FARTHEST = timedelta(days=36_525)


def term(until: str, now: datetime, *, longest: timedelta | None) -> datetime | None:
    """The end asked for, in UTC; empty is none, or the longest. A day is meant to its end.

    Problem `value` when it cannot be read, is past or too far.
    """
    if not until:
        return now + longest if longest else None
    try:
        end = _moment(until)
    except (ValueError, OverflowError) as error:
        raise _bad_term(
            "'until' must be a FHIR date, or an instant with its time zone",
            "« until » doit être une date FHIR, ou un instant avec son fuseau",
        ) from error
    if end <= now or end > now + (longest or _FARTHEST):
        raise _bad_term(
            "The end must be ahead, and within a year for a care relationship",
            "La fin doit être à venir, et à moins d'un an pour une relation de soin",
        )
    return end


def _moment(until: str) -> datetime:
    if not _MOMENT.fullmatch(until):
        raise ValueError(until)
    if "T" not in until:
        return datetime.fromisoformat(until).replace(tzinfo=UTC) + timedelta(days=1)
    return datetime.fromisoformat(until.replace("Z", "+00:00")).astimezone(UTC)


def _bad_term(text: str, fr: str) -> Problem:
    return problem("value", text, fr, at="Parameters.parameter.where(name='until')")


def only_professional(actor: Actor) -> str:
    """The grant key of the professional who acts. Problem (forbidden) for anyone else."""
    if actor.kind != "professional" or not actor.keys:
        raise problem(
            "forbidden",
            "Only a health professional can state a care relationship",
            "Seul un professionnel de santé peut déclarer une relation de soin",
        )
    return actor.keys[0]


def consent(
    right: Grant,
    to: Party,
    by: Resource,
    now: datetime,
    until: datetime | None,
) -> Resource:
    """The Consent that states a right in words anyone concerned can read.

    `by` is the Reference of who states it. Rule: FHIR R4 Consent; HL7 v3 ActCode INFA.
    """
    return {
        "resourceType": "Consent",
        "meta": {"security": [PARTIES]},
        "status": "active",
        "scope": _coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [_coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", "INFA")],
        "patient": {"reference": f"Patient/{right.patient}"},
        "dateTime": instant(now),
        "performer": [by],
        "policy": [{"uri": "https://www.legifrance.gouv.fr/jorf/id/JORFTEXT000048368244"}],
        "provision": _provision(right, to, now, until),
    }


def _provision(right: Grant, to: Party, now: datetime, until: datetime | None) -> Resource:
    role = _coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP")
    founded: Resource = {"system": BASIS, "code": right.basis}
    if right.reason:
        founded["display"] = right.reason
    return {
        "type": "deny" if right.deny else "permit",
        "period": {"start": instant(now)} | ({"end": instant(until)} if until else {}),
        "actor": [{"role": role, "reference": to.reference}],
        "purpose": [founded],
    }


def _coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def is_ours(found: Resource) -> bool:
    """Whether a Consent is one of this room's: what it says is what the grants do."""
    return PARTIES in (found.get("meta", {}).get("security") or [])


def kind_of(found: Resource) -> str:
    """`permit` or `deny`."""
    return str(found.get("provision", {}).get("type", ""))


def founded_on(found: Resource, basis: str) -> bool:
    """Whether a Consent states a right of this basis."""
    return any(c.get("code") == basis for c in found.get("provision", {}).get("purpose", []))


def same(found: Resource, wanted: Resource) -> bool:
    """Whether two Consents say the same right: basis, reason, and ends less than a minute apart."""
    told, asked_ = found.get("provision", {}), wanted["provision"]
    end, other = told.get("period", {}).get("end"), asked_["period"].get("end")
    if told.get("purpose") != asked_["purpose"] or bool(end) != bool(other):
        return False
    return not end or abs(datetime.fromisoformat(end) - datetime.fromisoformat(other)) < _SAME


def ended(found: Resource, now: datetime) -> Resource:
    """The same Consent, over since now, or since its own end when that is past."""
    provision = dict(found.get("provision", {}))
    period = provision.get("period", {})
    provision["period"] = {**period, "end": min(period.get("end") or instant(now), instant(now))}
    return {**found, "status": "inactive", "provision": provision}


def granted(right: Grant, now: datetime, until: datetime | None) -> Grant:
    """The grant from now on, to its end."""
    return replace(right, since=milliseconds(now), till=milliseconds(until) if until else right.till)
