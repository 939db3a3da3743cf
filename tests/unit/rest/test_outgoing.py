"""What is sent to addresses that others chose, and what is believed of their answers."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from aubier.ground.problem import Problem
from aubier.rest.outgoing import connection
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


# -- names, addresses, certificates -----------------------------------------------------------------

NAME, OTHER = "hook.example.org", "elsewhere.example.org"


class Anywhere:
    """Every address: what is tried here is what comes after."""

    def permits(self, host: str, address: str) -> bool:
        return True


def certificate(folder: Path, name: str) -> Path:
    """A key and a certificate of its own for a name, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    place = folder / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    place.write_bytes(private + made.public_bytes(Encoding.PEM))
    return place


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[int, Path]]:
    """The port of a server over TLS whose certificate is for NAME, and that certificate."""
    place = certificate(tmp_path, NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], place


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every name stands for this machine the first time, and for another the next; what was looked up."""
    asked: list[str] = []

    def resolved(host: str, port: int, *more: Any, **options: Any) -> list[tuple[Any, ...]]:
        address = "127.0.0.1" if host not in asked else "192.0.2.1"
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return asked


def trust(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(connection, "_trust", lambda: ssl.create_default_context(cafile=str(place)))


async def test_the_name_is_looked_up_once_and_its_certificate_asked_for(
    secure: tuple[int, Path], looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, place = secure
    trust(monkeypatch, place)
    assert await send("POST", f"https://{NAME}:{port}/", {}, b"", reach=Anywhere(), within=5) == 204
    assert looked_up == [NAME]


@pytest.mark.parametrize("wrong", ["name", "authority"])
async def test_a_certificate_that_is_not_the_name_s_is_not_believed(
    secure: tuple[int, Path], looked_up: list[str], monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    port, place = secure
    if wrong == "name":
        trust(monkeypatch, place)
    with pytest.raises(Problem, match="its certificate is not trusted") as refused:
        url = f"https://{OTHER if wrong == 'name' else NAME}:{port}/"
        await send("POST", url, {}, b"", reach=Anywhere(), within=5)
    assert refused.value.kind == "transient"


async def test_an_answer_that_trickles_is_not_waited_for() -> None:
    """Each byte comes in time, the head never."""
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nX: ")
            while not left.is_set():
                writer.write(b"y")
                await writer.drain()
                await asyncio.sleep(0.005)
        except ConnectionError:
            pass
        finally:
            left.set()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(Problem, match="no answer in time"):
            await send("POST", url, {}, b"", reach=Own(), within=0.1)
        await asyncio.wait_for(left.wait(), 30)


async def test_why_nobody_answered_is_said_in_words() -> None:
    """Who asked to be told reads it on the Subscription: no name of a Python class."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        with pytest.raises(Problem) as silent:
            await send("POST", url, {}, b"", reach=Own(), within=5)
    assert str(silent.value.issues[0].text) == "The endpoint did not answer: nothing listens there"
    with pytest.raises(Problem) as strange:
        await sent(b"\0\xff" * 40)
    assert "no HTTP answer" in strange.value.issues[0].text
    assert "pas une réponse HTTP" in strange.value.issues[0].fr
