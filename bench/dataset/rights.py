"""The two who ask. *Off*: a system actor, with nothing to check. *On*: a professional, with all of it.

The professional cares for part of the people, has a denial on some of these, and sees no masked document.
What they see is said here once more, by the book, so that answers can be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aubier.referentials.sharing.rules import carer
from aubier.store.intent import Grant
from bench.dataset.corpus import MASK

DOCTOR, MACHINE = "bench.doctor", "bench.machine"
IDNPS = "899799990019"
KEY = f"ps:{IDNPS}"
DIRECTORY = frozenset(
    {"Location", "Organization", "Practitioner", "PractitionerRole", "HealthcareService", "ValueSet"}
)
_DENIED = 50
"""Of so many who are cared for, one has closed the record to this professional."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Whose records are open (`cared`) and whose were closed again (`denied`)."""

    cared: frozenset[str]
    denied: frozenset[str]

    @classmethod
    def over(cls, people: Sequence[str]) -> Rights:
        """Of at most half of the people, and at most a thousand."""
        chosen = sorted(people)[: min(1000, max(1, len(people) // 2))]
        return cls(frozenset(chosen), frozenset(chosen[_DENIED - 1 :: _DENIED]))

    @property
    def open(self) -> list[str]:
        """The ids of those whose record the professional may read, in order."""
        return sorted(self.cared - self.denied)

    def grants(self) -> Iterator[Grant]:
        """What makes it so. Each person has closed their record to somebody else too, as in life.

        The basis is a care team: a treating doctor sees what is masked.
        """
        for person in sorted(self.cared):
            yield replace(carer(person, KEY, "care-team"), since=1)
            yield Grant(person, "ps:899700000000", "opposition", since=1, deny=True)
            if person in self.denied:
                yield Grant(person, KEY, "opposition", since=1, deny=True)

    def sees(self, resource: dict[str, Any]) -> bool:
        """Whether the professional sees a resource."""
        if resource["resourceType"] in DIRECTORY:
            return True
        whose = set(people_of(resource))
        return bool(whose) and whose <= self.cared - self.denied and not masked(resource)


def people_of(resource: dict[str, Any]) -> Iterator[str]:
    """The ids of the patients that a resource is about."""
    if resource["resourceType"] == "Patient":
        yield resource["id"]
    for name in ("subject", "patient"):
        target = resource.get(name, {}).get("reference", "")
        if target.startswith("Patient/"):
            yield target.removeprefix("Patient/")


def masked(resource: dict[str, Any]) -> bool:
    """Whether professionals are not to see it."""
    marks: Iterable[dict[str, Any]] = [
        *resource.get("meta", {}).get("security", []),
        *(c for label in resource.get("securityLabel", []) for c in label.get("coding", [])),
    ]
    return any(m.get("code") == MASK["code"] for m in marks)
