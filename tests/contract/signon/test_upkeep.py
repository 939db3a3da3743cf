"""The sweeping job, and every statement against the real tables."""

from typing import Any

import httpx

from aubier.referentials.signon import SERVICE, api
from aubier.referentials.signon.service import sweep
from tests.contract.signon.stage import Stage, by_code, get_code, request_of, sign_in

TABLES = ("session", "grant", "refresh", "assertion", "try", "key", "account", "client")


async def counts(pool: Any) -> dict[str, int]:
    """Rows per table."""
    return {name: await pool.fetchval(f"SELECT count(*) FROM signon_{name}") for name in TABLES}


async def test_what_ended_a_day_ago_goes_and_the_rest_stays(
    stage: Stage, pool: Any, app: api.Client, browser: httpx.AsyncClient
) -> None:
    code = await get_code(browser, request_of(app, scope="openid online_access patient/*.rs"), "yann")
    await by_code(browser, app, code)
    await sign_in(browser, "nobody")
    offline = await get_code(browser, request_of(app, scope="openid offline_access patient/*.rs"), "yann")
    kept = (await by_code(browser, app, offline)).json()
    service = await api.add_client(stage.ctx(), "Service", confidential=True, scope="system/*.rs")
    form = {"grant_type": "client_credentials", "client_id": service.id, "client_secret": service.secret}
    own = (await browser.post("/signon/token", data=form)).json()
    assert (await counts(pool))["grant"] == 3
    stage.later(hours=5)
    await sweep(stage.ctx())
    before = await counts(pool)
    assert (before["session"], before["grant"], before["refresh"], before["try"]) == (1, 2, 2, 2)
    assert own["access_token"]
    stage.later(hours=24)
    await api.new_key(stage.ctx())
    await sweep(stage.ctx())
    after = await counts(pool)
    assert (after["session"], after["grant"], after["refresh"], after["try"]) == (0, 1, 1, 0)
    assert (after["account"], after["client"], after["key"]) == (3, 2, 2)
    form = {"grant_type": "refresh_token", "refresh_token": kept["refresh_token"], "client_id": app.id}
    assert (await browser.post("/signon/token", data=form)).status_code == 200
    stage.later(hours=25)
    await sweep(stage.ctx())
    assert (await counts(pool))["key"] == 1


async def test_every_statement_is_one_the_database_understands(pool: Any) -> None:
    names = [statement.name for statement in SERVICE.statements]
    assert len(names) == len(set(names)) and all(name.startswith("signon.") for name in names)
    async with pool.acquire() as connection:
        for statement in SERVICE.statements:
            prepared = await connection.prepare(statement.sql)
            assert prepared.get_query() == statement.sql
            assert statement.title


def test_no_two_routes_claim_the_same_address() -> None:
    places = [(route.method, route.path) for route in SERVICE.routes]
    assert len(places) == len(set(places))
    assert all(route.title for route in SERVICE.routes)
