"""What a subscriber may not see is not told, from the moment it may not be seen; whatever one tries."""

import json
from dataclasses import replace

import pytest

from aubier.referentials.signon import api as signon
from aubier.services.subscriptions.service import keep
from tests.contract.conftest import outcome
from tests.contract.subscriptions.conftest import FINAL, Desk, by_criteria, by_topic
from tests.contract.subscriptions.endpoint import Endpoint


async def test_only_what_the_subscriber_may_see_is_an_event(desk: Desk, hook: Endpoint) -> None:
    seen, hidden = await desk.api.person(), await desk.api.person()
    key, doctor = await desk.api.professional()
    await desk.api.give(seen, key)
    sub = await desk.subscribe(by_topic(FINAL, hook.url), who=doctor)
    assert hook.sent, "the handshake"
    shown = await desk.observe(seen)
    await desk.observe(hidden)
    await desk.observe(seen)
    await desk.work()
    assert [s.numbers for s in hook.events()] == [[1], [2]], "a hidden one leaves no gap"
    assert shown in hook.events()[0].body.decode()
    assert len(await desk.events(sub)) == 2


@pytest.mark.parametrize("content", ["empty", "id-only", "full-resource"])
async def test_a_right_that_ended_ends_what_waits_to_be_told(
    desk: Desk, hook: Endpoint, content: str
) -> None:
    patient = await desk.api.person()
    key, doctor = await desk.api.professional()
    await desk.api.give(patient, key)
    sub = await desk.subscribe(by_topic(FINAL, hook.url, content), who=doctor)
    await desk.observe(patient)
    await desk.take_in()
    await desk.api.take(patient, key)
    await desk.work()
    assert hook.events() == []
    assert [e["state"] for e in await desk.events(sub)] == ["kept"]
    await desk.observe(patient)
    await desk.work()
    assert len(await desk.events(sub)) == 1, "and nothing more becomes an event"


async def test_a_criterion_through_what_is_hidden_is_not_met(desk: Desk, hook: Endpoint) -> None:
    """Otherwise one would learn by being told, or not, what stands in a record that is closed."""
    patient, other = await desk.api.person(), await desk.api.person(name=[{"family": "Secret"}])
    key, doctor = await desk.api.professional()
    await desk.api.give(patient, key)
    asked = by_criteria("Observation?performer:Patient.family=Secret", hook.url)
    await desk.subscribe(asked, who=doctor)
    await desk.observe(patient, performer=[{"reference": f"Patient/{other}"}])
    await desk.work()
    assert len(hook.sent) == 1
    await desk.api.give(other, key)
    await desk.observe(patient, performer=[{"reference": f"Patient/{other}"}])
    await desk.work()
    assert len(hook.sent) == 2


async def test_every_delivery_leaves_its_line_in_the_record(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    key, doctor = await desk.api.professional()
    await desk.api.give(patient, key)
    await desk.subscribe(by_topic(FINAL, hook.url), who=doctor)
    made = await desk.observe(patient)
    since = await desk.api.last_line()
    await desk.work()
    lines = [row for row in await desk.api.lines(since) if row["what"].startswith(f"Observation/{made}")]
    assert [(row["client"], row["outcome"], row["pat"] > 0) for row in lines] == [("aubier-cli", "ok", True)]
    assert lines[0]["name"] == doctor.title()


async def test_a_closed_account_is_told_nothing_more(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    key, doctor = await desk.api.professional()
    await desk.api.give(patient, key)
    sub = await desk.subscribe(by_topic(FINAL, hook.url), who=doctor)
    await desk.observe(patient)
    await desk.take_in()
    await signon.close_account(desk.api.system, doctor)
    await desk.work()
    assert hook.events() == []
    assert await desk.status(sub) == "off"


async def test_a_withdrawn_application_ends_its_subscriptions_without_an_event(
    desk: Desk, hook: Endpoint
) -> None:
    sub = await desk.subscribe(by_topic(FINAL, hook.url))
    pool = desk.api.house.store.pool
    await pool.execute(
        "update signon_grant set revoked_at = now() where gid = (select actor::json->>'grant'"
        " from subscription_state where id = $1)",
        sub,
    )
    desk.api.tokens.clear()
    await keep(desk.api.system)
    await desk.work()
    assert await desk.status(sub) == "off"
    read = await desk.api.good("GET", f"Subscription/{sub}")
    assert "withdrawn" in read["error"]


async def test_a_removed_application_stands_on_nothing(desk: Desk) -> None:
    client = await signon.add_client(desk.api.system, "App", ["https://app.example/back"], confidential=True)
    actor = replace(desk.api.system.actor, login=f"system:{client.id}", client=client.id, grant="gone")
    assert await signon.still(desk.api.system, actor) is not None
    await signon.remove_client(desk.api.system, client.id)
    assert await signon.still(desk.api.system, actor) is None
    assert await signon.still(desk.api.system, replace(actor, grant="")) is None


async def test_a_consent_that_is_withdrawn_ends_what_an_application_is_told(desk: Desk) -> None:
    system = desk.api.system
    client = await signon.add_client(system, "App", ["https://app.example/back"], confidential=True)
    patient, login = await desk.api.citizen()
    actor = replace(
        system.actor,
        kind="citizen",
        login=login,
        reference=f"Patient/{patient}",
        client=client.id,
        grant="old",
    )
    assert await signon.still(system, actor) is None, "nothing was let"
    await system.store.run("signon.let", login, client.id, ["patient/*.rs"], system.now)
    now = await signon.still(system, actor)
    assert now is not None and now.keys == (f"person:{patient}",)
    await signon.withdraw_consent(system, login, client.id)
    assert await signon.still(system, actor) is None


async def test_another_cannot_turn_a_subscription_to_themselves(desk: Desk, hook: Endpoint) -> None:
    _, doctor = await desk.api.professional()
    _, intruder = await desk.api.professional()
    sub = await desk.subscribe(by_topic(FINAL, hook.url), who=doctor)
    body = by_topic(FINAL, "http://127.0.0.1:1/mine") | {"id": sub}
    refused = await desk.api.ask("PUT", f"Subscription/{sub}", body, as_=intruder)
    assert refused.status_code == 404, "it is not even there for them"
    # One who sees everything may end it, and no more: what is told goes by the rights of who asked.
    for status in ("requested", "off"):
        asked = await desk.api.ask("PUT", f"Subscription/{sub}", body | {"status": status})
        assert asked.status_code == 403, "who asks it again would be told elsewhere"
    ended = {**await desk.api.good("GET", f"Subscription/{sub}"), "status": "off"}
    await desk.api.good("PUT", f"Subscription/{sub}", ended)
    await desk.work()
    assert await desk.status(sub) == "off"


@pytest.mark.parametrize("operation", ["$status", "$events", "$get-ws-binding-token"])
async def test_operations_on_what_is_not_ones_own(desk: Desk, hook: Endpoint, operation: str) -> None:
    _, doctor = await desk.api.professional()
    _, intruder = await desk.api.professional()
    sub = await desk.subscribe(by_topic(FINAL, hook.url), who=doctor)
    refused = await desk.api.ask("GET", f"Subscription/{sub}/{operation}", as_=intruder)
    missing = await desk.api.ask("GET", f"Subscription/nowhere/{operation}", as_=intruder)
    assert refused.status_code == missing.status_code == 404
    outcome(refused)
    assert refused.text.replace(sub, "nowhere") == missing.text
    nobody = await desk.api.raw("GET", f"Subscription/{sub}/{operation}")
    assert nobody.status_code == 401


async def test_a_socket_is_opened_by_who_asked_alone(desk: Desk) -> None:
    """What is told goes by the rights of who asked: one who sees the Subscription gets no token for it."""
    _, doctor = await desk.api.professional()
    sub = await desk.subscribe(
        {**by_criteria("Basic", ""), "channel": {"type": "websocket"}, "status": "requested"}, who=doctor
    )
    path = f"Subscription/{sub}/$get-ws-binding-token"
    own = await desk.api.good("GET", path, as_=doctor)
    assert {"name": "subscription", "valueString": sub} in own["parameter"]
    assert (await desk.api.ask("GET", f"Subscription/{sub}")).status_code == 200
    refused = await desk.api.ask("GET", path)
    assert refused.status_code == 403
    assert outcome(refused)["issue"][0]["expression"] == ["Subscription"]
    ended = {**await desk.api.good("GET", f"Subscription/{sub}"), "status": "off"}
    await desk.api.good("PUT", f"Subscription/{sub}", ended, as_=doctor)
    assert (await desk.api.ask("GET", path, as_=doctor)).status_code == 422


async def test_events_shows_what_the_caller_may_see(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    key, doctor = await desk.api.professional()
    await desk.api.give(patient, key)
    sub = await desk.subscribe(by_topic(FINAL, hook.url, "full-resource"), who=doctor)
    await desk.observe(patient)
    await desk.work()
    asked = await desk.api.good("GET", f"Subscription/{sub}/$events", as_=doctor)
    assert len(asked["entry"]) == 2
    await desk.api.take(patient, key)
    asked = await desk.api.good("GET", f"Subscription/{sub}/$events", as_=doctor)
    assert len(asked["entry"]) == 1


async def test_headers_are_sent_and_never_shown(
    desk: Desk, hook: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "only-for-the-endpoint"
    asked = by_criteria("Basic", hook.url, header=[f"Authorization: Bearer {secret}"])
    made = await desk.api.ask("POST", "Subscription", asked)
    await desk.work()
    sub = made.json()["id"]
    assert hook.sent[0].headers["authorization"] == f"Bearer {secret}"
    ways = (
        f"Subscription/{sub}",
        f"Subscription/{sub}/_history",
        "Subscription",
        f"Subscription/{sub}/$status",
    )
    shown = [made.text, *[(await desk.api.ask("GET", way)).text for way in ways], caplog.text]
    assert not any(secret in text for text in shown)
    pool = desk.api.house.store.pool
    assert not await pool.fetchval("select count(*) from audit where what like $1", f"%{secret}%")
    # Written back as it was read, it is kept; for another endpoint it must be given again.
    read = json.loads((await desk.api.ask("GET", f"Subscription/{sub}")).content)
    read["status"] = "requested"
    await desk.api.good("PUT", f"Subscription/{sub}", read)
    await desk.work()
    assert hook.sent[1].headers["authorization"] == f"Bearer {secret}"
    read["channel"]["endpoint"] = hook.url + "/elsewhere"
    refused = await desk.api.ask("PUT", f"Subscription/{sub}", read)
    assert refused.status_code == 400
    assert "Authorization" in outcome(refused)["issue"][0]["details"]["text"]


async def test_a_session_without_a_token_asks_for_nothing(desk: Desk, hook: Endpoint) -> None:
    with pytest.raises(Exception, match="token"):
        context = desk.api.system
        actor = replace(context.actor, client="other", kind="professional", scopes=("user/*.cruds",))
        view = context.store.on_behalf(actor)
        await view.create(by_criteria("Basic", hook.url))


async def test_scopes_that_do_not_open_the_type_refuse_the_criteria(desk: Desk, hook: Endpoint) -> None:
    _, doctor = await desk.api.professional()
    scope = "user/Subscription.cruds user/Patient.rs"
    asked = by_criteria("Observation?status=final", hook.url)
    refused = await desk.api.ask("POST", "Subscription", asked, as_=doctor, scope=scope)
    assert refused.status_code == 403
    assert "Subscription.criteria" in outcome(refused)["issue"][0]["expression"]
