"""The corpus: a territory of invented people, about forty resources each, the same bytes for every server.

Beside what the sandbox makes, each person has a series of heart rates, so that a page of twenty is a page.
One document in ten, and one measurement in ten of that series, is masked from professionals.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.chance import seeded_ids
from aubier.sandbox.batch import Batch, gather
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory

Resource = dict[str, Any]
Told = Callable[[str], None]

TODAY = date(2026, 11, 22)
EACH = 20
MASK = {
    "system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument",
    "code": "MASQUE_PS",
}
_VITAL = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
_LEAST = 100
"""Resources of a transaction, at least."""
_HEAD = 1000
"""Resources of a kept corpus that are compared with what would be made today."""
_EVERY = 5000
"""Resources between two words on how far a corpus is."""


def measurement(patient: str, logical: str, when: date, value: int, *, masked: bool = False) -> Resource:
    """A heart rate; without `logical` the server gives the id."""
    body: Resource = {"resourceType": "Observation", "status": "final", "category": [{"coding": [_VITAL]}]}
    body["code"] = {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]}
    body |= {"subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": when.isoformat()}
    unit = {"unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}
    body["valueQuantity"] = {"value": value, **unit}
    return body | ({"id": logical} if logical else {}) | ({"meta": {"security": [MASK]}} if masked else {})


@dataclass(frozen=True, slots=True)
class Corpus:
    """The corpus of `patients` people of a seed, kept in `folder` once it was made."""

    folder: Path
    patients: int
    seed: str = "bench"

    @property
    def resources(self) -> Path:
        """One resource a line."""
        return self.folder / "resources.ndjson"

    @property
    def facts(self) -> dict[str, Any]:
        """How many resources, bytes, and of which types."""
        found: dict[str, Any] = json.loads((self.folder / "facts.json").read_text("utf-8"))
        return found

    def batches(self) -> Iterator[Batch]:
        """The corpus as the sandbox's loader takes it, with rights and identities."""
        ids, documents = seeded_ids(f"{self.seed} rates"), 0
        for batch in territory(Plan(today=TODAY, citizens=self.patients, seed=self.seed, stories=())):
            for person in [r["id"] for r in batch.resources if r["resourceType"] == "Patient"]:
                batch.resources += _rates(person, ids)
            for resource in batch.resources:
                if resource["resourceType"] == "DocumentReference":
                    documents += 1
                    if documents % 10 == 0:
                        resource.setdefault("securityLabel", []).append({"coding": [MASK]})
            yield batch

    @property
    def mark(self) -> str:
        """What tells this corpus from one that another commit would make."""
        return str(self.facts["mark"])

    def make(self, told: Told) -> None:
        """Writes the files, unless they are there whole and begin as they would today."""
        if (self.folder / "facts.json").exists() and "mark" in self.facts and self._fresh():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in (self.folder / "facts.json", *self.folder.glob("answers-*.json")):
            old.unlink(missing_ok=True)
        kinds: dict[str, int] = {}
        size = count = 0
        cuts: list[int] = []
        before = 0
        mark = hashlib.sha256()
        with self.resources.open("wb") as out:
            for batch in gather(self.batches(), _LEAST):
                cuts.append(len(batch.resources))
                before += not batch.name.startswith("household")
                for resource in batch.resources:
                    line = fhir_json.dumps(resource)
                    out.write(line + b"\n")
                    mark.update(line)
                    kinds[resource["resourceType"]] = kinds.get(resource["resourceType"], 0) + 1
                    size, count = size + len(line), count + 1
                    if count % _EVERY == 0:
                        told(f"corpus: {kinds.get('Patient', 0)} of {self.patients} people")
        part = self.folder / "facts.json.part"
        facts = {"resources": count, "bytes": size, "kinds": kinds, "cuts": cuts, "directory": before}
        facts["mark"] = mark.hexdigest()[:16]
        part.write_text(json.dumps(facts), "utf-8")
        part.replace(self.folder / "facts.json")

    def _fresh(self) -> bool:
        made = (fhir_json.dumps(r) for batch in gather(self.batches(), _LEAST) for r in batch.resources)
        with self.resources.open("rb") as lines:
            return all(
                line.rstrip(b"\n") == new for line, new in zip(islice(lines, _HEAD), made, strict=False)
            )

    def read(self, *kinds: str) -> Iterator[Resource]:
        """The resources of some types, or all of them; decimals exact."""
        marks = tuple(f'{{"resourceType":"{kind}"'.encode() for kind in kinds)
        with self.resources.open("rb") as lines:
            for line in lines:
                if not marks or line.startswith(marks):
                    yield json.loads(line, parse_float=Decimal)

    def bundles(self) -> Iterator[bytes]:
        """Transactions that put every resource under its id: the directory, then whole households.

        A household names nothing else: some servers keep no link to what is not there yet.
        """
        with self.resources.open("rb") as lines:
            for size in self.facts["cuts"]:
                yield transaction([line.rstrip(b"\n") for line in islice(lines, size)])


def _rates(person: str, ids: Callable[[], str]) -> list[Resource]:
    days = ((n, TODAY - timedelta(days=n)) for n in range(EACH))
    return [measurement(person, ids(), day, 60 + 2 * n, masked=n % 10 == 9) for n, day in days]


def transaction(resources: list[bytes]) -> bytes:
    """A transaction that puts resources, each bytes of JSON that begin with their type and id."""
    entries = []
    for raw in resources:
        found = json.loads(raw)
        url = f"{found['resourceType']}/{found['id']}".encode()
        entries.append(b'{"resource":%b,"request":{"method":"PUT","url":"%b"}}' % (raw, url))
    return b'{"resourceType":"Bundle","type":"transaction","entry":[%b]}' % b",".join(entries)
