"""An application gets nothing of a person who was not asked, and nothing more than was answered."""

import html
import re
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from aubier.ground.problem import Problem
from aubier.ground.text import typography
from aubier.referentials.signon import api
from tests.contract.signon.stage import (
    BACK,
    Stage,
    by_code,
    decide,
    exchange,
    get_code,
    hidden,
    request_of,
    sign_in,
    told,
)

CITIZEN = "/auth/realms/citizen/protocol/openid-connect/auth"
PSC = "/auth/realms/esante-wallet/protocol/openid-connect/auth"
WIDE = "openid offline_access patient/*.rs patient/Observation.c"


async def ask(
    browser: httpx.AsyncClient, app: api.Client, place: str = CITIZEN, **changes: str
) -> httpx.Response:
    """The application's request, with whatever session the browser has."""
    return await browser.get(place, params=request_of(app, **changes))


def asks(page: httpx.Response) -> bool:
    """Whether this is the question, and no way back with a code."""
    return page.status_code == 200 and "location" not in page.headers and "signon_decided" in page.text


@pytest.fixture
async def yann(browser: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser in which Yann is signed in."""
    await sign_in(browser, "yann")
    return browser


@pytest.mark.parametrize("prompt", ["", "consent", "consent login"])
@pytest.mark.parametrize("place", [CITIZEN, "/signon/authorize"])
async def test_an_open_session_is_not_an_answer(
    stage: Stage, app: api.Client, yann: httpx.AsyncClient, prompt: str, place: str, pool: Any
) -> None:
    page = await ask(yann, app, place, prompt=prompt, scope=WIDE)
    if page.status_code == 303:
        page = await yann.get((await sign_in(yann, "yann", page.headers["location"])).headers["location"])
    assert asks(page)
    assert await pool.fetchval("select count(*) from signon_grant") == 0


async def test_the_question_says_what_it_is_in_plain_words(app: api.Client, yann: httpx.AsyncClient) -> None:
    page = await ask(yann, app, scope=WIDE)
    assert typography("Autoriser « Carnet » ?") in page.text and "Yann Le Goff" in page.text
    assert "Lire tout votre dossier de santé" in page.text
    assert typography("Ajouter dans votre dossier : mesures et résultats d&#39;analyses") in page.text
    assert "Garder cet accès 30 jours, même quand vous n&#39;êtes pas là" in page.text
    assert "127.0.0.1:9999" in page.text and "patient/*" not in re.sub(r"<input[^>]*>", "", page.text)
    buttons = re.findall(r'<button class="([^"]*)" name="signon_decided" value="(\w+)">([^<]*)<', page.text)
    assert buttons == [("btn", "no", "Refuser"), ("btn", "yes", "Autoriser")]
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and "form-action 'self' http://127.0.0.1:9999" in policy
    english = await ask(yann, app, scope=WIDE, ui_locales="en")
    assert "Read your whole health record" in english.text and ">Allow<" in english.text


async def test_yes_gives_what_was_shown_and_is_remembered_for_that(
    stage: Stage, app: api.Client, yann: httpx.AsyncClient
) -> None:
    back = await decide(yann, await ask(yann, app, "/signon/authorize", scope="openid patient/*.rs"))
    token = (await by_code(yann, app, told(back)["code"])).json()
    assert token["scope"] == "openid patient/*.rs"
    assert "code" in told(await ask(yann, app, scope="openid patient/*.rs"))
    assert "code" in told(await ask(yann, app, scope="patient/*.rs", prompt="none"))
    # More is asked again, as is a narrower scope that was never shown, another application, another person.
    for scope in (
        "openid patient/*.rs offline_access",
        "patient/Observation.rs",
        "openid profile patient/*.rs",
    ):
        assert asks(await ask(yann, app, scope=scope))
    assert asks(await ask(yann, app, scope="patient/*.rs", prompt="consent"))
    other = await api.add_client(stage.ctx(), "Autre", [BACK])
    assert asks(await ask(yann, other, scope="openid patient/*.rs"))
    async with stage.browser() as second:
        await sign_in(second, "morvan")
        assert asks(await ask(second, app, "/signon/authorize", scope="openid"))


async def test_two_answers_add_up(app: api.Client, yann: httpx.AsyncClient) -> None:
    for scope in ("openid", "patient/*.rs"):
        await decide(yann, await ask(yann, app, scope=scope))
    assert "code" in told(await ask(yann, app, scope="openid patient/*.rs"))


async def test_no_sends_the_application_away_with_nothing(
    app: api.Client, yann: httpx.AsyncClient, pool: Any
) -> None:
    back = told(await decide(yann, await ask(yann, app), "no"))
    assert (back["error"], back["state"]) == ("access_denied", "st-1") and "code" not in back
    assert await pool.fetchval("select count(*) from signon_grant") == 0
    assert asks(await ask(yann, app))


@pytest.mark.parametrize("choice", ["", "oui", "YES", "yes "])
async def test_anything_but_yes_is_no(app: api.Client, yann: httpx.AsyncClient, choice: str) -> None:
    back = told(await decide(yann, await ask(yann, app), choice))
    assert back["error"] == "access_denied"


async def test_prompt_none_never_shows_a_page(app: api.Client, yann: httpx.AsyncClient) -> None:
    assert told(await ask(yann, app, prompt="none"))["error"] == "consent_required"


async def test_an_application_cannot_answer_for_the_person(
    stage: Stage, app: api.Client, yann: httpx.AsyncClient, pool: Any
) -> None:
    asked = request_of(app, scope=WIDE)
    for query in ({"signon_decided": "yes"}, {"signon_decided": "yes", "csrf": "x"}):
        assert asks(await yann.get(CITIZEN, params={**asked, **query}))
        posted = await yann.post(CITIZEN, data={**asked, **query})
        assert posted.status_code == 403 and "location" not in posted.headers
    good = hidden((await ask(yann, app, scope=WIDE)).text)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        posted = await yann.post(CITIZEN, data={**good, "signon_decided": "yes"}, headers=headers)
        assert posted.status_code == 403
    async with stage.browser() as other:
        await sign_in(other, "yann")
        posted = await other.post(CITIZEN, data={**good, "signon_decided": "yes"})
        assert posted.status_code == 403
    assert await pool.fetchval("select count(*) from signon_grant") == 0
    assert await pool.fetchval("select count(*) from signon_consent") == 0


async def test_without_a_session_an_answer_opens_nothing(
    app: api.Client, yann: httpx.AsyncClient, stage: Stage
) -> None:
    form = {**hidden((await ask(yann, app)).text), "signon_decided": "yes"}
    stage.later(hours=5)
    posted = await yann.post(CITIZEN, data=form)
    assert posted.headers["location"].startswith("/signon/login")
    assert "signon_decided" not in posted.headers["location"]


async def test_the_name_of_an_application_is_text(stage: Stage, yann: httpx.AsyncClient) -> None:
    app = await api.add_client(stage.ctx(), '<b onload="x">Mon & cie', [BACK])
    page = await ask(yann, app, state='"><script>x</script>')
    assert "<b onload" not in page.text and "<script" not in page.text
    assert html.escape('<b onload="x">Mon & cie', quote=True).replace("&quot;", "&#34;") in page.text


async def test_professionals_are_asked_as_well(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser, "morvan")
    page = await ask(browser, app, PSC, scope="openid scope_all user/*.cruds")
    assert asks(page) and f'action="{PSC}"' in page.text
    assert "Lire, ajouter, modifier et effacer les dossiers auxquels vous avez accès" in page.text
    assert urlsplit((await decide(browser, page)).headers["location"]).netloc == "127.0.0.1:9999"


async def test_our_own_applications_do_not_ask(stage: Stage, yann: httpx.AsyncClient) -> None:
    with pytest.raises(Problem, match="secret"):
        await api.add_client(stage.ctx(), "Aubier mobile", [BACK], first_party=True)
    assert await api.add_client(stage.ctx(), "Web", ["https://aubier.example/back"], first_party=True)
    ours = await api.add_client(stage.ctx(), "Aubier mobile", [BACK], first_party=True, confidential=True)
    assert (await api.find_client(stage.ctx(), ours.id)).first_party  # type: ignore[union-attr]
    assert "code" in told(await ask(yann, ours))
    assert "code" in told(await ask(yann, ours, prompt="none"))


async def test_what_was_let_is_listed_and_withdrawn_at_once(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    code = await get_code(browser, request_of(app, scope=WIDE), "yann")
    answer = (await by_code(browser, app, code)).json()
    (given,) = await api.list_consents(stage.ctx(), "yann")
    assert (given["client"], given["name"]) == (app.id, "Carnet")
    assert set(given["scope"]) == set(WIDE.split())
    assert await api.withdraw_consent(stage.ctx(), "yann", app.id)
    assert not await api.withdraw_consent(stage.ctx(), "yann", app.id)
    with pytest.raises(Problem):
        await api.authenticate(stage.ctx(), answer["access_token"])
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"], "client_id": app.id}
    assert (await exchange(browser, **refresh)).status_code == 400
    assert asks(await ask(browser, app, "/signon/authorize", scope=WIDE))


async def test_a_new_application_under_an_old_id_is_asked_for_again(
    stage: Stage, yann: httpx.AsyncClient
) -> None:
    app = await api.add_client(stage.ctx(), "Carnet", [BACK], id="carnet")
    await decide(yann, await ask(yann, app))
    await api.remove_client(stage.ctx(), "carnet")
    again = await api.add_client(stage.ctx(), "Carnet", [BACK], id="carnet")
    assert asks(await ask(yann, again))


async def test_each_answer_leaves_a_line(app: api.Client, yann: httpx.AsyncClient, pool: Any) -> None:
    before = await pool.fetchval("select count(*) from audit where action = 'application'")
    page = await ask(yann, app, scope="openid")
    for choice in ("no", "yes"):
        await decide(yann, page, choice)
    lines = await pool.fetch("select what, outcome from audit where action = 'application' order by aid")
    assert [(r["what"], r["outcome"]) for r in lines[before:]] == [
        (f"yann no {app.id}: openid", "refused"),
        (f"yann yes {app.id}: openid", "ok"),
    ]
