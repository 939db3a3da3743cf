"""Against a running instance: a hook, sockets, and kill -9 while events wait."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.running import Running, running
from tests.contract.subscriptions.conftest import FINAL, by_criteria, by_topic, observation
from tests.contract.subscriptions.endpoint import endpoint
from tests.contract.subscriptions.socket_client import opened

PATH = "/subscriptions/socket"
WITHIN = 20.0


@pytest.fixture(scope="module")
def instance() -> Iterator[Running]:
    """One for the tests of this module."""
    with running("--citizens", "0") as made:
        yield made


@pytest.fixture(scope="module")
def token(instance: Running) -> str:
    """Of the platform's operator, who sees everything in a sandbox."""
    return instance.token("admin", "system/*.cruds")


class Asking:
    """Requests as somebody makes them."""

    def __init__(self, at: Running, token: str) -> None:
        self.at, self.token = at, token

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.at.url}/fhir/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refusal:
            raise AssertionError(refusal.read().decode()) from refusal

    async def until(self, path: str, holds: Any) -> Any:
        """What `path` answers once that holds."""
        async with asyncio.timeout(WITHIN):
            while True:
                found = await asyncio.to_thread(self, "GET", path)
                if holds(found):
                    return found
                await asyncio.sleep(0.05)

    async def active(self, id: str) -> None:
        await self.until(f"Subscription/{id}", lambda s: s["status"] == "active")


async def seen(events: Any, count: int) -> list[int]:
    """The numbers of the events that came, once there are so many different ones."""
    async with asyncio.timeout(WITHIN):
        while True:
            numbers = [n for s in events() for n in s.numbers]
            if len(set(numbers)) >= count:
                return numbers
            await asyncio.sleep(0.02)


async def test_a_hook_is_told_at_once_and_nothing_is_lost_when_serving_is_killed(
    instance: Running, token: str
) -> None:
    ask = Asking(instance, token)
    async with endpoint() as hook:
        patient = (await asyncio.to_thread(ask, "POST", "Patient", {"resourceType": "Patient"}))["id"]
        body = by_topic(FINAL, hook.url, filters=(f"Observation?patient={patient}",))
        sub = (await asyncio.to_thread(ask, "POST", "Subscription", body))["id"]
        await ask.active(sub)
        for _ in range(3):
            await asyncio.to_thread(ask, "POST", "Observation", observation(patient))
        assert await seen(hook.events, 3) == [1, 2, 3]
        for _ in range(3):
            await asyncio.to_thread(ask, "POST", "Observation", observation(patient))
        instance.kill_serving()
        await asyncio.to_thread(instance.wait)
        numbers = await seen(hook.events, 6)
        assert sorted(set(numbers)) == [1, 2, 3, 4, 5, 6]
        assert numbers == sorted(numbers), "at least once, in order"
        ask("DELETE", f"Subscription/{sub}")


async def test_a_socket_bound_by_a_token(instance: Running, token: str) -> None:
    ask = Asking(instance, token)
    patient = (await asyncio.to_thread(ask, "POST", "Patient", {"resourceType": "Patient"}))["id"]
    filters = (f"Observation?patient={patient}",)
    body = by_topic(FINAL, "", "full-resource", filters)
    body["channel"] = {**body["channel"], "type": "websocket"}
    del body["channel"]["endpoint"]
    sub = (await asyncio.to_thread(ask, "POST", "Subscription", body))["id"]
    await ask.active(sub)
    await asyncio.to_thread(ask, "POST", "Observation", observation(patient, "before"))
    got = await asyncio.to_thread(ask, "GET", f"Subscription/{sub}/$get-ws-binding-token")
    told = {row["name"]: next(v for k, v in row.items() if k.startswith("value")) for row in got["parameter"]}
    assert told["websocket-url"] == instance.url.replace("http", "ws") + PATH
    async with opened(instance.port, PATH) as socket:
        await socket.send(f"bind-with-token {told['token']}")
        handshake = json.loads(await socket.receive())
        assert handshake["entry"][0]["resource"]["parameter"][3]["valueCode"] == "handshake"
        waited = json.loads(await socket.receive())
        assert waited["entry"][1]["resource"]["code"]["text"] == "before"
        await asyncio.to_thread(ask, "POST", "Observation", observation(patient, "after"))
        assert json.loads(await socket.receive())["entry"][1]["resource"]["code"]["text"] == "after"
        async with opened(instance.port, PATH) as again:
            await again.send(f"bind-with-token {told['token']}")
            assert await again.receive() == ""
            assert again.closed == 1008, "a token opens one socket"
    ask("DELETE", f"Subscription/{sub}")


async def test_a_socket_bound_by_its_owner(instance: Running, token: str) -> None:
    ask = Asking(instance, token)
    body = by_criteria("Basic", "")
    body["channel"] = {"type": "websocket"}
    sub = (await asyncio.to_thread(ask, "POST", "Subscription", body))["id"]
    await ask.active(sub)
    async with opened(instance.port, PATH) as stranger:
        await stranger.send(f"bind {sub}")
        assert await stranger.receive() == ""
        assert stranger.closed == 1008
    async with opened(instance.port, PATH, token) as socket:
        await socket.send(f"bind {sub}")
        assert await socket.receive() == f"bound {sub}"
        await asyncio.to_thread(ask, "POST", "Basic", {"resourceType": "Basic", "code": {"text": "x"}})
        assert await socket.receive() == f"ping {sub}"
        async with opened(instance.port, PATH, token) as later:
            await later.send(f"bind {sub}")
            assert await later.receive() == f"bound {sub}"
            assert await socket.receive(within=45) == "", "the later one took its place"
            assert socket.closed == 4001


async def test_what_does_not_speak_as_agreed_is_closed(instance: Running, token: str) -> None:
    for text in ("hello", "bind", "bind-with-token", "bind-with-token " + "x" * 500, "x" * 9000):
        async with opened(instance.port, PATH) as socket:
            await socket.send(text)
            assert await socket.receive() == ""
            assert socket.closed == 1008
    with pytest.raises(ConnectionError, match=r"40[34]"):
        async with opened(instance.port, "/elsewhere"):
            pass
    with pytest.raises(ConnectionError, match=r"40[34]"):
        async with opened(instance.port, PATH, "not-a-token"):
            pass
