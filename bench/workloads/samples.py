"""Values that the corpus holds, drawn by seed: what is asked for exists, and as often as in the corpus."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.contract.search.oracle import at

from bench.dataset.rights import Rights

Resource = dict[str, Any]
_MOST = 400
"""Values kept of each sort."""


@dataclass(slots=True)
class Samples:
    """Lists of values by sort. Those that name a record name one that the professional may read."""

    people: list[str] = field(default_factory=list)
    identified: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    named: list[tuple[str, str, str]] = field(default_factory=list)
    births: list[str] = field(default_factory=list)
    cities: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    illnesses: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    carers: list[str] = field(default_factory=list)
    doctors: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, resources: Iterable[Resource], rights: Rights) -> Samples:
        """Drawn from one reading of the corpus."""
        found, open_ = cls(), set(rights.open)
        found.people = list(rights.open)
        for resource in resources:
            match resource["resourceType"]:
                case "Patient":
                    found._patient(resource, open_)
                case "Observation":
                    found._observation(resource, rights)
                case kind:
                    found._other(kind, resource)
        draw = random.Random("bench samples")
        for name in cls.__slots__:
            values = sorted(getattr(found, name))
            draw.shuffle(values)
            setattr(found, name, values[:_MOST])
        return found

    def _patient(self, resource: Resource, open_: set[str]) -> None:
        family, given = (at(resource, f"name.{part}") for part in ("family", "given"))
        if resource["id"] not in open_ or not family or not given:
            return
        self.identified += [f"{i['system']}|{i['value']}" for i in resource.get("identifier", [])[:1]]
        self.families.append(family[0])
        self.named.append((family[0], given[0], resource.get("birthDate", "")))
        self.births.append(resource.get("birthDate", ""))
        self.cities += at(resource, "address.city")[:1]

    def _observation(self, resource: Resource, rights: Rights) -> None:
        self.codes += [f"{c['system']}|{c['code']}" for c in at(resource, "code.coding")[:1]]
        if len(self.observations) < 50 * _MOST and rights.sees(resource):
            self.observations.append(resource["id"])
            self.days.append(resource.get("effectiveDateTime", "")[:10])

    def _other(self, kind: str, resource: Resource) -> None:
        coded = {
            "Condition": "code.coding",
            "DocumentReference": "type.coding",
            "PractitionerRole": "code.coding",
        }
        if path := coded.get(kind):
            found = [f"{c['system']}|{c['code']}" for c in at(resource, path)[:1]]
            {"Condition": self.illnesses, "DocumentReference": self.types, "PractitionerRole": self.roles}[
                kind
            ].extend(found)
        if kind == "Condition":
            self.words += [t.split()[0] for t in at(resource, "code.text") if t]
        elif kind == "Encounter":
            self.carers += at(resource, "participant.individual.reference")[:1]
        elif kind == "Practitioner":
            self.doctors += at(resource, "name.family")[:1]
        elif kind == "Organization":
            self.places += [n for n in at(resource, "name") if n]
        elif kind == "Location" and "position" in resource:
            point = resource["position"]
            self.points.append(f"{point['latitude']}|{point['longitude']}")

    def common(self, name: str) -> str:
        """The most frequent value of a sort."""
        return str(Counter(getattr(self, name)).most_common(1)[0][0])
