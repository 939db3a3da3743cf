"""Addresses that others name."""

import pytest

from aubier.ground.addresses import address_of, is_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.0.0.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("0.0.0.0", False),
        ("::1", False), ("fe80::1", False), ("fd00::1", False), ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False), ("2001:0:4136:e378::1", False), ("ff0e::1", False),
        ("::ffff:10.0.0.1", False), ("::ffff:93.184.216.34", True), ("fe80::1%eth0", False),
    ],
)  # fmt: skip
def test_addresses_of_the_internet(address: str, public: bool) -> None:
    assert is_public(address_of(address)) is public


def test_what_is_no_address() -> None:
    with pytest.raises(ValueError):
        address_of("localhost")
