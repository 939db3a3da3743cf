"""Which hosts and addresses a server goes to when somebody names a file."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.rest.importing import remote, sources
from aubier.rest.importing.remote import Allowed, Remote
from aubier.rest.importing.sources import Lines
from aubier.rest.outgoing.connection import NotPermitted, judged
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
async def test_every_address_of_a_name_must_be_one_that_may_be_asked(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], chosen: str
) -> None:
    def resolved(*asked: Any, **options: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    if chosen:
        assert await judged("files.example.org", 443, NAMED) == [chosen]
        return
    with pytest.raises(NotPermitted):
        await judged("files.example.org", 443, NAMED)
    lines = Remote("https://files.example.org/a", NAMED, 0, "", 1000)
    with pytest.raises(Problem) as refused:
        await lines.read()
    assert refused.value.kind == "forbidden" and refused.value.issues[0].fr


def test_nothing_is_allowed_unless_it_is_named() -> None:
    nobody = Allowed.of(Settings.load({}))
    assert nobody == Allowed()
    named = Allowed.of(Settings.load({"AUBIER_IMPORT_HOSTS": " A.example , b.example:8443,"}))
    assert named.hosts == {"a.example", "b.example:8443"} and not named.loopback
    assert Allowed.of(Settings.load({"AUBIER_SANDBOX": "yes"})).loopback


def pieces_of(data: bytes, size: int) -> Callable[[], Awaitable[bytes]]:
    left = [data[n : n + size] for n in range(0, len(data), size)]

    async def read() -> bytes:
        return left.pop(0) if left else b""

    return read


async def test_lines_whatever_the_pieces_they_come_in() -> None:
    data = b"".join(b"%d" % n * n + b"\n" for n in range(1, 9)) + b"last"
    for size in (1, 2, 3, 7, 1000):
        lines = Lines(0, 0, pieces_of(data, size))
        found: list[bytes] = []
        while taken := await lines.take(3, 1000, 100):
            found += taken
            assert data.startswith(b"".join(found)) and lines.offset == len(b"".join(found))
        assert b"".join(found) == data and len(found) == 9


async def test_a_part_is_no_more_than_it_may_be() -> None:
    """So many lines, or the line that makes so many bytes, whichever comes first."""
    data = b"12345678\n" * 9
    for most, size, due in ((4, 1000, 4), (100, 27, 3), (100, 28, 4), (100, 1000, 9)):
        assert len(await Lines(0, 0, pieces_of(data, 7)).take(most, size, 100)) == due


async def test_a_line_that_does_not_end_is_not_kept() -> None:
    lines = Lines(0, 0, pieces_of(b"x" * 100_000, 100))
    with pytest.raises(Problem, match="longer"):
        await lines.take(10, 1000, 1000)
    assert len(lines.pending) <= 1200


HERE = Allowed(loopback=True)


async def fetched(answer: bytes, offset: int = 0, *, then: bytes | None = None) -> bytes:
    """What is had of a host that answers so; with `then` None it says nothing more and does not leave."""
    silent = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            if then is None:
                await silent.wait()
            else:
                writer.write(then)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        file = Remote(f"http://127.0.0.1:{port}/a", HERE, offset, "", 1_000_000)
        found = b""
        try:
            while piece := await file.read():
                found += piece
        finally:
            file.close()
            silent.set()
    return found


async def test_a_file_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"
    assert await fetched(head, then=b"def") == b"abcdef"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    assert await fetched(chunked, then=b"2\r\nde\r\n0\r\n\r\n") == b"abcde"


async def test_of_a_host_that_knows_no_ranges_what_was_had_is_passed_over() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc\ndefgh"
    assert await fetched(whole, 4, then=b"") == b"defgh"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "transient"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "transient"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "transient"),
        (b"220 smtp.example ESMTP\r\n", "transient"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "transient"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "transient"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "processing"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", "too-long"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", "processing"),
    ],
    ids=["cut", "cut chunk", "two lengths", "smtp", "endless head", "busy", "redirect", "too long", "gzip"],
)
async def test_what_is_no_file(answer: bytes, kind: str) -> None:
    with pytest.raises(Problem) as refused:
        await fetched(answer, then=b"")
    assert refused.value.kind == kind


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], ids=["head", "body"]
)
async def test_a_host_that_says_nothing_more_is_left(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(remote, "_WITHIN", 0.05)
    with pytest.raises(Problem) as refused:
        await fetched(answer)
    assert refused.value.kind == "transient"


async def test_a_host_that_trickles_is_left_however_regularly(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    monkeypatch.setattr(sources, "monotonic", lambda: moment[0])

    async def trickle() -> bytes:
        moment[0] += 29
        return b"x"

    slow = Lines(0, 0, trickle)
    with pytest.raises(Problem) as refused:
        await slow.take(1000, 1 << 20, 1 << 20)
    assert refused.value.kind == "transient" and 300 <= moment[0] < 400, "a part takes five minutes at most"

    async def lines() -> bytes:
        moment[0] += 29
        return b"\n" * 1000

    whole, taken = Lines(0, 0, lines), 0
    with pytest.raises(Problem) as refused:
        while await whole.take(1000, 1 << 20, 1 << 20):
            taken += 1
    assert refused.value.kind == "too-costly" and taken * 29 >= sources.PATIENCE - 60
