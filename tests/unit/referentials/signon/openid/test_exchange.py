"""PKCE, and whom a client assertion may be addressed to."""

import pytest

from aubier.referentials.signon.openid.exchange import audiences, proves
from aubier.referentials.signon.realms import CITIZEN, PLATFORM, PROFESSIONAL

# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_verifier_of_the_rfc_proves_its_challenge() -> None:
    assert proves(VERIFIER, CHALLENGE)


@pytest.mark.parametrize(
    ("verifier", "challenge"),
    [
        ("", CHALLENGE),
        (VERIFIER, ""),
        (CHALLENGE, CHALLENGE),
        (VERIFIER[:-1], CHALLENGE),
        (VERIFIER + "x", CHALLENGE),
        (VERIFIER, CHALLENGE + "="),
        (VERIFIER + "\n", CHALLENGE),
        ("é" * 43, CHALLENGE),
        ("v" * 129, CHALLENGE),
    ],
)
def test_nothing_else_does(verifier: str, challenge: str) -> None:
    assert not proves(verifier, challenge)


def test_without_challenge_there_is_nothing_to_prove() -> None:
    assert proves("", "")


def test_each_realm_has_its_own_audiences() -> None:
    named = [set(audiences(realm, "https://a.example")) for realm in (PLATFORM, CITIZEN, PROFESSIONAL)]
    assert named[0] == {"https://a.example/signon/token", "https://a.example"}
    assert named[2] == {
        "https://a.example/auth/realms/esante-wallet/protocol/openid-connect/token",
        "https://a.example/auth/realms/esante-wallet",
    }
    assert not (named[0] & named[1] or named[1] & named[2])
