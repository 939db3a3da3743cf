"""From an application's request to a signed-in person and back, as it should go."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from aubier.access.view import Write
from aubier.referentials.identity import api as identity
from aubier.referentials.signon import api
from tests.contract.signon.stage import (
    BACK,
    BASE,
    MORVAN,
    VERIFIER,
    YANN,
    Stage,
    by_code,
    claims,
    decide,
    get_code,
    hidden,
    request_of,
    sign_in,
    told,
)

PSC = "/auth/realms/esante-wallet/protocol/openid-connect"


async def test_a_citizen_signs_in_and_the_application_knows_whom(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    code = await get_code(browser, request_of(app), "yann")
    answer = (await by_code(browser, app, code)).json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 3600
    assert answer["patient"] == "yann"
    assert answer["scope"] == "openid profile fhirUser launch/patient scope_all patient/*.rs"
    assert "refresh_token" not in answer
    told_by_id = claims(answer["id_token"])
    assert (told_by_id["iss"], told_by_id["aud"], told_by_id["nonce"]) == (BASE, app.id, "no-1")
    assert told_by_id["fhirUser"] == f"{BASE}/fhir/Patient/yann"
    actor = await api.authenticate(stage.ctx(), answer["access_token"])
    assert (actor.kind, actor.keys, actor.patient) == ("citizen", ("person:yann",), "yann")
    assert (actor.client, actor.purpose) == (app.id, "PATRQT")
    assert "patient/*.rs" in actor.scopes


async def test_a_professional_signs_in_as_with_pro_sante_connect(stage: Stage, app: api.Client) -> None:
    async with stage.browser() as browser:
        asked = request_of(app, scope="openid scope_all", acr_values="eidas1")
        code = await get_code(browser, asked, "morvan", f"{PSC}/auth")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": app.id}
        answer = (await browser.post(f"{PSC}/token", data={**form, "code_verifier": VERIFIER})).json()
        assert {"access_token", "id_token", "refresh_token", "refresh_expires_in"} <= set(answer)
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        told_by_psc = (await browser.get(f"{PSC}/userinfo", headers=bearer)).json()
    known = claims(answer["id_token"])
    assert known["iss"] == f"{BASE}/auth/realms/esante-wallet"
    assert known["acr"] == "eidas1"
    assert known["sub"] == told_by_psc["sub"]
    assert known["sub"].startswith("f:") and known["sub"].endswith(":810000000001")
    assert told_by_psc["SubjectNameID"] == MORVAN.national_id
    assert told_by_psc["SubjectRole"] == ["10^1.2.250.1.213.1.1.5.5"]
    actor = await api.authenticate(stage.ctx(), answer["access_token"])
    assert actor.keys == ("ps:810000000001", "org:1350000022")
    assert (actor.profession, actor.purpose, actor.scopes) == ("10", "TREAT", ("openid", "scope_all"))


async def test_a_realm_takes_its_own_people_only(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    asked = request_of(app, scope="openid scope_all")
    sent = await browser.get(f"{PSC}/auth", params=asked)
    page = await browser.get(sent.headers["location"])
    assert "Dr Anne Morvan" in page.text and "Yann" not in page.text
    refused = await browser.post("/signon/login", data={**hidden(page.text), "login": "yann"})
    assert refused.status_code == 401 and "Identifiant ou mot de passe incorrect" in refused.text
    # A citizen signed in elsewhere is asked again, not let through.
    await sign_in(browser, "yann")
    again = await browser.get(f"{PSC}/auth", params=asked)
    assert again.headers["location"].startswith("/signon/login")
    silent = await browser.get(f"{PSC}/auth", params={**asked, "prompt": "none"})
    assert told(silent)["error"] == "login_required"


async def test_who_is_signed_in_is_not_asked_again(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    await get_code(browser, request_of(app), "yann")
    back = await browser.get("/signon/authorize", params=request_of(app, prompt="none"))
    assert told(back).keys() == {"code", "state", "iss"}
    assert told(back)["state"] == "st-1"
    assert told(back)["iss"] == BASE
    assert back.headers["location"].startswith(f"{BACK}?")


async def test_prompt_login_asks_again_and_cannot_be_skipped(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser, "yann")
    stage.later(minutes=5)
    asked = request_of(app, prompt="login")
    sent = await browser.get("/signon/authorize", params=asked)
    note = sent.headers["location"]
    assert note.startswith("/signon/login")
    # Going back without signing in, even with our own note in the address, asks again.
    page = await browser.get(note)
    skipped = await browser.get(hidden(page.text)["next"])
    assert skipped.headers["location"].startswith("/signon/login")
    stage.later(seconds=5)
    done = await browser.post("/signon/login", data={**hidden(page.text), "login": "yann"})
    assert "code" in told(await decide(browser, await browser.get(done.headers["location"])))
    # The note serves the request it was made for, and no other.
    other = done.headers["location"].replace("state=st-1", "state=st-2")
    assert (await browser.get(other)).headers["location"].startswith("/signon/login")
    # Nor does it serve for ever.
    stage.later(hours=2)
    await sign_in(browser, "yann")
    assert (await browser.get(done.headers["location"])).headers["location"].startswith("/signon/login")


async def test_max_age_asks_again_when_the_sign_in_is_old(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    await get_code(browser, request_of(app), "yann")
    asked = request_of(app, max_age="300", prompt="none")
    assert "code" in told(await browser.get("/signon/authorize", params=asked))
    stage.later(seconds=301)
    assert told(await browser.get("/signon/authorize", params=asked))["error"] == "login_required"


async def test_an_application_may_ask_by_form(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    sent = await browser.post("/signon/authorize", data=request_of(app))
    done = await sign_in(browser, "yann", sent.headers["location"])
    assert "code" in told(await decide(browser, await browser.get(done.headers["location"])))


@pytest.mark.parametrize(
    ("asked", "login", "given"),
    [
        ("patient/*.cruds", "yann", "patient/*.rs patient/Subscription.cud"),
        ("patient/Observation.rs?category=laboratory", "yann", "patient/Observation.rs?category=laboratory"),
        ("openid patient/Patient.read made-up", "yann", "openid patient/Patient.rs"),
        ("user/*.cruds patient/*.rs system/*.cruds", "morvan", "user/*.cruds"),
        ("openid launch/patient ins", "morvan", "openid"),
        ("openid ins", "yann", "openid"),
    ],
)
async def test_what_is_granted_is_never_more_than_the_person_may(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient, asked: str, login: str, given: str
) -> None:
    code = await get_code(browser, request_of(app, scope=asked), login)
    granted = (await by_code(browser, app, code)).json()["scope"].split()
    assert given.split() == [scope for scope in granted if not scope.endswith(".c")]
    assert all(scope.startswith("patient/") for scope in granted if scope.endswith(".c"))


async def test_nothing_grantable_is_told_to_the_application(
    stage: Stage, app: api.Client, browser: httpx.AsyncClient
) -> None:
    await sign_in(browser, "yann")
    unheld = (
        "patient/Observation.rs?nonsense=1",
        "openid patient/Observation.rs?category:not=x",
        "patient/*.rs?",
    )
    for scope in ("system/*.cruds", "user/*.rs", "nonsense", *unheld):
        back = told(await browser.get("/signon/authorize", params=request_of(app, scope=scope)))
        assert back["error"] == "invalid_scope"


@pytest.mark.parametrize("status", [identity.Status.QUAL, identity.Status.VALI])
async def test_the_ins_comes_only_when_asked_and_qualified(stage: Stage, status: identity.Status) -> None:
    number = identity.synthetic(sex="male", birth_date="1955-06-01", birth_place="29019", order=7)
    told_at_birth = identity.Traits("LE GOFF", "YANN MARIE", "YANN", "male", "1955-06-01", "29019")
    ins = identity.Ins(number, identity.TEST)
    patient = identity.patient_ins(told_at_birth, ins, id="yann-ins")
    patient = identity.with_standing(patient, identity.Standing(status))
    await stage.ctx().store.as_system("test").transact([Write("update", patient)])
    person = replace(YANN, login="yann-ins", reference="Patient/yann-ins")
    await api.add_account(stage.ctx(), person)
    app = await api.add_client(stage.ctx(), "Coffre", [BACK], scope="openid profile birth ins patient/*.rs")
    async with stage.browser() as browser:

        async def about(scope: str) -> dict[str, Any]:
            code = await get_code(browser, request_of(app, scope=scope), "yann-ins")
            token = (await by_code(browser, app, code)).json()["access_token"]
            bearer = {"Authorization": f"Bearer {token}"}
            return (await browser.get("/signon/userinfo", headers=bearer)).json()

        assert "ins" not in await about("openid profile")
        known = await about("openid profile ins")
    assert (known["given_name"], known["family_name"]) == ("YANN MARIE", "LE GOFF")
    assert (known["birthdate"], known["birthplace"], known["gender"]) == ("1955-06-01", "29019", "male")
    qualified = status is identity.Status.QUAL
    assert known.get("ins") == ({"system": ins.system, "value": number} if qualified else None)


async def test_the_ins_is_not_even_granted_to_a_client_not_registered_for_it(
    app: api.Client, browser: httpx.AsyncClient
) -> None:
    code = await get_code(browser, request_of(app, scope="openid ins"), "yann")
    assert (await by_code(browser, app, code)).json()["scope"] == "openid"
