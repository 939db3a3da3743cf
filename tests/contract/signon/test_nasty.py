"""Five hundred ill-meant requests: each gets an answer, none a fault, none a session or a token."""

import random

import httpx
import pytest

from aubier.referentials.signon import SERVICE, api
from aubier.referentials.signon.tokens.clients import ASSERTION_TYPE
from tests.contract.signon.stage import BACK, CHALLENGE, VERIFIER, part

NAMES = """grant_type code redirect_uri client_id client_secret code_verifier refresh_token scope state
nonce token response_type code_challenge code_challenge_method prompt max_age acr_values aud ui_locales login
password csrf next realm id_token_hint post_logout_redirect_uri client_assertion client_assertion_type
signon_asked"""
UNSIGNED = part({"alg": "none", "kid": "é"})
NUL = part({"sub": "\0", "gid": "g", "exp": float("inf")})
BROKEN = part({"sub": "\ud800", "gid": []})
VALUES = [
    "",
    "\0",
    "é",
    "\u2028",
    "\ufffd",
    "%00",
    "' or 1=1 --",
    "x" * 5000,
    "{}",
    "null",
    "-1",
    "9" * 30,
    "none",
    "login",
    "code",
    "S256",
    "fr",
    "authorization_code",
    "refresh_token",
    "client_credentials",
    ASSERTION_TYPE,
    "openid patient/*.rs",
    "//evil.example",
    "https://evil.example/",
    BACK,
    CHALLENGE,
    VERIFIER,
    "yann",
    "esante-wallet",
    "a.b.c",
    f"{UNSIGNED}.{BROKEN}.x",
    f"{UNSIGNED}.{NUL}.x",
    f"{part(b'[')}.{part(b'nul')}.",
]
HEADERS = [
    "",
    "Bearer",
    "Bearer ",
    "bearer x",
    "Basic",
    "Basic =",
    "Basic AAA6AAA=",
    "Digest x",
    "Bearer " + VALUES[-2],
]
PLACES = sorted({(route.method, route.path) for route in SERVICE.routes})


@pytest.mark.parametrize("seed", range(10))
async def test_nothing_breaks(app: api.Client, browser: httpx.AsyncClient, seed: int) -> None:
    chance = random.Random(seed)
    values = [*VALUES, app.id]
    for _ in range(50):
        method, path = chance.choice(PLACES)
        sent = [(chance.choice(NAMES.split()), chance.choice(values)) for _ in range(chance.randrange(12))]
        headers = {"Authorization": chance.choice(HEADERS)} if chance.random() < 0.3 else {}
        if chance.random() < 0.3:
            headers["Cookie"] = f"aubier-session={chance.choice(['x', 'y' * 43, 'z' * 999])}"
        kept = {"params": sent} if method == "GET" else {"data": dict(sent)}
        answer = await browser.request(method, path, headers=headers, **kept)  # type: ignore[arg-type]
        assert answer.status_code < 500
        assert "access_token" not in answer.text
        assert "aubier-session=" not in answer.headers.get("set-cookie", "").replace("aubier-session=;", "")
        assert "evil" not in answer.headers.get("location", "").partition("?")[0]
