"""What is sent to addresses that others chose, and what is believed of their answers."""

import asyncio
from collections.abc import Mapping

import pytest

from aubier.ground.problem import Problem
from aubier.rest.outgoing.request import send


class Own:
    """This machine, and nothing else."""

    def permits(self, host: str, address: str) -> bool:
        return host == "127.0.0.1" and address == "127.0.0.1"


async def sent(
    answer: bytes, headers: Mapping[str, str] | None = None, within: float = 5
) -> tuple[int, bytes]:
    """The status that is understood of `answer`, and the request that was sent."""
    came = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            came.extend(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(4))
            writer.write(answer)
            if not answer:
                await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a/b?c=d"
        status = await send("POST", url, headers or {}, b"body", reach=Own(), within=within)
    return status, bytes(came)


async def test_one_request_and_its_status() -> None:
    status, came = await sent(b"HTTP/1.1 204 No Content\r\n\r\n", {"X-A": "b"})
    head, _, body = came.partition(b"\r\n\r\n")
    assert status == 204
    assert head.startswith(b"POST /a/b?c=d HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-A: b\r\n" in head and b"\r\nConnection: close\r\n" in head
    assert head.endswith(b"Content-Length: 4") and body == b"body"


async def test_interim_answers_are_passed_over() -> None:
    assert (await sent(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))[0] == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 6,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=["not HTTP", "two digits", "four digits", "cut short", "interim for ever", "endless head"],
)
async def test_what_is_no_answer(answer: bytes) -> None:
    with pytest.raises(Problem) as refused:
        await sent(answer)
    assert refused.value.kind == "transient"


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    with pytest.raises(Problem, match="no answer in time"):
        await sent(b"", within=0.05)


async def test_an_address_that_is_not_permitted_is_not_connected_to() -> None:
    with pytest.raises(Problem) as refused:
        await send("POST", "http://localhost:1/", {}, b"", reach=Own(), within=5)
    assert refused.value.kind == "forbidden"


async def test_nothing_slips_into_the_head() -> None:
    with pytest.raises(Problem):
        await sent(b"HTTP/1.1 200 OK\r\n\r\n", {"X-A": "b\r\nX-B: c"})
