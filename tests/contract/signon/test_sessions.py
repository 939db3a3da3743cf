"""Sessions in a browser and the login page: fixation, forged forms, guessing, wrong turns."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from aubier.access.scopes import FIRST_PARTY
from aubier.ground.problem import Problem
from aubier.ground.rows import Request
from aubier.referentials.signon import api
from aubier.referentials.signon.people.passwords import digest
from tests.contract.signon.stage import BASE, YANN, Stage, hidden, request_of, sign_in

GURVAN = api.Account(
    "gurvan", "professional", "Gurvan Ollivier", national_id="810000000002", reference="Practitioner/gurvan"
)
PASSWORD = "phare du Stiff 1700"


@pytest.fixture
async def production(stage: Stage) -> Stage:
    """The same provider with production settings and one person who has a password."""
    stage.settings.sandbox = False
    await api.add_account(stage.ctx(), GURVAN, password=PASSWORD)
    return stage


async def test_a_cookie_opens_for_its_person_and_is_kept_as_a_digest(stage: Stage) -> None:
    cookie = await api.open_session(stage.ctx(), YANN)
    assert len(cookie) == 43
    actor = await api.session_actor(stage.ctx(), cookie)
    assert actor is not None
    assert (actor.login, actor.keys, actor.client) == ("yann", ("person:yann",), "aubier")
    assert actor.scopes == FIRST_PARTY["citizen"]
    for other in ("", cookie[:-1], cookie + "x", digest(cookie), "é", "x" * 500):
        assert await api.session_actor(stage.ctx(), other) is None


async def test_a_session_ends_when_idle_when_old_and_when_closed(stage: Stage) -> None:
    cookie = await api.open_session(stage.ctx(), YANN)
    for _ in range(8):
        stage.later(minutes=29)
        assert await api.session_actor(stage.ctx(), cookie)
    stage.later(minutes=29)
    assert await api.session_actor(stage.ctx(), cookie) is None
    cookie = await api.open_session(stage.ctx(), YANN)
    stage.later(minutes=30)
    assert await api.session_actor(stage.ctx(), cookie) is None
    cookie = await api.open_session(stage.ctx(), YANN)
    assert await api.close_session(stage.ctx(), cookie)
    assert not await api.close_session(stage.ctx(), cookie)
    assert await api.session_actor(stage.ctx(), cookie) is None


async def test_a_closed_account_has_no_session(stage: Stage) -> None:
    cookie = await api.open_session(stage.ctx(), YANN)
    await api.close_account(stage.ctx(), "yann")
    assert await api.session_actor(stage.ctx(), cookie) is None


async def test_the_oldest_sessions_close_beyond_the_bound(stage: Stage) -> None:
    stage.settings.signon_sessions_per_account = 2
    cookies = []
    for _ in range(4):
        stage.later(seconds=1)
        cookies.append(await api.open_session(stage.ctx(), YANN))
    alive = [await api.session_actor(stage.ctx(), cookie) is not None for cookie in cookies]
    assert alive == [False, False, True, True]


async def test_signing_in_never_keeps_the_cookie_that_was_there(
    stage: Stage, browser: httpx.AsyncClient
) -> None:
    planted = await api.open_session(stage.ctx(), YANN)
    browser.cookies.set("aubier-session", planted, domain="127.0.0.1", path="/")
    done = await sign_in(browser, "morvan")
    fresh = re.search(r"aubier-session=([^;]+)", done.headers["set-cookie"])
    assert fresh and fresh.group(1) != planted
    assert await api.session_actor(stage.ctx(), planted) is None
    actor = await api.session_actor(stage.ctx(), fresh.group(1))
    assert actor and actor.login == "morvan"
    session = next(c for c in done.headers.get_list("set-cookie") if c.startswith("aubier-session="))
    assert "HttpOnly" in session and "SameSite=Lax" in session and "Max-Age=14400" in session


async def test_over_https_the_cookie_cannot_be_set_by_a_neighbour(stage: Stage) -> None:
    stage.settings.url = "https://aubier.example"
    async with stage.browser("https://aubier.example") as browser:
        page = await browser.get("/signon/login")
        assert page.headers["set-cookie"].startswith("__Host-aubier-form=")
        assert (await sign_in(browser, "yann")).headers["set-cookie"].startswith("__Host-aubier-session=")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8001"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_cannot_sign_somebody_in(
    stage: Stage, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    page = await browser.get("/signon/login")
    form = {**hidden(page.text), "login": "yann"}
    refused = await browser.post("/signon/login", data=form, headers=headers)
    assert refused.status_code == 403
    assert "aubier-session" not in refused.headers.get("set-cookie", "")
    good = await browser.post(
        "/signon/login", data=form, headers={"Origin": BASE, "Sec-Fetch-Site": "same-origin"}
    )
    assert good.status_code == 303


async def test_a_form_without_its_cookie_or_token_is_refused(
    stage: Stage, browser: httpx.AsyncClient
) -> None:
    page = await browser.get("/signon/login")
    good = {**hidden(page.text), "login": "yann"}
    async with stage.browser() as other:
        # What an attacker has: a token of their own browser, and no way to set the victim's cookie.
        assert (await other.post("/signon/login", data=good)).status_code == 403
        theirs = hidden((await other.get("/signon/login")).text)
    for token in (theirs["csrf"], "", "é", "x" * 64):
        refused = await browser.post("/signon/login", data={**good, "csrf": token})
        assert refused.status_code == 403 and "trop ancien" in refused.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": BASE, "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": BASE}, 303),
        ({"Origin": BASE, "Sec-Fetch-Site": "none"}, 403),
        ({"Origin": BASE, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://127.0.0.1:8000"}, 403),
        ({"Origin": BASE + "1"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({}, 403),
    ],
)
async def test_another_page_of_ours_may_sign_in_when_the_browser_vouches(
    browser: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    done = await browser.post("/signon/login", data={"login": "yann", "next": "/citoyen"}, headers=headers)
    assert done.status_code == status
    assert ("aubier-session" in done.headers.get("set-cookie", "")) == (status == 303)


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\r\nSet-Cookie: x=1",
        "/a b",
        "javascript:alert(1)",
        "/é",
        "/" + "x" * 9000,
    ],
)
async def test_after_signing_in_nobody_is_sent_to_another_site(
    stage: Stage, browser: httpx.AsyncClient, next: str
) -> None:
    page = await browser.get("/signon/login", params={"next": next})
    assert hidden(page.text)["next"] == "/"
    form = {**hidden(page.text), "login": "yann", "next": next}
    if len(next) > 9000:
        form["next"] = next[:9000]
    done = await browser.post("/signon/login", data=form)
    assert (done.status_code, done.headers["location"]) == (303, "/")


@pytest.mark.parametrize(("login", "space"), [("yann", "/citoyen"), ("morvan", "/pro"), ("admin", "/")])
async def test_without_a_page_asked_for_one_lands_in_one_s_space(
    browser: httpx.AsyncClient, login: str, space: str
) -> None:
    page = await browser.get("/signon/login")
    done = await browser.post("/signon/login", data={**hidden(page.text), "login": login})
    assert (done.status_code, done.headers["location"]) == (303, space)


async def test_a_local_path_is_gone_to(browser: httpx.AsyncClient) -> None:
    done = await sign_in(browser, "yann", "/signon/login?next=/citizen/documents?page=2%26x=1")
    assert done.headers["location"] == "/citizen/documents?page=2&x=1"


async def test_the_page_lists_the_people_of_the_stories(stage: Stage, browser: httpx.AsyncClient) -> None:
    await api.add_account(stage.ctx(), GURVAN)
    await api.add_account(
        stage.ctx(), api.Account("x", "citizen", "<b>Bobby</b>", reference="Patient/x", story="trap")
    )
    page = (await browser.get("/signon/login")).text
    assert "Qui êtes-vous" in page and '<html lang="fr">' in page and "Bac à sable" in page
    assert "Yann Le Goff" in page and "Sort de l&#39;hôpital." in page
    assert "Gurvan" not in page
    assert "<b>Bobby" not in page and "&lt;b&gt;Bobby" in page
    english = (await browser.get("/signon/login", params={"ui_locales": "de en-GB fr"})).text
    assert "Who are you?" in english and '<html lang="en">' in english


async def test_the_page_is_framed_cached_and_scripted_by_nobody(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/signon/login")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert policy.endswith("form-action 'self'")
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "<script" not in page.text and "http://" not in page.text and "https://" not in page.text


async def test_the_page_lets_its_form_lead_back_to_the_application(
    app: api.Client, browser: httpx.AsyncClient
) -> None:
    sent = await browser.get("/signon/authorize", params=request_of(app))
    page = await browser.get(sent.headers["location"])
    assert page.headers["content-security-policy"].endswith("form-action 'self' http://127.0.0.1:9999")
    odd = "/x?redirect_uri=https://a.example%3B%20script-src%20*"
    page = await browser.get("/signon/login", params={"next": odd})
    assert page.headers["content-security-policy"].endswith("form-action 'self' https://a.example")
    assert parse_qs(urlsplit(sent.headers["location"]).query)["realm"] == ["aubier"]


async def test_production_shows_nobody_and_wants_the_password(
    production: Stage, browser: httpx.AsyncClient
) -> None:
    page = (await browser.get("/signon/login")).text
    assert "Yann" not in page and "Bac à sable" not in page and 'type="password"' in page
    for login, password in (
        ("gurvan", "wrong"),
        ("gurvan", ""),
        ("yann", ""),
        ("nobody", PASSWORD),
        ("", ""),
    ):
        refused = await sign_in(browser, login, password=password)
        assert refused.status_code == 401
        assert "Identifiant ou mot de passe incorrect" in refused.text
        assert 'aria-invalid="true"' in refused.text
    assert (await sign_in(browser, " Gurvan ", password=PASSWORD)).status_code == 303


async def test_an_account_with_a_password_needs_it_in_the_sandbox_too(
    stage: Stage, browser: httpx.AsyncClient
) -> None:
    await api.add_account(stage.ctx(), GURVAN, password=PASSWORD)
    assert (await sign_in(browser, "gurvan")).status_code == 401
    assert (await sign_in(browser, "gurvan", password=PASSWORD)).status_code == 303


async def test_replacing_an_account_keeps_its_password_and_subject(production: Stage) -> None:
    before = await api.find_account(production.ctx(), "gurvan")
    after = await api.add_account(
        production.ctx(), api.Account("gurvan", "professional", "G. O.", national_id="8")
    )
    assert before and after.subject == before.subject and after.name == "G. O."
    async with production.browser() as browser:
        assert (await sign_in(browser, "gurvan", password=PASSWORD)).status_code == 303


async def test_guessing_is_slowed_down_and_a_success_forgets(
    production: Stage, browser: httpx.AsyncClient
) -> None:
    for _ in range(9):
        assert (await sign_in(browser, "gurvan", password="guess")).status_code == 401
    assert (await sign_in(browser, "gurvan", password=PASSWORD)).status_code == 303
    for _ in range(10):
        assert (await sign_in(browser, "gurvan", password="guess")).status_code == 401
    slowed = await sign_in(browser, "gurvan", password=PASSWORD)
    assert slowed.status_code == 429 and "Trop d&#39;essais" in slowed.text
    assert slowed.headers["retry-after"] == "900"
    assert (await sign_in(browser, "GURVAN ", password=PASSWORD)).status_code == 429
    production.later(seconds=901)
    assert (await sign_in(browser, "gurvan", password=PASSWORD)).status_code == 303


async def test_one_address_cannot_try_every_login(production: Stage, browser: httpx.AsyncClient) -> None:
    production.settings.signon_tries = 1
    for _ in range(25):
        assert (await sign_in(browser, "gurvan", password=PASSWORD)).status_code == 303
    answers = [(await sign_in(browser, f"u{n}", password="x")).status_code for n in range(21)]
    assert answers == [401] * 20 + [429]
    assert (await sign_in(browser, "gurvan", password=PASSWORD)).status_code == 429


@pytest.mark.parametrize("password", ["short", "p" * 257])
async def test_a_password_out_of_bounds_is_refused(stage: Stage, password: str) -> None:
    with pytest.raises(Problem) as refused:
        await api.add_account(stage.ctx(), GURVAN, password=password)
    assert refused.value.kind == "value"


@pytest.mark.parametrize(
    "account",
    [
        api.Account("", "citizen", "X", reference="Patient/x"),
        api.Account("a b", "citizen", "X", reference="Patient/x"),
        api.Account("x" * 129, "citizen", "X", reference="Patient/x"),
        api.Account("x", "citizen", "X"),
        api.Account("x", "citizen", "X", reference="Practitioner/x"),
        api.Account("x", "professional", "X"),
        api.Account("x", "robot", "X"),  # type: ignore[arg-type]
    ],
)
async def test_an_account_that_does_not_hold_together_is_refused(stage: Stage, account: api.Account) -> None:
    with pytest.raises(Problem) as refused:
        await api.add_account(stage.ctx(), account)
    assert refused.value.kind == "value"


async def test_accounts_are_listed_stories_first(stage: Stage) -> None:
    await api.add_account(stage.ctx(), GURVAN)
    assert [a.login for a in await api.list_accounts(stage.ctx())] == ["yann", "morvan", "gurvan", "admin"]
    pros = await api.list_accounts(stage.ctx(), ["professional"], introduced=True)
    assert [a.login for a in pros] == ["morvan"]
    assert pros[0].details == {"sector": "SA07", "skill_type": "SM", "skill": "SM54", "mode": "L"}


def test_a_portal_form_carries_a_token_of_its_session() -> None:
    token = api.csrf_token("cookie-a")
    assert api.csrf_valid("cookie-a", token)
    assert not api.csrf_valid("cookie-b", token)
    assert not api.csrf_valid("", api.csrf_token(""))
    assert not api.csrf_valid("cookie-a", "")
    good = Request(
        "POST", "/x", form=(("csrf", token),), headers={"host": "a.example"}, base_url="http://a.example"
    )
    api.check_form(good, "cookie-a")
    with pytest.raises(Problem) as refused:
        api.check_form(good, "cookie-b")
    assert refused.value.kind == "forbidden"
