"""What happens at the same moment: asked anew while it is told, bound while it is looked at; and what many
subscriptions cost that wait for nothing.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from aubier.access.decide import type_number
from aubier.access.view import View
from aubier.ground.clock import milliseconds
from aubier.rest.outgoing.request import send
from aubier.services.subscriptions import Courier
from aubier.services.subscriptions.rules import read_actor
from aubier.services.subscriptions.service import keep
from aubier.services.subscriptions.tables import STATEMENTS
from aubier.services.subscriptions.telling import lines
from tests.contract.subscriptions.conftest import FINAL, Desk, by_criteria, by_topic
from tests.contract.subscriptions.endpoint import Endpoint, endpoint


class Held:
    """A courier whose sendings wait until they are let go."""

    def __init__(self, desk: Desk) -> None:
        self.begun, self.let = asyncio.Event(), asyncio.Event()
        self.courier = Courier(desk.api.house.context, self)

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, **more: Any
    ) -> int:
        self.begun.set()
        await self.let.wait()
        return await send(method, url, headers, body, **more)

    async def under_way(self) -> None:
        await self.courier.turn()
        await asyncio.wait_for(self.begun.wait(), 20)

    async def end(self) -> None:
        self.let.set()
        await self.courier.settle()


async def moved(desk: Desk, id: str, where: str) -> None:
    """The subscription asked anew, told at another place."""
    body = await desk.api.good("GET", f"Subscription/{id}")
    channel = {**body["channel"], "endpoint": where}
    await desk.api.good("PUT", f"Subscription/{id}", {**body, "channel": channel, "status": "requested"})


async def test_the_answer_of_a_former_endpoint_says_nothing_of_the_next(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    held = Held(desk)
    async with endpoint() as other:
        other.answers = lambda sent: 500
        body = by_topic(FINAL, hook.url, filters=(f"Observation?patient={patient}",))
        sub = await desk.subscribe(body, work=False)
        await held.under_way()
        await moved(desk, sub, other.url)
        await held.end()
        assert [s.kind for s in hook.sent] == ["handshake"]
        await desk.courier.turn()
        await desk.courier.settle()
        assert [s.kind for s in other.sent] == ["handshake"], "it is greeted itself"
        assert await desk.status(sub) == "requested", "and has not answered"


async def test_a_former_endpoint_that_is_well_again_does_not_speak_for_the_next(
    desk: Desk, hook: Endpoint
) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=(f"Observation?patient={patient}",)))
    hook.answers = lambda sent: 503
    await desk.observe(patient)
    for _ in range(3):
        await desk.work()
        desk.wait(minutes=1)
    assert await desk.status(sub) == "error"
    hook.answers = lambda sent: 200
    desk.wait(minutes=11)
    held = Held(desk)
    async with endpoint() as other:
        other.answers = lambda sent: 500
        await held.under_way()
        await moved(desk, sub, other.url)
        await held.end()
        await desk.work()
        assert await desk.status(sub) == "requested"
        assert {s.kind for s in other.sent} == {"handshake"}


class Socket:
    """A socket in whose greeting, and before, the courier looks at all sockets."""

    def __init__(self, desk: Desk, sub: str) -> None:
        self.desk, self.sub = desk, sub
        self.told: list[str] = []
        self.closed: list[int] = []

    async def send(self, text: str) -> None:
        if not self.told:
            self.told.append("")
            await self.desk.work()
            self.told.pop()
        self.told.append(text)

    async def close(self, code: int = 1000) -> None:
        self.closed.append(code)

    async def receive(self) -> str | None:
        return None


async def test_a_socket_is_greeted_before_it_is_told_anything(desk: Desk) -> None:
    patient = await desk.api.person()
    asked = by_criteria(f"Observation?patient={patient}", "") | {"channel": {"type": "websocket"}}
    sub, other = [await desk.subscribe(asked) for _ in range(2)]
    await desk.observe(patient)
    await desk.take_in()
    socket = Socket(desk, sub)
    rows = await desk.api.house.store.pool.fetch("select actor from subscription_state where id = $1", sub)
    ctx = desk.api.house.context(read_actor(rows[0]["actor"]))
    assert await lines._bind(ctx, socket, "here", f"bind {sub}")
    try:
        await desk.work()
    finally:
        lines._open.pop("here")
    assert socket.told == [f"bound {sub}", f"ping {sub}"] and not socket.closed
    assert [e["state"] for e in await desk.events(other)] == ["waiting"], "it has no socket"


async def crowded(desk: Desk, sub: str, statement: str, arguments: list[Any]) -> int:
    """The pages that a statement reads where 20,000 more subscriptions are like this one, lanes and all."""
    pool = desk.api.house.store.pool
    columns = "owner, actor, plan, headers, channel, status, told, ends, next_at, fails, busy"
    lane = "pat, waiting, tries, next_at, lease"
    sql = next(s.sql for s in STATEMENTS if s.name == statement)
    many = "generate_series(1, 20000) n"
    try:
        await pool.execute(
            f"insert into subscription_state (id, {columns}) select 'many' || n, {columns}"
            f" from subscription_state, {many} where id = $1",
            sub,
        )
        await pool.execute(
            f"insert into subscription_lane (sub, {lane}) select 'many' || n, {lane}"
            f" from subscription_lane, {many} where sub = $1",
            sub,
        )
        await pool.execute("analyze subscription_state, subscription_lane")
        told = await pool.fetchval(f"explain (analyze, buffers, format json) {sql}", *arguments)
    finally:
        for table, column in (("state", "id"), ("lane", "sub")):
            await pool.execute(f"delete from subscription_{table} where {column} like 'many%'")
    plan = json.loads(told)[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


async def test_those_that_wait_for_nothing_are_not_looked_at(desk: Desk, hook: Endpoint) -> None:
    sub = await desk.subscribe(by_criteria("Basic", hook.url))
    now, kind = milliseconds(desk.api.now[0]), type_number("Subscription")
    assert await crowded(desk, sub, "subscriptions.calls", [now, 32, [], now + 60_000, kind]) < 100


async def test_those_that_are_left_in_peace_are_not_looked_at(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=(f"Observation?patient={patient}",)))
    hook.answers = lambda sent: 503
    await desk.observe(patient)
    await desk.work()
    now, kind = milliseconds(desk.api.now[0]), type_number("Subscription")
    assert await crowded(desk, sub, "subscriptions.claim", [now, 32, [], now + 60_000, 4, kind]) < 300


async def test_who_rests_is_woken_by_an_event(desk: Desk, hook: Endpoint) -> None:
    patient = await desk.api.person()
    sub = await desk.subscribe(by_topic(FINAL, hook.url, filters=(f"Observation?patient={patient}",)))
    pool, store = desk.api.house.store.pool, desk.api.system.store
    busy = "select busy from subscription_state where id = $1"
    for number in (1, 2):
        await store.run("subscriptions.rest", milliseconds(desk.api.now[0]))
        assert await pool.fetchval(busy, sub) is False
        await desk.observe(patient)
        await desk.take_in()
        await store.run("subscriptions.rest", milliseconds(desk.api.now[0]))
        assert await pool.fetchval(busy, sub) is True, "something waits"
        await desk.work()
        assert hook.events()[-1].numbers == [number]
    await desk.observe(patient)
    await desk.take_in()
    await pool.execute("update subscription_state set busy = false where id = $1", sub)
    await keep(desk.api.system)
    assert await pool.fetchval(busy, sub) is True, "whatever made it sleep, for a minute at most"
    await desk.work()
    assert hook.events()[-1].numbers == [3]


async def test_what_its_asker_writes_meanwhile_is_not_overwritten(
    desk: Desk, hook: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is written into the Subscription as it is by then."""
    id = await desk.subscribe(by_criteria("Observation?status=final", hook.url), work=False)
    written, update = await desk.api.good("GET", f"Subscription/{id}"), View.update
    changed = False

    async def late(self: View, resource: dict[str, Any], *args: Any, **more: Any) -> Any:
        nonlocal changed
        if not changed:
            changed = True
            await desk.api.good("PUT", f"Subscription/{id}", {**written, "reason": "Other words"})
        return await update(self, resource, *args, **more)

    monkeypatch.setattr(View, "update", late)
    await desk.work()
    desk.wait(minutes=10)
    await desk.work()
    told = await desk.api.good("GET", f"Subscription/{id}")
    assert changed and (told["status"], told["reason"]) == ("active", "Other words")
