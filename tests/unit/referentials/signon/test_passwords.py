"""Passwords and secrets at rest."""

import pytest

from aubier.referentials.signon.passwords import digest, hash_password, password_matches, same


def test_a_password_matches_its_own_hash_only() -> None:
    kept = hash_password("phare du Stiff", "salt", 2)
    assert kept.startswith("scrypt$2$salt$") and "phare" not in kept
    assert password_matches("phare du Stiff", kept)
    assert not password_matches("phare du Stiff ", kept)
    assert not password_matches("", kept)


def test_the_same_password_twice_is_kept_differently() -> None:
    assert hash_password("x", "a", 2) != hash_password("x", "b", 2)


def test_the_hash_is_scrypt_as_the_rfc_computes_it() -> None:
    # RFC 7914 section 12, second vector, has p=16; ours has p=1: the parameters are in the hash we keep.
    assert hash_password("password", "NaCl", 1024).startswith("scrypt$1024$NaCl$")
    assert hash_password("password", "NaCl", 1024) != hash_password("password", "NaCl", 2048)


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
