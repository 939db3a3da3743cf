"""A vendor's first day: register, sign a person in by code and PKCE, read, deposit, be refused."""

import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import threading
import time
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.journeys.running import Running, run
from tests.where import ROOT

BACK = "http://127.0.0.1:9/back"


@pytest.fixture(scope="module")
def client_id(instance: Running) -> str:
    return _registered(instance, "Mon logiciel")


def _registered(instance: Running, name: str, *flags: str) -> str:
    """The id of a new application."""
    return _new(instance, name, *flags)["client_id"]


def _new(instance: Running, name: str, *flags: str) -> dict[str, str]:
    """What a new application is told: its id, and its secret if it has one."""
    added = run("client", "add", name, "--redirect", BACK, *flags, data=instance.data)
    assert added.returncode == 0, added.stderr
    return dict(line.split() for line in added.stdout.splitlines() if line.startswith("client_"))


def _signed_in(
    instance: Running, client_id: str, login: str, scope: str, *, client_secret: str = ""
) -> dict[str, str]:
    """The token answer of an authorization code with PKCE, through the login page as a browser sees it."""
    with httpx.Client(base_url=instance.url, follow_redirects=False) as browser:
        known = browser.get("/fhir/.well-known/smart-configuration").json()
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(12)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": BACK,
            "scope": scope,
            "state": state,
            "aud": f"{instance.url}/fhir",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        sent = browser.get(f"{known['authorization_endpoint']}?{urlencode(asked)}")
        assert sent.status_code == 303
        page = browser.get(sent.headers["location"])
        hidden = dict(re.findall(r'name="(csrf|next|realm)" value="([^"]*)"', page.text))
        hidden = {k: unescape(v) for k, v in hidden.items()}
        done = browser.post("/signon/login", data={**hidden, "login": login})
        assert done.status_code == 303
        came = browser.get(done.headers["location"])
        consulted = came.status_code == 200
        if consulted:
            # The person is asked, once, whether to let this application in.
            fields = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', came.text)
            kept = {name: unescape(value) for name, value in fields}
            came = browser.post("/signon/authorize", data={**kept, "signon_decided": "yes"})
        while not came.headers["location"].startswith(BACK):
            came = browser.get(came.headers["location"])
        answer = parse_qs(urlsplit(came.headers["location"]).query)
        assert answer["state"] == [state]
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"][0],
            "redirect_uri": BACK,
            "client_id": client_id,
            "code_verifier": verifier,
            **({"client_secret": client_secret} if client_secret else {}),
        }
        given = browser.post(known["token_endpoint"], data=form)
        assert given.status_code == 200, given.text
        told: dict[str, str] = given.json()
        kept = {"form": urlencode(form), "endpoint": known["token_endpoint"]}
        return {**told, **kept, "consulted": "yes" if consulted else "no"}


def test_only_an_application_of_the_platforms_own_acts_without_asking(instance: Running) -> None:
    theirs = _registered(instance, "Un logiciel")
    refused = run("client", "add", "Aubier", "--redirect", BACK, "--first-party", data=instance.data)
    assert refused.returncode == 2 and "secret" in refused.stderr
    new = _new(instance, "Aubier mobile", "--first-party", "--confidential")
    ours, scope = new["client_id"], "openid patient/*.rs"
    told = [
        _signed_in(instance, theirs, "yann", scope),
        _signed_in(instance, ours, "yann", scope, client_secret=new["client_secret"]),
    ]
    assert [t["consulted"] for t in told] == ["yes", "no"]
    assert instance.ask("/fhir/Patient?_count=1", token=told[1]["access_token"])[0] == 200
    listed = run("client", "list", data=instance.data).stdout.splitlines()
    assert [line for line in listed if "the platform answers for it" in line] == [
        f"{ours}  Aubier mobile (the platform answers for it)  {BACK}"
    ]


def test_a_citizen_signs_in_and_the_application_reads_the_record(instance: Running, client_id: str) -> None:
    told = _signed_in(instance, client_id, "yann", "openid fhirUser launch/patient patient/*.rs")
    assert told["token_type"] == "Bearer"
    patient = told["patient"]
    status, found = instance.ask(f"/fhir/Patient/{patient}", token=told["access_token"])
    assert (status, json.loads(found)["id"]) == (200, patient)
    status, found = instance.ask(f"/fhir/MedicationRequest?patient={patient}", token=told["access_token"])
    assert status == 200 and json.loads(found)["entry"]
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
    refused = instance.ask("/fhir/Observation", token=told["access_token"], method="POST", body=body)
    assert refused[0] == 403, "reading was asked, not writing"
    for operation in ("share", "block"):
        path = f"/fhir/Patient/{patient}/${operation}"
        params = {"resourceType": "Parameters"}
        assert instance.ask(path, token=told["access_token"], method="POST", body=params)[0] == 403


def test_a_code_played_twice_ends_what_it_gave(instance: Running, client_id: str) -> None:
    told = _signed_in(instance, client_id, "yann", "launch/patient patient/*.rs")
    assert instance.ask(f"/fhir/Patient/{told['patient']}", token=told["access_token"])[0] == 200
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    again = httpx.post(told["endpoint"], content=told["form"], headers=kind)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert instance.ask(f"/fhir/Patient/{told['patient']}", token=told["access_token"])[0] == 401


def test_a_professional_deposits_a_document(instance: Running, client_id: str) -> None:
    told = _signed_in(instance, client_id, "dr.tanguy", "openid fhirUser user/*.cruds")
    token = told["access_token"]
    yann = next(
        r["reference"] for r in json.loads(run("accounts", "--json", data=instance.data).stdout)
        if r["login"] == "yann"
    )  # fmt: skip
    content = base64.b64encode(b"Bonjour").decode()
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "subject": {"reference": yann},
        "content": [{"attachment": {"contentType": "text/plain", "data": content, "title": "Note"}}],
    }
    status, made = instance.ask("/fhir/DocumentReference", token=token, method="POST", body=document)
    assert status == 201, made
    number = json.loads(made)["id"]
    assert instance.ask(f"/fhir/DocumentReference/{number}", token=instance.token("yann"))[0] == 200


def test_what_errors_look_like(instance: Running) -> None:
    status, told = instance.ask("/fhir/Patient")
    assert (status, json.loads(told)["issue"][0]["code"]) == (401, "login")
    token = instance.token("yann")
    for path, expected in (
        ("/fhir/Patient/none", 404),
        ("/fhir/Patient?nosuch=1", 400),
        ("/fhir/Nothing", 404),
    ):
        status, told = instance.ask(path, token=token)
        assert (status, json.loads(told)["resourceType"]) == (expected, "OperationOutcome")
    tampered = token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")
    assert instance.ask("/fhir/Patient", token=tampered)[0] == 401


def test_sign_in_without_a_page_asked_for_lands_in_one_s_space(instance: Running) -> None:
    for login, space in (("yann", "/citoyen"), ("dr.morvan", "/pro")):
        with httpx.Client(base_url=instance.url, headers={"Accept": "text/html"}) as browser:
            page = browser.get("/signon/login")
            hidden = dict(re.findall(r'name="(csrf|next|realm)" value="([^"]*)"', page.text))
            done = browser.post("/signon/login", data={**hidden, "login": login})
            assert done.headers["location"] == space
            assert browser.get(space).status_code == 200


GUIDE = (ROOT / "docs" / "guides" / "vendor.md").read_text(encoding="utf-8")
CURLS = [block for block in re.findall(r"^```\n(.*?)^```$", GUIDE, re.M | re.S) if block.startswith("curl ")]


def _commands(block: str) -> list[str]:
    """Each command of a block: a line that begins with curl, and those that continue it."""
    return [f"curl{text}" for text in re.split(r"^curl", block, flags=re.M) if text.strip()]


def _typed(command: str, instance: Running, folder: Path, **more: str) -> str:
    """What a command of the guide prints; `ID` is that of the request it follows."""
    done = subprocess.run(
        ["bash", "-euc", command.replace("curl ", "curl -sS ", 1)],
        env={**os.environ, "BASE": instance.url, **more},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _asked(printed: str) -> str:
    assert " 202 " in printed.splitlines()[0], printed
    found = re.search(r"content-location: \S+/_async/(\S+)", printed, re.I)
    assert found, printed
    return found[1]


def _answered(command: str, instance: Running, folder: Path, **more: str) -> str:
    """The answer to a request that is followed, once there is one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        printed = _typed(command, instance, folder, **more)
        if printed and " 202 " not in printed.splitlines()[0]:
            return printed
        time.sleep(0.2)
    raise AssertionError("there is no answer")


def test_what_is_asked_now_and_answered_later(instance: Running, tmp_path: Path) -> None:
    (ask, follow, delete), (sent, named, counted) = map(_commands, CURLS)
    token = instance.token("admin", "system/*.cruds")
    identified = _asked(_typed(ask, instance, tmp_path, TOKEN=token))
    answer = _answered(follow, instance, tmp_path, TOKEN=token, ID=identified)
    assert '"type":"batch-response"' in answer and '"type":"searchset"' in answer
    assert '"code":"informational"' in _typed(delete, instance, tmp_path, TOKEN=token, ID=identified)
    people = [{"resourceType": "Patient", "id": f"vendor-{n}", "active": True} for n in range(3)]
    (tmp_path / "patients.ndjson").write_text("".join(json.dumps(p) + "\n" for p in people))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        here = named.replace("127.0.0.1:9000", f"127.0.0.1:{host.server_port}")
        for command, counts in ((sent, {"created": 3}), (here, {"unchanged": 3})):
            identified = _asked(_typed(command, instance, tmp_path, TOKEN=token))
            told = json.loads(_answered(counted, instance, tmp_path, TOKEN=token, ID=identified))
            assert told["output"][0]["extension"].items() >= counts.items() and told["error"] == []
        host.shutdown()
    assert instance.ask("/fhir/Patient/vendor-2", token=token)[0] == 200
