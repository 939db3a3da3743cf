"""What may be asked, what is refused and in which words, and what the server declares of it."""

from typing import Any

import pytest

from aubier.services.subscriptions import operations
from tests.contract.conftest import outcome
from tests.contract.subscriptions.conftest import BACKPORT, FINAL, Desk, by_criteria, by_topic
from tests.contract.subscriptions.endpoint import Endpoint

HERE = "http://127.0.0.1:9/hook"
TOPICS = FINAL.rpartition("/")[0]


def channel(**more: Any) -> dict[str, Any]:
    body = by_criteria("Observation?code=x", HERE)
    return {**body, "channel": {**body["channel"], **more}}


def filtered(text: str, url: str = f"{BACKPORT}/backport-filter-criteria") -> dict[str, Any]:
    return {"extension": [{"url": url, "valueString": text}]}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such type": (by_criteria("Nothing?a=b", HERE), "Subscription.criteria"),
    "no such parameter": (by_criteria("Observation?nothing=b", HERE), "Subscription.criteria"),
    "a value that cannot be read": (by_criteria("Observation?date=never", HERE), "Subscription.criteria"),
    "how to show": (by_criteria("Observation?code=x&_sort=date", HERE), "Subscription.criteria"),
    "badly encoded": (by_criteria("Observation?code=%FF", HERE), "Subscription.criteria"),
    "no such topic": (by_topic(f"{TOPICS}/nothing", HERE), "Subscription.criteria"),
    "no such version": (by_topic(f"{FINAL}|7", HERE), "Subscription.criteria"),
    "a filter not offered": (
        by_topic(FINAL, HERE, filters=("Observation?performer=x",)),
        "Subscription.criteria.extension",
    ),
    "a filter of another type": (
        by_topic(FINAL, HERE, filters=("Patient?name=x",)),
        "Subscription.criteria.extension",
    ),
    "a filter of criteria": (
        by_criteria("Observation?code=x", HERE) | {"_criteria": filtered("Observation?status=final")},
        "Subscription.criteria.extension",
    ),
    "a filter of another guide": (
        by_topic(FINAL, HERE)
        | {"_criteria": filtered("Observation?patient=x", "http://hl7.org/fhir/5.0/StructureDefinition/x")},
        "Subscription.criteria.extension",
    ),
    "no such content": (by_topic(FINAL, HERE, "everything"), "Subscription.channel"),
    "a channel not served": (channel(type="sms", endpoint="tel:+33"), "Subscription.channel"),
    "no such format": (channel(payload="text/plain"), "Subscription.channel"),
    "outside": (by_criteria("Observation?code=x", "https://told.example/"), "Subscription.channel.endpoint"),
    "inside the network": (by_criteria("Basic", "http://169.254.169.254/"), "Subscription.channel.endpoint"),
    "a header that is none": (channel(header=["no colon"]), "Subscription.channel.header"),
    "active without being asked": (
        by_criteria("Basic", HERE) | {"status": "active"},
        "Subscription.status",
    ),
    "too short a time": (
        by_topic(FINAL, HERE, extension=[{"url": f"{BACKPORT}/backport-timeout", "valueUnsignedInt": 0}]),
        "Subscription.channel",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_names_its_place(desk: Desk, name: str) -> None:
    body, place = REFUSED[name]
    before = await desk.api.counts()
    answer = await desk.api.ask("POST", "Subscription", body)
    assert answer.status_code in (400, 403, 404, 422), answer.text
    assert place in outcome(answer)["issue"][0]["expression"]
    assert await desk.api.counts() == before
    french = await desk.api.ask("POST", "Subscription", body, headers={"accept-language": "fr"})
    assert outcome(french)["issue"][0]["details"]["text"] != outcome(answer)["issue"][0]["details"]["text"]


async def test_a_subscription_that_was_refused_leaves_nothing(desk: Desk) -> None:
    pool = desk.api.house.store.pool
    count = "select (select count(*) from subscription_state) + (select count(*) from subscription_trigger)"
    before = await pool.fetchval(count)
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": by_criteria("Basic", HERE), "request": {"method": "POST", "url": "Subscription"}},
            {"resource": by_criteria("Nope", HERE), "request": {"method": "POST", "url": "Subscription"}},
        ],
    }
    answer = await desk.api.ask("POST", "", bundle)
    assert answer.status_code == 400
    assert await pool.fetchval(count) == before


async def test_it_goes_on_as_it_was_when_only_its_reason_changes(desk: Desk, hook: Endpoint) -> None:
    sub = await desk.subscribe(by_criteria("Basic", hook.url))
    patch = [{"op": "replace", "path": "/reason", "value": "another"}]
    headers = {"content-type": "application/json-patch+json"}
    await desk.api.good("PATCH", f"Subscription/{sub}", patch, headers=headers)
    await desk.work()
    assert await desk.status(sub) == "active"
    assert len(hook.sent) == 1, "no second handshake"


async def test_what_it_asks_anew_is_asked_of_the_endpoint_anew(desk: Desk, hook: Endpoint) -> None:
    sub = await desk.subscribe(by_criteria("Basic", hook.url))
    read = await desk.api.good("GET", f"Subscription/{sub}")
    changed = await desk.api.good("PUT", f"Subscription/{sub}", read | {"criteria": "Account"})
    assert changed["status"] == "requested"
    await desk.work()
    assert await desk.status(sub) == "active"
    assert len(hook.sent) == 2
    pool = desk.api.house.store.pool
    texts = await pool.fetch("select text from subscription_trigger where sub = $1", sub)
    assert len(texts) == 1 and '"Account"' in texts[0]["text"]


async def test_off_ends_it_and_requested_begins_it_again(desk: Desk, hook: Endpoint) -> None:
    sub = await desk.subscribe(by_criteria("Account", hook.url))
    read = await desk.api.good("GET", f"Subscription/{sub}")
    await desk.api.good("PUT", f"Subscription/{sub}", read | {"status": "off"})
    await desk.api.good("POST", "Account", {"resourceType": "Account", "status": "active"})
    await desk.work()
    assert (len(hook.sent), await desk.events(sub)) == (1, [])
    await desk.api.good("PUT", f"Subscription/{sub}", read | {"status": "requested"})
    await desk.work()
    await desk.api.good("POST", "Account", {"resourceType": "Account", "status": "active"})
    await desk.work()
    assert len(hook.sent) == 3


async def test_the_server_declares_what_it_does(desk: Desk) -> None:
    told = await desk.api.good("GET", "metadata")
    rest = told["rest"][0]
    assert rest["extension"][0]["valueUri"] == "ws://127.0.0.1:8000/subscriptions/socket"
    row = next(r for r in rest["resource"] if r["type"] == "Subscription")
    assert FINAL in [e["valueCanonical"] for e in row["extension"]]
    assert row["supportedProfile"] == [f"{BACKPORT}/backport-subscription"]
    assert told["instantiates"] == ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]
    asked = {o["name"]: o["definition"] for o in row["operation"]}
    guide = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-"
    for name in ("status", "events", "get-ws-binding-token"):
        assert asked[name] == guide + name


async def test_status_of_several(desk: Desk, hook: Endpoint) -> None:
    one = await desk.subscribe(by_topic(FINAL, hook.url))
    two = await desk.subscribe(by_criteria("Account", hook.url))
    told = await desk.api.good("GET", f"Subscription/$status?id={one}&id={two}")
    assert (told["type"], told["total"]) == ("searchset", 2)
    kinds = [p["valueCode"] for e in told["entry"] for p in e["resource"]["parameter"] if p["name"] == "type"]
    assert kinds == ["query-status"] * 2
    assert (await desk.api.good("GET", f"Subscription/$status?id={one}&status=off"))["total"] == 0
    assert (await desk.api.ask("GET", "Subscription/$status?status=nothing")).status_code == 400
    assert (await desk.api.ask("GET", "Subscription/$status?id=nowhere")).status_code == 404


async def test_the_status_of_all_comes_in_pages(
    desk: Desk, hook: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {await desk.subscribe(by_topic(FINAL, hook.url)) for _ in range(3)}
    whole = await desk.api.good("GET", "Subscription/$status?status=active,requested")
    assert whole["total"] == len(whole["entry"]) and "link" not in whole
    monkeypatch.setattr(operations, "_MOST", 2)
    told, url = [], "Subscription/$status?status=active&status=requested"
    while url:
        page = await desk.api.good("GET", url)
        assert "total" not in page and len(page.get("entry", [])) <= 2
        told += page.get("entry", [])
        url = next((link["url"].partition("/fhir/")[2] for link in page.get("link", [])), "")
    assert told == whole["entry"] and all(any(id in str(each) for each in told) for id in made)
    beside = await desk.api.ask("GET", f"Subscription/$status?id={made.pop()}&_page=x")
    assert outcome(beside)["issue"][0]["expression"] == ["http._page"]
    assert (await desk.api.ask("GET", "Subscription/$status?_page=x")).status_code == 400


@pytest.mark.parametrize("query", ["eventsSinceNumber=x", "eventsUntilNumber=-1", "content=everything"])
async def test_events_that_are_badly_asked_for(desk: Desk, hook: Endpoint, query: str) -> None:
    sub = await desk.subscribe(by_topic(FINAL, hook.url))
    answer = await desk.api.ask("GET", f"Subscription/{sub}/$events?{query}")
    assert answer.status_code == 400
    assert outcome(answer)["issue"][0]["expression"] == [f"http.{query.partition('=')[0]}"]


async def test_a_binding_token_is_for_sockets_only(desk: Desk, hook: Endpoint) -> None:
    sub = await desk.subscribe(by_topic(FINAL, hook.url))
    answer = await desk.api.ask("GET", f"Subscription/{sub}/$get-ws-binding-token")
    assert answer.status_code == 422
    assert (await desk.api.ask("GET", "Subscription/$get-ws-binding-token")).status_code == 400
