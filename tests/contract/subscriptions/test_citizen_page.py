"""Where citizens end applications they also see what these are told of, and end it."""

from tests.contract.subscriptions.conftest import Desk, by_criteria
from tests.contract.subscriptions.endpoint import Endpoint
from tests.contract.subscriptions.test_citizens import app_of
from tests.contract.visit import Visit


async def test_the_citizen_sees_what_is_told_and_stops_it(desk: Desk, hook: Endpoint) -> None:
    patient, login = await desk.api.citizen()
    await app_of(desk, login)
    asked = by_criteria("Observation?status=final", hook.url) | {"reason": "My <blood> pressure"}
    sub = await desk.subscribe(asked, who=login)
    visit = await Visit.of(desk.api, login)
    page = (await visit.ask("GET", "/citoyen/applications")).text
    assert "Carnet" in page and "My &lt;blood&gt; pressure" in page and "127.0.0.1" in page
    stopped = await visit.send(f"/citoyen/notifications/{sub}/fin")
    assert stopped.status_code == 303
    await desk.observe(patient)
    await desk.work()
    assert await desk.status(sub) == "off"
    assert len(hook.sent) == 1, "nothing but the handshake"
    page = (await visit.ask("GET", "/citoyen/applications")).text
    assert "Carnet" in page and "pressure" not in page


async def test_ending_the_application_ends_what_it_is_told(desk: Desk, hook: Endpoint) -> None:
    patient, login = await desk.api.citizen()
    client = await app_of(desk, login)
    sub = await desk.subscribe(by_criteria("Observation?status=final", hook.url), who=login)
    visit = await Visit.of(desk.api, login)
    assert (await visit.send(f"/citoyen/applications/{client}/fin")).status_code == 303
    await desk.observe(patient)
    await desk.work()
    assert await desk.status(sub) == "off"
    assert len(hook.sent) == 1
    assert (await visit.send(f"/citoyen/applications/{client}/fin")).status_code == 404
    gone = await desk.api.raw(
        "GET", "Observation", headers={"authorization": f"Bearer {desk.api.tokens[login, '']}"}
    )
    assert gone.status_code == 401


async def test_another_cannot_end_it_nor_anyone_without_our_form(desk: Desk, hook: Endpoint) -> None:
    _, login = await desk.api.citizen()
    _, stranger = await desk.api.citizen()
    client = await app_of(desk, login)
    sub = await desk.subscribe(by_criteria("Observation?status=final", hook.url), who=login)
    theirs, own = await Visit.of(desk.api, stranger), await Visit.of(desk.api, login)
    assert "Carnet" not in (await theirs.ask("GET", "/citoyen/applications")).text
    assert (await theirs.send(f"/citoyen/notifications/{sub}/fin")).status_code == 404
    assert (await theirs.send(f"/citoyen/applications/{client}/fin")).status_code == 404
    assert (await own.ask("POST", f"/citoyen/notifications/{sub}/fin", csrf="guess")).status_code == 403
    assert (await own.ask("POST", f"/citoyen/applications/{client}/fin", csrf="guess")).status_code == 403
    await desk.work()
    assert await desk.status(sub) == "active"
