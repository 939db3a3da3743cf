"""Reading a token's outside, and verifying its signature."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from aubier.referentials.signon.tokens.keys import MAX_TOKEN, peek, verified

KEY = ECKey.generate_key("P-256")
PUBLIC = json.dumps(KEY.as_dict(private=False))


def token(**header: str) -> str:
    """A token of ours."""
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", **header}, {"a": 1}, KEY, algorithms=["ES256"])


def test_a_token_is_verified_for_its_type() -> None:
    assert verified(token(), PUBLIC, "at+jwt") == {"a": 1}
    assert verified(token(), PUBLIC, "JWT") is None
    assert verified(token(), json.dumps(ECKey.generate_key("P-256").as_dict(private=False)), "at+jwt") is None


def test_headers_that_change_the_meaning_are_refused() -> None:
    head = {"alg": "ES256", "typ": "at+jwt", "crit": ["b64"], "b64": False}
    signed = token().split(".")
    from base64 import urlsafe_b64encode

    odd = urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")
    assert verified(".".join([odd, *signed[1:]]), PUBLIC, "at+jwt") is None


def test_peeking_gives_header_and_claims() -> None:
    assert peek(token(kid="k")) == ({"alg": "ES256", "typ": "at+jwt", "kid": "k"}, {"a": 1})


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "e30.W10.x", "W10.e30.x", "e30.e30.e30.e30", "é.e30.x"]
)
def test_peeking_at_something_else_gives_nothing(text: str) -> None:
    assert peek(text) is None


def test_a_token_beyond_the_bound_is_not_looked_at() -> None:
    assert peek("e30.e30." + "x" * (MAX_TOKEN - 8)) == ({}, {})
    assert peek("e30.e30." + "x" * (MAX_TOKEN - 7)) is None


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    assert peek(text) is None or text.count(".") == 2
    assert verified(text, PUBLIC, "at+jwt") is None
