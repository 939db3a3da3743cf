"""Userinfo, introspection, revocation and sign-out."""

import base64
from typing import Any

import httpx
import pytest

from aubier.ground.problem import Problem
from aubier.ground.text import typography
from aubier.referentials.signon import api
from tests.contract.signon.stage import (
    BACK,
    BASE,
    MORVAN,
    VERIFIER,
    Stage,
    by_code,
    get_code,
    hidden,
    request_of,
    sign_in,
)

PSC = "/auth/realms/esante-wallet/protocol/openid-connect"
DONE = "http://127.0.0.1:9999/done"


@pytest.fixture
async def service(stage: Stage) -> api.Client:
    """A confidential client, which may introspect."""
    return await api.add_client(stage.ctx(), "Service", [BACK], confidential=True, after_logout=[DONE])


def head(client: api.Client) -> dict[str, str]:
    """Its Basic header."""
    pair = f"{client.id}:{client.secret}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


async def tokens(browser: httpx.AsyncClient, client: api.Client, **changes: str) -> dict[str, Any]:
    """Tokens of a citizen for a client, confidential or not."""
    asked = request_of(client, **{"scope": "openid profile offline_access patient/*.rs", **changes})
    code = await get_code(browser, asked, "yann")
    more = {"client_secret": client.secret} if client.secret else {}
    return (await by_code(browser, client, code, **more)).json()


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}])
async def test_userinfo_wants_a_good_token(browser: httpx.AsyncClient, header: dict[str, str]) -> None:
    for call in (browser.get, browser.post):
        refused = await call("/signon/userinfo", headers=header)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def test_userinfo_wants_openid_and_its_own_realm(app: api.Client, browser: httpx.AsyncClient) -> None:
    token = (await tokens(browser, app, scope="patient/*.rs"))["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    refused = await browser.get("/signon/userinfo", headers=bearer)
    assert refused.status_code == 403 and "insufficient_scope" in refused.headers["www-authenticate"]
    token = (await tokens(browser, app))["access_token"]
    elsewhere = await browser.get(f"{PSC}/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert elsewhere.status_code == 401


async def test_userinfo_tells_names_when_asked(app: api.Client, browser: httpx.AsyncClient) -> None:
    answer = await tokens(browser, app, scope="openid profile fhirUser")
    bearer = {"Authorization": f"bearer {answer['access_token']}"}
    about = (await browser.post("/signon/userinfo", headers=bearer)).json()
    assert (about["given_name"], about["family_name"]) == ("Yann", "Le Goff")
    assert about["fhirUser"] == f"{BASE}/fhir/Patient/yann"
    assert "ins" not in about
    bare = (await tokens(browser, app, scope="openid"))["access_token"]
    about = (await browser.get("/signon/userinfo", headers={"Authorization": f"Bearer {bare}"})).json()
    assert about.keys() == {"sub", "preferred_username"}


async def test_introspection_tells_a_proven_client_what_a_token_is(
    stage: Stage, service: api.Client, app: api.Client, browser: httpx.AsyncClient
) -> None:
    answer = await tokens(browser, app)
    asked = {"token": answer["access_token"]}
    told = (await browser.post("/signon/introspect", data=asked, headers=head(service))).json()
    assert told["active"] is True
    assert (told["client_id"], told["azp"], told["username"], told["typ"]) == (
        app.id,
        app.id,
        "yann",
        "Bearer",
    )
    assert (told["iss"], told["nonce"]) == (BASE, "no-1")
    asked = {"token": answer["refresh_token"]}
    told = (await browser.post("/signon/introspect", data=asked, headers=head(service))).json()
    assert (told["active"], told["typ"], told["client_id"]) == (True, "Refresh", app.id)
    stage.later(days=31)
    for token in (answer["access_token"], answer["refresh_token"], "x", answer["id_token"]):
        told = (await browser.post("/signon/introspect", data={"token": token}, headers=head(service))).json()
        assert told == {"active": False}


async def test_introspection_as_pro_sante_connect_answers(
    stage: Stage, service: api.Client, browser: httpx.AsyncClient
) -> None:
    asked = request_of(service, scope="openid scope_all", acr_values="eidas3")
    code = await get_code(browser, asked, "morvan", f"{PSC}/auth")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    answer = (await browser.post(f"{PSC}/token", data=form, headers=head(service))).json()
    asked = {"token": answer["access_token"]}
    told = (await browser.post(f"{PSC}/token/introspect", data=asked, headers=head(service))).json()
    assert told["active"] is True and told["acr"] == "eidas3"
    assert told["preferred_username"] == told["SubjectNameID"] == MORVAN.national_id
    assert told["sub"].startswith("f:") and told["iss"].endswith("/auth/realms/esante-wallet")
    elsewhere = await browser.post("/signon/introspect", data=asked, headers=head(service))
    assert elsewhere.json() == {"active": False}


async def test_introspection_is_not_for_the_public(app: api.Client, browser: httpx.AsyncClient) -> None:
    answer = await tokens(browser, app)
    for form in ({"client_id": app.id}, {}):
        refused = await browser.post("/signon/introspect", data={"token": answer["access_token"], **form})
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking_a_token_takes_effect_at_once(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient, kind: str
) -> None:
    answer = await tokens(browser, app)
    done = await browser.post("/signon/revoke", data={"token": answer[kind], "client_id": app.id})
    assert (done.status_code, done.content) == (200, b"")
    with pytest.raises(Problem):
        await api.authenticate(stage.ctx(), answer["access_token"])
    again = await browser.post("/signon/revoke", data={"token": answer[kind], "client_id": app.id})
    assert again.status_code == 200


async def test_a_client_revokes_its_own_tokens_only(
    stage: Stage, app: api.Client, service: api.Client, browser: httpx.AsyncClient
) -> None:
    answer = await tokens(browser, app)
    for kind in ("access_token", "refresh_token"):
        refused = await browser.post("/signon/revoke", data={"token": answer[kind]}, headers=head(service))
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    assert (await api.authenticate(stage.ctx(), answer["access_token"])).login == "yann"
    nothing = await browser.post("/signon/revoke", data={}, headers=head(service))
    assert nothing.json()["error"] == "invalid_request"
    unknown = await browser.post("/signon/revoke", data={"token": "unknown"}, headers=head(service))
    assert unknown.status_code == 200


async def test_an_application_signs_its_own_session_out_and_goes_back(
    stage: Stage, service: api.Client, browser: httpx.AsyncClient
) -> None:
    answer = await tokens(browser, service, scope="openid online_access patient/*.rs")
    # An ID token that has expired still tells which session is meant.
    stage.later(minutes=10)
    asked = {"id_token_hint": answer["id_token"], "post_logout_redirect_uri": DONE, "state": "s t"}
    done = await browser.get("/signon/logout", params=asked)
    assert (done.status_code, done.headers["location"]) == (303, f"{DONE}?state=s+t")
    assert "aubier-session=; " in done.headers["set-cookie"] and "Max-Age=0" in done.headers["set-cookie"]
    with pytest.raises(Problem):
        await api.authenticate(stage.ctx(), answer["access_token"])


@pytest.mark.parametrize("place", ["https://evil.example/", DONE + "/", BACK, "javascript:alert(1)", ""])
async def test_signing_out_leads_to_registered_addresses_only(
    service: api.Client, browser: httpx.AsyncClient, place: str
) -> None:
    answer = await tokens(browser, service)
    asked = {"id_token_hint": answer["id_token"], "post_logout_redirect_uri": place}
    assert (await browser.get("/signon/logout", params=asked)).headers["location"] == "/"


async def test_another_site_cannot_sign_somebody_out(
    stage: Stage, service: api.Client, browser: httpx.AsyncClient
) -> None:
    async with stage.browser() as attacker:
        foreign = (await tokens(attacker, service))["id_token"]
    await sign_in(browser, "yann")
    cookie = browser.cookies["aubier-session"]
    for asked in ({}, {"id_token_hint": foreign}, {"id_token_hint": "x.y.z"}, {"csrf": "guess"}):
        page = await browser.get("/signon/logout", params=asked)
        assert page.status_code == 200 and "Yann Le Goff" in page.text
        assert typography("Se déconnecter ?") in page.text
    assert await api.session_actor(stage.ctx(), cookie)
    fields = hidden((await browser.get("/signon/logout")).text)
    hostile = await browser.post("/signon/logout", data=fields, headers={"Origin": "https://evil.example"})
    assert hostile.status_code == 200 and await api.session_actor(stage.ctx(), cookie)
    done = await browser.post("/signon/logout", data=fields)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert await api.session_actor(stage.ctx(), cookie) is None


async def test_asking_keeps_the_way_back(
    stage: Stage, service: api.Client, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser, "yann")
    asked = {"client_id": service.id, "post_logout_redirect_uri": DONE, "state": "z"}
    page = await browser.get("/signon/logout", params={**asked, "ui_locales": "en"})
    assert "Sign out?" in page.text
    done = await browser.post("/signon/logout", data=hidden(page.text))
    assert done.headers["location"] == f"{DONE}?state=z"


async def test_signing_out_when_nobody_is_signed_in_just_goes_home(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/signon/logout")).headers["location"] == "/"
