"""Someone at their own pages: a session, and forms that came from there."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from aubier.referentials.signon import api as signon
from tests.contract.conftest import Api

HOUSE = "http://127.0.0.1:8000"


@dataclass
class Visit:
    """A session of an account, in English."""

    api: Api
    cookie: str

    @classmethod
    async def of(cls, api: Api, login: str) -> Visit:
        """Signs in."""
        account = await signon.find_account(api.system, login)
        assert account is not None
        return cls(api, await signon.open_session(api.system, account))

    async def ask(self, method: str, path: str, **form: str) -> httpx.Response:
        """Asks for a page, or sends fields as they are."""
        headers = {"cookie": f"{signon.cookie_name(HOUSE)}={self.cookie}", "accept-language": "en"}
        return await self.api.client.request(method, HOUSE + path, data=form or None, headers=headers)

    async def send(self, path: str, **form: str) -> httpx.Response:
        """Sends a form of ours."""
        return await self.ask("POST", path, csrf=signon.csrf_token(self.cookie), **form)
