"""Passwords and secrets at rest."""

from base64 import b64encode

import pytest

from aubier.referentials.signon.people.passwords import digest, hash_password, password_matches, same


def test_a_password_matches_its_own_hash_only() -> None:
    kept = hash_password("phare du Stiff", "salt", 2)
    assert kept.startswith("scrypt$2$salt$") and "phare" not in kept
    assert password_matches("phare du Stiff", kept)
    assert not password_matches("phare du Stiff ", kept)
    assert not password_matches("", kept)


def test_the_same_password_twice_is_kept_differently() -> None:
    assert hash_password("x", "a", 2) != hash_password("x", "b", 2)


def test_the_hash_is_scrypt_as_the_rfc_computes_it() -> None:
    # RFC 7914 section 12, third vector, its first 32 bytes.
    expected = bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
    kept = hash_password("pleaseletmein", "SodiumChloride", 16384)
    assert kept == f"scrypt$16384$SodiumChloride${b64encode(expected).decode()}"


@pytest.mark.parametrize(
    "kept", ["", "x", "scrypt$2$a", "scrypt$x$a$b", "md5$2$a$b", "scrypt$2$a$b$c", "$$$"]
)
def test_an_unreadable_hash_matches_nothing(kept: str) -> None:
    assert not password_matches("", kept)
    assert not password_matches("x", kept)


def test_secrets_are_kept_as_digests() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest("\ud800")  # a broken text is a wrong secret, not an error
    assert same("é", "é") and not same("a", "b") and not same("", "a")
