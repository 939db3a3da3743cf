import base64
import hashlib
from collections import Counter
from datetime import date
from decimal import Decimal
from itertools import islice

import pytest

from aubier.fhir.json import dumps
from aubier.ground.rows import Resource
from aubier.sandbox.batch import Batch, Relationship, gather
from aubier.sandbox.clinical.documents import Content, Letter
from aubier.sandbox.plan import Settings, generate, territory
from aubier.validation.resource import validate
from tests.unit.sandbox.conftest import TODAY


def digest(seed: int | str, citizens: int = 60, today: date = TODAY) -> str:
    total = hashlib.sha256()
    for resource in generate(citizens, seed, today):
        total.update(dumps(resource))
    return total.hexdigest()


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert digest(7) == digest(7)
    assert digest(7) != digest(8)
    assert digest(7) != digest(7, today=date(2026, 11, 23))


def test_every_resource_is_valid(resources: list[Resource]) -> None:
    wrong = [(r["resourceType"], i.at, i.text) for r in resources for i in validate(r)]
    assert wrong == []


def test_every_reference_leads_somewhere_already_told(batches: list[Batch]) -> None:
    known: set[str] = set()
    for batch in batches:
        known |= {f"{r['resourceType']}/{r['id']}" for r in batch.resources}
        missing = [link for r in batch.resources for link in links(r) if link not in known]
        assert missing == [], batch.name


def links(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [link for inner in value.values() for link in links(inner)]
    if isinstance(value, list):
        return [link for inner in value for link in links(inner)]
    return []


def test_identifiers_are_unique(resources: list[Resource]) -> None:
    ids = Counter((r["resourceType"], r["id"]) for r in resources)
    assert [key for key, count in ids.items() if count > 1] == []


def test_fractions_are_exact(resources: list[Resource]) -> None:
    def numbers(value: object) -> list[object]:
        if isinstance(value, dict):
            return [n for inner in value.values() for n in numbers(inner)]
        if isinstance(value, list):
            return [n for inner in value for n in numbers(inner)]
        return [value] if isinstance(value, float | Decimal) else []

    found = [n for r in resources for n in numbers(r)]
    assert len(found) > 100 and not [n for n in found if isinstance(n, float)]


def test_nothing_happens_after_today_or_after_death(resources: list[Resource]) -> None:
    for resource in resources:
        for field in ("effectiveDateTime", "authoredOn", "whenHandedOver", "onsetDateTime", "date"):
            assert resource.get(field, "")[:10] <= TODAY.isoformat(), resource["resourceType"]
    dead = {f"Patient/{r['id']}": r["deceasedDateTime"][:10] for r in resources if "deceasedDateTime" in r}
    for resource in resources:
        last = dead.get(resource.get("subject", {}).get("reference", ""))
        if last:
            for field in ("effectiveDateTime", "authoredOn", "whenHandedOver"):
                assert resource.get(field, "")[:10] <= last


def test_documents_tell_their_size_and_hash(resources: list[Resource]) -> None:
    contents = {
        f"Binary/{r['id']}": base64.b64decode(r["data"]) for r in resources if r["resourceType"] == "Binary"
    }
    documents = [r for r in resources if r["resourceType"] == "DocumentReference"]
    assert len(documents) == len(contents) > 600
    for document in documents:
        attachment = document["content"][0]["attachment"]
        data = contents[attachment["url"]]
        assert attachment["size"] == len(data)
        assert base64.b64decode(attachment["hash"]) == hashlib.sha1(data, usedforsecurity=False).digest()


def test_a_writer_gives_documents_their_form() -> None:
    letters: list[Letter] = []

    def writer(letter: Letter) -> Content:
        letters.append(letter)
        return Content(b"<ClinicalDocument/>", "text/xml", "urn:test")

    plan = territory(Settings(today=TODAY, citizens=20, stories=("homonyms",), writer=writer))
    documents = [r for b in plan for r in b.resources if r["resourceType"] == "DocumentReference"]
    assert {d["content"][0]["attachment"]["contentType"] for d in documents} == {"text/xml"}
    assert {letter.patient.family for letter in letters} >= {"Martin"}


@pytest.mark.parametrize(("density", "low", "high"), [(0.2, 5, 12), (1.0, 12, 20), (2.0, 19, 34)])
def test_density_decides_how_much_is_written(density: float, low: int, high: int) -> None:
    plan = territory(Settings(today=TODAY, citizens=400, stories=(), density=density))
    total = sum(len(b.resources) for b in plan if b.name.startswith("household/"))
    assert low <= total / 400 <= high


def test_histories_spread_by_age() -> None:
    counts: dict[str, int] = Counter()
    births: dict[str, int] = {}
    for batch in territory(Settings(today=TODAY, citizens=1500, stories=())):
        for resource in batch.resources:
            if resource["resourceType"] == "Patient":
                births[f"Patient/{resource['id']}"] = int(resource["birthDate"][:4])
            owner = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
            counts[owner] += 1
    young = [counts[p] for p, year in births.items() if 1985 <= year <= 2006]
    old = [counts[p] for p, year in births.items() if year <= 1955]
    assert sum(old) / len(old) > 2 * sum(young) / len(young)
    assert max(counts[p] for p in births) > 60
    assert min(counts[p] for p in births) < 4


def test_the_directory_comes_first_and_stories_before_households(batches: list[Batch]) -> None:
    kinds = [b.name.partition("/")[0] for b in batches]
    assert kinds == sorted(kinds, key=["directory", "stories", "household"].index)


def test_leaving_stories_out_changes_nobody_else() -> None:
    whole = territory(Settings(today=TODAY, citizens=30))
    none = territory(Settings(today=TODAY, citizens=30, stories=()))
    kept = [dumps(r) for b in whole if not b.name.startswith("stories/") for r in b.resources]
    assert kept == [dumps(r) for b in none for r in b.resources]


def test_stories_do_not_depend_on_the_number_of_citizens() -> None:
    def told(citizens: int) -> list[bytes]:
        plan = territory(Settings(today=TODAY, citizens=citizens))
        return [dumps(r) for b in plan if b.name.startswith("stories/") for r in b.resources]

    assert told(1) == told(40)


def test_a_country_starts_at_once() -> None:
    plan = territory(Settings(today=TODAY, citizens=300_000, stories=()))
    homes = (b for b in plan if b.name.startswith("household/"))
    assert len(list(islice(homes, 50))) == 50


def test_every_citizen_has_a_treating_doctor_of_the_directory(batches: list[Batch]) -> None:
    carers = {
        f"ps:{i['value']}"
        for b in batches
        for r in b.resources
        if r["resourceType"] == "Practitioner"
        for i in r["identifier"]
        if i["system"] == "urn:oid:1.2.250.1.71.4.2.1"
    }
    for batch in batches:
        if batch.name.startswith("household/"):
            doctors = {r.patient: r.actor for r in batch.rights if isinstance(r, Relationship)}
            assert {i.patient for i in batch.identities} == set(doctors)
            assert set(doctors.values()) <= carers


def test_gathering_loses_nothing(batches: list[Batch]) -> None:
    joined = list(gather(batches, 1000))
    assert all(len(b.resources) >= 1000 for b in joined[:-1])
    for part in ("resources", "identities", "rights", "accounts"):
        assert sum(len(getattr(b, part)) for b in joined) == sum(len(getattr(b, part)) for b in batches)
