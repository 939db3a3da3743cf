"""An authorization request read without any I/O."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.referentials.signon.openid.authorize import ACR_VALUES, reached_acr, read_request
from aubier.referentials.signon.realms import PLATFORM, PROFESSIONAL, Realm
from aubier.referentials.signon.refusal import Refusal
from aubier.referentials.signon.tokens.clients import Client

FHIR = "https://aubier.example/fhir"
PUBLIC = Client("a", "A", redirects=("https://a.example/",), scope="openid")
CONFIDENTIAL = Client("b", "B", secret_digest="x", redirects=("https://b.example/",), scope="openid")
GOOD = {
    "response_type": "code",
    "redirect_uri": "https://a.example/",
    "scope": "openid patient/*.rs made-up",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


def test_a_good_request_is_taken_apart() -> None:
    more = {"state": "s", "nonce": "n", "prompt": "login consent", "max_age": "0", "acr_values": "eidas2 x"}
    asked = read_request(PLATFORM, GOOD | more, PUBLIC, FHIR)
    assert (asked.state, asked.nonce, asked.max_age) == ("s", "n", 0)
    assert asked.prompts == {"login", "consent"}
    assert asked.acr_values == ("eidas2", "x")
    assert asked.scope.unknown == ("made-up",)
    assert asked.challenge == GOOD["code_challenge"]


def test_a_confidential_client_may_go_without_pkce() -> None:
    bare = {name: value for name, value in GOOD.items() if not name.startswith("code_")}
    assert read_request(PLATFORM, bare, CONFIDENTIAL, FHIR).challenge == ""
    with pytest.raises(Refusal):
        read_request(PLATFORM, bare, PUBLIC, FHIR)


def test_a_method_without_a_challenge_is_no_way_around_pkce() -> None:
    odd = {name: value for name, value in GOOD.items() if name != "code_challenge"}
    with pytest.raises(Refusal) as refused:
        read_request(PLATFORM, odd, CONFIDENTIAL, FHIR)
    assert refused.value.code == "invalid_request"


_names = st.sampled_from(
    [*GOOD, "state", "nonce", "prompt", "max_age", "aud", "acr_values", "request", "response_mode"]
)


@given(st.dictionaries(_names, st.text(max_size=60)), st.sampled_from([PLATFORM, PROFESSIONAL]))
def test_whatever_is_sent_the_answer_is_a_request_or_a_refusal(changes: dict[str, str], realm: Realm) -> None:
    values = {name: value for name, value in (GOOD | changes).items() if value}
    try:
        asked = read_request(realm, values, PUBLIC, FHIR)
    except Refusal as refused:
        assert refused.text.isascii() and refused.status == 400
    else:
        assert asked.challenge and len(asked.state) <= 1024
        assert realm is PLATFORM or (asked.state and asked.nonce)


@pytest.mark.parametrize(
    ("asked", "proven", "given"),
    [
        ((), "eidas1", "eidas1"),
        (("eidas2",), "eidas3", "eidas2"),
        (("eidas3", "eidas1"), "eidas1", "eidas1"),
        (("eidas3",), "eidas1", "eidas1"),
        (("gold", "eidas1"), "eidas3", "eidas1"),
        (("gold",), "eidas3", "eidas3"),
        (("eidas1",), "unknown", "unknown"),
    ],
)
def test_a_level_is_never_claimed_that_was_not_reached(
    asked: tuple[str, ...], proven: str, given: str
) -> None:
    assert reached_acr(asked, proven) == given
    if proven in ACR_VALUES:
        assert ACR_VALUES.index(given) <= ACR_VALUES.index(proven)
