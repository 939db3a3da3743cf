"""Parameters once each, and refusals in OAuth's form."""

import json

import pytest

from aubier.ground.problem import problem
from aubier.ground.rows import Request, Response
from aubier.referentials.signon.refusal import (
    Refusal,
    invalid_login,
    oauth_answer,
    refusal_response,
    single_values,
)


def test_parameters_come_once_and_empty_ones_are_absent() -> None:
    assert single_values((("a", "1"), ("b", ""), ("c", " "))) == {"a": "1", "c": " "}


@pytest.mark.parametrize(
    "pairs",
    [
        (("a", "1"), ("a", "1")),
        (("a", ""), ("a", "1")),
        (("a", "x" * 4097),),
        (("scope", "x" * 4097),),
        (("client_assertion", "x" * 8193),),
        (("a", "b\0"),),
        tuple((f"p{n}", "1") for n in range(65)),
    ],
)
def test_too_many_too_long_or_twice_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(Refusal) as refused:
        single_values(pairs)
    assert refused.value.code == "invalid_request"


def test_the_challenge_goes_with_a_401_only() -> None:
    wrong = refusal_response(Refusal("invalid_client", "no", 401), "Basic")
    assert wrong.headers["WWW-Authenticate"] == "Basic"
    assert "WWW-Authenticate" not in refusal_response(Refusal("invalid_grant", "no"), "Basic").headers
    assert json.loads(wrong.body) == {"error": "invalid_client", "error_description": "no"}


@pytest.mark.parametrize(("at", "code"), [("http.scope", "invalid_scope"), ("http.x", "invalid_request")])
async def test_a_problem_about_the_input_becomes_oauth_s(at: str, code: str) -> None:
    async def run(realm: None, ctx: None, request: Request) -> Response:
        raise problem("too-long", "Too long", "Trop long", at=at)

    answer = await oauth_answer(run)(None, None, Request("POST", "/"))
    assert (answer.status, json.loads(answer.body)["error"]) == (400, code)


def test_a_token_is_refused_without_a_reason() -> None:
    assert str(invalid_login()) != str(invalid_login(expired=True))
    assert invalid_login().issues[0].rule == "RFC 6750 section 3.1"
