"""Pure decisions of sharing: terms, bases, words of scope, who may change rights."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from aubier.access.actor import Actor
from aubier.ground.clock import instant
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.store.intent import Grant

LONGEST = timedelta(days=366)
"""A stated relationship ends by itself within a year."""

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


def carer(patient: str, actor: str, basis: str, scope: Iterable[str] = ()) -> Grant:
    """The grant of a professional or structure, by what founds it."""
    return Grant(patient, actor, basis, "rw", tuple(scope), BASES.get(basis, HIDDEN_FROM_CARERS))


def term(until: str, now: datetime, *, longest: timedelta | None) -> datetime | None:
    """The end asked for (an instant or a date, empty for none). Problem when it is past or too far."""
    if not until:
        return now + longest if longest else None
    try:
        end = datetime.fromisoformat(until.replace("Z", "+00:00"))
    except ValueError as error:
        raise problem(
            "value",
            "'until' must be a FHIR date or instant",
            "« until » doit être une date ou un instant FHIR",
            at="Parameters.parameter.where(name='until')",
        ) from error
    end = end if end.tzinfo else end.replace(tzinfo=now.tzinfo)
    if end <= now or (longest is not None and end > now + longest):
        raise problem(
            "value",
            "The end must be ahead, and within a year for a care relationship",
            "La fin doit être à venir, et à moins d'un an pour une relation de soin",
            at="Parameters.parameter.where(name='until')",
        )
    return end


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
    patient: str,
    actor: Resource,
    now: datetime,
    *,
    deny: bool,
    until: datetime | None,
    by: Resource,
    reason: str = "",
) -> Resource:
    """The Consent that states a right in words anyone concerned can read.

    `actor` and `by` are References with display. Rule: FHIR R4 Consent; HL7 v3 ActCode ICOL.
    """
    period = {"start": instant(now)} | ({"end": instant(until)} if until else {})
    provision: Resource = {
        "type": "deny" if deny else "permit",
        "period": period,
        "actor": [
            {
                "role": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                            "code": "IRCP",
                        }
                    ],
                    **({"text": actor["_role"]} if actor.get("_role") else {}),
                },
                "reference": {k: v for k, v in actor.items() if not k.startswith("_")},
            }
        ],
    }
    row: Resource = {
        "resourceType": "Consent",
        "status": "active",
        "scope": _coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [_coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", "INFA")],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": instant(now),
        "performer": [by],
        "policy": [{"uri": "https://www.legifrance.gouv.fr/jorf/id/JORFTEXT000048368244"}],
        "provision": provision,
    }
    if reason:
        provision["purpose"] = [
            {
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
                "code": "TREAT",
                "display": reason,
            }
        ]
    return row


def _coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def ended(consent_: Resource, now: datetime) -> Resource:
    """The same Consent, over since now."""
    provision = dict(consent_.get("provision", {}))
    provision["period"] = {**provision.get("period", {}), "end": instant(now)}
    return {**consent_, "status": "inactive", "provision": provision}
