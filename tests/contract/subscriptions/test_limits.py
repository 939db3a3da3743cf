"""Who holds scopes with a query is told of what meets it, and of nothing else."""

import json

import pytest

from tests.contract.conftest import outcome
from tests.contract.subscriptions.conftest import FINAL, Desk, by_criteria, by_topic, observation
from tests.contract.subscriptions.endpoint import Endpoint

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SCOPE = f"user/Observation.rs?category={CATEGORY}|laboratory user/Subscription.cruds user/Patient.rs"


def of(code: str) -> dict[str, object]:
    return {"category": [{"coding": [{"system": CATEGORY, "code": code}]}]}


async def opened(desk: Desk) -> tuple[str, str]:
    patient, (key, doctor) = await desk.api.person(), await desk.api.professional()
    await desk.api.give(patient, key)
    return patient, doctor


@pytest.mark.parametrize("content", ["id-only", "full-resource"])
async def test_only_what_the_scope_opens_is_an_event(desk: Desk, hook: Endpoint, content: str) -> None:
    patient, doctor = await opened(desk)
    body = by_topic(FINAL, hook.url, content)
    made = await desk.api.good("POST", "Subscription", body, as_=doctor, scope=SCOPE)
    await desk.work()
    shown = await desk.observe(patient, **of("laboratory"))
    hidden = await desk.observe(patient, **of("vital-signs"))
    await desk.work()
    told = " ".join(sent.body.decode() for sent in hook.events())
    assert [sent.numbers for sent in hook.events()] == [[1]] and shown in told and hidden not in told
    assert len(await desk.events(made["id"])) == 1
    events = await desk.api.ask("GET", f"Subscription/{made['id']}/$events", as_=doctor, scope=SCOPE)
    assert events.is_success and shown in events.text and hidden not in events.text


async def test_what_is_no_more_within_is_not_told(desk: Desk, hook: Endpoint) -> None:
    patient, doctor = await opened(desk)
    body = by_topic(FINAL, hook.url, "full-resource")
    await desk.api.good("POST", "Subscription", body, as_=doctor, scope=SCOPE)
    await desk.work()
    made = await desk.observe(patient, **of("laboratory"))
    await desk.take_in()
    changed = observation(patient, **of("vital-signs")) | {"id": made}
    await desk.api.good("PUT", f"Observation/{made}", changed)
    await desk.work()
    assert "vital-signs" not in " ".join(sent.body.decode() for sent in hook.events())
    assert made not in json.dumps([sent.body.decode() for sent in hook.events()])


@pytest.mark.parametrize("before", ["preliminary", "final"])
async def test_what_was_outside_is_not_told_of_when_it_comes_within(
    desk: Desk, hook: Endpoint, before: str
) -> None:
    """Neither that it was there nor what it was: two that differ in what is hidden are told alike."""
    patient, doctor = await opened(desk)
    whole = await desk.api.good("POST", "Subscription", by_topic(FINAL, hook.url), as_=doctor)
    made = await desk.api.good("POST", "Subscription", by_topic(FINAL, hook.url), as_=doctor, scope=SCOPE)
    await desk.work()
    one = await desk.observe(patient, status=before, **of("vital-signs"))
    changed = observation(patient, **of("laboratory")) | {"id": one}
    await desk.api.good("PUT", f"Observation/{one}", changed)
    await desk.work()
    assert len(await desk.events(whole["id"])) == 1
    assert await desk.events(made["id"]) == []


@pytest.mark.parametrize(
    "criteria",
    ["Observation?category=vital-signs", "Observation?status=final&_has:Observation:has-member:status=final"],
)
@pytest.mark.parametrize(("scope", "told"), [(SCOPE, False), ("user/*.cruds", True)])
async def test_criteria_ask_of_what_the_scope_opens(
    desk: Desk, hook: Endpoint, criteria: str, scope: str, told: bool
) -> None:
    patient, doctor = await opened(desk)
    body = by_criteria(criteria, hook.url)
    await desk.api.good("POST", "Subscription", body, as_=doctor, scope=scope)
    await desk.work()
    lab = await desk.observe(patient, **of("laboratory"))
    await desk.observe(patient, **of("vital-signs"), hasMember=[{"reference": f"Observation/{lab}"}])
    changed = observation(patient, text="y", **of("laboratory")) | {"id": lab}
    await desk.api.good("PUT", f"Observation/{lab}", changed)
    await desk.work()
    assert (len(hook.sent) > 1) is told  # after the handshake


async def test_a_type_without_reading_is_refused(desk: Desk, hook: Endpoint) -> None:
    _, doctor = await opened(desk)
    scope = SCOPE.replace("Observation.rs", "Observation.s")
    refused = await desk.api.ask("POST", "Subscription", by_topic(FINAL, hook.url), as_=doctor, scope=scope)
    assert refused.status_code == 403
    assert "scope" in outcome(refused)["issue"][0]["diagnostics"]
