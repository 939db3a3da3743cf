"""A whole house with the stories in it, and those who try to get in."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest

from aubier.access.labels import IDNPS
from aubier.access.view import Write
from aubier.ground.rows import Resource
from aubier.referentials.identity.guard.authorship import sign_as_oneself
from aubier.sandbox.batch import Mask
from aubier.sandbox.plan import Settings as Plan
from tests.open_territory import OpenTerritory, open_territory

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLAN = Plan(today=NOW.date(), citizens=0, seed="holes")


@pytest.fixture(scope="module")
async def town(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenTerritory]:
    async with open_territory(database(), tmp_path_factory.mktemp("house"), PLAN, NOW) as opened:
        yield opened


def parameters(**values: str) -> Resource:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": n.replace("_", "-"), "valueString": v} for n, v in values.items()],
    }


def national(patient: Resource) -> Resource:
    return next(i for i in patient["identifier"] if "1.2.250.1.213.1.4.1" in i["system"])


# -- the national base ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("login", "status"), [("", 401), ("malo", 403), ("dr.inconnu", 200)])
async def test_who_may_ask_the_national_base(town: OpenTerritory, login: str, status: int) -> None:
    claire = await town.read(f"Patient/{town.patient('claire')}")
    asked = {
        "birth_name": claire["name"][0]["family"],
        "given_names": claire["name"][0]["given"][0],
        "sex": claire["gender"],
        "birth_date": claire["birthDate"],
    }
    for operation, more in (("ins-search", {}), ("ins-verify", national(claire))):
        numbered = {"ins": more["value"], "oid": more["system"]} if more else {}
        path = f"/fhir/Patient/${operation}"
        assert (await town.ask(login, "POST", path, parameters(**asked, **numbered)))[0] == status
        query = httpx.QueryParams({k.replace("_", "-"): v for k, v in {**asked, **numbered}.items()})
        assert (await town.ask(login, "GET", f"{path}?{query}"))[0] == status


async def test_every_number_of_the_stories_acts(town: OpenTerritory) -> None:
    rows = await town.house.store.pool.fetch(
        "select flags from identity_known k join identity_base b using (system, ins) where not acts"
    )
    assert [dict(r) for r in rows] == []
    assert await town.house.store.pool.fetchval("select count(*) from identity_known where acts") > 10


async def test_a_number_is_not_taken_from_its_patient(town: OpenTerritory) -> None:
    thomas = town.patient("thomas")
    _, known = await town.ask("thomas", "GET", f"/fhir/Patient/{thomas}")
    number = national(known)
    asked = parameters(ins=number["value"], oid=number["system"])
    found = await town.ask("dr.inconnu", "POST", "/fhir/Patient/$find", asked)
    assert found[1]["total"] == 1
    told = parameters(reason="other")
    assert (await town.ask("dr.inconnu", "POST", f"/fhir/Patient/{thomas}/$state-relationship", told))[
        0
    ] == 200
    _, now = await town.ask("dr.inconnu", "GET", f"/fhir/Patient/{thomas}")
    ins = national(now)
    bare = {**now, "identifier": [i for i in now["identifier"] if i != ins]}
    assert (await town.ask("dr.inconnu", "PUT", f"/fhir/Patient/{thomas}", bare))[0] == 403
    own = {k: v for k, v in now.items() if k not in ("id", "meta", "link")}
    assert (await town.ask("dr.inconnu", "POST", "/fhir/Patient", own))[0] == 409
    assert (await town.ask("dr.inconnu", "DELETE", f"/fhir/Patient/{thomas}"))[0] == 403
    find = parameters(ins=ins["value"], oid=ins["system"])
    _, found = await town.ask("dr.inconnu", "POST", "/fhir/Patient/$find", find)
    assert [e["resource"]["id"] for e in found["entry"]] == [thomas]


@pytest.mark.parametrize("numbered", [True, False])
async def test_a_citizen_opens_no_patient(town: OpenTerritory, numbered: bool) -> None:
    gwen = await town.read(f"Patient/{town.patient('gwen')}")
    body = {k: v for k, v in gwen.items() if k not in ("id", "meta") and (numbered or k != "identifier")}
    assert (await town.ask("malo", "POST", "/fhir/Patient", body))[0] == 403
    mine = await town.read(f"Patient/{town.patient('malo')}")
    assert (await town.ask("malo", "PUT", f"/fhir/Patient/{mine['id']}", {**mine, "active": False}))[0] == 403


# -- signatures -------------------------------------------------------------------------------------------


async def doctor(town: OpenTerritory) -> Resource:
    return await town.read(town.actors["dr.morvan"].reference)


def by(doctor: Resource) -> list[Resource]:
    """Ways to name a doctor as the one who signs."""
    rpps = next(i for i in doctor["identifier"] if i["system"] == IDNPS)
    return [
        {"reference": f"Practitioner/{doctor['id']}", "display": "Dr Anne Morvan"},
        {"reference": f"http://127.0.0.1:8000/fhir/Practitioner/{doctor['id']}"},
        {"identifier": {"system": IDNPS, "value": rpps["value"]}},
        {"display": "Dr Anne Morvan"},
        {"reference": "Organization/1"},
    ]


async def test_a_citizen_writes_no_prescription(town: OpenTerritory) -> None:
    malo, signer = town.patient("malo"), await doctor(town)
    for kind in ("MedicationRequest", "MedicationDispense", "ServiceRequest", "Condition", "Immunization"):
        body = {"resourceType": kind, "status": "active", "subject": {"reference": f"Patient/{malo}"}}
        body |= {"intent": "order", "requester": by(signer)[0]}
        assert (await town.ask("malo", "POST", "/fhir/" + kind, body))[0] == 403, kind


async def test_what_a_citizen_writes_bears_no_professional(town: OpenTerritory) -> None:
    malo, signer = f"Patient/{town.patient('malo')}", await doctor(town)
    weight = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": malo},
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": {"value": 70, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    inside = {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Morvan"}]}
    named = {"resourceType": "RelatedPerson", "id": "p", "patient": {"reference": malo}}
    named |= {"name": [{"text": "Dr Anne Morvan"}]}
    forged = [
        *({**weight, "performer": [who]} for who in by(signer)),
        {**weight, "performer": [{"reference": malo}, by(signer)[0]]},
        {**weight, "performer": [{"reference": malo, "identifier": by(signer)[2]["identifier"]}]},
        {**weight, "performer": [{"reference": malo, "type": "Practitioner"}]},
        *({**weight, "performer": [{"reference": "#p"}], "contained": [c]} for c in (inside, named)),
    ]
    for body in forged:
        status, told = await town.ask("malo", "POST", "/fhir/Observation", body)
        assert status in (400, 403), (body.get("performer"), told)
    claimed = {**weight, "performer": [{"reference": malo, "display": "Dr Anne Morvan"}]}
    status, made = await town.ask("malo", "POST", "/fhir/Observation", claimed)
    assert status == 201 and "Morvan" not in str(await town.read(f"Observation/{made['id']}"))
    # Nor by changing one's own afterwards.
    stored = await town.read(f"Observation/{made['id']}")
    changed = {**stored, "performer": [by(signer)[0]]}
    assert (await town.ask("malo", "PUT", f"/fhir/Observation/{made['id']}", changed))[0] == 403


async def test_a_citizen_still_answers_a_task_of_a_doctor(town: OpenTerritory) -> None:
    malo, signer = f"Patient/{town.patient('malo')}", await doctor(town)
    task = {"resourceType": "Task", "status": "requested", "intent": "proposal", "for": {"reference": malo}}
    own = {**task, "requester": {"reference": malo}}
    assert (await town.ask("malo", "POST", "/fhir/Task", own))[0] == 201
    asked = {**task, "requester": by(signer)[0]}
    assert (await town.ask("malo", "POST", "/fhir/Task", asked))[0] == 403
    ctx = town.house.context(town.actors["malo"])
    assert await sign_as_oneself(ctx, {**asked, "status": "accepted"}, asked) == {
        **asked,
        "status": "accepted",
    }


# -- a secret visit ---------------------------------------------------------------------------------------


async def lines(town: OpenTerritory, login: str, patient: str) -> list[Resource]:
    """The audit lines of a record as one of its people reads them."""
    return await town.house.context(town.actors[login]).store.accesses(patient)


async def everybody_looks(town: OpenTerritory, ines: str) -> tuple[set[str], set[str]]:
    """What is written in Inès's record and what of it is secret, after everybody looked at all they may."""
    everything = {f"{r['resourceType']}/{r['id']}" for r in town.stories["teenager"].resources}
    secret = {r.reference for r in town.stories["teenager"].rights if isinstance(r, Mask)}
    for login in ("dr.prigent", "dr.kerneis", "ines", "nadia"):
        for name in sorted(secret)[:6] + sorted(everything - secret)[:6]:
            await town.ask(login, "GET", f"/fhir/{name}")
        for kind in ("DocumentReference", "Condition", "MedicationRequest"):
            await town.ask(login, "GET", f"/fhir/{kind}?patient={ines}&_total=accurate")
            await town.ask(login, "GET", f"/fhir/{kind}?_id={sorted(secret)[0].partition('/')[2]}")
    return everything, secret


@pytest.mark.parametrize("parent", ["nadia", "samir"])
async def test_parents_do_not_learn_who_looked_at_the_secret(town: OpenTerritory, parent: str) -> None:
    ines = town.patient("ines")
    _, secret = await everybody_looks(town, ines)
    shown = await lines(town, parent, ines)
    text = json.dumps(shown)
    prigent = town.actors["dr.prigent"]
    for word in ("Prigent", prigent.reference, prigent.organization, prigent.organization_name, "hits"):
        assert word not in text, word
    assert not [name for name in secret if name in text or name.partition("/")[2] in text]
    # The ordinary is still told: who looked, and at what of it.
    assert "Kerneis" in text and "Certificat" not in text
    assert any(
        e["what"].get("reference", "").startswith("DocumentReference/") for s in shown for e in s["entity"]
    )
    # The holder herself reads all of it.
    own = json.dumps(await lines(town, "ines", ines))
    assert "Prigent" in own and "hits" in own and any(name in own for name in secret)


async def test_a_line_in_free_words_is_not_shown_to_parents(town: OpenTerritory) -> None:
    ines = town.patient("ines")
    system = town.system().store
    secret = next(r for r in town.stories["teenager"].resources if r["resourceType"] == "Condition")
    written = await town.read(f"Condition/{secret['id']}")
    for what in ("Consultation contraception", "DocumentReference/", "Condition/none, Condition/x y"):
        await system.transact(
            [Write("update", {**written, "note": [{"text": what}]})], what=what, action="provide"
        )
    text = json.dumps(await lines(town, "nadia", ines))
    assert "contraception" not in text and "provide" not in text
    assert "provide" in json.dumps(await lines(town, "ines", ines))


async def test_whose_presence_is_secret(town: OpenTerritory) -> None:
    ines, prigent = town.patient("ines"), town.actors["dr.prigent"]
    views = {login: town.house.context(town.actors[login]).store for login in ("nadia", "ines", "dr.kerneis")}
    found = await views["nadia"].secret_actors(ines)
    assert {prigent.keys[0], prigent.reference} <= found
    assert not {*town.actors["dr.kerneis"].keys, town.actors["dr.kerneis"].reference} & found
    assert not {f"person:{ines}", f"person:{town.patient('nadia')}"} & found
    assert await views["ines"].secret_actors(ines) == frozenset()
    assert await views["nadia"].secret_actors(town.patient("nadia")) == frozenset()


async def test_where_nothing_is_hidden_a_parent_reads_every_line(town: OpenTerritory) -> None:
    claire, system = town.actors["claire"], town.system().store
    page = await system.search("RelatedPerson", [("_count", "200")])
    mine = {r["patient"]["reference"] for r in page.resources} & {
        f"Patient/{p['id']}" for p in (await town.house.context(claire).store.search("Patient", [])).resources
    }
    child = next(c.removeprefix("Patient/") for c in sorted(mine) if c != claire.reference)
    await town.ask("claire", "GET", f"/fhir/DocumentReference?patient={child}&_total=accurate")
    assert await town.house.context(claire).store.secret_actors(child) == frozenset()
    assert "hits" in json.dumps(await lines(town, "claire", child))


async def test_a_stranger_reads_no_line_at_all(town: OpenTerritory) -> None:
    for login in ("claire", "dr.inconnu", "dr.prigent"):
        assert await lines(town, login, town.patient("ines")) == []
