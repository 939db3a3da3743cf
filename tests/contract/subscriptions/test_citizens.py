"""A citizen's application is told of the citizen's record, or of one they represent; and of no other."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aubier.access.scopes import CEILINGS
from aubier.referentials.signon import api as signon
from aubier.referentials.signon.realms import PLATFORM
from aubier.referentials.signon.tokens.claims import subject_of
from aubier.services.subscriptions.service import keep
from tests.contract.conftest import outcome
from tests.contract.subscriptions.conftest import FINAL, Desk, by_criteria, by_topic, observation
from tests.contract.subscriptions.endpoint import Endpoint

SCOPE = "patient/Observation.rs patient/Subscription.cruds"


async def app_of(desk: Desk, login: str, scope: str = SCOPE) -> str:
    """The client id of an application this person let act; `ask(as_=login)` is then through it."""
    system = desk.api.system
    client = await signon.add_client(system, "Carnet", ["https://app.example/back"], confidential=True)
    account = await signon.find_account(system, login)
    assert account is not None
    await system.store.run("signon.let", login, client.id, scope.split(), system.now)
    until = system.now + timedelta(days=1)
    grant = signon.Grant(client.id, PLATFORM.name, scope, login, acr="eidas1", auth_time=system.now)
    kept = await signon.keep_grant(system, grant, until)
    desk.api.tokens[login, ""] = (await signon.access_token(system, kept, subject_of(account, PLATFORM)))[0]
    return client.id


async def parent_of(desk: Desk, child: str, **right: object) -> tuple[str, str]:
    """A citizen who represents this child: (patient id, login)."""
    patient, login = await desk.api.citizen()
    await desk.api.give(child, f"person:{patient}", "parental-authority", withheld=("mask:rep",), **right)
    return patient, login


@pytest.mark.parametrize("way", ["criteria", "topic"])
async def test_a_citizens_application_is_told_of_their_record_alone(
    desk: Desk, hook: Endpoint, way: str
) -> None:
    patient, login = await desk.api.citizen()
    other = await desk.api.person()
    await app_of(desk, login)
    asked = (
        by_criteria("Observation?status=final", hook.url) if way == "criteria" else by_topic(FINAL, hook.url)
    )
    sub = await desk.subscribe(asked, who=login)
    assert await desk.status(sub) == "active"
    await desk.observe(other)
    await desk.observe(patient, status="preliminary")
    mine = await desk.observe(patient)
    await desk.work()
    (event,) = await desk.events(sub)
    assert (event["id"], event["state"]) == (mine, "sent")
    assert len(hook.sent) == 2, "the handshake and one event"


async def test_what_names_nobody_is_asked_of_changes_in_their_record_only(desk: Desk, hook: Endpoint) -> None:
    """Sixty million citizens who ask alike cost the writes of others nothing."""
    patient, login = await desk.api.citizen()
    sub = await desk.subscribe(by_criteria("Observation?status=final", hook.url), who=login)
    rows = await desk.api.house.store.pool.fetch(
        "select patient, holder from subscription_trigger where sub = $1", sub
    )
    assert [tuple(row) for row in rows] == [(patient, "")]


async def test_what_lies_in_the_record_without_naming_the_patient_is_told(desk: Desk, hook: Endpoint) -> None:
    patient, login = await desk.api.citizen()
    seen = await desk.observe(patient)
    sub = await desk.subscribe(by_criteria("Provenance", hook.url), who=login)
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": f"Observation/{seen}"}],
        "recorded": "2026-11-22T09:00:00Z",
        "agent": [{"who": {"display": "Laboratoire"}}],
    }
    made = await desk.api.good("POST", "Provenance", provenance)
    await desk.work()
    assert [e["id"] for e in await desk.events(sub)] == [made["id"]]


@pytest.mark.parametrize("named", ["another", "nobody"])
async def test_another_record_cannot_be_asked_and_does_not_show_that_it_is_there(
    desk: Desk, hook: Endpoint, named: str
) -> None:
    _, login = await desk.api.citizen()
    other = await desk.api.person() if named == "another" else "nowhere"
    for criteria in (f"Observation?patient={other}", f"Observation?subject=Patient/{other}"):
        refused = await desk.api.ask("POST", "Subscription", by_criteria(criteria, hook.url), as_=login)
        assert refused.status_code == 422
        issue = outcome(refused)["issue"][0]
        assert issue["details"]["text"].replace(other, "X").startswith("Patient/X")
        assert "Subscription.criteria" in issue["expression"]
    filtered = by_topic(FINAL, hook.url, filters=(f"Observation?patient=Patient/{other}",))
    assert (await desk.api.ask("POST", "Subscription", filtered, as_=login)).status_code == 422
    assert hook.sent == []


async def test_a_chain_to_another_record_meets_nothing(desk: Desk, hook: Endpoint) -> None:
    _, login = await desk.api.citizen()
    other = await desk.api.person(name=[{"family": "Voisine"}])
    sub = await desk.subscribe(by_criteria("Observation?patient.family=Voisine", hook.url), who=login)
    await desk.observe(other)
    await desk.work()
    assert await desk.events(sub) == []


async def test_the_directory_is_no_record(desk: Desk, hook: Endpoint) -> None:
    _, login = await desk.api.citizen()
    refused = await desk.api.ask("POST", "Subscription", by_criteria("Practitioner", hook.url), as_=login)
    (issue,) = outcome(refused)["issue"]
    assert issue["code"] == "not-supported" and "Practitioner" in issue["details"]["text"]


async def test_an_application_without_the_scope_is_refused(desk: Desk, hook: Endpoint) -> None:
    _, login = await desk.api.citizen()
    asked = by_criteria("Observation?status=final", hook.url)
    for scope in ("patient/*.rs", "patient/Observation.rs patient/Subscription.rs"):
        assert (await desk.api.ask("POST", "Subscription", asked, as_=login, scope=scope)).status_code == 403
    narrow = "patient/Condition.rs patient/Subscription.cruds"
    assert (await desk.api.ask("POST", "Subscription", asked, as_=login, scope=narrow)).status_code == 403


async def test_what_is_hidden_from_the_citizen_is_not_told(desk: Desk, hook: Endpoint) -> None:
    patient, login = await desk.api.citizen()
    sub = await desk.subscribe(by_criteria("Observation?status=final", hook.url), who=login)
    hidden = {"meta": {"security": [{"code": "INVISIBLE_PATIENT"}]}}
    await desk.observe(patient, **hidden)
    await desk.work()
    assert await desk.events(sub) == []
    # Hidden after it became an event, before it was sent.
    shown = await desk.observe(patient)
    await desk.take_in()
    await desk.api.good("PUT", f"Observation/{shown}", {**observation(patient), **hidden, "id": shown})
    await desk.work()
    assert [e["state"] for e in await desk.events(sub)] == ["kept"]
    assert len(hook.sent) == 1, "nothing but the handshake"


@pytest.mark.parametrize("base", ["", "http://127.0.0.1:8000/fhir/Patient/"])
async def test_a_parent_is_told_of_their_child(desk: Desk, hook: Endpoint, base: str) -> None:
    child = await desk.api.person()
    _, login = await parent_of(desk, child)
    sub = await desk.subscribe(by_criteria(f"Observation?patient={base}{child}", hook.url), who=login)
    await desk.observe(child, meta={"security": [{"code": "INVISIBLE_REP_LEGAUX"}]})
    told = await desk.observe(child)
    await desk.work()
    assert [e["id"] for e in await desk.events(sub)] == [told], "what is hidden from parents is not told"


async def test_a_right_that_is_over_or_not_yet_there_asks_for_nothing(desk: Desk, hook: Endpoint) -> None:
    child = await desk.api.person()
    now = int(desk.api.now[0].timestamp() * 1000)
    for right in ({"till": now - 1, "since": now - 9}, {"since": now + 60_000}):
        _, login = await parent_of(desk, child, **right)
        asked = by_criteria(f"Observation?patient={child}", hook.url)
        assert (await desk.api.ask("POST", "Subscription", asked, as_=login)).status_code == 422


@pytest.mark.parametrize("ends", ["taken", "by itself", "opposed"])
async def test_it_ends_with_the_mandate(desk: Desk, hook: Endpoint, ends: str) -> None:
    child = await desk.api.person()
    now = int(desk.api.now[0].timestamp() * 1000)
    patient, login = await parent_of(desk, child, till=now + 3_600_000)
    sub = await desk.subscribe(
        by_topic(FINAL, hook.url, filters=(f"Observation?patient={child}",)), who=login
    )
    await desk.observe(child)
    await desk.take_in()
    match ends:
        case "taken":
            await desk.api.take(child, f"person:{patient}")
        case "opposed":
            await desk.api.give(child, f"person:{patient}", "opposition", deny=True)
        case _:
            desk.wait(hours=2)
    await desk.work()
    assert len(hook.sent) == 1, "what waited is not sent"
    assert [e["state"] for e in await desk.events(sub)] == ["closed"]
    read = await desk.api.good("GET", f"Subscription/{sub}")
    assert read["status"] == "off" and "has ended" in read["error"]


async def test_the_end_of_a_mandate_needs_no_event_to_be_noticed(desk: Desk, hook: Endpoint) -> None:
    child = await desk.api.person()
    patient, login = await parent_of(desk, child)
    gone = await desk.subscribe(by_criteria(f"Observation?patient={child}", hook.url), who=login)
    own = await desk.subscribe(by_criteria("Observation?status=final", hook.url), who=login)
    await desk.api.take(child, f"person:{patient}")
    await keep(desk.api.system)
    await desk.work()
    assert (await desk.status(gone), await desk.status(own)) == ("off", "active")


@pytest.mark.parametrize("ends", ["consent", "grant", "application", "account"])
async def test_it_ends_with_what_the_application_stands_on(desk: Desk, hook: Endpoint, ends: str) -> None:
    patient, login = await desk.api.citizen()
    client = await app_of(desk, login)
    sub = await desk.subscribe(by_criteria("Observation?status=final", hook.url), who=login)
    await desk.observe(patient)
    await desk.take_in()
    system = desk.api.system
    match ends:
        case "consent":
            await signon.withdraw_consent(system, login, client)
        case "application":
            await signon.remove_client(system, client)
        case "account":
            await signon.close_account(system, login)
        case _:
            pool = desk.api.house.store.pool
            await pool.execute("update signon_grant set revoked_at = now() where client = $1", client)
    await desk.work()
    assert len(hook.sent) == 1, "what waited is not sent"
    assert await desk.status(sub) == "off"


async def test_the_citizen_ends_what_any_application_asked_and_no_other_application_takes_it(
    desk: Desk, hook: Endpoint
) -> None:
    _, login = await desk.api.citizen()
    _, stranger = await desk.api.citizen()
    await app_of(desk, login)
    sub = await desk.subscribe(by_criteria("Observation?status=final", hook.url), who=login)
    desk.api.tokens.clear()  # from now on through another application
    read = await desk.api.good("GET", f"Subscription/{sub}", as_=login)
    assert (await desk.api.ask("GET", f"Subscription/{sub}", as_=stranger)).status_code == 404
    turned = {**read, "status": "requested", "channel": {**read["channel"], "endpoint": f"{hook.url}/mine"}}
    assert (await desk.api.ask("PUT", f"Subscription/{sub}", turned, as_=login)).status_code == 403
    assert (await desk.api.ask("PUT", f"Subscription/{sub}", turned, as_=stranger)).status_code == 404
    await desk.api.good("PUT", f"Subscription/{sub}", {**read, "status": "off"}, as_=login)
    await desk.work()
    assert await desk.status(sub) == "off"


async def test_the_citizens_own_pages_ask_for_nothing(desk: Desk, hook: Endpoint) -> None:
    _, login = await desk.api.citizen()
    account = await signon.find_account(desk.api.system, login)
    assert account is not None
    actor = replace(signon.actor_of(account), scopes=tuple(map(str, CEILINGS["citizen"])))
    with pytest.raises(Exception, match="token"):
        view = desk.api.system.store.on_behalf(actor)
        await view.create(by_criteria("Observation?status=final", hook.url))


async def test_a_citizen_has_few_under_way(
    desk: Desk, hook: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aubier.services.subscriptions.rules.MOST_OF_A_CITIZEN", 1)
    _, login = await desk.api.citizen()
    asked = by_criteria("Observation?status=final", hook.url)
    sub = await desk.subscribe(asked, who=login)
    refused = await desk.api.ask("POST", "Subscription", asked, as_=login)
    assert outcome(refused)["issue"][0]["code"] == "throttled"
    await desk.api.good("PUT", f"Subscription/{sub}", {**asked, "id": sub}, as_=login)
