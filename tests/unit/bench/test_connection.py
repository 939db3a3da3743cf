"""The client: whole answers, however they are cut."""

import asyncio
import random
import time
from pathlib import Path

import pytest
from bench.client.closed import Drive, drive, run_lanes
from bench.client.connection import Connection, Lost, below, message, path_of
from bench.client.loops import run
from bench.figures import Tally

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: 1\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


async def _serve(*answers: bytes) -> tuple[asyncio.Server, int, list[bytes]]:
    heard: list[bytes] = []
    left = list(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            try:
                heard.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                break
            answer = left.pop(0)
            writer.write(answer)
            if b"close" in answer or answer in (b"", PLAIN[:-1]):
                break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1], heard


async def test_answers_of_a_length_and_in_chunks() -> None:
    server, port, heard = await _serve(PLAIN, CHUNKED, CLOSING, PLAIN)
    async with server:
        connection = Connection(port, "t0ken")
        one = await connection.ask("GET", "/a", Prefer="respond-async")
        two = await connection.ask("GET", "/b")
        assert (one.status, one.headers["etag"], one.body) == (200, "1", b"hello")
        assert (two.status, two.body) == (201, b"hello")
        assert (await connection.ask("GET", "/c")).body == b""
        assert (await connection.ask("GET", "/d")).body == b"hello", "opened again"
        connection.close()
    assert heard[0].startswith(b"GET /a HTTP/1.1\r\n") and b"Authorization: Bearer t0ken" in heard[0]
    assert b"Prefer: respond-async" in heard[0]


@pytest.mark.parametrize("cut", [b"", PLAIN[:-1]])
async def test_an_answer_that_ends_before_its_end_is_lost(cut: bytes) -> None:
    server, port, _ = await _serve(cut)
    async with server:
        with pytest.raises(Lost):
            await Connection(port).ask("GET", "/")


def test_a_body_has_its_length_and_a_header_replaces_ours() -> None:
    whole = message("POST", "/x", b"{}", "", {"Accept": "application/fhir+ndjson"})
    assert whole.endswith(b"\r\n\r\n{}") and b"Content-Length: 2\r\n" in whole
    assert whole.count(b"Accept:") == 1 and b"Authorization" not in whole


def test_a_path_stands_below_the_base_of_a_server_unless_it_begins_with_a_slash() -> None:
    assert below("/fhir", "Patient?name=x") == "/fhir/Patient?name=x" and below("/fhir", "") == "/fhir"
    assert below("/fhir", "/health/ready") == "/health/ready" and below("", "") == ""
    assert path_of("http://127.0.0.1:80/fhir/Patient?_page=a%2Fb") == "/fhir/Patient?_page=a%2Fb"
    assert path_of("Patient?_page=2") == "Patient?_page=2" and path_of("") == ""


def test_a_run_of_our_own_client_counts_what_was_refused_and_lost(tmp_path: Path) -> None:
    refused = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
    turn = iter([PLAIN, refused, b""])

    async def lane(connection: Connection, draw: random.Random, tally: Tally, until: float) -> None:
        server, port, _ = await _serve(*turn)
        async with server:
            asked = Connection(port)
            for _ in range(3):
                begun = time.perf_counter()
                try:
                    answer = await asked.ask("GET", "/")
                except Lost as lost:
                    tally.lose(str(lost))
                    continue
                tally.add(time.perf_counter() - begun, ok=answer.status < 400, said=answer.body.decode())

    found = run(run_lanes(lane, Drive(0, tmp_path, "", 1, 0.0, 1)))
    assert (found.requests, found.refused, found.broken, found.raw) == (2, 1, 1, "no")


def test_nobody_there_is_said(tmp_path: Path) -> None:
    place = tmp_path / "asked"
    place.write_text("GET /\n")
    with pytest.raises(OSError):
        drive(Drive(1, place, "", 1, 0.2, 1), own=True)
