"""Bundles in the manner of Synthea, written by us: one person's life in a transaction of creates.

Entries are named by `urn:uuid:`, practitioners by conditional references, each visit has its claim, and each
claim its long explanation of benefit. No byte is from Synthea.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_NPI = "http://hl7.org/fhir/sid/us-npi"
_START = datetime(2026, 11, 22, tzinfo=UTC)
_LOINC = "http://loinc.org"
_MEASURED = (
    ("8302-2", "Body height", "cm"),
    ("29463-7", "Body weight", "kg"),
    ("8867-4", "Heart rate", "/min"),
)
_VISITS = 12


def practitioners(count: int = 10) -> list[dict[str, Any]]:
    """Those whom the conditional references name."""
    return [
        {
            "resourceType": "Practitioner",
            "id": f"synthea-{n}",
            "identifier": [{"system": _NPI, "value": f"99999{n:05}"}],
            "name": [{"family": f"Docteur{n}"}],
        }
        for n in range(count)
    ]


def bundles(count: int, seed: str) -> Iterator[tuple[bytes, int]]:
    """Transactions, and how many entries each has: about a hundred."""
    for number in range(count):
        life = _Life(random.Random(f"{seed} {number}"))
        entries = life.entries()
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        yield json.dumps(body).encode(), len(entries)


class _Life:
    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._made: list[dict[str, Any]] = []

    def entries(self) -> list[dict[str, Any]]:
        person = self._add("Patient", **self._person())
        for number in range(_VISITS):
            self._visit(person, _START - timedelta(days=90 * number + self._draw.randrange(60)))
        return self._made

    def _add(self, kind: str, **body: Any) -> dict[str, str]:
        name = f"urn:uuid:{uuid.UUID(int=self._draw.getrandbits(128), version=4)}"
        request = {"method": "POST", "url": kind}
        self._made.append({"fullUrl": name, "resource": {"resourceType": kind, **body}, "request": request})
        return {"reference": name}

    def _person(self) -> dict[str, Any]:
        number = self._draw.randrange(10**9)
        return {
            "identifier": [{"system": "urn:bench:synthea", "value": f"{number:09}"}],
            "name": [{"use": "official", "family": f"Nom{number % 997}", "given": [f"Prenom{number % 89}"]}],
            "gender": self._draw.choice(("male", "female")),
            "birthDate": f"{self._draw.randrange(1930, 2020)}-0{self._draw.randrange(1, 10)}-15",
        }

    def _visit(self, person: dict[str, str], when: datetime) -> None:
        start, end = when.isoformat(), (when + timedelta(minutes=30)).isoformat()
        doctor = {"reference": f"Practitioner?identifier={_NPI}|99999{self._draw.randrange(10):05}"}
        visit = self._add(
            "Encounter",
            status="finished",
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
            subject=person,
            participant=[{"individual": doctor}],
            period={"start": start, "end": end},
        )
        about = {"subject": person, "encounter": visit}
        code = {"coding": [{"system": "http://snomed.info/sct", "code": f"{self._draw.randrange(10**8)}"}]}
        self._add("Condition", code=code, onsetDateTime=start, **about)
        self._add("Procedure", status="completed", code=code, performedPeriod={"start": start}, **about)
        for loinc, words, unit in _MEASURED:
            coded = {"coding": [{"system": _LOINC, "code": loinc, "display": words}], "text": words}
            value = {"value": round(self._draw.uniform(40, 180), 1), "unit": unit}
            value |= {"system": "http://unitsofmeasure.org", "code": unit}
            facts = {"effectiveDateTime": start, "issued": start, "valueQuantity": value}
            self._add("Observation", status="final", code=coded, **facts, **about)
        self._paid(person, visit, start)

    def _paid(self, person: dict[str, str], visit: dict[str, str], start: str) -> None:
        kind = {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "professional"}]
        }
        facts = {"status": "active", "type": kind, "use": "claim", "patient": person, "created": start}
        facts["provider"] = {"reference": f"Practitioner?identifier={_NPI}|9999900000"}
        line = {"sequence": 1, "productOrService": {"text": "visite"}, "encounter": [visit]}
        claim = self._add(
            "Claim", **facts, priority={"coding": [{"code": "normal"}]}, insurance=[_INSURED], item=[line]
        )
        money = {"amount": {"value": 25.0, "currency": "EUR"}, "category": {"text": "submitted"}}
        lines = [{**line, "sequence": n + 1, "adjudication": [money] * 6} for n in range(4)]
        self._add(
            "ExplanationOfBenefit",
            **facts,
            claim=claim,
            insurer={"display": "Assurance"},
            outcome="complete",
            insurance=[{"focal": True, "coverage": {"display": "Assurance"}}],
            item=lines,
        )


_INSURED = {"sequence": 1, "focal": True, "coverage": {"display": "Assurance"}}
