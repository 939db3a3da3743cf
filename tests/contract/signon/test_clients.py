"""How applications register and prove who they are."""

import base64
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from aubier.ground.problem import Problem
from aubier.referentials.signon import api
from aubier.referentials.signon.tokens.clients import ASSERTION_TYPE
from tests.contract.signon.stage import BACK, BASE, Stage, claims, forged, part

TOKEN = f"{BASE}/signon/token"
EC, RSA, ROGUE = ECKey.generate_key("P-384"), RSAKey.generate_key(2048), ECKey.generate_key("P-384")

WEAK = RSA.as_dict(private=False) | {"n": "w" * 171}


@pytest.fixture
async def backend(stage: Stage) -> api.Client:
    """A backend service with its public keys, allowed to read everything."""
    keys = {"keys": [EC.as_dict(private=False, kid="ec"), RSA.as_dict(private=False, kid="rsa")]}
    return await api.add_client(stage.ctx(), "Entrepôt", jwks=keys, scope="system/*.rs")


def assertion(stage: Stage, client: api.Client, alg: str = "ES384", key: Any = EC, **changes: Any) -> str:
    """A signed assertion of a client; a change of None removes the claim."""
    now = int(stage.now.timestamp())
    body = {
        "iss": client.id,
        "sub": client.id,
        "aud": TOKEN,
        "iat": now,
        "exp": now + 240,
        "jti": str(uuid4()),
        **changes,
    }
    kid = "rsa" if alg.startswith(("RS", "PS")) else "ec"
    kept = {name: value for name, value in body.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": kid}, kept, key, algorithms=[alg])


async def prove(browser: httpx.AsyncClient, signed: str, **more: str) -> httpx.Response:
    """A client_credentials request with an assertion."""
    form = {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
        **more,
    }
    return await browser.post("/signon/token", data=form)


def basic(id: str, secret: str) -> dict[str, str]:
    """A Basic header."""
    return {"Authorization": "Basic " + base64.b64encode(f"{id}:{secret}".encode()).decode()}


@pytest.mark.parametrize(("alg", "key"), [("ES384", EC), ("RS384", RSA), ("RS256", RSA), ("PS256", RSA)])
async def test_a_backend_service_signs_in_with_its_key(
    stage: Stage, backend: api.Client, browser: httpx.AsyncClient, alg: str, key: Any
) -> None:
    answer = (await prove(browser, assertion(stage, backend, alg, key))).json()
    assert (answer["scope"], answer["token_type"]) == ("system/*.rs", "Bearer")
    assert "refresh_token" not in answer and "id_token" not in answer
    actor = await api.authenticate(stage.ctx(), answer["access_token"])
    assert (actor.kind, actor.keys) == ("system", (f"system:{backend.id}",))
    assert (actor.name, actor.scopes) == ("Entrepôt", ("system/*.rs",))


async def test_an_assertion_serves_once(
    stage: Stage, backend: api.Client, browser: httpx.AsyncClient
) -> None:
    signed = assertion(stage, backend)
    assert (await prove(browser, signed)).status_code == 200
    replayed = await prove(browser, signed)
    assert (replayed.status_code, replayed.json()["error"]) == (401, "invalid_client")
    # The same jti in another assertion is a replay too, even once the first has expired.
    assert (await prove(browser, assertion(stage, backend, jti="one"))).status_code == 200
    stage.later(seconds=299)
    assert (await prove(browser, assertion(stage, backend, jti="one"))).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"iss": None},
        {"aud": "https://other.example/token"},
        {"aud": None},
        {"aud": {"a": 1}},
        {"aud": []},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e300},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "j" * 257},
        {"jti": "a\0b"},
        {"jti": "a\u2028b"},
        {"iat": "x"},
    ],
)
async def test_an_assertion_that_does_not_fit_is_refused(
    stage: Stage, backend: api.Client, browser: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    refused = await prove(browser, assertion(stage, backend, **changes))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refused.json()["error_description"] == "client authentication failed"


@pytest.mark.parametrize(
    ("shift", "status"),
    [
        ({"exp": -61}, 401),
        ({"exp": -30}, 200),
        ({"exp": 361}, 401),
        ({"exp": 359}, 200),
        ({"nbf": 61}, 401),
        ({"nbf": 59}, 200),
        ({"iat": 61}, 401),
        ({"iat": 59}, 200),
    ],
)
async def test_clocks_may_differ_by_a_minute(
    stage: Stage, backend: api.Client, browser: httpx.AsyncClient, shift: dict[str, int], status: int
) -> None:
    now = int(stage.now.timestamp())
    moved = {name: now + seconds for name, seconds in shift.items()}
    assert (await prove(browser, assertion(stage, backend, **moved))).status_code == status


async def test_a_foreign_key_and_a_confused_algorithm_are_refused(
    stage: Stage, backend: api.Client, browser: httpx.AsyncClient
) -> None:
    body = claims(assertion(stage, backend))
    none = part({"alg": "none", "kid": "ec"})
    confused = [
        EC.as_pem(private=False),
        EC.as_der(private=False),
        json.dumps(EC.as_dict(private=False)).encode(),
    ]
    signed = (
        assertion(stage, backend, key=ROGUE),
        *(forged({"alg": "HS256", "kid": "ec"}, body, secret) for secret in confused),
        *(forged({"alg": "ES384", "kid": "ec"}, body, secret) for secret in confused),
        f"{none}.{part(body)}.",
        ".".join([none, *assertion(stage, backend).split(".")[1:]]),
        "not.a.token",
        *(".".join([none, part({**body, "sub": odd}), "x"]) for odd in ("\0", "\ud800", "", 7, None, ["a"])),
        "a" * 8192,
    )
    for each in signed:
        assert (await prove(browser, each)).status_code == 401


async def test_an_assertion_of_one_client_does_not_serve_another(
    stage: Stage, app: api.Client, backend: api.Client, browser: httpx.AsyncClient
) -> None:
    assert (await prove(browser, assertion(stage, backend), client_id=app.id)).status_code == 401
    assert (await prove(browser, assertion(stage, backend, sub=app.id, iss=app.id))).status_code == 401
    wrong_type = await prove(browser, assertion(stage, backend), client_assertion_type="urn:other")
    assert wrong_type.status_code == 401


async def test_a_secret_goes_in_the_header_or_in_the_form_not_in_both(
    stage: Stage, browser: httpx.AsyncClient
) -> None:
    client = await api.add_client(stage.ctx(), "Logiciel", [BACK], confidential=True, scope="system/*.rs")
    secret, form = client.secret or "", {"grant_type": "client_credentials"}
    assert len(secret) == 43
    head = basic(client.id, secret)
    assert (await browser.post("/signon/token", data=form, headers=head)).status_code == 200
    posted = {**form, "client_id": client.id, "client_secret": secret}
    assert (await browser.post("/signon/token", data=posted)).status_code == 200
    both = await browser.post("/signon/token", data=posted, headers=head)
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic AAA6AAA=",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic w6k6/w==",
        "Basic Og==",
    ],
)
async def test_a_header_that_cannot_be_read_is_a_401(browser: httpx.AsyncClient, header: str) -> None:
    form = {"grant_type": "client_credentials"}
    refused = await browser.post("/signon/token", data=form, headers={"Authorization": header})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refused.headers["www-authenticate"] == 'Basic realm="aubier"'


async def test_wrong_secret_unknown_client_and_missing_secret_answer_alike(
    stage: Stage, app: api.Client, backend: api.Client, browser: httpx.AsyncClient
) -> None:
    client = await api.add_client(stage.ctx(), "Logiciel", [BACK], confidential=True, scope="system/*.rs")
    form = {"grant_type": "client_credentials"}
    tries = [
        basic(client.id, "wrong"),
        basic(client.id, ""),
        basic("unknown", "wrong"),
        basic(backend.id, "x"),
        basic(backend.id, ""),
        basic(app.id, "x"),
    ]
    answers = [await browser.post("/signon/token", data=form, headers=head) for head in tries]
    named = [{**form, "client_id": id} for id in (client.id, backend.id, "unknown")]
    answers += [await browser.post("/signon/token", data=each) for each in named]
    assert {(a.status_code, a.text) for a in answers} == {(401, answers[0].text)}


async def test_a_client_acts_for_itself_within_its_registration(
    stage: Stage, browser: httpx.AsyncClient
) -> None:
    client = await api.add_client(
        stage.ctx(), "Logiciel", confidential=True, scope="system/Patient.rs user/*.cruds"
    )
    head, form = basic(client.id, client.secret or ""), {"grant_type": "client_credentials"}
    wide = await browser.post("/signon/token", data={**form, "scope": "system/*.cruds openid"}, headers=head)
    assert wide.json()["scope"] == "system/Patient.rs"
    other = await browser.post("/signon/token", data={**form, "scope": "system/Observation.rs"}, headers=head)
    assert other.json()["error"] == "invalid_scope"
    user = await browser.post("/signon/token", data={**form, "scope": "user/*.cruds"}, headers=head)
    assert user.json()["error"] == "invalid_scope"


async def test_a_scope_whose_query_cannot_be_held_is_refused_wherever_it_is_asked(
    stage: Stage, browser: httpx.AsyncClient
) -> None:
    bad = "system/Observation.rs?nonsense=1"
    with pytest.raises(Problem):
        await api.add_client(stage.ctx(), "Logiciel", confidential=True, scope=bad)
    good = (
        "system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
    )
    client = await api.add_client(
        stage.ctx(), "Logiciel", confidential=True, scope=f"{good} system/Patient.rs"
    )
    head, form = basic(client.id, client.secret or ""), {"grant_type": "client_credentials"}
    for scope in (bad, "system/Observation.rs?category:not=x system/Patient.rs", "system/Patient.rs?"):
        refused = await browser.post("/signon/token", data={**form, "scope": scope}, headers=head)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
        assert "scope" in refused.json()["error_description"]
    given = await browser.post("/signon/token", data={**form, "scope": good}, headers=head)
    assert given.json()["scope"] == good
    less = await browser.post("/signon/token", data={**form, "scope": "system/Observation.rs"}, headers=head)
    assert less.json()["scope"] == good


async def test_clients_are_listed_and_removed_and_keep_no_secret(stage: Stage) -> None:
    made = await api.add_client(stage.ctx(), " Logiciel ", [BACK, BACK], confidential=True)
    (kept,) = await api.list_clients(stage.ctx())
    assert (kept.id, kept.name, kept.redirects, kept.secret) == (made.id, "Logiciel", (BACK,), None)
    assert made.secret and made.secret not in repr(kept)
    assert await api.remove_client(stage.ctx(), made.id)
    assert not await api.remove_client(stage.ctx(), made.id)
    assert await api.find_client(stage.ctx(), made.id) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "},
        {"name": "n" * 101},
        {"name": "a\0b"},
        {"id": "a b"},
        {"id": "x" * 129},
        {"redirects": ["http://example.org/back"]},
        {"redirects": [f"https://example.org/{n}" for n in range(21)]},
        {"after_logout": ["https://example.org/*"]},
        {"jwks": {}},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
        {"jwks": {"keys": ["x"]}},
        {"jwks": {"keys": [WEAK]}},
        {"jwks": {"keys": [EC.as_dict(private=False)] * 21}},
        {"scope": "x" * 5000},
        {"scope": "system/Patient.rs system/Patiant.rs"},
    ],
)
async def test_a_registration_that_does_not_fit_is_refused(stage: Stage, changes: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        await api.add_client(stage.ctx(), **{"name": "Logiciel", "redirects": [BACK], **changes})
    assert refused.value.kind in ("value", "too-long")
    assert refused.value.issues[0].fr
    assert await api.list_clients(stage.ctx()) == []


async def test_a_known_id_cannot_be_taken_twice(stage: Stage) -> None:
    await api.add_client(stage.ctx(), "Un", [BACK], id="sandbox-app")
    with pytest.raises(Problem) as refused:
        await api.add_client(stage.ctx(), "Deux", [BACK], id="sandbox-app")
    assert refused.value.kind == "duplicate"


async def test_private_keys_given_by_mistake_are_not_kept(stage: Stage) -> None:
    made = await api.add_client(stage.ctx(), "Étourdi", jwks={"keys": [EC.as_dict(private=True)]})
    assert '"d"' not in made.jwks and '"x"' in made.jwks
