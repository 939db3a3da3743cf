"""Access tokens under attack: each refusal is the same word, but for a token that merely expired."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from aubier.access.actor import Actor
from aubier.ground.problem import Problem
from aubier.referentials.signon import api
from aubier.referentials.signon.tokens.keys import signing_key
from tests.contract.signon.stage import BASE, Stage, claims, forged, part

Signed = Callable[..., str]


@pytest.fixture
async def token(stage: Stage) -> str:
    """A good token of a professional."""
    return await api.issue_token(stage.ctx(), "morvan")


@pytest.fixture
async def signed(stage: Stage, token: str) -> Signed:
    """Signs a token like the good one with the platform's own key; None removes a claim or header."""
    key = ECKey.import_key(json.loads((await signing_key(stage.ctx()))["private"]))
    kid = key.thumbprint()

    def make(header: dict[str, Any] | None = None, **changes: Any) -> str:
        body = {name: v for name, v in {**claims(token), **changes}.items() if v is not None}
        head = {"alg": "ES256", "kid": kid, "typ": "at+jwt", **(header or {})}
        kept = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(kept, body, key, algorithms=["ES256"], default_type=None)

    return make


async def refusal(stage: Stage, token: str) -> Problem:
    """The refusal of a token."""
    with pytest.raises(Problem) as refused:
        await api.authenticate(stage.ctx(), token)
    return refused.value


async def is_invalid(stage: Stage, token: str) -> None:
    """The token is refused as not valid, and nothing says why."""
    found = await refusal(stage, token)
    assert found.kind == "login"
    assert str(found) == "The access token is not valid (http.Authorization)"
    assert found.issues[0].fr == "Le jeton d'accès n'est pas valable"
    assert found.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


async def test_a_good_token_gives_its_actor(stage: Stage, token: str, signed: Signed) -> None:
    actor = await api.authenticate(stage.ctx(), token)
    assert actor.grant, "what was granted, which can be withdrawn"
    assert replace(actor, grant="") == Actor(
        "professional",
        "morvan",
        "Dr Anne Morvan",
        keys=("ps:810000000001", "org:1350000022"),
        reference="Practitioner/morvan",
        profession="10",
        organization="1350000022",
        organization_name="Cabinet du Port",
        client=api.COMMAND_LINE,
        scopes=("openid", "profile", "fhirUser", "user/*.cruds"),
        purpose="TREAT",
    )
    assert (await api.authenticate(stage.ctx(), signed())).login == "morvan"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": f"{BASE}/"},
        {"iss": f"{BASE}/auth/realms/esante-wallet"},
        {"aud": "https://other.example/fhir"},
        {"aud": None},
        {"aud": [f"{BASE}/fhir"]},
        {"exp": None},
        {"exp": "9999999999"},
        {"iat": None},
        {"gid": None},
        {"gid": "unknown"},
        {"gid": ["a"]},
        {"gid": "g" * 65},
        {"gid": "a\0b"},
        {"client_id": "other"},
        {"client_id": None},
        {"iat": 1_800_000_000},
    ],
)
async def test_our_own_signature_does_not_save_a_token_that_does_not_fit(
    stage: Stage, signed: Signed, changes: dict[str, Any]
) -> None:
    await is_invalid(stage, signed(**changes))


@pytest.mark.parametrize("typ", ["JWT", None, "asked+jwt", "AT+JWT2"])
async def test_another_kind_of_token_is_not_an_access_token(
    stage: Stage, signed: Signed, typ: str | None
) -> None:
    await is_invalid(stage, signed({"typ": typ}))


async def test_an_id_token_is_not_an_access_token(stage: Stage, app: api.Client) -> None:
    from tests.contract.signon.stage import by_code, get_code, request_of

    async with stage.browser() as browser:
        answer = (await by_code(browser, app, await get_code(browser, request_of(app), "yann"))).json()
    await is_invalid(stage, answer["id_token"])


@pytest.mark.parametrize("kid", [None, "unknown", "", "k" * 65, 7, ["a"], {"a": 1}, "a\0b", "é"])
async def test_an_unknown_key_name_is_refused(stage: Stage, token: str, kid: Any) -> None:
    _, body, signature = token.split(".")
    await is_invalid(stage, f"{part({'alg': 'ES256', 'typ': 'at+jwt', 'kid': kid})}.{body}.{signature}")


async def test_a_foreign_key_is_refused_even_when_it_comes_along(stage: Stage, token: str) -> None:
    rogue = ECKey.generate_key("P-256")
    kid = (await signing_key(stage.ctx()))["kid"]
    for header in ({}, {"jwk": rogue.as_dict(private=False)}, {"jku": "https://evil.example/jwks"}):
        head = {"alg": "ES256", "typ": "at+jwt", "kid": kid, **header}
        await is_invalid(stage, jwt.encode(head, claims(token), rogue, algorithms=["ES256"]))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, "HS256", "ES512", 1])
async def test_no_other_algorithm_is_believed(stage: Stage, token: str, alg: Any) -> None:
    kid = (await signing_key(stage.ctx()))["kid"]
    _, body, signature = token.split(".")
    head = part({"alg": alg, "typ": "at+jwt", "kid": kid})
    for each in (f"{head}.{body}.", f"{head}.{body}.{signature}"):
        await is_invalid(stage, each)


async def test_the_public_key_is_no_shared_secret(stage: Stage, token: str) -> None:
    rows = await stage.ctx().store.run("signon.public_keys", stage.now)
    key = ECKey.import_key(json.loads(rows[0]["public"]))
    for secret in (key.as_pem(private=False), key.as_der(private=False), rows[0]["public"].encode()):
        head = {"alg": "HS256", "typ": "at+jwt", "kid": rows[0]["kid"]}
        await is_invalid(stage, forged(head, claims(token), secret))


async def test_one_changed_character_anywhere_is_refused(stage: Stage, token: str) -> None:
    head, _, signature = token.split(".")
    richer = part({**claims(token), "scope": "system/*.cruds"})
    await is_invalid(stage, f"{head}.{richer}.{signature}")
    for place in range(0, len(token) - 1, 37):
        if token[place] != ".":
            other = "A" if token[place] != "A" else "B"
            await is_invalid(stage, token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b",
        "x" * 100_000,
        "e30.e30.e30",
        "W10.W10.W10",
        "é.é.é",
        "e30.e30.e30.e30.e30",
        "\0.\0.\0",
        part(b"[" * 5000) + ".e30.",
        part(b'{"alg":"ES256","kid":"\xff"}') + ".e30.e30",
    ],
)
async def test_what_is_not_a_token_is_refused_as_one(stage: Stage, text: str) -> None:
    await is_invalid(stage, text)


async def test_an_expired_token_is_told_so(stage: Stage, token: str) -> None:
    stage.later(seconds=3599)
    assert (await api.authenticate(stage.ctx(), token)).login == "morvan"
    stage.later(seconds=1)
    found = await refusal(stage, token)
    assert (found.kind, found.issues[0].text) == ("login", "The access token expired")
    assert "expired" in found.headers["WWW-Authenticate"]


async def test_a_clock_a_little_behind_still_reads_a_new_token(stage: Stage, token: str) -> None:
    stage.later(seconds=-60)
    assert (await api.authenticate(stage.ctx(), token)).login == "morvan"
    stage.later(seconds=-1)
    await is_invalid(stage, token)


async def test_a_new_key_signs_and_the_former_verifies_for_a_day(stage: Stage, token: str) -> None:
    former = (await signing_key(stage.ctx()))["kid"]
    stage.later(seconds=1)
    await api.new_key(stage.ctx())
    assert (await signing_key(stage.ctx()))["kid"] != former
    assert (await api.authenticate(stage.ctx(), token)).login == "morvan"
    async with stage.browser() as browser:
        kids = [key["kid"] for key in (await browser.get("/signon/jwks")).json()["keys"]]
        assert former in kids and len(kids) == 2
        stage.later(days=1)
        kids = [key["kid"] for key in (await browser.get("/signon/jwks")).json()["keys"]]
        assert former not in kids


async def test_published_keys_are_public(stage: Stage, token: str) -> None:
    async with stage.browser() as browser:
        (key,) = (await browser.get("/signon/jwks")).json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert key["kid"] == ECKey.import_key(key).thumbprint()


async def test_the_command_line_token_is_for_the_sandbox(stage: Stage) -> None:
    admin = await api.authenticate(stage.ctx(), await api.issue_token(stage.ctx(), "admin", "system/*.cruds"))
    assert (admin.kind, admin.keys, admin.scopes) == ("system", ("system:admin",), ("system/*.cruds",))
    less = await api.issue_token(stage.ctx(), " YANN ", "patient/Observation.rs openid")
    assert (await api.authenticate(stage.ctx(), less)).scopes == ("openid", "patient/Observation.rs")
    for login, scope, kind in (
        ("yann", "system/*.cruds", "forbidden"),
        ("morvan", "system/*.rs", "forbidden"),
        ("yann", "patient/*.rs patient/*.zz", "value"),
        ("yann", "garbage", "value"),
        ("nobody", "", "not-found"),
        ("", "", "not-found"),
    ):
        with pytest.raises(Problem) as refused:
            await api.issue_token(stage.ctx(), login, scope)
        assert refused.value.kind == kind
    stage.settings.sandbox = False
    with pytest.raises(Problem) as refused:
        await api.issue_token(stage.ctx(), "admin", "system/*.cruds")
    assert refused.value.kind == "forbidden"


async def test_the_oldest_grants_give_way_beyond_the_bound(stage: Stage) -> None:
    stage.settings.signon_grants_per_client = 3
    made = []
    for _ in range(5):
        stage.later(seconds=1)
        made.append(await api.issue_token(stage.ctx(), "yann"))
    for old in made[:2]:
        await is_invalid(stage, old)
    for new in made[2:]:
        assert (await api.authenticate(stage.ctx(), new)).login == "yann"
