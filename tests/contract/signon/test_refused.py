"""What the authorization and token endpoints refuse, and in which words."""

import httpx
import pytest

from aubier.ground.problem import Problem
from aubier.referentials.signon import api
from tests.contract.signon.stage import (
    BACK,
    CHALLENGE,
    VERIFIER,
    Stage,
    by_code,
    decide,
    exchange,
    get_code,
    request_of,
    sign_in,
    told,
)

PSC = "/auth/realms/esante-wallet/protocol/openid-connect"


@pytest.mark.parametrize(
    "redirect",
    [
        BACK + "/",
        BACK + "?x=1",
        BACK.upper(),
        BACK + "#there",
        "http://127.0.0.1:9999/back/../other",
        "http://127.0.0.1:9998/back",
        "https://evil.example/back",
        "javascript:alert(1)",
        "",
    ],
)
async def test_an_address_that_was_not_registered_is_never_gone_to(
    app: api.Client, browser: httpx.AsyncClient, redirect: str
) -> None:
    await sign_in(browser, "yann")
    page = await browser.get("/signon/authorize", params=request_of(app, redirect_uri=redirect))
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "adresse qu&#39;elle n&#39;a pas déclarée" in page.text
    assert not redirect or redirect not in page.text


@pytest.mark.parametrize("id", ["", "unknown", "x" * 500, "'; drop table signon_client; --"])
async def test_an_unknown_application_gets_a_page(
    app: api.Client, browser: httpx.AsyncClient, id: str
) -> None:
    page = await browser.get("/signon/authorize", params=request_of(app, client_id=id))
    assert (page.status_code, "location" in page.headers) == (400, False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "ey.ey.ey"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
        ({"code_challenge": "", "code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "9" * 30}, "invalid_request"),
        ({"nonce": "n" * 1025}, "invalid_request"),
        ({"aud": "https://other.example/fhir"}, "invalid_request"),
        ({"scope": "x" * 4000 + " " + "y" * 90}, "invalid_scope"),
        ({"scope": " ".join(f"s{n}" for n in range(101))}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
async def test_a_bad_request_goes_back_with_its_reason(
    app: api.Client, browser: httpx.AsyncClient, changes: dict[str, str], error: str
) -> None:
    await sign_in(browser, "yann")
    back = await browser.get("/signon/authorize", params=request_of(app, **changes))
    assert back.headers["location"].startswith(f"{BACK}?")
    values = told(back)
    assert values["error"] == error
    assert (values["state"], "code" in values) == ("st-1", False)
    assert values["error_description"].isascii()


async def test_a_right_aud_is_welcome(app: api.Client, browser: httpx.AsyncClient) -> None:
    await sign_in(browser, "yann")
    for aud in ("http://127.0.0.1:8000/fhir", "http://127.0.0.1:8000/fhir/"):
        assert "code" in told(
            await decide(browser, await browser.get("/signon/authorize", params=request_of(app, aud=aud)))
        )


async def test_a_state_that_is_too_long_comes_back_cut_and_refused(
    app: api.Client, browser: httpx.AsyncClient
) -> None:
    back = told(await browser.get("/signon/authorize", params=request_of(app, state="s" * 2000)))
    assert (back["error"], len(back["state"])) == ("invalid_request", 1024)


async def test_a_repeated_parameter_is_refused_without_going_anywhere(
    app: api.Client, browser: httpx.AsyncClient
) -> None:
    twice = [*request_of(app).items(), ("redirect_uri", "https://evil.example/")]
    page = await browser.get("/signon/authorize", params=twice)
    assert (page.status_code, "location" in page.headers) == (400, False)


@pytest.mark.parametrize("missing", ["state", "nonce"])
async def test_the_professional_realm_wants_state_and_nonce(
    app: api.Client, browser: httpx.AsyncClient, missing: str
) -> None:
    asked = request_of(app, scope="openid scope_all", **{missing: ""})
    back = told(await browser.get(f"{PSC}/auth", params=asked))
    assert back["error"] == "invalid_request" and missing in back["error_description"]


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 64},
        {"code_verifier": ""},
        {"code_verifier": CHALLENGE},
        {"code_verifier": "v" * 42},
        {"redirect_uri": "http://127.0.0.1:9999/other"},
        {"redirect_uri": ""},
    ],
)
async def test_a_code_without_its_proof_gives_nothing_and_is_spent(
    app: api.Client, browser: httpx.AsyncClient, changes: dict[str, str]
) -> None:
    code = await get_code(browser, request_of(app), "yann")
    refused = await by_code(browser, app, code, **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await by_code(browser, app, code)).json()["error"] == "invalid_grant"


async def test_a_code_replayed_ends_what_it_gave(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    code = await get_code(browser, request_of(app, scope="openid offline_access patient/*.rs"), "yann")
    first = (await by_code(browser, app, code)).json()
    assert (await api.authenticate(stage.ctx(), first["access_token"])).login == "yann"
    again = await by_code(browser, app, code)
    assert again.json()["error"] == "invalid_grant"
    with pytest.raises(Problem) as refused:
        await api.authenticate(stage.ctx(), first["access_token"])
    assert refused.value.kind == "login"
    later = await exchange(
        browser, grant_type="refresh_token", refresh_token=first["refresh_token"], client_id=app.id
    )
    assert later.json()["error"] == "invalid_grant"


async def test_a_code_of_another_application_gives_nothing_and_stays_good_for_its_own(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    other = await api.add_client(stage.ctx(), "Autre", [BACK])
    code = await get_code(browser, request_of(app), "yann")
    assert (await by_code(browser, other, code)).json()["error"] == "invalid_grant"
    assert (await by_code(browser, app, code)).status_code == 200


async def test_a_code_of_one_realm_is_nothing_in_another(app: api.Client, browser: httpx.AsyncClient) -> None:
    code = await get_code(browser, request_of(app), "yann")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": app.id}
    refused = await browser.post(f"{PSC}/token", data={**form, "code_verifier": VERIFIER})
    assert refused.json()["error"] == "invalid_grant"


async def test_a_code_lives_a_minute(stage: Stage, app: api.Client, browser: httpx.AsyncClient) -> None:
    code = await get_code(browser, request_of(app), "yann")
    stage.later(seconds=60)
    assert (await by_code(browser, app, code)).json()["error"] == "invalid_grant"


async def test_pkce_cannot_be_slipped_into_or_out_of_a_request(
    stage: Stage, browser: httpx.AsyncClient
) -> None:
    client = await api.add_client(stage.ctx(), "Serveur", [BACK], confidential=True)
    secret = client.secret or ""
    bare = request_of(client, code_challenge="", code_challenge_method="")
    code = await get_code(browser, bare, "yann")
    slipped = await by_code(browser, client, code, client_secret=secret)
    assert slipped.json()["error"] == "invalid_grant"
    code = await get_code(browser, bare, "yann")
    assert (await by_code(browser, client, code, client_secret=secret, code_verifier="")).status_code == 200
    code = await get_code(browser, request_of(client), "yann")
    without = await by_code(browser, client, code, client_secret=secret, code_verifier="")
    assert without.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password", "username": "yann", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "c" * 5000}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "a\0b"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": ""}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "é" * 43}, "invalid_grant"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
    ],
)
async def test_a_bad_token_request_is_refused_in_oauth_words(
    app: api.Client, browser: httpx.AsyncClient, form: dict[str, str], error: str
) -> None:
    refused = await browser.post("/signon/token", data={**form, "client_id": app.id})
    assert (refused.status_code, refused.json()["error"]) == (400, error)
    assert refused.headers["cache-control"] == "no-store"


async def test_two_exchanges_at_once_give_one_answer_at_most(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    import asyncio

    code = await get_code(browser, request_of(app), "yann")
    answers = await asyncio.gather(*(by_code(browser, app, code) for _ in range(5)))
    assert sum(a.status_code == 200 for a in answers) <= 1
    for good in (a for a in answers if a.status_code == 200):
        with pytest.raises(Problem):
            await api.authenticate(stage.ctx(), good.json()["access_token"])
