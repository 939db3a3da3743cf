"""Authlib's client, which we did not write, goes every way through the provider."""

import time
import warnings
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken, UserInfo
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from aubier.referentials.signon import api
from tests.contract.signon.stage import BACK, BASE, Stage, Wire, claims, decide, sign_in

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it announces its move to httpx2
    from authlib.integrations.httpx_client import AsyncOAuth2Client

VERIFIER = "a-verifier-of-authlib-0123456789-0123456789-0123456789"


def client_of(stage: Stage, client: api.Client, **options: Any) -> AsyncOAuth2Client:
    """Authlib's client over our wire."""
    return AsyncOAuth2Client(client.id, client.secret, transport=Wire(stage), redirect_uri=BACK, **options)


async def fetch(stage: Stage, url: str) -> dict[str, Any]:
    """A public document of the provider."""
    async with stage.browser() as browser:
        answer = await browser.get(url)
    assert answer.status_code == 200
    return answer.json()


async def came_back(stage: Stage, place: str, login: str) -> str:
    """What a browser brings back from an authorization address."""
    async with stage.browser() as browser:
        sent = await browser.get(place)
        done = await sign_in(browser, login, sent.headers["location"])
        back = await decide(browser, await browser.get(done.headers["location"]))
        return back.headers["location"]


@pytest.mark.parametrize(
    ("discovery", "login"),
    [
        ("/.well-known/openid-configuration", "yann"),
        ("/auth/realms/citizen/.well-known/openid-configuration", "yann"),
        ("/auth/realms/esante-wallet/.well-known/openid-configuration", "morvan"),
        ("/auth/realms/esante-wallet/.well-known/wallet-openid-configuration", "morvan"),
    ],
)
@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
async def test_code_flow_refresh_introspection_revocation(
    stage: Stage, discovery: str, login: str, method: str
) -> None:
    registered = await api.add_client(stage.ctx(), "Pair", [BACK], confidential=method != "none")
    options = {"scope": "openid profile scope_all offline_access", "code_challenge_method": "S256"}
    async with client_of(stage, registered, token_endpoint_auth_method=method, **options) as peer:
        known = await fetch(stage, discovery)
        place, state = peer.create_authorization_url(
            known["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-9", acr_values="eidas2"
        )
        back = await came_back(stage, place, login)
        assert parse_qs(urlsplit(back).query)["iss"] == [known["issuer"]]
        token = await peer.fetch_token(
            known["token_endpoint"], authorization_response=back, state=state, code_verifier=VERIFIER
        )
        keys = KeySet.import_key_set(await fetch(stage, known["jwks_uri"]))
        decoded = jwt.decode(
            token["id_token"], keys, algorithms=known["id_token_signing_alg_values_supported"]
        )
        told = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"value": known["issuer"]}, "aud": {"value": registered.id}},
            {"nonce": "n-9", "access_token": token["access_token"], "client_id": registered.id},
        )
        told.validate(now=int(stage.now.timestamp()))
        assert told["acr"] == "eidas2"
        about = UserInfo((await peer.get(known["userinfo_endpoint"])).json())
        assert about.sub == told["sub"] and about["family_name"]
        fresh = await peer.refresh_token(known["token_endpoint"], refresh_token=token["refresh_token"])
        assert fresh["refresh_token"] != token["refresh_token"]
        if method != "none":
            told_of = await peer.introspect_token(
                known["introspection_endpoint"], token=fresh["access_token"]
            )
            assert told_of.json()["active"] is True
        gone = await peer.revoke_token(known["revocation_endpoint"], token=fresh["access_token"])
        assert gone.status_code == 200
        assert (await peer.get(known["userinfo_endpoint"])).status_code == 401


async def test_backend_service_with_private_key_jwt(stage: Stage) -> None:
    key = RSAKey.generate_key(2048, {"kid": "k"}, auto_kid=False)
    keys = {"keys": [key.as_dict(private=False)]}
    registered = await api.add_client(stage.ctx(), "Entrepôt", jwks=keys, scope="system/*.rs")
    stage.now = datetime.now(UTC)  # authlib signs by the machine's clock
    place = f"{BASE}/signon/token"
    # Its own default of an hour is more than the five minutes that SMART lets an assertion live.
    soon = {"exp": int(time.time()) + 240}
    async with AsyncOAuth2Client(
        registered.id,
        key.as_pem(private=True).decode(),
        transport=Wire(stage),
        token_endpoint_auth_method=PrivateKeyJWT(place, soon, {"kid": "k"}, "RS384"),
    ) as peer:
        token = await peer.fetch_token(place, grant_type="client_credentials", scope="system/*.rs")
    assert token["scope"] == "system/*.rs"
    assert claims(token["access_token"])["sub"] == registered.id


async def test_smart_configuration_leads_to_the_same_places(stage: Stage) -> None:
    async with stage.browser() as browser:
        smart = (await browser.get("/fhir/.well-known/smart-configuration")).json()
        known = (await browser.get("/.well-known/openid-configuration")).json()
        server = (await browser.get("/.well-known/oauth-authorization-server")).json()
    assert server == known
    assert smart["authorization_endpoint"] == known["authorization_endpoint"]
    assert smart["code_challenge_methods_supported"] == ["S256"]
    assert {"launch-standalone", "permission-v2", "client-public"} <= set(smart["capabilities"])
