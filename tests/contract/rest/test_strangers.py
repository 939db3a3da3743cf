"""A served instance and clients that no library is: silent, half said, larger than anybody may be."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.running import Running, running

SILENT = 1500


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    """An instance of nobody, in processes of its own."""
    with running() as made:
        yield made


def said(served: Running, sent: bytes) -> bytes:
    """What is answered to these bytes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as asking:
        asking.sendall(sent)
        return b"".join(iter(lambda: asking.recv(65536), b""))


def test_connections_that_say_nothing_stand_in_nobodys_way(served: Running) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < SILENT + 300:
        pytest.skip("the system lets no process open as many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, SILENT + 200), hard))
    with ExitStack() as silent:
        for _ in range(SILENT):
            silent.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60))
        assert said(served, b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").startswith(
            b"HTTP/1.1 200 "
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_http_2_is_not_spoken(served: Running) -> None:
    assert said(served, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00") == b""


def test_nobody_sends_files(served: Running) -> None:
    for path, told in (("/signon/token", b"64 KiB"), ("/signon/login", b"64 Kio")):
        asked = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n"
        answer = said(served, asked.encode())
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert told in answer
