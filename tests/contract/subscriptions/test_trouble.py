"""Endpoints that fail: order, retries, dead letters and their gaps, and nobody else made to wait."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from aubier.ground.clock import milliseconds
from aubier.rest.outgoing import request as outgoing
from aubier.services.subscriptions import Courier, service
from aubier.services.subscriptions.telling.courier import CALLS, LEASE_MS, TRIES
from tests.contract.conftest import outcome
from tests.contract.subscriptions.conftest import BACKPORT, FINAL, Desk, by_criteria, by_topic
from tests.contract.subscriptions.endpoint import Endpoint, Sent, endpoint


def of(patient: str) -> tuple[str, ...]:
    return (f"Observation?patient={patient}",)


def numbers(hook: Endpoint) -> list[int]:
    return [n for s in hook.events() for n in s.numbers]


async def test_a_patient_s_events_come_in_order_whatever_fails(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient)))
    failing = [500, 503]
    hook.answers = lambda sent: failing.pop() if failing else 200
    for _ in range(4):
        await desk.observe(patient)
    for _ in range(4):
        await desk.work()
        desk.wait(seconds=10)
    assert numbers(hook) == [1, 1, 1, 2, 3, 4]


async def test_one_event_that_is_refused_holds_its_patient_only(desk: Desk, hook: Endpoint) -> None:
    poisoned, well = await desk.api.person(), await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(f"{poisoned},{well}")))
    poison = await desk.observe(poisoned)
    hook.answers = lambda sent: 422 if poison in sent.body.decode() else 200
    await desk.work()
    await desk.observe(poisoned)
    for _ in range(3):
        await desk.observe(well)
    await desk.work()
    assert len(numbers(hook)) == 4, "the poison once, the three of the other patient"
    assert await desk.status(sub) == "active", "the endpoint is well"
    states = {(e["pat"], e["state"]) for e in await desk.events(sub)}
    assert {state for _, state in states} == {"waiting", "sent"} and len(states) == 2


async def test_after_its_tries_an_event_is_a_dead_letter_with_a_gap(
    desk: Desk, hook: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient)))
    poison = await desk.observe(patient)
    hook.answers = lambda sent: 422 if poison in sent.body.decode() and sent.numbers == [1] else 200
    for _ in range(TRIES):
        await desk.work()
        desk.wait(minutes=11)
    assert numbers(hook) == [1] * TRIES
    assert f"subscription {sub}: event 1 is a dead letter" in caplog.text, "the operator is told"
    await desk.observe(patient)
    await desk.work()
    assert numbers(hook)[-1] == 2, "the lane goes on"
    gap = hook.events()[-1].status["error"][0]["text"]
    assert (
        "Events 1 to 1" in gap
        and f"Subscription/{sub}/$events?eventsSinceNumber=1&eventsUntilNumber=1" in gap
    )
    head = await desk.api.ask("HEAD", f"Subscription/{sub}/$events")
    assert (head.status_code, head.headers["allow"]) == (405, "GET, POST"), "it would close the gap untold"
    status = await desk.api.good("GET", f"Subscription/{sub}/$status")
    assert "Events 1 to 1" in str(status)
    fetched = await desk.api.good(
        "GET", f"Subscription/{sub}/$events?eventsSinceNumber=1&eventsUntilNumber=1"
    )
    assert fetched["entry"][1]["fullUrl"].endswith(poison)
    status = await desk.api.good("GET", f"Subscription/{sub}/$status")
    assert "Events 1 to 1" not in str(status), "fetched, it is no gap"
    hook.answers = lambda sent: 503
    await desk.observe(patient)
    await desk.work()
    whole = f"Subscription/{sub}/$events?eventsSinceNumber=1&eventsUntilNumber=3"
    assert len((await desk.api.good("GET", whole))["entry"]) == 4
    hook.answers = lambda sent: 200
    hook.sent.clear()
    desk.wait(minutes=11)
    await desk.work()
    assert numbers(hook) == [3], "what was fetched early is told all the same"


async def test_an_endpoint_that_says_nothing_holds_up_nobody(desk: Desk, hook: Endpoint) -> None:
    patients = [await desk.api.person() for _ in range(3)]
    async with endpoint() as silent:
        silent.answers = lambda sent: None if sent.body and sent.kind != "handshake" else 200
        extension = [{"url": f"{BACKPORT}/backport-timeout", "valueUnsignedInt": 1}]
        mute = by_topic(FINAL, silent.url, filters=of(",".join(patients)), extension=extension)
        sub = await desk.subscribe(mute)
        await desk.subscribe(by_topic(FINAL, hook.url, filters=of(",".join(patients))))
        for _ in range(2):
            for patient in patients:
                await desk.observe(patient)
        await desk.take_in()
        while len(hook.events()) < 6:
            await desk.courier.turn()
            await asyncio.sleep(0)
        assert sum(e["state"] == "waiting" for e in await desk.events(sub)) == 6
        await desk.courier.settle()
        assert (await desk.events(sub))[0]["error"] == "The endpoint did not answer: no answer in time"


async def test_a_subscription_says_that_its_endpoint_fails_and_that_it_is_well_again(
    desk: Desk, hook: Endpoint
) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient)))
    hook.answers = lambda sent: 503
    await desk.observe(patient)
    for _ in range(3):
        await desk.work()
        desk.wait(minutes=1)
    assert await desk.status(sub) == "error"
    read = await desk.api.good("GET", f"Subscription/{sub}")
    assert read["error"] == "The endpoint answered 503"
    assert (await desk.api.good("GET", "Subscription/$status?status=error"))["total"] >= 1
    hook.answers = lambda sent: 200
    desk.wait(minutes=11)
    await desk.work()
    assert await desk.status(sub) == "active"
    assert [e["state"] for e in await desk.events(sub)] == ["sent"]


async def test_what_is_kept_back_says_nothing_of_an_endpoint_that_fails(desk: Desk, hook: Endpoint) -> None:
    open_, closed = await desk.api.person(), await desk.api.person()
    key, doctor = await desk.api.professional()
    for patient in (open_, closed):
        await desk.api.give(patient, key)
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(f"{open_},{closed}")), who=doctor)
    hook.answers = lambda sent: 503
    await desk.observe(open_)
    await desk.work()
    desk.wait(minutes=1)
    await desk.work()
    await desk.observe(closed)
    await desk.take_in()
    await desk.api.take(closed, key)
    desk.wait(minutes=1)
    await desk.work()
    assert sorted(e["state"] for e in await desk.events(sub)) == ["kept", "waiting"]
    assert await desk.status(sub) == "error", "it failed three times, and answered nothing between"


async def test_without_a_handshake_it_never_becomes_active(desk: Desk, hook: Endpoint) -> None:
    hook.answers = lambda sent: 500
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient)))
    assert await desk.status(sub) == "requested"
    await desk.observe(patient)
    for _ in range(CALLS):
        desk.wait(minutes=11)
        await desk.work()
    assert await desk.status(sub) == "error"
    assert {s.kind for s in hook.sent} == {"handshake"}
    assert len(hook.sent) == CALLS
    hook.answers = lambda sent: 200
    await desk.observe(patient)
    desk.wait(minutes=11)
    await desk.work()
    assert await desk.events(sub) == [], "an event only counts from the handshake on"
    again = {**await desk.api.good("GET", f"Subscription/{sub}"), "status": "requested"}
    await desk.api.good("PUT", f"Subscription/{sub}", again)
    await desk.work()
    assert await desk.status(sub) == "active"


async def test_heartbeats_come_when_nothing_else_does(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    extension = [{"url": f"{BACKPORT}/backport-heartbeat-period", "valueUnsignedInt": 60}]
    await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient), extension=extension))
    desk.wait(seconds=50)
    await desk.observe(patient)
    await desk.work()
    desk.wait(seconds=50)
    await desk.work()
    assert [s.kind for s in hook.sent] == ["handshake", "event-notification"]
    desk.wait(seconds=15)
    await desk.work()
    await desk.work()
    assert [s.kind for s in hook.sent] == ["handshake", "event-notification", "heartbeat"]
    assert hook.sent[-1].status["events-since-subscription-start"] == ["1"]


async def test_an_endpoint_that_takes_no_heartbeat_fails(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    extension = [{"url": f"{BACKPORT}/backport-heartbeat-period", "valueUnsignedInt": 5}]
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient), extension=extension))
    hook.answers = lambda sent: 503
    for _ in range(120):
        desk.wait(seconds=5)
        await desk.work()
    assert await desk.status(sub) == "error"
    assert len(hook.sent) < 12, "ever later, as all that fails"
    hook.answers = lambda sent: 200
    desk.wait(minutes=11)
    await desk.work()
    assert await desk.status(sub) == "active"


async def test_what_a_killed_process_held_is_sent_by_another(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient)))
    await desk.observe(patient)
    await desk.observe(patient)
    await desk.take_in()
    killed = Courier(desk.api.house.context, outgoing.send)
    came = asyncio.Event()
    hook.answers = lambda sent: came.set()
    await killed.turn()
    await asyncio.wait_for(came.wait(), 10)
    for task in killed.tasks:
        task.cancel()
    hook.answers = lambda sent: 200
    await desk.work()
    assert numbers(hook) == [1], "under its lease nobody else sends it, nor what follows"
    desk.wait(seconds=LEASE_MS / 1000 + 1)
    await desk.work()
    assert numbers(hook) == [1, 1, 2]
    assert [e["state"] for e in await desk.events(sub)] == ["sent", "sent"]


async def test_two_processes_never_send_the_same_at_once(desk: Desk, hook: Endpoint) -> None:
    patients = [await desk.api.person() for _ in range(4)]
    await desk.subscribe(by_topic(FINAL, hook.url, filters=of(",".join(patients))))
    for patient in patients * 3:
        await desk.observe(patient)
    await desk.take_in()
    other = Courier(desk.api.house.context, outgoing.send)
    while any(await asyncio.gather(desk.courier.turn(), other.turn())):
        await asyncio.gather(desk.courier.settle(), other.settle())
    assert sorted(numbers(hook)) == list(range(1, 13))
    for place in range(4):
        mine = [n for n in numbers(hook) if n % 4 == (place + 1) % 4]
        assert mine == sorted(mine), "in order for each patient"


async def test_what_was_told_long_ago_is_deleted_some_at_a_time(
    desk: Desk, hook: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient)))
    for _ in range(5):
        await desk.observe(patient)
    await desk.work()
    assert len(await desk.events(sub)) == 5
    desk.wait(days=8)
    now = milliseconds(desk.api.now[0])
    week = now - 7 * 86_400_000
    (row,) = await desk.api.system.store.run("subscriptions.sweep", now, week, 0, 2)
    assert row["n"] == 2, "what nobody swept for long is more than a statement may take"
    monkeypatch.setattr(service, "_SWEPT", 1)
    await service.keep(desk.api.system)
    assert await desk.events(sub) == []


async def test_it_ends_when_it_said_it_would(desk: Desk, hook: Endpoint) -> None:
    end = (desk.api.now[0] + timedelta(hours=1)).isoformat()
    sub = await desk.subscribe(by_criteria("Basic", hook.url) | {"end": end})
    desk.wait(hours=2)
    await desk.work()
    assert await desk.status(sub) == "off"
    past = await desk.api.ask("POST", "Subscription", by_criteria("Basic", hook.url) | {"end": end})
    assert outcome(past)["issue"][0]["expression"] == ["Subscription.end"]


async def test_a_deleted_subscription_is_told_nothing_more(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=of(patient)))
    await desk.observe(patient)
    await desk.take_in()
    await desk.api.good("DELETE", f"Subscription/{sub}")
    await desk.work()
    assert hook.events() == []
    assert await desk.events(sub) == []


async def test_a_deletion_counts_before_it_is_taken_in(desk: Desk, hook: Endpoint) -> None:
    """Nothing is sent for a subscription that is gone: no event, no heartbeat, no handshake."""
    patient = await desk.api.person()
    beats = [{"url": f"{BACKPORT}/backport-heartbeat-period", "valueUnsignedInt": 60}]
    told, idle = [
        await desk.subscribe(by_topic(FINAL, hook.url, filters=of(who), extension=beats))
        for who in (patient, await desk.api.person())
    ]
    new = await desk.subscribe(by_topic(FINAL, hook.url), work=False)
    await desk.observe(patient)
    await desk.take_in()
    sent = len(hook.sent)
    for sub in (told, idle, new):
        await desk.api.good("DELETE", f"Subscription/{sub}")
    desk.wait(minutes=2)
    while await desk.courier.turn():
        await desk.courier.settle()
    assert hook.sent[sent:] == []
    for sub in (told, idle, new):
        assert not await desk.api.system.store.run("subscriptions.one", sub), "and nothing of it is kept"


async def test_redirects_are_not_followed(desk: Desk, hook: Endpoint) -> None:
    def elsewhere(sent: Sent) -> int:
        return 307

    async with endpoint() as target:
        hook.extra = f"location: {target.url}\r\n".encode()
        hook.answers = elsewhere
        sub = await desk.subscribe(by_criteria("Basic", hook.url))
        assert await desk.status(sub) == "requested"
        assert target.sent == []


@pytest.mark.parametrize("crowd", [30, pytest.param(400, marks=pytest.mark.whole)])
async def test_many_subscriptions_and_one_write(
    desk: Desk, hook: Endpoint, crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alike or not, what they ask of one change is a handful of statements."""
    patient, other = await desk.api.person(), await desk.api.person()
    for n in range(crowd):
        # Half of them ask for another patient by name: these are not even looked at.
        who = f"&patient={other}" if n % 2 else ""
        await desk.subscribe(by_criteria(f"Observation?code=c{n}{who}", hook.url), work=False)
    while await desk.courier.turn():
        await desk.courier.settle()
    await desk.take_in()
    asked: list[int] = []
    store = type(desk.api.house.store)
    meets = store.meets

    async def counted(self: Any, sight: Any, version: Any, questions: Any, *more: Any) -> Any:
        asked.append(len(questions))
        return await meets(self, sight, version, questions, *more)

    monkeypatch.setattr(store, "meets", counted)
    await desk.observe(patient, "c0")
    await desk.take_in()
    assert len(asked) == 3, "whom it names; once for all; once for the one that fired"
    assert asked[0] == 0 and crowd / 2 <= asked[1] < crowd and asked[2] == 1
    pool = desk.api.house.store.pool
    assert await pool.fetchval("select count(*) from subscription_event where state = 'waiting'") >= 1


async def test_who_asks_for_a_patient_is_told_whichever_way_they_are_named(
    desk: Desk, hook: Endpoint
) -> None:
    patient = await desk.api.person()
    here = "http://127.0.0.1:8000/fhir"
    asked = (
        f"Observation?patient={patient}",
        f"Observation?subject=Patient/{patient}",
        f"Observation?subject={here}/Patient/{patient}",
        f"Observation?patient=Patient/nobody,Patient/{patient}",
        f"Observation?performer=Patient/{patient}",
        f"Patient?_id={patient}",
    )
    for criteria in asked:
        await desk.subscribe(by_criteria(criteria, hook.url))
    count = len(hook.sent)
    named = {"reference": f"{here}/Patient/{patient}"}
    await desk.observe(patient, subject=named, performer=[named])
    body = await desk.api.good("GET", f"Patient/{patient}")
    await desk.api.good("PUT", f"Patient/{patient}", body | {"gender": "female"})
    await desk.work()
    found = [criteria for criteria in asked if await desk.api.ids(criteria)]
    assert len(found) >= 5
    assert len(hook.sent) - count == len(found)
