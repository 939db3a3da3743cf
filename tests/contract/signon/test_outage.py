"""When the store does not answer, nobody is told that their token or password is wrong."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from aubier.access.actor import ANONYMOUS, Context
from aubier.ground.problem import Problem
from aubier.referentials.signon import api
from aubier.store.pool import unavailable
from tests.contract.signon.stage import Stage, by_code, get_code, hidden, request_of


class _Down:
    """A store that is down from a given statement on."""

    def __init__(self, real: Any, first: str) -> None:
        self.real, self.first, self.down = real, first, False

    async def run(self, name: str, *args: Any) -> Any:
        self.down = self.down or name == self.first
        if self.down:
            raise unavailable()
        return await self.real.run(name, *args)


@pytest.fixture
def failing(stage: Stage) -> Callable[[str], None]:
    """Makes the store stop answering at a statement."""

    def fail(first: str) -> None:
        real = stage.ctx().store

        def contexts(actor: Any, now: Any) -> Context:
            return Context(ANONYMOUS, _Down(real, first), now, stage.settings)  # type: ignore[arg-type]

        stage.contexts = contexts

    return fail


@pytest.mark.parametrize(
    ("statement", "method", "path", "form"),
    [
        ("signon.bearer", "GET", "/signon/userinfo", {}),
        ("signon.bearer", "POST", "/signon/introspect", {}),
        ("signon.bearer", "POST", "/signon/revoke", {}),
        ("signon.refresh", "POST", "/signon/revoke", {}),
        ("signon.client", "POST", "/signon/token", {"grant_type": "refresh_token"}),
        ("signon.client", "GET", "/signon/authorize", {}),
        ("signon.session", "GET", "/signon/authorize", {}),
        ("signon.count_try", "POST", "/signon/login", {}),
        ("signon.account", "POST", "/signon/login", {}),
    ],
)
async def test_an_outage_is_no_refusal(
    stage: Stage,
    failing: Callable[[str], None],
    browser: httpx.AsyncClient,
    statement: str,
    method: str,
    path: str,
    form: dict[str, str],
) -> None:
    app = await api.add_client(stage.ctx(), "Service", ["http://127.0.0.1:9999/back"], confidential=True)
    code = await get_code(browser, request_of(app), "yann")
    token = (await by_code(browser, app, code, client_secret=app.secret or "")).json()["access_token"]
    login = hidden((await browser.get("/signon/login")).text)
    proof = {"client_id": app.id, "client_secret": app.secret or "", "token": token, "login": "yann"}
    failing(statement)
    send = {"data": {**login, **proof, **form}} if method == "POST" else {"params": request_of(app)}
    headers = {"Authorization": f"Bearer {token}"} if path.endswith("userinfo") else {}
    with pytest.raises(Problem) as refused:
        await browser.request(method, path, headers=headers, **send)  # type: ignore[arg-type]
    assert refused.value.kind == "transient"


async def test_a_token_is_not_called_invalid_either(stage: Stage, failing: Callable[[str], None]) -> None:
    token = await api.issue_token(stage.ctx(), "yann")
    failing("signon.bearer")
    with pytest.raises(Problem) as refused:
        await api.authenticate(stage.ctx(), token)
    assert refused.value.kind == "transient"
