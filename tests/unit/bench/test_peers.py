"""Other servers: what is posted to them, how a load goes on, what one needs that its parts leave out."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from bench.dataset.corpus import Corpus
from bench.servers import helios
from bench.servers.peer import Filling, filled
from bench.servers.server import Noted

from aubier.fhir.definitions import definitions

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
NO = b"HTTP/1.1 422 No\r\nContent-Length: 5\r\n\r\nwrong"


def _corpus(folder: Path, bundles: int) -> Corpus:
    """One patient in each transaction; the first is the directory's."""
    lines = [json.dumps({"resourceType": "Patient", "id": f"p{n}"}) for n in range(bundles)]
    (folder / "resources.ndjson").write_text("\n".join(lines) + "\n")
    facts = {"resources": bundles, "bytes": 10 * bundles, "cuts": [1] * bundles, "directory": 1}
    (folder / "facts.json").write_text(json.dumps(facts))
    return Corpus(folder, bundles)


async def _server(refuse: str = "") -> tuple[asyncio.Server, int, list[str]]:
    heard: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
            except asyncio.IncompleteReadError:
                break
            length = int(head.partition("Content-Length: ")[2].partition("\r")[0])
            (entry,) = json.loads(await reader.readexactly(length))["entry"]
            heard.append(entry["request"]["url"])
            writer.write(NO if refuse and heard[-1].endswith(refuse) else OK)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1], heard


def _filling(port: int, noted: Noted) -> Filling:
    return Filling("somebody", port, "/base", "", (os.getpid(), os.getpid()), noted)


async def test_everything_is_posted_once_and_the_directory_first(tmp_path: Path) -> None:
    corpus, noted = _corpus(tmp_path, 50), Noted(tmp_path / "noted")
    server, port, heard = await _server()
    async with server:
        await _filling(port, noted).send(corpus, lambda words: None)
    assert heard[0] == "Patient/p0" and sorted(heard) == sorted(f"Patient/p{n}" for n in range(50))
    figures = filled(noted, corpus)
    assert figures["requests"] == 50 and figures["rate"] == figures["resources_per_second"] > 0


async def test_a_load_that_was_stopped_goes_on_and_its_time_counts_with_the_earlier(tmp_path: Path) -> None:
    corpus, noted = _corpus(tmp_path, 50), Noted(tmp_path / "noted")
    server, port, heard = await _server("p47")
    async with server:
        with pytest.raises(RuntimeError, match="somebody refused bundle 47: b'wrong'"):
            await _filling(port, noted).send(corpus, lambda words: None)
    again = Noted(tmp_path / "noted")
    assert 40 < (done := again.facts["bundles"]) <= 47
    again.note(seconds=1000.0)
    second, port, more = await _server()
    async with second:
        await _filling(port, again).send(corpus, lambda words: None)
    assert sorted(more) == sorted(f"Patient/p{n}" for n in range(done, 50))
    assert set(heard) | set(more) == {f"Patient/p{n}" for n in range(50)}
    assert again.facts["bundles"] == 50 and 1000 < filled(again, corpus)["seconds"] < 1060


def test_what_helios_needs_beside_its_crates_is_written_from_our_definitions(tmp_path: Path) -> None:
    helios._write_definitions(tmp_path)
    found = json.loads((tmp_path / "search-parameters-r4.json").read_text())["entry"]
    parameters = {e["resource"]["url"]: e["resource"] for e in found}
    assert len(parameters) == len(definitions().search_parameters)
    family = parameters["http://hl7.org/fhir/SearchParameter/individual-family"]
    assert family["base"] == ["Patient", "Practitioner"] and family["type"] == "string"
    together = parameters["http://hl7.org/fhir/SearchParameter/Observation-code-value-quantity"]
    assert [part["expression"] for part in together["component"]] == ["code", "value.as(Quantity)"]
    (patient,) = (
        e["resource"]
        for e in json.loads((tmp_path / "compartment-definitions-r4.json").read_text())["entry"]
        if e["resource"]["code"] == "Patient"
    )
    assert {"code": "Condition", "param": ["patient", "asserter"]} in patient["resource"]


def test_a_peer_that_cannot_be_built_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helios, "BUILT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert helios.Helios.build(object.__new__(helios.Helios), lambda words: None) == "cargo is not installed"
