"""What was given up is told to the operator, and tried again when they say so."""

from collections.abc import Sequence

import pytest

from aubier.app import may_stand_still
from aubier.ground.clock import milliseconds
from aubier.services.subscriptions.telling.courier import TRIES
from aubier.store.opening.standing import Standing, standing, try_again
from tests.contract.subscriptions.conftest import FINAL, Desk, by_topic
from tests.contract.subscriptions.endpoint import Endpoint


async def seen(desk: Desk) -> Sequence[Standing]:
    """What `aubier doctor` would tell of."""
    at = milliseconds(desk.api.now[0])
    return await standing(desk.api.house.settings.database_url, may_stand_still(), at)


async def again(desk: Desk, what: str = "") -> int:
    return await try_again(desk.api.house.settings.database_url, may_stand_still(), what)


async def given_up(desk: Desk, hook: Endpoint) -> tuple[str, str]:
    """A subscription of which one event is a dead letter: (its id, the patient)."""
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=(f"Observation?patient={patient}",)))
    await desk.observe(patient)
    hook.answers = lambda sent: 422
    for _ in range(TRIES):
        await desk.work()
        desk.wait(minutes=11)
    return sub, patient


async def test_an_event_that_was_given_up_is_seen_and_sent_again(desk: Desk, hook: Endpoint) -> None:
    sub, patient = await given_up(desk, hook)
    (one,) = [s for s in await seen(desk) if s.what == f"Subscription/{sub}"]
    assert one.n == 1 and "422" in one.error
    assert f"aubier retry Subscription/{sub}" in one.said(one.row.mend, "en")
    assert f"l'abonné de Subscription/{sub}" in one.said(one.row.title, "fr")
    hook.answers = lambda sent: 200
    hook.sent.clear()
    await desk.observe(patient)
    assert await again(desk, f"Subscription/{sub}") == 1
    assert await again(desk, f"Subscription/{sub}") == 0, "it waits already"
    await desk.work()
    assert [n for s in hook.events() for n in s.numbers] == [1, 2]
    assert [e["state"] for e in await desk.events(sub)] == ["sent", "sent"]
    assert not [s for s in await seen(desk) if s.what == f"Subscription/{sub}"]
    assert await again(desk, f"Subscription/{sub}") == 0, "what was taken is not sent twice"


async def test_what_is_tried_again_asks_for_the_rights_again(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    key, doctor = await desk.api.professional()
    await desk.api.give(patient, key)
    sub = await desk.subscribe(by_topic(FINAL, hook.url), who=doctor)
    await desk.observe(patient)
    hook.answers = lambda sent: 422
    for _ in range(TRIES):
        await desk.work()
        desk.wait(minutes=11)
    hook.answers = lambda sent: 200
    hook.sent.clear()
    await desk.api.take(patient, key)
    assert await again(desk, f"Subscription/{sub}") == 1
    await desk.work()
    assert hook.sent == []
    assert [e["state"] for e in await desk.events(sub)] == ["kept"]


async def test_what_was_ended_is_neither_told_nor_tried_again(desk: Desk, hook: Endpoint) -> None:
    sub, _ = await given_up(desk, hook)
    ended = {**await desk.api.good("GET", f"Subscription/{sub}"), "status": "off"}
    await desk.api.good("PUT", f"Subscription/{sub}", ended)
    assert not [s for s in await seen(desk) if s.what == f"Subscription/{sub}"]
    assert await again(desk, f"Subscription/{sub}") == 0


async def test_a_change_that_a_consumer_could_not_take(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=(f"Observation?patient={patient}",)))
    await desk.observe(patient)
    pool = desk.api.house.store.pool
    await pool.execute(
        "update outbox set dead = true, tries = 8, error = E'ValueError:\\n{no} \\x1b[2J way'"
        " where consumer = 'subscriptions'"
    )
    (one,) = [s for s in await seen(desk) if s.what == "subscriptions"]
    said = one.said(one.row.title, "en")
    assert one.n >= 1 and "ValueError: {no} [2J way" in said and said.isprintable()
    await desk.work()
    assert await desk.events(sub) == [], "a dead letter waits for the operator"
    assert await again(desk, "subscriptions") == one.n
    await desk.work()
    assert [e["state"] for e in await desk.events(sub)] == ["sent"]
    assert not [s for s in await seen(desk) if s.what == "subscriptions"]


@pytest.mark.parametrize("what", ["nothing", "' or true --", "Subscription/"])
async def test_a_name_that_nothing_bears_tries_nothing(desk: Desk, hook: Endpoint, what: str) -> None:
    sub, _ = await given_up(desk, hook)
    assert await again(desk, what) == 0
    assert [e["state"] for e in await desk.events(sub)] == ["dead"]
