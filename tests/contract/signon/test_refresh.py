"""Refresh tokens: they rotate, a copy betrays itself, and none outlives what it stands on."""

import asyncio

import httpx
import pytest

from aubier.ground.problem import Problem
from aubier.referentials.signon import api
from tests.contract.signon.stage import Stage, by_code, claims, exchange, get_code, request_of

OFFLINE = "openid offline_access patient/*.rs"


async def tokens(browser: httpx.AsyncClient, app: api.Client, scope: str = OFFLINE) -> dict[str, str]:
    """The tokens of a citizen who signed in now."""
    code = await get_code(browser, request_of(app, scope=scope), "yann")
    return (await by_code(browser, app, code)).json()


async def refresh(browser: httpx.AsyncClient, app: api.Client, token: str, **more: str) -> httpx.Response:
    """A refresh request of a public client."""
    return await exchange(
        browser, **{"grant_type": "refresh_token", "refresh_token": token, "client_id": app.id, **more}
    )


async def test_each_refresh_gives_the_next(stage: Stage, app: api.Client, browser: httpx.AsyncClient) -> None:
    first = await tokens(browser, app)
    second = (await refresh(browser, app, first["refresh_token"])).json()
    third = (await refresh(browser, app, second["refresh_token"])).json()
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert third["scope"] == first["scope"]
    for each in (first, second, third):
        assert (await api.authenticate(stage.ctx(), each["access_token"])).login == "yann"
    assert len({claims(each["access_token"])["jti"] for each in (first, second, third)}) == 3


async def test_a_used_refresh_token_ends_everything(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    first = await tokens(browser, app)
    second = (await refresh(browser, app, first["refresh_token"])).json()
    assert (await refresh(browser, app, first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await refresh(browser, app, second["refresh_token"])).json()["error"] == "invalid_grant"
    with pytest.raises(Problem):
        await api.authenticate(stage.ctx(), second["access_token"])


async def test_two_refreshes_at_once_betray_a_copy(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    token = (await tokens(browser, app))["refresh_token"]
    answers = await asyncio.gather(*(refresh(browser, app, token) for _ in range(4)))
    good = [a.json() for a in answers if a.status_code == 200]
    assert len(good) <= 1
    for each in good:
        assert (await refresh(browser, app, each["refresh_token"])).status_code == 400


async def test_a_refresh_may_ask_less_and_never_more(app: api.Client, browser: httpx.AsyncClient) -> None:
    token = (await tokens(browser, app))["refresh_token"]
    less = (await refresh(browser, app, token, scope="patient/Observation.rs")).json()
    assert less["scope"] == "patient/Observation.rs"
    assert "id_token" not in less
    unheld = "patient/Observation.rs?nonsense=1"
    for more in ("patient/*.cruds", "profile", "user/*.rs", "made-up", unheld):
        refused = await refresh(browser, app, less["refresh_token"], scope=more)
        assert refused.json()["error"] == "invalid_scope"
    # A refused scope spends nothing, and the next refresh may ask all of the grant again.
    whole = (await refresh(browser, app, less["refresh_token"])).json()
    assert "patient/*.rs" in whole["scope"].split()


async def test_a_narrowed_token_can_do_less(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    token = (await tokens(browser, app))["refresh_token"]
    less = (await refresh(browser, app, token, scope="patient/Observation.rs")).json()
    assert (await api.authenticate(stage.ctx(), less["access_token"])).scopes == ("patient/Observation.rs",)


async def test_a_refresh_token_is_its_client_s_alone(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    other = await api.add_client(stage.ctx(), "Autre", ["https://other.example/"])
    token = (await tokens(browser, app))["refresh_token"]
    assert (await refresh(browser, other, token)).json()["error"] == "invalid_grant"
    assert (await refresh(browser, app, token)).status_code == 200


async def test_an_online_refresh_ends_with_the_session(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    online = await tokens(browser, app, "openid online_access patient/*.rs")
    offline = await tokens(browser, app)
    cookie = browser.cookies["aubier-session"]
    assert await api.close_session(stage.ctx(), cookie)
    assert (await refresh(browser, app, online["refresh_token"])).json()["error"] == "invalid_grant"
    with pytest.raises(Problem):
        await api.authenticate(stage.ctx(), online["access_token"])
    assert (await refresh(browser, app, offline["refresh_token"])).status_code == 200


async def test_refresh_tokens_end_in_time(stage: Stage, app: api.Client, browser: httpx.AsyncClient) -> None:
    online = await tokens(browser, app, "openid online_access patient/*.rs")
    offline = await tokens(browser, app)
    stage.later(minutes=31)
    assert (await refresh(browser, app, online["refresh_token"])).json()["error"] == "invalid_grant"
    stage.later(days=20)
    offline = (await refresh(browser, app, offline["refresh_token"])).json()
    # Rotation never prolongs what was granted: thirty days from the sign-in, not from the last refresh.
    stage.later(days=10)
    assert (await refresh(browser, app, offline["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_closed_account_and_a_removed_client_end_their_tokens(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    mine = await tokens(browser, app)
    assert await api.remove_client(stage.ctx(), app.id)
    with pytest.raises(Problem):
        await api.authenticate(stage.ctx(), mine["access_token"])
    assert (await refresh(browser, app, mine["refresh_token"])).status_code == 401
    token = await api.issue_token(stage.ctx(), "yann")
    assert await api.close_account(stage.ctx(), "yann")
    with pytest.raises(Problem):
        await api.authenticate(stage.ctx(), token)
    assert await api.find_account(stage.ctx(), "yann") is None
