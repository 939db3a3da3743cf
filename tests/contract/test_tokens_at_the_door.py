"""Real tokens at the FHIR door: only a good one opens, and only what its scopes say."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from aubier.app import SERVICES
from aubier.fhir.definitions import definitions
from aubier.referentials.signon import api as signon
from tests.contract.conftest import START, Api, outcome

PLACES = [
    ("GET", "Patient"),
    ("HEAD", "Patient"),
    ("POST", "Patient"),
    ("GET", "Patient/x"),
    ("PUT", "Patient/x"),
    ("DELETE", "Patient/x"),
    ("PATCH", "Patient/x"),
    ("OPTIONS", "Patient/x"),
    ("GET", "Patient/x/_history"),
    ("GET", "Patient/x/_history/1"),
    ("GET", "Patient/_history"),
    ("GET", "_history"),
    ("POST", "Patient/_search"),
    ("POST", ""),
    ("GET", ""),
    ("GET", "metadata/x"),
    ("GET", "Nothing"),
    ("GET", "Nothing/1/2/3/4"),
    ("GET", "$nothing"),
    ("POST", "$nothing"),
    *(("POST", f"{o.on}/x/${o.name}" if o.instance else f"{o.on}/${o.name}".lstrip("/"))
      for s in SERVICES for o in s.operations),
]  # fmt: skip


def parts_of(token: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in token.split(".")]


def joined(parts: list[bytes]) -> str:
    return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts)


def with_claims(token: str, place: int, **changes: Any) -> str:
    """The token with other claims and its old signature."""
    parts = parts_of(token)
    claims = {k: v for k, v in {**json.loads(parts[place]), **changes}.items() if v is not None}
    parts[place] = json.dumps(claims).encode()
    return joined(parts)


async def tried(api: Api, token: str) -> int:
    answer = await api.raw("GET", "Patient", headers={"authorization": f"Bearer {token}".encode()})
    if answer.status_code != 200:
        assert outcome(answer)["issue"][0]["code"] == "login"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    return answer.status_code


@pytest.mark.parametrize(("method", "path"), PLACES)
async def test_nobody_comes_in(api: Api, method: str, path: str) -> None:
    before = await api.counts()
    answer = await api.raw(method, path, content=b"{}" if method in ("POST", "PUT") else None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="aubier"'
    if method != "HEAD":
        assert outcome(answer)["issue"][0]["code"] == "login"
    assert await api.counts() == before


async def test_what_is_said_to_nobody_is_the_same_everywhere(api: Api) -> None:
    patient = await api.person()
    there = await api.raw("GET", f"Patient/{patient}")
    assert there.content == (await api.raw("GET", "Patient/not-there")).content
    assert there.content == (await api.raw("GET", "Nothing/at/all")).content


async def test_the_statement_and_the_discovery_are_for_everybody(api: Api) -> None:
    assert (await api.raw("GET", "metadata")).status_code == 200
    assert (await api.raw("HEAD", "metadata")).status_code == 200
    told = (await api.raw("GET", ".well-known/smart-configuration")).json()
    statement = (await api.raw("GET", "metadata")).json()
    (oauth,) = statement["rest"][0]["security"]["extension"]
    assert {row["url"]: row["valueUri"] for row in oauth["extension"]} == {
        "authorize": told["authorization_endpoint"],
        "token": told["token_endpoint"],
    }
    assert told["introspection_endpoint"] and told["revocation_endpoint"]


async def test_a_body_of_nobody_is_not_read(api: Api) -> None:
    answer = await api.raw("POST", "", content=b"x" * (api.house.settings.max_body_bytes + 1))
    assert answer.status_code == 401


async def test_of_nobody_a_form_is_read_and_no_file(api: Api) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    answer = await api.client.post("/signon/token", content=endless())
    assert answer.status_code == 413
    assert "64 KiB" in answer.text


async def test_every_flipped_bit_closes_the_door(api: Api) -> None:
    token = await api.token("admin")
    assert await tried(api, token) == 200
    parts = parts_of(token)
    for place, part in enumerate(parts):
        for bit in range(0, len(part) * 8, max(1, len(part) * 8 // 12)):
            flipped = bytearray(part)
            flipped[bit // 8] ^= 1 << bit % 8
            assert await tried(api, joined([*parts[:place], bytes(flipped), *parts[place + 1 :]])) == 401


@pytest.mark.parametrize(
    "made",
    [
        lambda t: joined([b'{"alg":"none","typ":"at+jwt"}', parts_of(t)[1], b""]),
        lambda t: joined([b'{"alg":"none"}', parts_of(t)[1], b""]).rstrip("."),
        lambda t: with_claims(t, 0, alg="HS256"),
        lambda t: with_claims(t, 0, alg="none"),
        lambda t: with_claims(t, 0, kid="another"),
        lambda t: with_claims(t, 0, kid=None),
        lambda t: with_claims(t, 0, jwk={"kty": "EC"}),
        lambda t: with_claims(t, 0, crit=["x"]),
        lambda t: with_claims(t, 1, iss="https://another.example"),
        lambda t: with_claims(t, 1, exp=9_999_999_999),
        lambda t: with_claims(t, 1, scope="system/*.cruds"),
        lambda t: with_claims(t, 1, gid="another"),
        lambda t: with_claims(t, 1, sub="another"),
        lambda t: t[:-1],
        lambda t: t + "A",
        lambda t: t + ".",
        lambda t: t.replace(".", ".."),
        lambda t: t.rpartition(".")[0] + ".",
        lambda t: "." + t,
        lambda t: "x",
        lambda t: "..",
        lambda t: "é" * 3,
        lambda t: "a" * 20_000,
        lambda t: t.upper(),
    ],
)
async def test_a_token_of_ones_own_making_closes_the_door(api: Api, made: Any) -> None:
    token = made(await api.token("admin"))
    assert await tried(api, token) == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Token x", "Negotiate x", "bearer", "Basic eDp5"]
)
async def test_other_credentials_do_not_open(api: Api, header: str) -> None:
    answer = await api.raw("GET", "Patient", headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")  # RFC 9110 section 15.5.2


async def test_a_token_of_another_house_does_not_open(api: Api, database: Any, tmp_path: Any) -> None:
    from tests.contract.conftest import close_api, open_api

    other = await open_api(database(), tmp_path)
    try:
        assert await tried(api, await other.token("admin")) == 401
    finally:
        await close_api(other)


async def test_a_token_ends_at_its_time(api: Api) -> None:
    _, login = await api.citizen()
    token = await api.token(login)
    assert await tried(api, token) == 200
    api.wait(seconds=3599)
    assert await tried(api, token) == 200
    api.wait(seconds=2)
    try:
        assert await tried(api, token) == 401
    finally:
        api.now[0] = START


async def test_a_token_of_tomorrow_does_not_open_today(api: Api) -> None:
    api.wait(days=1)
    token = await signon.issue_token(api.system, "admin")
    api.wait(days=-1)
    assert await tried(api, token) == 401


async def test_a_closed_account_is_closed_at_once(api: Api) -> None:
    _, login = await api.citizen()
    token = await api.token(login)
    assert await tried(api, token) == 200
    await signon.close_account(api.system, login)
    assert await tried(api, token) == 401


async def test_a_revoked_token_is_closed_at_once(api: Api) -> None:
    _, login = await api.professional()
    token = await api.token(login)
    assert await tried(api, token) == 200
    gid = json.loads(parts_of(token)[1])["gid"]
    await api.house.store.pool.execute("update signon_grant set revoked_at = $2 where gid = $1", gid, START)
    assert await tried(api, token) == 401


async def test_a_refused_token_leaves_its_line_and_nothing_of_itself(api: Api) -> None:
    api.wait(minutes=5)
    before = await api.last_line()
    token = with_claims(await api.token("admin"), 1, exp=9_999_999_999)
    assert await tried(api, token) == 401
    lines = await api.lines(before)
    api.now[0] = START
    assert [line["outcome"] for line in lines] == ["invalid"]
    assert not any(token[10:30] in str(line) for line in lines)


# -- scopes --------------------------------------------------------------------------------------------

WAYS = {
    "r": [
        ("GET", "Condition/{id}"),
        ("GET", "Condition/{id}/_history/1"),
        ("GET", "Condition/{id}/_history"),
    ],
    "s": [("GET", "Condition?_id={id}"), ("GET", "Condition/_history"), ("POST", "Condition/_search")],
    "c": [("POST", "Condition")],
    "u": [("PUT", "Condition/{id}")],
    "d": [("DELETE", "Condition/{id}")],
}


def condition(patient: str, logical: str = "") -> dict[str, Any]:
    body = {"resourceType": "Condition", "subject": {"reference": f"Patient/{patient}"}}
    return {**body, "id": logical} if logical else body


@pytest.fixture(scope="module")
async def cared(api: Api) -> tuple[str, str, str]:
    """(patient, condition, login of a professional who may all)."""
    patient, (key, login) = await api.person(), await api.professional()
    await api.give(patient, key, rights="rw")
    made = await api.good("POST", "Condition", condition(patient), as_=login)
    return patient, made["id"], login


@pytest.mark.parametrize("letters", ["r", "s", "c", "u", "d", "rs", "cud"])
async def test_a_scope_opens_what_it_says_and_no_more(
    api: Api, cared: tuple[str, str, str], letters: str
) -> None:
    patient, logical, login = cared
    scope = f"user/Condition.{letters}"
    for letter, requests in WAYS.items():
        if letter == "d" and "d" in letters:
            continue
        for method, path in requests:
            body = condition(patient, logical if method == "PUT" else "") if letter in "cu" else None
            headers = {"content-type": "application/x-www-form-urlencoded"} if "_search" in path else {}
            target = path.format(id=logical)
            before = await api.last_line()
            answer = await api.ask(method, target, body, as_=login, scope=scope, headers=headers)
            if letter in letters:
                assert answer.is_success, (target, answer.text)
            else:
                assert answer.status_code == 403, (target, answer.text)
                assert outcome(answer)["issue"][0]["expression"] == ["http.Authorization"]
                assert [line["outcome"] for line in await api.lines(before)] == ["forbidden"]


@pytest.mark.parametrize(
    ("scope", "method", "path", "headers"),
    [
        ("user/Patient.rs", "GET", "Patient?_has:Condition:subject:_id={id}", {}),
        ("user/Patient.rs", "GET", "Patient?_id={patient}&_revinclude=Condition:subject", {}),
        ("user/Condition.c", "POST", "Condition", {"if-none-exist": "_id={id}"}),
        ("user/Condition.cr", "POST", "Condition", {"if-none-exist": "_id={id}"}),
        ("user/Condition.d", "DELETE", "Condition?_id={id}", {}),
        ("user/Condition.u", "PUT", "Condition?_id={id}", {}),
        ("user/Condition.rs?category=x", "GET", "Condition/{id}", {}),
        ("user/Encounter.rs", "GET", "_history", {}),
    ],
)
async def test_no_way_round_a_scope(
    api: Api,
    cared: tuple[str, str, str],
    scope: str,
    method: str,
    path: str,
    headers: dict[str, str],
) -> None:
    patient, logical, login = cared
    body = condition(patient) if method in ("POST", "PUT") else None
    sent = {k: v.format(id=logical) for k, v in headers.items()}
    before = await api.counts()
    answer = await api.ask(
        method, path.format(id=logical, patient=patient), body, as_=login, scope=scope, headers=sent
    )
    hidden = 404 if "?" in scope else 403  # what a query leaves out is as what is not here
    assert answer.status_code in (200, hidden)
    asked = answer.text.replace(f"_id={logical}", "").replace(f"_id:{logical}", "")
    assert logical not in asked.replace(path.format(id=logical, patient=patient), "")
    if answer.status_code == 200:
        bundle = json.loads(answer.content)
        found = [e["resource"]["resourceType"] for e in bundle.get("entry", [])]
        assert found in ([], ["Patient"])
        assert not ("_has" in path and found)
    assert await api.counts() == before


async def test_a_citizen_application_writes_only_what_its_ceiling_lets(api: Api) -> None:
    patient, login = await api.citizen()
    answer = await api.ask("PUT", f"Patient/{patient}", {"resourceType": "Patient", "id": patient}, as_=login)
    assert answer.status_code == 403
    opened = [
        kind
        for kind in sorted(definitions().resource_types)
        if (await api.ask("POST", kind, {"resourceType": kind}, as_=login)).status_code != 403
    ]
    assert set(opened) <= {
        "Appointment",
        "Communication",
        "Consent",
        "DocumentReference",
        "Observation",
        "QuestionnaireResponse",
        "Subscription",
    }


async def test_a_citizen_sees_their_own_record_only(api: Api) -> None:
    patient, login = await api.citizen()
    other = await api.person()
    assert await api.ids("Patient", as_=login) == [f"Patient/{patient}"]
    hidden = await api.ask("GET", f"Patient/{other}", as_=login)
    missing = await api.ask("GET", "Patient/not-there", as_=login)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.content.replace(other.encode(), b"not-there") == missing.content


def test_the_clock_of_these_tests_stands() -> None:
    assert START.utcoffset() == timedelta()
