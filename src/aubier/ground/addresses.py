"""Network addresses that others name: which of them are of the internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

_TRANSLATED = ip_network("64:ff9b::/32")


def address_of(text: str) -> Address:
    """The address that a text stands for; an IPv4 address written as IPv6 is the IPv4 one.

    ValueError for what is none.
    """
    found = ip_address(text.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet: of no private network, and leading to no other.

    Rule: RFC 6890; RFC 6052 and RFC 8215 (64:ff9b), RFC 3056 (6to4) and RFC 4380 (Teredo) lead elsewhere.
    """
    if isinstance(address, IPv6Address) and (address.sixtofour or address.teredo or address in _TRANSLATED):
        return False
    return address.is_global and not address.is_multicast
