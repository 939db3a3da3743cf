"""`$everything`: all that is in a record and no more, page by page, under the actor's own view."""

from typing import Any

from tests.contract.rest.conftest import ACTORS, BASE, Api, places
from tests.contract.rest.test_interactions import link, patient, valid


def seen(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    return [
        f"{e['resource']['resourceType']}/{e['resource']['id']}"
        for e in bundle.get("entry", [])
        if e["search"]["mode"] == mode
    ]


async def walked(api: Api, path: str, **options: Any) -> tuple[list[str], int]:
    """Every match of every page, and the number of pages."""
    found: list[str] = []
    pages = 0
    while path:
        bundle = valid(await api.get(path, **options))
        found += seen(bundle)
        pages += 1
        path = link(bundle, "next")
    return found, pages


def observation(logical: str, day: str = "", **parts: Any) -> dict[str, Any]:
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **parts}
    body["subject"] = {"reference": f"Patient/{logical}"}
    return {**body, "effectiveDateTime": day} if day else body


async def record(api: Api, name: str) -> tuple[str, list[str]]:
    """A record of one encounter and several observations; what is in it, in the order of its making."""
    logical = await api.make(patient(name))
    doctor = await api.make({"resourceType": "Practitioner", "name": [{"family": "Kerbrat"}]})
    met = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{logical}"},
        "participant": [{"individual": {"reference": f"Practitioner/{doctor}"}}],
    }
    made = [f"Encounter/{await api.make(met)}"]
    for month in (1, 2, 3):
        extra = {"encounter": {"reference": made[0]}} if month > 1 else {}
        made.append(f"Observation/{await api.make(observation(logical, f'2026-0{month}-10', **extra))}")
    made.append(f"Observation/{await api.make(observation(logical))}")
    return logical, [f"Patient/{logical}", *made, f"Practitioner/{doctor}"]


async def test_all_of_a_record_and_no_other(api: Api) -> None:
    logical, made = await record(api, "whole")
    await record(api, "another")
    bundle = valid(await api.get(f"Patient/{logical}/$everything"))
    assert seen(bundle) == made[:-1]
    assert seen(bundle, "include") == [made[-1]]
    assert bundle["type"] == "searchset" and bundle["total"] == len(made) - 1


async def test_page_by_page(api: Api) -> None:
    logical, made = await record(api, "paged")
    for count in (1, 2, 3, 6, 50):
        found, pages = await walked(api, f"Patient/{logical}/$everything?_count={count}")
        assert found == made[:-1]
        assert pages == -(-6 // count)


async def test_what_lives_in_the_record_comes_once(api: Api) -> None:
    """A Device is in no compartment, and lives with its patient; another's, or nobody's, is brought along."""
    logical = await api.make(patient("implanted"))
    worn = await api.make({"resourceType": "Device", "patient": {"reference": f"Patient/{logical}"}})
    scales = await api.make({"resourceType": "Device"})
    for device in (worn, scales):
        await api.make(observation(logical, device={"reference": f"Device/{device}"}))
    found, brought, path = [], [], f"Patient/{logical}/$everything?_count=1"
    while path:
        bundle = valid(await api.get(path))
        found += seen(bundle)
        brought += seen(bundle, "include")
        path = link(bundle, "next")
    assert found[:2] == [f"Patient/{logical}", f"Device/{worn}"] and len(found) == 4
    assert brought == [f"Device/{scales}"]


async def test_what_is_written_meanwhile_disturbs_no_page(api: Api) -> None:
    logical, made = await record(api, "meanwhile")
    first = valid(await api.get(f"Patient/{logical}/$everything?_count=2"))
    await api.ask("DELETE", made[2])
    await api.make(observation(logical))
    changed = (await api.get(made[1])).json()
    await api.ask("PUT", made[1], changed)
    rest, _ = await walked(api, link(first, "next"))
    assert rest[:3] == made[3:6] and len(rest) == 4


async def test_by_type_by_date_and_by_change(api: Api) -> None:
    logical, made = await record(api, "narrow")
    here = f"Patient/{logical}/$everything"
    assert (await walked(api, f"{here}?_type=Encounter,Patient"))[0] == made[:2]
    assert (await walked(api, f"{here}?_type=Observation&_count=1"))[0] == made[2:6]
    # Of the types asked alone, what a record refers to included.
    for types, others in (("Encounter", []), ("Encounter,Practitioner", made[-1:])):
        bundle = valid(await api.get(f"{here}?_type={types}"))
        assert (seen(bundle), seen(bundle, "include")) == ([made[1]], others)
    # What bears no date is always there.
    assert (await walked(api, f"{here}?start=2026-02-01&_type=Observation"))[0] == made[3:6]
    assert (await walked(api, f"{here}?end=2026-02&_type=Observation"))[0] == [*made[2:4], made[5]]
    assert (await walked(api, f"{here}?start=2026-02-10&end=2026-02-10&_type=Observation"))[0] == [
        made[3],
        made[5],
    ]
    later = api.clock.later(hours=1)
    new = f"Observation/{await api.make(observation(logical))}"
    found = await walked(api, f"{here}?_since={later.isoformat().replace('+00:00', 'Z')}&_type=Observation")
    assert found[0] == [new]
    changed = valid(await api.get(f"{here}?_since={later.isoformat().replace('+00:00', 'Z')}"))
    assert seen(changed) == [new], "the Patient did not change"


async def test_who_is_another_servers_is_not_who_is_called_so_here(api: Api) -> None:
    logical = await api.make(patient("elsewhere"))
    ours, theirs = [await api.make({"resourceType": "Practitioner"}) for _ in range(2)]
    for reference in (f"{BASE}/fhir/Practitioner/{ours}", f"http://other.example/fhir/Practitioner/{theirs}"):
        await api.make(observation(logical, performer=[{"reference": reference}]))
    bundle = valid(await api.get(f"Patient/{logical}/$everything"))
    assert seen(bundle, "include") == [f"Practitioner/{ours}"]


async def test_all_of_an_encounter(api: Api) -> None:
    logical, made = await record(api, "met")
    bundle = valid(await api.get(f"{made[1]}/$everything"))
    assert seen(bundle) == [made[1], made[3], made[4]]
    assert set(seen(bundle, "include")) == {f"Patient/{logical}", made[-1]}


async def test_a_citizen_asks_for_their_own_record_without_naming_it(api: Api) -> None:
    """Rule: FHIR R4, Patient-operation-everything: a context of one patient names it."""
    own = {**patient("ana"), "id": "ana"}
    assert (await api.ask("PUT", "Patient/ana", own)).status_code == 201
    await api.grant("ana", ACTORS["citizen"], "holder")
    made = [await api.make(observation("ana")) for _ in range(2)]
    found, pages = await walked(api, "Patient/$everything?_count=1", who="citizen")
    assert (found, pages) == (["Patient/ana", *(f"Observation/{m}" for m in made)], 3)
    for who in ("doctor", "admin"):
        answer = await api.get("Patient/$everything", who=who)
        assert (answer.status_code, places(answer)) == (400, ["http.path"])
        assert "Patient/[id]/$everything" in answer.text


async def test_parameters_may_come_in_a_body(api: Api) -> None:
    logical, made = await record(api, "posted")
    body = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Encounter"}]}
    bundle = valid(await api.ask("POST", f"Patient/{logical}/$everything", body))
    assert seen(bundle) == [made[1]]


async def test_hidden_is_absent(api: Api) -> None:
    logical, made = await record(api, "closed")
    here = f"Patient/{logical}/$everything"
    assert (await api.get(here, who="doctor")).status_code == 404
    await api.grant(logical, ACTORS["doctor"])
    assert (await walked(api, here, who="doctor"))[0] == made[:-1]
    gone = await api.make(patient("gone"))
    await api.ask("DELETE", f"Patient/{gone}")
    assert (await api.get(f"Patient/{gone}/$everything")).status_code == 410


async def test_what_it_does_not_understand_is_refused(api: Api) -> None:
    logical = await api.make(patient("refused"))
    for query in (
        "_type=Foo",
        "_count=0",
        "_count=x",
        "start=x",
        "_since=ge2020",
        "_page=x",
        "foo=1",
        "start=",
    ):
        answer = await api.get(f"Patient/{logical}/$everything?{query}")
        assert answer.status_code == 400 and places(answer) == [f"http.{query.partition('=')[0]}"], query
    assert (await api.ask("PUT", f"Patient/{logical}/$everything", b"{}")).status_code == 405
    assert (await api.get(f"Encounter/{logical}/$everything?start=2020")).status_code == 400
    statement = (await api.get("metadata")).json()
    rows = {r["type"]: r for r in statement["rest"][0]["resource"]}
    assert "everything" in [o["name"] for o in rows["Patient"]["operation"]]


async def test_its_proof_is_in_the_trace(api: Api) -> None:
    logical = (await record(api, "traced"))[0]
    await api.grant(logical, ACTORS["doctor"])
    await api.get(f"Patient/{logical}/$everything", who="doctor")
    lines = await api.house.store.pool.fetch(
        "select what, hits, outcome from audit where name = 'Dr Test' and action = 'operation'"
    )
    assert (f"Patient/{logical}/$everything", 5, "ok") in [tuple(line) for line in lines]
