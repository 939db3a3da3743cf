"""What a citizen sends from their pages is in the record: a complaint is not only thanked for."""

from typing import Any

from aubier.access.labels import IDNPS
from tests.contract.conftest import Api
from tests.contract.visit import Visit

BLOCK = {"block": "yes"}


async def complaints(api: Api, patient: str) -> list[dict[str, Any]]:
    """The Tasks of a record, without what the store adds."""
    found = await api.good("GET", f"Task?patient={patient}")
    return [e["resource"] for e in found.get("entry", [])]


def document(patient: str) -> dict[str, Any]:
    """A document about someone."""
    attachment = {"contentType": "text/plain", "data": "eA=="}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "content": [{"attachment": attachment}],
    }


def told(task: dict[str, Any]) -> tuple[str, str, str, str]:
    """What a complaint is about, of which kind, in which words, how urgent."""
    return (
        task["code"]["coding"][0]["code"],
        task["focus"]["reference"],
        task["description"],
        task["priority"],
    )


async def test_a_person_who_is_reported_and_blocked(api: Api) -> None:
    patient, login = await api.citizen()
    key, doctor = await api.professional()
    number = key.removeprefix("ps:")
    known = {"resourceType": "Practitioner", "id": number, "identifier": [{"system": IDNPS, "value": number}]}
    await api.good("PUT", f"Practitioner/{number}", known)
    await api.give(patient, key)
    assert (await api.ask("GET", f"Patient/{patient}", as_=doctor)).status_code == 200
    visit = await Visit.of(api, login)
    form = {
        "qui": f"Practitioner/{number}",
        "nom": "Dr Who",
        "jour": "today",
        "words": "Never met",
        "block": "yes",
    }
    foreign = await visit.ask("POST", "/citoyen/acces/inconnu", csrf="guess", **form)
    assert foreign.status_code == 403 and await complaints(api, patient) == []
    sent = await visit.send("/citoyen/acces/inconnu", **form)
    assert (sent.status_code, sent.headers["location"]) == (303, "/citoyen/acces?fait=report")
    (task,) = await complaints(api, patient)
    assert told(task) == ("unknown-person", f"Patient/{patient}", "Dr Who (today). Never met", "urgent")
    assert (await api.ask("GET", f"Patient/{patient}", as_=doctor)).status_code == 404


async def test_a_person_who_is_reported_only_still_sees(api: Api) -> None:
    patient, login = await api.citizen()
    key, doctor = await api.professional()
    await api.give(patient, key)
    visit = await Visit.of(api, login)
    form = {"qui": f"Practitioner/{key.removeprefix('ps:')}", "nom": "Dr Who", "jour": "today"}
    assert (await visit.send("/citoyen/acces/inconnu", **form)).status_code == 303
    assert len(await complaints(api, patient)) == 1
    assert (await api.ask("GET", f"Patient/{patient}", as_=doctor)).status_code == 200
    nobody = await visit.send("/citoyen/acces/inconnu", nom="Dr Who")
    assert nobody.status_code == 400 and len(await complaints(api, patient)) == 1


async def test_a_document_that_is_wrong(api: Api) -> None:
    patient, login = await api.citizen()
    other = await api.person()
    own, theirs = [await api.good("POST", "DocumentReference", document(p)) for p in (patient, other)]
    visit = await Visit.of(api, login)
    words = {"words": "The left leg, not the right"}
    sent = await visit.send(f"/citoyen/documents/{own['id']}/signaler", **words)
    assert sent.headers["location"] == f"/citoyen/documents/{own['id']}?fait=report"
    expected = ("wrong-document", f"DocumentReference/{own['id']}", words["words"], "routine")
    assert [told(task) for task in await complaints(api, patient)] == [expected]
    for unseen in (theirs["id"], "none"):
        assert (await visit.send(f"/citoyen/documents/{unseen}/signaler", **words)).status_code == 404
    assert len(await complaints(api, patient)) == 1
