"""A record being written: every entry gets its id and its subject here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from aubier.ground.rows import Resource
from aubier.sandbox.clinical.catalogue import Concept
from aubier.sandbox.territory.carers import Carer
from aubier.sandbox.territory.days import at
from aubier.sandbox.territory.people import Person

_TERMS = "http://terminology.hl7.org/CodeSystem/"
PATIENT_LINK = "urn:aubier:patient"
"""The identifier system by which a RelatedPerson names the Patient that the same human being is."""
NamedIds = Callable[[str], str]
"""Gives the id of a new entry from its name; generated histories ignore the name."""


class Record:
    """The entries of one person. `entries` grows in the order they are written.

    `security` holds codings put on every entry written while it is set (a secret visit, say).
    """

    __slots__ = ("_ids", "entries", "person", "security", "subject")

    def __init__(self, person: Person, ids: NamedIds) -> None:
        self.person, self._ids = person, ids
        self.subject = {"reference": person.reference}
        self.entries: list[Resource] = []
        self.security: list[dict[str, str]] = []

    def add(self, kind: str, entry: str = "", **fields: Any) -> Resource:
        """Writes an entry; fields whose value is None or empty are left out."""
        resource: Resource = {"resourceType": kind, "id": self._ids(f"{kind}/{entry}")}
        if self.security:
            resource["meta"] = {"security": list(self.security)}
        for field, value in fields.items():
            if value is not None and value != "" and value != []:
                resource[field] = value
        self.entries.append(resource)
        return resource

    def condition(
        self, code: Concept, since: date, *, by: Carer, entry: str = "", active: bool = True
    ) -> Resource:
        """A Condition, confirmed; resolved when not active."""
        return self.add(
            "Condition",
            entry,
            clinicalStatus=_status("condition-clinical", "active" if active else "resolved"),
            verificationStatus=_status("condition-ver-status", "confirmed"),
            category=[_status("condition-category", "problem-list-item")],
            code=code,
            subject=self.subject,
            onsetDateTime=since.isoformat(),
            recordedDate=since.isoformat(),
            recorder=by.link,
        )

    def encounter(self, day: date, *, by: Carer, reason: Concept | None = None, **more: Any) -> Resource:
        """A finished Encounter: `hour`, `minutes`, `kind` (AMB, IMP, EMER, VR, HH), `until` and `entry`."""
        hour, until = more.get("hour", 10), more.get("until")
        end = at(until, 11) if until else at(day, hour, more.get("minutes", 20))
        return self.add(
            "Encounter",
            more.get("entry", ""),
            status="finished",
            **{"class": _act(more.get("kind", "AMB"))},
            subject=self.subject,
            participant=[{"individual": by.link}],
            period={"start": at(day, hour), "end": end},
            reasonCode=[reason] if reason else None,
            serviceProvider=by.place.link,
        )

    def allergy(
        self, code: Concept, since: date, *, by: Carer, severe: bool = False, entry: str = ""
    ) -> Resource:
        """An AllergyIntolerance, confirmed and active; `severe` means a reaction that endangered life."""
        reaction = {"manifestation": [{"text": "Choc anaphylactique" if severe else "Urticaire"}]}
        return self.add(
            "AllergyIntolerance",
            entry,
            clinicalStatus=_status("allergyintolerance-clinical", "active"),
            verificationStatus=_status("allergyintolerance-verification", "confirmed"),
            type="allergy",
            criticality="high" if severe else "low",
            code=code,
            patient=self.subject,
            onsetDateTime=since.isoformat(),
            recorder=by.link,
            reaction=[{**reaction, "severity": "severe" if severe else "mild"}],
        )

    def procedure(self, code: Concept, day: date, *, by: Carer, entry: str = "") -> Resource:
        """A completed Procedure."""
        return self.add(
            "Procedure",
            entry,
            status="completed",
            code=code,
            subject=self.subject,
            performedDateTime=day.isoformat(),
            performer=[{"actor": by.link}],
        )

    def appointment(self, day: date, hour: int, *, by: Carer, text: str, entry: str = "") -> Resource:
        """A booked Appointment of half an hour with a carer."""
        accepted = {"status": "accepted"}
        return self.add(
            "Appointment",
            entry,
            status="booked" if not self.person.deceased else "cancelled",
            description=text,
            start=at(day, hour),
            end=at(day, hour, 30),
            participant=[{"actor": self.subject, **accepted}, {"actor": by.link, **accepted}],
        )

    def team(self, title: str, carers: list[Carer], *, since: date, entry: str = "") -> Resource:
        """The CareTeam: the person's circle of professionals."""
        members = [
            {"role": [{"text": c.trade.label}], "member": c.link, "onBehalfOf": c.place.link} for c in carers
        ]
        return self.add(
            "CareTeam",
            entry,
            status="active",
            name=title,
            subject=self.subject,
            period={"start": since.isoformat()},
            participant=members,
            managingOrganization=[carers[0].place.link],
        )

    def relative(
        self, relation: Concept, person: Person, *, entry: str = "", since: date | None = None
    ) -> Resource:
        """A RelatedPerson of this record's holder who is also a citizen here."""
        return self.add(
            "RelatedPerson",
            entry,
            active=True,
            patient=self.subject,
            identifier=[{"system": PATIENT_LINK, "value": person.id}],
            relationship=[relation],
            name=[{"family": person.used_family or person.family, "given": list(person.given[:1])}],
            period={"start": since.isoformat()} if since else None,
        )


def _status(system: str, code: str) -> Concept:
    return {"coding": [{"system": _TERMS + system, "code": code}]}


def _act(code: str) -> dict[str, str]:
    return {"system": _TERMS + "v3-ActCode", "code": code}


def relation(code: str, text: str) -> Concept:
    """A relationship (v3-RoleCode): MTH, FTH, DAUC, SPS, NFTH..."""
    return {"coding": [{"system": _TERMS + "v3-RoleCode", "code": code}], "text": text}


def category(code: str) -> Concept:
    """An observation category: vital-signs, laboratory, social-history, survey."""
    return _status("observation-category", code)
