"""`$import`: files loaded under the rules of every write, each fault told, nothing made twice."""

import asyncio
import codecs
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from aubier.access.actor import Actor, system_actor
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import BeforeWrite
from aubier.rest.asynchronous import asking, running
from aubier.rest.importing import running as importing
from aubier.rest.importing.running import IMPORT
from tests.contract.rest.conftest import ACTORS, Api, places
from tests.contract.rest.test_asynchronous import patient

ASYNC = {"prefer": "respond-async"}
NDJSON = {**ASYNC, "content-type": "application/fhir+ndjson"}
_SUBSETTED = {
    "tag": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"},
    ]
}
_LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"


@dataclass
class Host:
    """A host with files: what it answers, and what it was asked."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    ranges: bool = True
    etag: str = '"1"'
    cut: int = 0


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Range", "")
            told.asked.append((self.path, given))
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "/patients")
                self.end_headers()
                return
            data = told.files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            start = int(given[6:-1]) if given and told.ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("ETag", told.etag)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            end, told.cut = told.cut or len(data), 0
            self.wfile.write(data[start:end])
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Host(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
async def quiet(host: Host) -> AsyncIterator[None]:
    """Each test begins with a host that does as it should."""
    host.files, host.asked, host.ranges, host.etag, host.cut = {}, [], True, '"1"', 0
    yield
    await asyncio.gather(*running._under_way)


def lines(*resources: dict[str, Any]) -> bytes:
    return b"".join(fhir_json.dumps(r) + b"\n" for r in resources)


def people(name: str, number: int) -> list[dict[str, Any]]:
    return [{**patient(name), "id": f"{name}-{n}"} for n in range(number)]


def parameters(*inputs: tuple[str, str], **more: str) -> dict[str, Any]:
    """What names these files: (type, url)."""
    found: list[dict[str, Any]] = [
        {"name": "inputFormat", "valueCode": "application/fhir+ndjson"},
        *({"name": name, "valueString": value} for name, value in more.items()),
    ]
    for kind, url in inputs:
        part = [{"name": "type", "valueCode": kind}, {"name": "url", "valueUrl": url}]
        found.append({"name": "input", "part": part})
    return {"resourceType": "Parameters", "parameter": found}


async def asked(api: Api, body: Any, **options: Any) -> str:
    """Asks for an import; where to ask for it."""
    headers = NDJSON if isinstance(body, bytes) else ASYNC
    answer = await api.ask("POST", "$import", body, headers=headers, **options)
    assert answer.status_code == 202, answer.text
    return answer.headers["content-location"].partition("/fhir/")[2]


async def waited(api: Api, place: str, **options: Any) -> Any:
    """What came of an import."""
    for _ in range(200):
        answer = await api.get(place, **options)
        if answer.status_code != 202:
            assert answer.status_code == 200, answer.text
            return answer.json()
        await asyncio.gather(*running._under_way)
    raise AssertionError("it does not end")


async def faults(api: Api, told: Any) -> list[tuple[int, str]]:
    """(line, words) of every fault."""
    found = []
    for row in told["error"]:
        answer = await api.ask("GET", row["url"])
        outcomes = [fhir_json.parse(line) for line in answer.content.splitlines()]
        assert len(outcomes) == row["count"] and row["type"] == "OperationOutcome"
        for outcome in outcomes:
            (line,) = [e["valueInteger"] for e in outcome["issue"][0]["extension"] if e["url"] == _LINE]
            found.append((line, outcome["issue"][0]["details"]["text"]))
    return found


async def known(api: Api, logical: str) -> httpx.Response:
    return await api.get(f"Patient/{logical}")


async def walked(api: Api, place: str) -> None:
    store = api.house.context(system_actor("asynchronous")).store
    await running.walk(store, IMPORT, place.rpartition("/")[2])


async def resumed(api: Api) -> None:
    api.clock.later(minutes=10)
    await running.resume(api.house.context(system_actor("asynchronous")), {IMPORT.kind: IMPORT})
    await asyncio.gather(*running._under_way)


@pytest.fixture
async def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports are asked and nobody walks them: as if the process had been killed at once."""
    monkeypatch.setattr(asking, "start", lambda view, work, job: None)


async def test_a_body_of_several_types(api: Api) -> None:
    about = {
        "resourceType": "Basic",
        "id": "b-1",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/body-0"},
    }
    told = await waited(api, await asked(api, lines(*people("body", 3), about) + b"\n\n"))
    assert told["output"] == [
        {
            "inputUrl": "body",
            "count": 4,
            "extension": {"created": 4, "updated": 0, "unchanged": 0, "refused": 0},
        }
    ]
    assert told["error"] == []
    found = await api.get("Basic?subject=Patient/body-0")
    assert [e["resource"]["id"] for e in found.json()["entry"]] == ["b-1"]
    changed = [{**patient("body"), "id": "body-0", "gender": "female"}, people("body", 2)[1]]
    told = await waited(api, await asked(api, lines(*changed)))
    assert told["output"][0]["extension"] == {"created": 0, "updated": 1, "unchanged": 1, "refused": 0}
    assert (await known(api, "body-0")).json()["meta"]["versionId"] == "2"


async def test_a_mark_of_byte_order_is_passed_over(api: Api) -> None:
    told = await waited(api, await asked(api, codecs.BOM_UTF8 + lines(*people("marked", 2))))
    assert (told["output"][0]["count"], told["error"]) == (2, [])


async def test_from_a_host_in_parts(api: Api, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PART", 3)
    host.files = {"/patients": lines(*people("host", 8)), "/none": b""}
    body = parameters(
        ("Patient", f"{host.url}/patients"), ("Patient", f"{host.url}/none"), inputSource="http://source"
    )
    told = await waited(api, await asked(api, body))
    assert [row["count"] for row in told["output"]] == [8, 0] and told["error"] == []
    assert told["inputSource"] == "http://source" and told["request"].endswith("/fhir/$import")
    assert [path for path, _ in host.asked] == ["/patients", "/none"], "one connection for each file"
    assert (await known(api, "host-7")).status_code == 200


async def test_what_lives_with_others_comes_after_them(api: Api, host: Host) -> None:
    named = [{"reference": "Observation/lives-o"}]
    source = {"recorded": "2026-11-22T09:00:00Z", "agent": [{"who": {"display": "x"}}], "target": named}
    measured = {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/lives-0"}}
    host.files = {
        "/p": lines({"resourceType": "Provenance", "id": "lives-p", **source}),
        "/o": lines({"resourceType": "Observation", "id": "lives-o", **measured}),
        "/q": lines(*people("lives", 1)),
    }
    inputs = [("Provenance", "/p"), ("Observation", "/o"), ("Patient", "/q")]
    told = await waited(api, await asked(api, parameters(*((k, host.url + path) for k, path in inputs))))
    assert [row["type"] for row in told["output"]] == ["Observation", "Patient", "Provenance"]
    places = "select count(*), count(distinct pat) from res where id like 'lives-%'"
    assert await api.house.store.pool.fetch(places) == [(3, 1)]


async def test_from_a_binary_that_was_uploaded(api: Api) -> None:
    data = b64encode(lines(*people("binary", 2))).decode()
    logical = await api.make(
        {"resourceType": "Binary", "contentType": "application/fhir+ndjson", "data": data}
    )
    told = await waited(api, await asked(api, parameters(("Patient", f"Binary/{logical}"))))
    assert told["output"][0]["count"] == 2
    missing = await waited(
        api, await asked(api, parameters(("Patient", "Binary/absent"), ("Patient", f"Binary/{logical}")))
    )
    assert [row["count"] for row in missing["output"]] == [0, 2]
    assert [line for line, _ in await faults(api, missing)] == [1]


async def test_each_fault_with_its_line(api: Api) -> None:
    good = people("faults", 3)
    body = b"\n".join(
        [
            fhir_json.dumps(good[0]),
            b'{"resourceType":"Patient"',
            fhir_json.dumps({**good[1], "gender": "x"}),
            b"",
            b'{"resourceType":"Nothing","id":"n"}',
            fhir_json.dumps(good[1]),
            fhir_json.dumps({**patient("x"), "id": "x", "meta": _SUBSETTED}),
            b"[]",
            fhir_json.dumps({**patient("bad"), "id": "not an id"}),
            fhir_json.dumps(good[2]),
        ]
    )  # fmt: skip
    told = await waited(api, await asked(api, body))
    assert told["output"][0]["extension"] == {"created": 3, "updated": 0, "unchanged": 0, "refused": 6}
    assert [line for line, _ in await faults(api, told)] == [2, 3, 5, 7, 8, 9]
    assert all(words for _, words in await faults(api, told))


async def test_a_content_rule_refuses_a_line_and_not_its_neighbours(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rule(context: Any, resource: dict[str, Any], before: Any) -> dict[str, Any]:
        if resource["code"]["text"] == "no":
            raise problem("business-rule", "Not here", "Pas ici", at="Basic.code")
        return resource

    rules = api.house.server.access.before_write
    assert isinstance(rules, dict)
    monkeypatch.setitem(rules, "Basic", [BeforeWrite("test", ("Basic",), rule, "a rule")])
    group = [{"resourceType": "Basic", "code": {"text": text}} for text in ("a", "b", "no", "c", "no")]
    told = await waited(api, await asked(api, lines(*group)))
    assert told["output"][0]["extension"] == {"created": 3, "updated": 0, "unchanged": 0, "refused": 2}
    assert await faults(api, told) == [(3, "Not here"), (5, "Not here")]


async def test_another_type_than_was_said(api: Api, host: Host) -> None:
    host.files = {"/mixed": lines(*people("mixed", 1), {"resourceType": "Basic", "code": {"text": "x"}})}
    told = await waited(api, await asked(api, parameters(("Patient", f"{host.url}/mixed"))))
    assert told["output"][0]["count"] == 1 and [line for line, _ in await faults(api, told)] == [2]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_beside_a_commit_it_goes_on_and_makes_nothing_twice(
    api: Api, host: Host, idle: None, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(importing, "PART", 2)
    nameless = [patient(f"kill-{when}") for _ in range(5)]
    host.files = {"/people": lines(*nameless, {**patient("x"), "gender": "x"}, *people(f"kill-{when}", 1))}
    place = await asked(api, parameters(("Patient", f"{host.url}/people")))
    parts = 0
    write = running._Walker._write

    async def killed(self: Any, job: Any, step: Any) -> None:
        nonlocal parts
        parts += 1
        if parts == 2 and when == "before":
            raise RuntimeError("killed")
        await write(self, job, step)
        if parts == 2:
            raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(running._Walker, "_write", killed)
        with pytest.raises(RuntimeError):
            await walked(api, place)
    before = (await api.rows())["res"]
    if when == "before":
        # Somebody changes what was loaded before anybody noted it: that is not undone.
        found = (await api.get(f"Patient?family:exact=kill-{when}&_sort=-_id")).json()["entry"]
        for each in found:
            changed = {**each["resource"], "active": True}
            assert (await api.ask("PUT", f"Patient/{changed['id']}", changed)).status_code == 200
    await resumed(api)
    told = await waited(api, place)
    assert told["output"][0]["extension"] == {"created": 6, "updated": 0, "unchanged": 0, "refused": 1}
    assert [line for line, _ in await faults(api, told)] == [6]
    assert (await api.rows())["res"] == before + 2
    found = (await api.get(f"Patient?family:exact=kill-{when}&_total=accurate")).json()
    assert found["total"] == 6
    if when == "before":
        assert sum(bool(e["resource"].get("active")) for e in found["entry"]) == 4
    assert host.asked[-1][1].startswith("bytes="), "it asks for the rest only"
    assert (await api.rows())["job_receipt"] == 0


async def test_a_host_that_knows_no_ranges_and_one_whose_file_changes(
    api: Api, host: Host, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PART", 2)
    for etag, count in (('"1"', 6), ('"2"', 2)):
        name = f"ranges-{count}"
        host.ranges, host.etag = False, '"1"'
        host.files = {"/people": lines(*people(name, 6))}
        place = await asked(api, parameters(("Patient", f"{host.url}/people")))
        write = running._Walker._write

        async def gone(self: Any, job: Any, step: Any, write: Any = write) -> None:
            await write(self, job, step)
            raise RuntimeError("killed")

        with monkeypatch.context() as patched:
            patched.setattr(running._Walker, "_write", gone)
            with pytest.raises(RuntimeError):
                await walked(api, place)
        host.etag = etag
        await resumed(api)
        told = await waited(api, place)
        assert told["output"][0]["count"] == count
        assert [words for _, words in await faults(api, told) if "another one" in words or count == 6] == (
            [] if count == 6 else [(await faults(api, told))[0][1]]
        )


async def test_a_host_that_breaks_off_is_asked_again(api: Api, host: Host, idle: None) -> None:
    host.files = {"/people": lines(*people("broken", 4))}
    host.cut = len(host.files["/people"]) - 10
    place = await asked(api, parameters(("Patient", f"{host.url}/people")))
    await resumed(api)
    assert (await api.get(place)).status_code == 202
    assert (await known(api, "broken-0")).status_code == 404
    await resumed(api)
    assert (await waited(api, place))["output"][0]["count"] == 4


async def test_a_host_that_never_answers_costs_its_own_file(api: Api, host: Host, idle: None) -> None:
    host.files = {"/after": lines(*people("after", 2))}
    silent = "http://127.0.0.1:9/never"
    place = await asked(api, parameters(("Patient", silent), ("Patient", f"{host.url}/after")))
    for _ in range(running.TRIES):
        with pytest.raises(Problem):
            await walked(api, place)
        api.clock.later(minutes=1)
    await walked(api, place)
    told = await waited(api, place)
    assert [row["count"] for row in told["output"]] == [0, 2]
    ((line, words),) = await faults(api, told)
    assert line == 1 and "import it again" in words and told["error"][0]["inputUrl"] == silent


async def test_what_a_host_may_not_do(api: Api, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.files = {"/patients": lines(*people("secret", 1)), "/long": b"x" * 5000 + b"\n"}
    settings = replace(api.house.settings, max_body_bytes=4096, import_file_bytes=6000)
    api.house.server.access = replace(api.house.server.access, settings=settings)
    host.files["/large"] = lines(*people("large", 200))
    try:
        for path in ("elsewhere", "missing", "long", "large"):
            told = await waited(api, await asked(api, parameters(("Patient", f"{host.url}/{path}"))))
            assert told["output"][0]["count"] == 0, path
            assert len(await faults(api, told)) == 1, path
    finally:
        api.house.server.access = replace(api.house.server.access, settings=api.house.settings)
    assert ("/patients", "") not in host.asked, "no redirect is followed"


@pytest.mark.parametrize(
    "url",
    ["https://example.org/x", "http://10.0.0.1/x", "http://169.254.169.254/latest", "file:///etc/passwd",
     "https://user:word@127.0.0.1/x", "http://127.0.0.1.example.org/x", "https://[::ffff:10.0.0.1]/x",
     "http://2130706433/x", "gopher://127.0.0.1/x", "https://127.0.0.1:x/", "Binary/", "Patient/1",
     "//127.0.0.1/x", "http://127.0.0.1/\r\nHost: x"],
)  # fmt: skip
async def test_hosts_that_nobody_allowed(api: Api, url: str) -> None:
    answer = await api.ask("POST", "$import", parameters(("Patient", url)), headers=ASYNC)
    assert answer.status_code in (400, 403), answer.text


async def test_who_may_import(api: Api, host: Host) -> None:
    host.files = {"/patients": lines(*people("who", 2))}
    body = parameters(("Patient", f"{host.url}/patients"))
    refused = "select count(*) from audit where what = '$import' and outcome = 'forbidden'"
    before = await api.house.store.pool.fetchval(refused)
    for scopes in (("system/Patient.rs",), ("system/Patient.c",), ("system/Observation.cruds",), ()):
        ACTORS["narrow"] = Actor("system", "narrow", "Narrow", keys=("system:narrow",), scopes=scopes)
        assert (await api.ask("POST", "$import", body, headers=ASYNC, who="narrow")).status_code == 403
        sent = await api.ask("POST", "$import", lines(*people("who", 1)), headers=NDJSON, who="narrow")
        # Lines do not say beforehand of which types they are: one that could be written is enough to begin.
        assert sent.status_code == (202 if "system/Observation.cruds" in scopes else 403)
    for who, status in (("doctor", 403), ("citizen", 403), ("nobody", 401)):
        assert (await api.ask("POST", "$import", body, headers=ASYNC, who=who)).status_code == status
        sent = await api.ask("POST", "$import", lines(*people("who", 1)), headers=NDJSON, who=who)
        assert sent.status_code == status
    assert await api.house.store.pool.fetchval(refused) == before + 11
    ACTORS["narrow"] = Actor(
        "system", "narrow", "Narrow", keys=("system:narrow",), scopes=("system/Patient.cruds",)
    )
    try:
        mixed = lines(*people("who", 1), {"resourceType": "Basic", "code": {"text": "x"}})
        place = await asked(api, mixed, who="narrow")
        told = await waited(api, place, who="narrow")
        assert told["output"][0]["extension"]["created"] == 1
        assert told["output"][0]["extension"]["refused"] == 1
        assert (await api.get(place)).status_code == 404
    finally:
        del ACTORS["narrow"]
    assert host.asked == []


async def test_what_is_no_import(api: Api) -> None:
    good = parameters(("Patient", "Binary/x"))
    assert places(await api.ask("POST", "$import", good)) == ["http.Prefer"]
    assert (await api.get("$import", headers=ASYNC)).status_code == 405
    for wrong in (
        {"resourceType": "Parameters"},
        {"resourceType": "Basic", "code": {"text": "x"}},
        parameters(("Nothing", "Binary/x")),
        parameters(("Patient", "")),
        parameters(("Patient", "Binary/x"), mode="InitialLoad"),
        parameters(("Patient", "Binary/x"), colour="blue"),
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "inputFormat", "valueCode": "csv"}, *good["parameter"]],
        },
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "storageDetail", "part": [{"name": "type", "valueCode": "aws-s3"}]},
                *good["parameter"],
            ],
        },
    ):
        answer = await api.ask("POST", "$import", wrong, headers=ASYNC)
        assert answer.status_code in (400, 422), wrong
    assert places(await api.ask("POST", "$import?x=1", good, headers=ASYNC)) == ["http.x"]
    lines = {**ASYNC, "content-type": "application/fhir+ndjson"}
    assert places(await api.ask("POST", "$import?x=1", b"{}", headers=lines)) == ["http.x"]


async def test_cancelled_it_loads_no_more(
    api: Api, host: Host, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PART", 2)
    host.files = {"/people": lines(*people("cancelled", 6))}
    place = await asked(api, parameters(("Patient", f"{host.url}/people")))
    load = importing.load_each
    parts = 0

    async def cancelled(*given: Any) -> Any:
        nonlocal parts
        parts += 1
        if parts == 2:
            assert (await api.ask("DELETE", place)).status_code == 202
        return await load(*given)

    monkeypatch.setattr(importing, "load_each", cancelled)
    await walked(api, place)
    assert (await known(api, "cancelled-1")).status_code == 200
    assert (await known(api, "cancelled-2")).status_code == 404
    assert (await api.get(place)).status_code == 404


def by_number(kind: str, logical: str, number: str, **more: Any) -> dict[str, Any]:
    found = {"resourceType": kind, "id": logical, "identifier": [{"system": "urn:n", "value": number}]}
    return {**found, **more}


async def test_references_by_criteria_are_resolved(api: Api) -> None:
    """In whatever order they stand within a part, also one that names one that names another."""
    named = {"reference": "Location?identifier=urn:n|crit-3"}
    rows = [
        by_number("Location", "crit-a", "crit-1", partOf=named),
        by_number("Location", "crit-b", "crit-2", partOf={"reference": "Location?identifier=urn:n|crit-1"}),
        by_number("Location", "crit-c", "crit-3"),
    ]
    told = await waited(api, await asked(api, lines(*rows)))
    assert told["output"][0]["extension"] == {"created": 3, "updated": 0, "unchanged": 0, "refused": 0}
    found = [(await api.get(f"Location/{one}")).json() for one in ("crit-a", "crit-b")]
    assert [one["partOf"]["reference"] for one in found] == ["Location/crit-c", "Location/crit-a"]
    assert (await api.get("Location?partof=Location/crit-c")).json()["total"] == 1


async def test_criteria_that_one_does_not_meet_are_told_with_their_line(api: Api) -> None:
    bad = ("identifier=urn:n|nobody", "identifier=urn:n|twin", "identifier=urn:n|twin&_count=1", "zzz=1")
    parts = [{"reference": f"Location?{criteria}"} for criteria in bad]
    twins = [by_number("Location", f"twin-{n}", "twin") for n in "ab"]
    rows = [by_number("Location", f"lost-{n}", f"lost-{n}", partOf=part) for n, part in enumerate(parts)]
    told = await waited(api, await asked(api, lines(*rows, *twins)))
    assert told["output"][0]["extension"] == {"created": 2, "updated": 0, "unchanged": 0, "refused": 4}
    found = await faults(api, told)
    assert [line for line, _ in found] == [1, 2, 3, 4]
    for (_, said), words in zip(
        found, ("No Location", "Several Location", "shapes a page", "no search parameter"), strict=True
    ):
        assert words in said
    assert (await api.get("Location/lost-0")).status_code == 404
