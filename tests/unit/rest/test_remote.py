"""Which hosts and addresses a server goes to when somebody names a file."""

import socket
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.rest.importing.remote import Allowed
from aubier.rest.importing.sources import Lines
from aubier.settings import Settings

NAMED = Allowed(frozenset({"files.example.org", "files.example.org:8443", "10.1.2.3"}))


@pytest.mark.parametrize(
    ("url", "open_"),
    [
        ("https://files.example.org/a?b", True), ("https://FILES.example.org:443/", True),
        ("https://files.example.org:8443/", True), ("https://files.example.org:8444/", False),
        ("http://files.example.org/", False), ("https://example.org/", False),
        ("https://files.example.org.evil.test/", False), ("https://files.example.org@evil.test/", False),
        ("https://me@files.example.org/", False), ("https://127.0.0.1/", False), ("https://[::1]/", False),
        ("https://files.example.org/ x", False), ("https://", False), ("https://[x/", False),
    ],
)  # fmt: skip
def test_hosts_that_are_named(url: str, open_: bool) -> None:
    if open_:
        assert NAMED.check(url).hostname == "files.example.org"
        return
    with pytest.raises(Problem) as refused:
        NAMED.check(url)
    assert refused.value.kind in ("forbidden", "value") and refused.value.issues[0].fr


@pytest.mark.parametrize(
    ("addresses", "chosen"),
    [
        (["93.184.216.34"], "93.184.216.34"),
        (["10.1.2.3"], "10.1.2.3"),
        (["93.184.216.34", "10.0.0.1"], ""),
        (["127.0.0.1"], ""),
        (["::ffff:10.0.0.1"], ""),
        (["fe80::1%eth0"], ""),
    ],
)
def test_every_address_of_a_name_must_be_one_that_may_be_asked(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], chosen: str
) -> None:
    def resolved(*asked: Any, **options: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    if chosen:
        assert NAMED.address("files.example.org", 443) == chosen
        return
    with pytest.raises(Problem) as refused:
        NAMED.address("files.example.org", 443)
    assert refused.value.kind == "forbidden"


def test_nothing_is_allowed_unless_it_is_named() -> None:
    nobody = Allowed.of(Settings.load({}))
    assert nobody == Allowed()
    named = Allowed.of(Settings.load({"AUBIER_IMPORT_HOSTS": " A.example , b.example:8443,"}))
    assert named.hosts == {"a.example", "b.example:8443"} and not named.loopback
    assert Allowed.of(Settings.load({"AUBIER_SANDBOX": "yes"})).loopback


def test_lines_whatever_the_pieces_they_come_in() -> None:
    data = b"".join(b"%d" % n * n + b"\n" for n in range(1, 9)) + b"last"
    for size in (1, 2, 3, 7, 1000):
        pieces = [data[n : n + size] for n in range(0, len(data), size)]
        lines = Lines(0, 0, lambda left=pieces: left.pop(0) if left else b"")  # type: ignore[misc]
        found: list[bytes] = []
        while taken := lines.take(3, 1000, 100):
            found += taken
            assert data.startswith(b"".join(found)) and lines.offset == len(b"".join(found))
        assert b"".join(found) == data and len(found) == 9


def test_a_line_that_does_not_end_is_not_kept() -> None:
    lines = Lines(0, 0, lambda: b"x" * 100)
    with pytest.raises(Problem, match="longer"):
        lines.take(10, 1000, 1000)
    assert len(lines.pending) <= 1200
