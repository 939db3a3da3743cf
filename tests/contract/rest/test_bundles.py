"""Batch and transaction over HTTP: order, links between entries, all or nothing."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from aubier.fhir import json as fhir_json
from aubier.validation import validate
from aubier.validation.drafts import LIMIT
from tests.contract.rest.conftest import BASE, CITIZEN, DOCTOR, Api, places

SYSTEM = "urn:test"


def urn(name: str) -> str:
    """A urn:uuid for a name."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"


def person(value: str, **parts: Any) -> dict[str, Any]:
    """A Patient known by an identifier."""
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": value}], **parts}


def weight(subject: str, **parts: Any) -> dict[str, Any]:
    """An Observation of a subject."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "poids"},
        "subject": {"reference": subject},
        **parts,
    }


def entry(method: str, url: str, resource: Any = None, full_url: str = "", **request: str) -> dict[str, Any]:
    """A Bundle entry."""
    row: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        row["resource"] = resource
    return {**row, "fullUrl": full_url} if full_url else row


async def run(api: Api, kind: str, *entries: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """The entries of the answer, which must be valid."""
    answer = await api.post(kind, *entries, **options)
    assert answer.status_code == 200, answer.text
    body = fhir_json.parse(answer.content)
    assert body["type"] == f"{kind}-response"
    assert not list(validate(body)), answer.text
    assert len(body.get("entry", [])) == len(entries)
    return list(body.get("entry", []))


def statuses(answers: list[dict[str, Any]]) -> list[str]:
    """The number of each status."""
    return [a["response"]["status"][:3] for a in answers]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_an_empty_one_is_answered_by_an_empty_one(api: Api, kind: str) -> None:
    answer = await api.ask("POST", "", {"resourceType": "Bundle", "type": kind})
    assert answer.json() == {"resourceType": "Bundle", "type": f"{kind}-response"}


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_deletes_come_first_then_posts_then_puts_then_reads(api: Api, kind: str) -> None:
    """The create's condition holds once the delete is done, and the read sees what the update wrote."""
    value = f"order-{kind}"
    old, kept = await api.make(person(value)), await api.make(person(f"{value}-kept"))
    answers = await run(
        api,
        kind,
        entry("GET", f"Patient?identifier={SYSTEM}|{value},{SYSTEM}|{value}-kept"),
        entry("PUT", f"Patient/{kept}", person(f"{value}-kept", active=True) | {"id": kept}),
        entry("POST", "Patient", person(value)),
        entry("DELETE", f"Patient/{old}"),
    )
    assert statuses(answers) == ["200", "200", "201", "204"]
    found = {e["resource"]["id"]: e["resource"] for e in answers[0]["resource"]["entry"]}
    made = answers[2]["response"]["location"].removesuffix("/_history/1").rpartition("/")[2]
    assert found.keys() == {kept, made} and found[kept]["active"] is True


async def test_entries_name_each_other_by_urn_in_any_order(api: Api) -> None:
    answers = await run(
        api,
        "transaction",
        entry("POST", "Observation", weight(urn("a"), hasMember=[{"reference": urn("c")}]), urn("b")),
        entry("POST", "Patient", person("urn"), urn("a")),
        entry("POST", "Observation", weight(urn("a")), urn("c")),
        headers={"prefer": "return=representation"},
    )
    made = answers[1]["resource"]["id"]
    assert answers[0]["resource"]["subject"]["reference"] == f"Patient/{made}"
    assert (
        answers[0]["resource"]["hasMember"][0]["reference"] == f"Observation/{answers[2]['resource']['id']}"
    )
    assert statuses(answers) == ["201"] * 3
    for answer in answers:
        response = answer["response"]
        assert response["etag"] == 'W/"1"' and response["lastModified"]
        kind, logical = answer["resource"]["resourceType"], answer["resource"]["id"]
        assert response["location"] == f"{BASE}/fhir/{kind}/{logical}/_history/1" or response["location"] == (
            f"{kind}/{logical}/_history/1"
        )


async def test_relative_references_follow_what_a_bundle_took_from_another_server(api: Api) -> None:
    """Rule: FHIR R4, bundle.html#references. What keeps its id, or is not in the Bundle, stays as it is."""
    there = "http://other.example/fhir"
    answers = await run(
        api,
        "transaction",
        entry("POST", "Observation", weight("Patient/7"), f"{there}/Observation/1"),
        entry("POST", "Patient", person("moved"), f"{there}/Patient/7"),
        entry("POST", "Observation", weight("Patient/8"), f"{there}/Observation/2"),
        entry("POST", "Observation", weight("Patient/7")),
        entry("PUT", "Patient/kept", person("kept", id="kept"), f"{there}/Patient/kept"),
        entry("POST", "Observation", weight("Patient/kept"), f"{there}/Observation/3"),
        headers={"prefer": "return=representation"},
    )
    named = [a["resource"]["subject"]["reference"] for a in answers if "subject" in a["resource"]]
    assert named == [f"Patient/{answers[1]['resource']['id']}", "Patient/8", "Patient/7", "Patient/kept"]


async def test_a_reference_to_a_version_is_to_the_version_that_is_written(api: Api) -> None:
    """Rule: FHIR R4, http.html#trules. What keeps its id keeps its versions, and so do those of others."""
    there = "http://other.example/fhir"
    known = await api.make(person("versions"))
    await api.ask("PUT", f"Patient/{known}", person("versions", active=True, id=known))
    answers = await run(
        api,
        "transaction",
        entry("POST", "Observation", weight("Patient/1/_history/7"), f"{there}/Observation/1"),
        entry("POST", "Observation", weight(f"{there}/Patient/1/_history/9"), f"{there}/Observation/2"),
        entry("POST", "Patient", person("anew"), f"{there}/Patient/1"),
        entry("POST", "Observation", weight(f"{there}/Patient/2/_history/1"), f"{there}/Observation/3"),
        entry("PUT", f"Patient?identifier={SYSTEM}|versions", person("versions"), f"{there}/Patient/2"),
        entry("POST", "Observation", weight(f"{there}/Patient/3/_history/1"), f"{there}/Observation/4"),
        entry("PUT", "Patient/kept", person("kept", id="kept"), f"{there}/Patient/kept"),
        entry("POST", "Observation", weight("Patient/kept/_history/1"), f"{there}/Observation/5"),
        headers={"prefer": "return=representation"},
    )
    made = answers[2]["resource"]["id"]
    assert [a["resource"]["subject"]["reference"] for a in answers if "subject" in a["resource"]] == [
        f"Patient/{made}/_history/1",
        f"Patient/{made}/_history/1",
        f"Patient/{known}/_history/3",
        f"{there}/Patient/3/_history/1",
        "Patient/kept/_history/1",
    ]


async def test_a_urn_of_what_exists_already_leads_to_it(api: Api) -> None:
    known = await api.make(person("exists"))
    answers = await run(
        api,
        "transaction",
        entry("POST", "Observation", weight(urn("o")), urn("o2")),
        entry("POST", "Patient", person("exists"), urn("o"), ifNoneExist=f"identifier={SYSTEM}|exists"),
        headers={"prefer": "return=representation"},
    )
    assert statuses(answers) == ["201", "200"]
    assert answers[0]["resource"]["subject"]["reference"] == f"Patient/{known}"


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (entry("POST", "Patient", {"resourceType": "Patient", "gender": "zzz"}), 422),
        (entry("POST", "Patient", {"resourceType": "Patient", "zzz": 1}), 400),
        (entry("PUT", "Patient/known", person("known") | {"id": "known"}, ifMatch='W/"77"'), 412),
        (entry("DELETE", f"Patient?identifier={SYSTEM}|twins"), 412),
        (entry("POST", "Patient", person("x"), ifNoneExist=f"identifier={SYSTEM}|twins"), 412),
        (entry("POST", "Observation", weight("Patient?identifier=urn:test|twins")), 412),
        (entry("POST", "Observation", weight("Patient?identifier=urn:test|nobody")), 412),
        (entry("POST", "Observation", weight("Patient?zzz=1")), 400),
        (entry("PATCH", "Patient/known", {"resourceType": "Parameters", "parameter": [{"name": "x"}]}), 400),
    ],
    ids=lambda v: str(v)[:60],
)
async def test_one_that_fails_fails_all(api: Api, bad: dict[str, Any], status: int) -> None:
    await api.ask("PUT", "Patient/known", person("known") | {"id": "known"})
    for logical in ("t1", "t2"):
        await api.ask("PUT", f"Patient/{logical}", person("twins") | {"id": logical})
    before = await api.rows()
    answer = await api.post("transaction", entry("POST", "Patient", person("first"), urn("first")), bad)
    assert answer.status_code == status, answer.text
    assert all(p.startswith("Bundle.entry[1].") for p in places(answer)) or status == 412, answer.text
    assert await api.rows() == before


async def test_the_same_resource_twice_is_refused(api: Api) -> None:
    body = person("twice") | {"id": "twice"}
    same = entry("PUT", "Patient/twice", body)
    assert (await api.post("transaction", same, same)).status_code == 409
    assert (await api.post("transaction", same, entry("DELETE", "Patient/twice"))).status_code == 409
    assert (await api.get("Patient/twice")).status_code == 404
    assert statuses(await run(api, "batch", same, same)) == ["201", "200"]


async def test_a_batch_goes_on_after_a_failure(api: Api) -> None:
    answers = await run(
        api,
        "batch",
        entry("POST", "Patient", person("batch")),
        entry("POST", "Patient", {"resourceType": "Patient", "zzz": 1}),
        entry("GET", "Patient/nowhere"),
        entry("GET", "Zzz"),
        entry("GET", "metadata"),
        entry("DELETE", "Patient/nowhere2"),
        entry("HEAD", "metadata"),
    )
    assert statuses(answers) == ["201", "400", "404", "404", "200", "204", "200"]
    outcomes = [a["response"]["outcome"] for a in answers if "outcome" in a["response"]]
    assert len(outcomes) == 3 and all(not list(validate(o)) for o in outcomes)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_reads_have_their_conditions_and_tags(api: Api, kind: str) -> None:
    logical = await api.make(person(f"reads-{kind}"))
    path = f"Patient/{logical}"
    answers = await run(
        api,
        kind,
        entry("GET", path),
        entry("GET", path, ifNoneMatch='W/"1"'),
        entry("GET", f"{path}/_history/1"),
        entry("GET", f"{path}/_history"),
        entry("GET", f"{BASE}/fhir/{path}"),
        entry("GET", f"/{path}?_elements=id"),
    )
    assert statuses(answers) == ["200", "304", "200", "200", "200", "200"]
    assert answers[0]["response"]["etag"] == 'W/"1"'
    assert answers[0]["resource"] == answers[2]["resource"] == answers[4]["resource"]
    assert answers[3]["resource"]["type"] == "history"


async def test_a_version_that_must_be_current(api: Api) -> None:
    body = person("version") | {"id": "version"}
    await api.ask("PUT", "Patient/version", body)
    assert statuses(
        await run(api, "transaction", entry("PUT", "Patient/version", body, ifMatch='W/"1"'))
    ) == ["200"]
    late = await api.post("transaction", entry("PUT", "Patient/version", body, ifMatch='W/"1"'))
    assert late.status_code == 412


async def test_references_by_criteria_are_found_under_the_actors_own_view(api: Api) -> None:
    await api.ask("PUT", "Patient/crit", person("crit") | {"id": "crit"})
    asked = entry("POST", "Observation", weight(f"Patient?identifier={SYSTEM}|crit"))
    answers = await run(api, "transaction", asked, asked, headers={"prefer": "return=representation"})
    assert [a["resource"]["subject"]["reference"] for a in answers] == ["Patient/crit"] * 2
    hidden = await api.post("transaction", asked, who="doctor")
    assert (hidden.status_code, places(hidden)) == (412, ["Bundle.entry[0].resource.subject.reference"])
    await api.grant("crit", DOCTOR)
    seen = await run(api, "transaction", asked, who="doctor", headers={"prefer": "return=representation"})
    assert seen[0]["resource"]["subject"]["reference"] == "Patient/crit"


@pytest.mark.parametrize(
    "how",
    [
        {"method": "POST", "url": "Patient"},
        {"method": "POST", "url": "Patient", "ifNoneExist": "Patient?identifier=urn:test|CRITERIA"},
        {"method": "PUT", "url": "Patient?identifier=urn:test|CRITERIA"},
        {"method": "PUT", "url": "Patient/CRITERIA"},
    ],
)
async def test_references_by_criteria_lead_to_what_the_same_transaction_makes(
    api: Api, how: dict[str, str]
) -> None:
    """Rule: FHIR R4, http.html#trules: they are resolved last."""
    number = f"beside-{len(how)}-{len(how['url'])}"
    request = {name: value.replace("CRITERIA", number) for name, value in how.items()}
    resource = person(number, id=number) if request["url"] == f"Patient/{number}" else person(number)
    writing = {"request": request, "resource": resource}
    measured = entry("POST", "Observation", weight(f"Patient?identifier=urn:test|{number}"))
    for _ in range(1 if how == {"method": "POST", "url": "Patient"} else 2):
        told = await run(api, "transaction", measured, writing, headers={"prefer": "return=representation"})
        assert told[0]["resource"]["subject"]["reference"] == f"Patient/{told[1]['resource']['id']}"
    another = {"request": {"method": "POST", "url": "Patient"}, "resource": person(f"{number}-2")}
    asked = entry("POST", "Observation", weight(f"Patient?identifier=urn:test|{number}-2"))
    refused = await api.post("transaction", asked, another, another)
    assert (refused.status_code, "Several" in refused.text) == (412, True)


async def test_references_by_criteria_everywhere_in_a_resource(api: Api) -> None:
    await api.ask("PUT", "Patient/deep", person("deep") | {"id": "deep"})
    by = {"reference": f"Patient?identifier={SYSTEM}|deep"}
    body = weight(
        "Patient/deep", extension=[{"url": "http://example.org/x", "valueReference": by}], performer=[by]
    )
    contained = {"resourceType": "Specimen", "id": "s", "subject": by}
    body |= {"contained": [contained], "specimen": {"reference": "#s"}}
    (answer,) = await run(
        api, "transaction", entry("POST", "Observation", body), headers={"prefer": "return=representation"}
    )
    made = answer["resource"]
    found = [made["extension"][0]["valueReference"], made["performer"][0], made["contained"][0]["subject"]]
    assert [f["reference"] for f in found] == ["Patient/deep"] * 3


async def test_outside_a_transaction_a_reference_by_criteria_is_refused(api: Api) -> None:
    await api.ask("PUT", "Patient/alone", person("alone") | {"id": "alone"})
    body = weight(f"Patient?identifier={SYSTEM}|alone")
    answer = await api.ask("POST", "Observation", body)
    assert (answer.status_code, places(answer)) == (400, ["Observation.subject.reference"])
    assert statuses(await run(api, "batch", entry("POST", "Observation", body))) == ["400"]


async def test_a_urn_that_no_entry_bears_is_refused(api: Api) -> None:
    answer = await api.post("transaction", entry("POST", "Observation", weight(urn("nobody at all"))))
    assert (answer.status_code, places(answer)) == (422, ["Bundle.entry[0].resource.subject.reference"])


async def test_entries_of_a_batch_stand_alone(api: Api) -> None:
    made, known = urn("alone"), urn("of another system")
    answers = await run(
        api,
        "batch",
        entry("POST", "Patient", person("alone"), made),
        entry("POST", "Observation", weight(made), urn("leans")),
        entry("POST", "Observation", weight(f"{made}#part")),
        entry("POST", "Observation", weight(known), urn("stands")),
    )
    assert statuses(answers) == ["201", "422", "422", "201"]
    issue = answers[1]["response"]["outcome"]["issue"][0]
    assert issue["expression"] == ["Bundle.entry[1].resource.subject.reference"]
    assert "transaction" in issue["diagnostics"]


async def test_an_entry_of_a_batch_leads_nobody_to_who_is_called_so_here(api: Api) -> None:
    """What comes from another server, or is updated under a name of the Bundle, has another name here."""
    there, updated = "http://other.example/fhir", urn("updated alone")
    answers = await run(
        api,
        "batch",
        entry("POST", "Patient", person("alone elsewhere"), f"{there}/Patient/7"),
        entry("POST", "Observation", weight("Patient/7"), f"{there}/Observation/1"),
        entry("POST", "Observation", weight(f"{there}/Patient/7/_history/2")),
        entry("PUT", "Patient/alone-here", person("alone here", id="alone-here"), updated),
        entry("POST", "Observation", weight(updated)),
        entry("POST", "Observation", weight("Patient/7"), urn("stands too")),
    )
    assert statuses(answers) == ["201", "422", "422", "201", "422", "201"]


async def test_who_may_not_write_one_writes_none(api: Api) -> None:
    await api.ask("PUT", "Patient/ana", person("ana") | {"id": "ana"})
    before = await api.rows()
    mine, theirs = weight("Patient/ana"), weight("Patient/other")
    await api.ask("PUT", "Patient/other", person("other") | {"id": "other"})
    before = await api.rows()
    answer = await api.post(
        "transaction", entry("POST", "Observation", mine), entry("POST", "Observation", theirs), who="citizen"
    )
    assert answer.status_code == 404
    assert await api.rows() == before
    assert CITIZEN.patient == "ana"


async def test_a_place_is_told_with_its_entry(api: Api) -> None:
    good = entry("POST", "Patient", person("good"))
    bad = entry("POST", "Observation", weight("Patient/1", zzz=1))
    answer = await api.post("transaction", good, good, bad)
    assert places(answer) == ["Bundle.entry[2].resource.zzz"]
    wrong = await api.post(
        "transaction", good, entry("POST", "Zzz", person("x")), entry("PUT", "Patient/1", person("x"))
    )
    assert places(wrong) == ["Bundle.entry[1].request.url", "Bundle.entry[2].resource.id"]


@pytest.mark.parametrize(
    "bad",
    [
        entry("POST", "Observation", weight("Patient/1", zzz=1)),
        entry("POST", "Zzz", person("x")),
        {"resource": person("x")},
    ],
    ids=["resource", "type", "no request"],
)
async def test_of_very_many_faults_the_first_are_told_and_that_there_are_more(
    api: Api, bad: dict[str, Any]
) -> None:
    answer = await api.post("transaction", entry("POST", "Patient", person("good")), *[bad] * (LIMIT + 60))
    *issues, more = answer.json()["issue"]
    assert answer.status_code in (400, 422) and len(issues) == LIMIT
    assert issues[0]["expression"][0].startswith("Bundle.entry[1].")
    assert issues[-1]["expression"][0].startswith(f"Bundle.entry[{LIMIT}].")
    assert more["code"] == "too-costly" and str(LIMIT) in more["diagnostics"]


async def test_the_entry_that_the_store_refuses_is_told(api: Api) -> None:
    await api.make(person("told-twins"))
    await api.make(person("told-twins"))
    known = await api.make(person("told"))
    good, criteria = entry("POST", "Patient", person("good")), f"identifier={SYSTEM}|told"
    twins = f"identifier={SYSTEM}|told-twins"
    update = entry("PUT", f"Patient/{known}", person("told", id=known))
    refused = [
        (entry("PUT", f"Patient/{known}", person("told", id=known), ifMatch='W/"77"'), "request.ifMatch"),
        (entry("PUT", f"Patient/{known}", person("told", id=known), ifNoneMatch="*"), "request.ifNoneMatch"),
        (entry("POST", "Patient", person("told"), ifNoneExist=twins), "request.ifNoneExist"),
        (entry("DELETE", f"Patient?{twins}"), "request.url"),
        (entry("DELETE", "Patient/nobody", ifMatch='W/"1"'), "request.ifMatch"),
        (entry("PUT", f"Patient?{criteria}", person("told", id="another")), "resource.id"),
    ]
    for bad, place in refused:
        assert places(await api.post("transaction", good, good, bad)) == [f"Bundle.entry[2].{place}"]
    by_criteria = entry("PUT", f"Patient?{criteria}", person("told"))
    assert places(await api.post("transaction", good, update, by_criteria)) == ["Bundle.entry[2].request.url"]
    new = entry("POST", "Patient", person("new"), ifNoneExist=f"identifier={SYSTEM}|new")
    assert places(await api.post("transaction", new, good, new)) == ["Bundle.entry[2].request.ifNoneExist"]


async def test_an_entry_of_a_batch_that_is_no_request_spoils_no_other(api: Api) -> None:
    """Rule: FHIR R4, http.html#brules."""
    good = {"request": {"method": "POST", "url": "Patient"}, "resource": person("spoilt")}
    wrong: list[dict[str, Any]] = [
        {"request": {"method": "POST", "url": "Patient"}},
        {"request": {"method": "GET", "url": "http://elsewhere.example/Patient/1"}},
        {"resource": person("spoilt")},
    ]
    answer = (await api.post("batch", *wrong, good)).json()
    assert not list(validate(answer))
    statuses = [e["response"]["status"] for e in answer["entry"]]
    assert statuses == ["400", "400", "400", "201 Created"]
    told = [e["response"]["outcome"]["issue"][0]["expression"][0] for e in answer["entry"][:3]]
    assert told == ["Bundle.entry[0].resource", "Bundle.entry[1].request.url", "Bundle.entry[2].request"]
    refused = await api.post("transaction", *wrong, good)
    assert refused.status_code == 400 and len(places(refused)) == 3


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_how_a_write_went_is_told_as_its_outcome(api: Api, kind: str) -> None:
    """Rule: FHIR R4, http.html#return and Bundle.entry.response.outcome."""
    made = (await api.ask("POST", "Patient", person("outcome"))).json()["id"]
    entries = [entry("POST", "Patient", person("outcome-2")), entry("DELETE", f"Patient/{made}")]
    answer = await api.post(kind, *entries, headers={"prefer": "return=OperationOutcome"})
    assert not list(validate(answer.json()))
    told = answer.json()["entry"]
    assert ["resource" in one for one in told] == [False, False]
    texts = [one["response"]["outcome"]["issue"][0]["diagnostics"] for one in told]
    assert texts[0].endswith(" is stored") and texts[1] == f"Deleted: Patient/{made}"


async def test_a_head_in_a_bundle_has_no_body(api: Api) -> None:
    made = (await api.ask("POST", "Patient", person("head"))).json()["id"]
    for kind in ("batch", "transaction"):
        told = (await api.post(kind, entry("HEAD", f"Patient/{made}"))).json()["entry"][0]
        assert told == {"response": {"status": "200 OK", "etag": 'W/"1"'}}


async def test_what_a_batch_may_ask_by_post(api: Api) -> None:
    """An operation or a search needs no resource; a Bundle inside is told what it is."""
    made = (await api.ask("POST", "Patient", person("asks"))).json()["id"]
    whole, found = entry("POST", f"Patient/{made}/$everything"), entry("POST", f"Patient/_search?_id={made}")
    nested = entry("POST", "/", {"resourceType": "Bundle", "type": "batch"})
    told = (await api.post("batch", whole, found, nested)).json()["entry"]
    assert [one["response"]["status"] for one in told] == ["200 OK", "200 OK", "400"]
    assert [one["resource"]["entry"][0]["resource"]["id"] for one in told[:2]] == [made, made]
    assert "no batch or transaction" in told[2]["response"]["outcome"]["issue"][0]["diagnostics"]


async def test_what_a_transaction_may_ask_by_post(api: Api) -> None:
    """What only asks sees what the transaction wrote; what would write by itself is refused with all."""
    gender = {"name": "url", "valueUri": "http://hl7.org/fhir/ValueSet/administrative-gender"}
    asked = [
        entry("POST", "Patient/_search?identifier=urn:test|tx-asks"),
        entry("POST", "ValueSet/$expand", {"resourceType": "Parameters", "parameter": [gender]}),
        entry("POST", "Patient", person("tx-asks")),
    ]
    answers = await run(api, "transaction", *asked)
    assert statuses(answers) == ["200", "200", "201"]
    assert answers[0]["resource"]["total"] == 1
    assert answers[1]["resource"]["expansion"]["contains"]
    changing = entry("POST", "Patient/x/$meta-add", {"resourceType": "Parameters"})
    refused = await api.post("transaction", *asked[:2], changing)
    assert (refused.status_code, places(refused)) == (400, ["Bundle.entry[2].request.url"])
