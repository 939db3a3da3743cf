"""A client that means harm, on real sockets: it is refused or cut off, and everybody else is served."""

import gzip
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.journeys.running import Running

PLAIN = b"Host: a\r\nConnection: close\r\n"
WAIT = 20.0
MANY = 200
"""Connections that one client opens and leaves open."""

_length = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE).search

OUTSIDE = {
    "a query that is no UTF-8": b"GET /?a=%FF HTTP/1.1\r\n",
    "such a query of nothing": b"GET /nowhere?a=%FF HTTP/1.1\r\n",
    "a long query": b"GET /nowhere?" + b"a" * 65_000 + b" HTTP/1.1\r\n",
    "raw bytes": b"GET /?\xff\xe9 HTTP/1.1\r\n",
    "a null character in a path": b"GET /fhir/Patient/%00 HTTP/1.1\r\n",
    "a null character on a page": b"GET /%00 HTTP/1.1\r\n",
    "a null character in a query": b"GET /?lang=%00 HTTP/1.1\r\n",
    "a null character for a code": b"GET /signon/authorize?client_id=%00 HTTP/1.1\r\n",
    "a huge header": b"GET / HTTP/1.1\r\nA: " + b"a" * 1_000_000 + b"\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5_000,
    "a cookie of backslashes": b'GET / HTTP/1.1\r\nCookie: a="' + b"\\" * 300_000 + b'"\r\n',
    "two lengths": b"POST /fhir HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 5\r\n",
    "a negative length": b"POST /fhir HTTP/1.1\r\nContent-Length: -3\r\n",
    "a length and chunks": b"POST /fhir HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    "no chunks": b"POST /signon/token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    "no HTTP": b"\x16\x03\x01\x02\x00hello\r\n\r\n",
    "no method": b"B@D / HTTP/1.1\r\n",
    "an upgrade": b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "a host that is none": b"GET / HTTP/1.1\r\nHost: \xff <b>\r\n",
}
"""What anybody may send."""

_JSON = b"Content-Type: application/fhir+json\r\n"
_POST = b"POST /fhir/Patient HTTP/1.1\r\n"
_NEVER = b"If-Modified-Since: Sat, 1 Jan 9999999999 0:0:0\r\n"
_BOMB = gzip.compress(bytes(20 << 20), 1)
INSIDE = {
    "a bomb": _POST + b"Content-Encoding: gzip\r\n" + _JSON,
    "another charset": _POST + b"Content-Type: application/fhir+json; charset=utf-16\r\n",
    "another language": _POST + b"Content-Type: text/x-python\r\n",
    "an export of null": b"GET /fhir/_export/%00 HTTP/1.1\r\n",
    "a search of null": b"GET /fhir/Patient?_id=%00 HTTP/1.1\r\n",
    "a type of null": b"GET /fhir/%00 HTTP/1.1\r\n",
    "a deep mark": b"GET /fhir/Patient?_page=" + b"kZGR" * 900 + b" HTTP/1.1\r\n",
    "half a character": b"GET /fhir/Patient/%ED%A0%80 HTTP/1.1\r\n",
    "a date beyond the calendar": b"GET /fhir/Patient/a HTTP/1.1\r\n" + _NEVER,
    "more than was announced": b"POST /fhir/Patient HTTP/1.1\r\nContent-Length: 2\r\n" + _JSON,
    "a link of spaces": b"POST /fhir/Patient HTTP/1.1\r\n" + _JSON,
}
"""What somebody who has signed in may send."""
_SLOW_LINK = (
    b'{"resourceType":"Patient","text":{"status":"generated",'
    b'"div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><a href=\\"'
    + b" " * 200_000
    + b'x:\\">a</a></div>"}}'
)
_BODIES = {"a bomb": _BOMB, "more than was announced": b"{}" * 1_000, "a link of spaces": _SLOW_LINK}


_BEGUN = (
    b"GET / HT",
    b"POST /signon/token HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
    b"POST /signon/token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\na",
)


def connected(running: Running) -> socket.socket:
    """A connection of a client that is not patient for ever."""
    return socket.create_connection(("127.0.0.1", running.port), timeout=WAIT)


def answered(running: Running, sent: bytes) -> bytes:
    """What comes back, empty when the connection is closed without a word; TimeoutError when nothing does."""
    with connected(running) as client:
        try:
            client.sendall(sent)
            return _answer(client)
        except (ConnectionResetError, BrokenPipeError):
            return b""  # closed while we were still sending


def _answer(client: socket.socket) -> bytes:
    found = b""
    while piece := client.recv(65_536):
        found += piece
        head, whole, body = found.partition(b"\r\n\r\n")
        length = _length(head + b"\r\n")
        if whole and length and len(body) >= int(length[1]):
            break
    return found


def refused_or_served(answer: bytes) -> bool:
    """Whether this is no fault of ours."""
    return answer == b"" or re.match(rb"HTTP/1\.[01] [1234]\d\d ", answer) is not None


def well(running: Running) -> bool:
    """Whether others are served."""
    return running.ask("/health/ready")[0] == 200


@pytest.fixture(scope="module")
def token(instance: Running) -> bytes:
    return instance.token("yann").encode()


@pytest.mark.parametrize("what", OUTSIDE)
def test_nobody_brings_it_down(instance: Running, what: str) -> None:
    answer = answered(instance, OUTSIDE[what] + PLAIN + b"\r\n")
    assert refused_or_served(answer), answer[:300]
    assert well(instance)


@pytest.mark.parametrize("what", INSIDE)
def test_who_has_signed_in_does_not_either(instance: Running, token: bytes, what: str) -> None:
    body = _BODIES.get(what, b"{}")
    head = INSIDE[what] + PLAIN + b"Authorization: Bearer " + token + b"\r\n"
    if b"Content-Length" not in head:
        head += b"Content-Length: %d\r\n" % len(body)
    answer = answered(instance, head + b"\r\n" + body)
    assert refused_or_served(answer), answer[:300]
    assert b" 20" not in answer[:16], "none of these is a good request"
    assert well(instance)


@pytest.fixture
def crowd(instance: Running) -> Iterator[int]:
    """Many connections of which each begins a request and says no more."""
    with ExitStack() as opened:
        for number in range(MANY):
            client = opened.enter_context(
                socket.create_connection(("127.0.0.1", instance.port), timeout=WAIT)
            )
            client.sendall(
                (b"GET / HT", b"POST /signon/token HTTP/1.1\r\nContent-Length: 9\r\n\r\n")[number % 2]
            )
        yield MANY


def test_a_crowd_that_says_nothing_keeps_nobody_waiting(instance: Running, crowd: int) -> None:
    assert crowd == MANY
    assert all(well(instance) for _ in range(5))


def test_who_hangs_up_in_the_middle_leaves_nothing_behind(instance: Running, token: bytes) -> None:
    head = b"POST /fhir/Patient HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n" + _JSON
    for size in (0, 1, 10):
        with connected(instance) as client:
            client.sendall(head + b"Authorization: Bearer " + token + b"\r\n\r\n" + b"{" * size)
    assert well(instance)
    assert not [line for line in instance.lines if "unforeseen" in line or "Traceback" in line]
