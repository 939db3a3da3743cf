"""Subscriptions that are told by rest-hook and message: what, when, in what order."""

import pytest

from tests.contract.subscriptions.conftest import FINAL, Desk, by_criteria, by_topic, observation
from tests.contract.subscriptions.endpoint import Endpoint


async def test_by_criteria_with_payload_the_resource_is_put(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    other = await desk.api.person()
    criteria = f"Observation?patient=Patient/{patient}&code=http://loinc.org|wanted"
    headers = ["Authorization: Bearer of-the-subscriber"]
    asked = by_criteria(criteria, hook.url, payload="application/fhir+json", header=headers)
    sub = await desk.subscribe(asked)
    assert await desk.status(sub) == "active"
    assert [s.method for s in hook.sent] == ["POST"], "the handshake"
    wanted = await desk.observe(patient, "wanted", valueQuantity={"value": 1})
    await desk.observe(patient, "unwanted")
    await desk.observe(other, "wanted")
    await desk.work()
    told = hook.sent[1:]
    assert [(s.method, s.path) for s in told] == [("PUT", f"/hook/Observation/{wanted}")]
    assert told[0].json["id"] == wanted
    assert told[0].headers["content-type"] == "application/fhir+json"
    assert told[0].headers["authorization"] == "Bearer of-the-subscriber"


async def test_what_stands_in_the_query_of_an_endpoint_stays_there(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    asked = by_criteria(f"Observation?patient={patient}", f"{hook.url}/?key=a/b", payload="application/json")
    await desk.subscribe(asked)
    made = await desk.observe(patient)
    await desk.work()
    assert [s.path for s in hook.sent] == ["/hook/?key=a/b", f"/hook/Observation/{made}?key=a/b"]


async def test_by_criteria_without_payload_an_empty_post_tells(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    await desk.subscribe(by_criteria(f"Observation?subject=Patient/{patient}", hook.url))
    await desk.observe(patient)
    await desk.work()
    assert [(s.method, s.path, s.body) for s in hook.sent] == [("POST", "/hook", b"")] * 2


async def test_what_was_true_of_a_version_is_told_although_a_later_one_is_there(
    desk: Desk, hook: Endpoint
) -> None:
    patient = await desk.api.person()
    criteria = f"Observation?patient={patient}&status=preliminary"
    await desk.subscribe(by_criteria(criteria, hook.url, payload="application/fhir+json"))
    made = await desk.observe(patient, status="preliminary")
    body = observation(patient, status="final") | {"id": made}
    await desk.api.good("PUT", f"Observation/{made}", body)
    await desk.work()
    assert [s.json["status"] for s in hook.sent[1:]] == ["preliminary"]
    assert hook.sent[1].json["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("criteria", "meets"),
    [
        ("patient.family=Trigger", True),
        ("patient.family=Nobody", False),
        ("code:not=http://loinc.org|other", True),
        ("code:not=http://loinc.org|chained", False),
        ("value-quantity=gt5", True),
        ("value-quantity=gt7", False),
        ("date=ge2026-01-01&date=lt2027", True),
        ("_has:Provenance:target:recorded=gt1900", False),
        ("has-member:missing=true", True),
        ("_id=nothing", False),
        ("code-value-quantity=http://loinc.org|chained$6", True),
        ("code:text=cha", True),
    ],
)
async def test_criteria_mean_what_they_mean_in_a_search(
    desk: Desk, hook: Endpoint, criteria: str, meets: bool
) -> None:
    patient = await desk.api.person(name=[{"family": "Trigger"}])
    await desk.subscribe(by_criteria(f"Observation?patient={patient}&{criteria}", hook.url))
    body = {"valueQuantity": {"value": 6}, "effectiveDateTime": "2026-05-01"}
    await desk.observe(patient, "chained", **body)
    await desk.work()
    found = await desk.api.ids(f"Observation?patient={patient}&{criteria}")
    assert bool(found) is meets
    assert len(hook.sent) - 1 == len(found)


async def test_a_topic_tells_what_became_true(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    filters = (f"Observation?patient=Patient/{patient}",)
    sub = await desk.subscribe(by_topic(FINAL, hook.url, "full-resource", filters))
    assert hook.sent[0].kind == "handshake"
    assert hook.sent[0].status["status"] == ["requested"]
    made = await desk.observe(patient, status="preliminary")
    for text, status in (("x", "final"), ("y", "final"), ("y", "amended"), ("y", "final")):
        body = observation(patient, text, status) | {"id": made}
        await desk.api.good("PUT", f"Observation/{made}", body)
    await desk.work()
    told = hook.events()
    assert [s.numbers for s in told] == [[1], [2]]
    assert [s.json["entry"][1]["resource"]["meta"]["versionId"] for s in told] == ["2", "5"]
    first = told[0].json
    assert first["type"] == "history"
    assert first["entry"][0]["request"]["url"] == f"http://127.0.0.1:8000/fhir/Subscription/{sub}/$status"
    assert first["entry"][1]["fullUrl"] == f"http://127.0.0.1:8000/fhir/Observation/{made}"
    assert first["entry"][1]["request"] == {"method": "PUT", "url": f"Observation/{made}"}
    status = told[0].status
    assert status["topic"] == [FINAL]
    assert status["status"] == ["active"]


@pytest.mark.parametrize(("content", "shows"), [("empty", (False, False)), ("id-only", (True, False))])
async def test_content_tells_no_more_than_was_asked(
    desk: Desk, hook: Endpoint, content: str, shows: tuple[bool, bool]
) -> None:
    patient = await desk.api.person()
    filters = (f"Observation?patient={patient}",)
    await desk.subscribe(by_topic(FINAL, hook.url, content, filters))
    made = await desk.observe(patient, "secret")
    await desk.work()
    (told,) = hook.events()
    assert (made.encode() in told.body, b"secret" in told.body) == shows
    assert len(told.json["entry"]) == 1 + shows[0]


async def test_a_deletion_is_an_event_of_a_topic_that_says_so(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    topic = FINAL.replace("observation-final", "appointment-changed")
    sub = await desk.subscribe(by_topic(topic, hook.url, filters=(f"Appointment?patient={patient}",)))
    body = {
        "resourceType": "Appointment",
        "status": "proposed",
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
    }
    made = (await desk.api.good("POST", "Appointment", body))["id"]
    await desk.api.good("DELETE", f"Appointment/{made}")
    await desk.work()
    methods = [s.json["entry"][1]["request"]["method"] for s in hook.events()]
    assert methods == ["POST", "DELETE"]
    assert len(await desk.events(sub)) == 2


async def test_a_fhirpath_criterion_sees_both_versions(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    topic = FINAL.replace("observation-final", "observation-corrected")
    await desk.subscribe(by_topic(topic, hook.url, filters=(f"Observation?patient={patient}",)))
    made = await desk.observe(patient, status="final")
    for status in ("corrected", "amended", "final"):
        await desk.api.good("PUT", f"Observation/{made}", observation(patient, status=status) | {"id": made})
    await desk.work()
    assert len(hook.events()) == 1


async def test_a_message_carries_the_notification(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    body = by_topic(FINAL, hook.url, "id-only", (f"Observation?patient={patient}",), type="message")
    sub = await desk.subscribe(body)
    assert await desk.status(sub) == "active"
    made = await desk.observe(patient)
    await desk.work()
    told = hook.sent[-1].json
    header, bundle = (e["resource"] for e in told["entry"])
    assert told["type"] == "message"
    assert header["resourceType"] == "MessageHeader"
    assert header["eventUri"] == FINAL
    assert header["focus"] == [{"reference": told["entry"][1]["fullUrl"]}]
    assert bundle["entry"][1]["fullUrl"].endswith(made)


async def test_xml_is_written_for_who_asks_for_it(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    criteria = f"Observation?patient={patient}"
    await desk.subscribe(by_criteria(criteria, hook.url, payload="application/fhir+xml"))
    await desk.observe(patient)
    await desk.work()
    assert hook.sent[1].headers["content-type"] == "application/fhir+xml"
    assert hook.sent[1].body.startswith(b"<") and b"<Observation" in hook.sent[1].body


@pytest.mark.parametrize("payload", ["application/json", "application/xml"])
async def test_what_is_sent_is_of_the_media_type_that_was_asked(
    desk: Desk, hook: Endpoint, payload: str
) -> None:
    """Rule: FHIR R4 Subscription.channel.payload."""
    patient = await desk.api.person()
    await desk.subscribe(by_criteria(f"Observation?patient={patient}", hook.url, payload=payload))
    await desk.observe(patient)
    await desk.work()
    assert hook.sent[1].headers["content-type"] == payload


async def test_a_topic_without_a_payload_tells_in_json(desk: Desk, hook: Endpoint) -> None:
    """Rule: Subscriptions R5 Backport 1.1.0: a notification is a Bundle, whatever it tells."""
    patient = await desk.api.person()
    asked = by_topic(FINAL, hook.url, filters=(f"Observation?patient={patient}",))
    await desk.subscribe({**asked, "channel": {"type": "rest-hook", "endpoint": hook.url}})
    await desk.observe(patient)
    await desk.work()
    assert [sent.headers["content-type"] for sent in hook.sent] == ["application/fhir+json"] * 2
    assert hook.sent[1].numbers == [1] and not hook.sent[1].json["entry"][1:]


async def test_changes_of_types_that_nobody_asks_for_leave_no_row(desk: Desk) -> None:
    await desk.take_in()
    body = {"resourceType": "Basic", "code": {"text": "x"}}
    await desk.api.good("POST", "Basic", body)
    pool = desk.api.house.store.pool
    assert await pool.fetchval("select count(*) from outbox where consumer = 'subscriptions'") == 0


async def test_a_change_told_twice_is_one_event(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_criteria(f"Observation?patient={patient}", hook.url))
    await desk.observe(patient)
    pool = desk.api.house.store.pool
    await pool.execute(
        "insert into outbox (consumer, pat, type, id, ver, op) select consumer, pat, type, id, ver, op"
        " from outbox where consumer = 'subscriptions'"
    )
    await desk.work()
    assert [e["no"] for e in await desk.events(sub)] == [1]
    assert len(hook.sent) == 2
