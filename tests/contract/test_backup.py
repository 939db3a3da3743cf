"""Backup, restore and reset of a real server, while it runs and people write."""

import asyncio
import json
import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from aubier.store.embedded.server import find
from tests.contract.chaos.clients import CARED_FOR, DOCTOR, weight
from tests.contract.running import Running, folder, running
from tests.contract.schema import shape
from tests.ports import free_port

UP_WITHIN = 30.0


@pytest.fixture(scope="module")
def at() -> Iterator[Running]:
    with running() as made:
        yield made


class Writing:
    """One client that goes on creating; `ids` are those acknowledged."""

    def __init__(self, at: Running, token: str, patient: str) -> None:
        self.at, self.token, self.patient = at, token, patient
        self.ids: list[str] = []
        self.statuses: set[int] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Writing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            status, told = create(self.at, self.token, self.patient, f"w{len(self.ids)}")
            self.statuses.add(status)
            if status == 201:
                self.ids.append(str(told["id"]))


def create(at: Running, token: str, patient: str, mark: str) -> tuple[int, dict[str, Any]]:
    """POST of an Observation."""
    request = urllib.request.Request(
        f"{at.url}/fhir/Observation", data=json.dumps(weight(patient, mark, 1)).encode()
    )
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/fhir+json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        return refusal.code, {}


def sample(at: Running, token: str, patient: str) -> dict[str, Any]:
    """What this person is answered: the whole record by type, histories, and documents with their bytes."""
    logical, seen = patient.removeprefix("Patient/"), {}
    for kind in ("Condition", "Observation", "MedicationRequest", "DocumentReference"):
        status, page = at.ask(f"/fhir/{kind}?patient={logical}&_count=1000&_total=accurate", token)
        assert status == 200, page
        seen[kind] = {e["resource"]["id"]: e["resource"] for e in page.get("entry", [])}  # type: ignore[attr-defined]
    for document in list(seen["DocumentReference"].values())[:4]:
        url = document["content"][0]["attachment"]["url"]
        path = "/fhir/" + url.partition("/fhir/")[2] if "/fhir/" in url else f"/fhir/{url}"
        seen[url] = at.ask(path, token)
        assert seen[url][0] == 200
    status, history = at.ask(f"/fhir/Patient/{logical}/_history", token)
    assert status == 200, history
    seen["history"] = history["total"]
    return seen


def test_a_backup_taken_while_people_write_answers_the_same(at: Running, tmp_path: Path) -> None:
    patient, token = at.patients()[CARED_FOR[0]], at.token(DOCTOR, "user/*.cruds")
    own = at.token(CARED_FOR[0])
    file = tmp_path / "copy.aubier"
    with Writing(at, token, patient) as writing:
        while len(writing.ids) < 5:
            time.sleep(0.05)
        before = list(writing.ids)
        done = at.command("backup", str(file))
        assert done.returncode == 0, done.stderr
    assert writing.statuses == {201}, "writes go on during a backup"
    assert file.stat().st_mode & 0o077 == 0, "the file holds the keys: only its owner reads it"
    expected = sample(at, own, patient)
    with folder() as data:
        shutil.rmtree(data)
        copy = Running(data, at.port)
        at.stop()  # the copy answers under the same address, so that tokens signed for it hold
        try:
            restored = copy.command("restore", str(file))
            assert restored.returncode == 0, restored.stderr
            copy.start()
            found = sample(copy, own, patient)
            kept = found.pop("Observation")
            meant = expected.pop("Observation")
            assert found == expected
            assert set(before) <= kept.keys() <= meant.keys(), "what was acknowledged before is in the copy"
            assert all(meant[i] == r for i, r in kept.items())
            created, _ = create(copy, token, patient, "after")
            assert created == 201, "the copy lives on"
        finally:
            copy.stop()
            at.start()


def test_a_damaged_backup_is_refused_in_a_sentence(at: Running, tmp_path: Path) -> None:
    file = tmp_path / "copy.aubier"
    assert at.command("backup", str(file)).returncode == 0
    whole = file.read_bytes()
    for name, data in {
        "cut": whole[: len(whole) // 2],
        "short": whole[:600],
        "empty": b"",
        "other": b"not a backup at all" * 100,
    }.items():
        (tmp_path / name).write_bytes(data)
        there = Running(tmp_path / f"data-{name}", free_port())
        done = there.command("restore", str(tmp_path / name))
        assert done.returncode not in (0, 1), name
        assert "Traceback" not in done.stderr and done.stderr.strip(), done.stderr
        assert not there.data.exists() or not any(there.data.iterdir()), "nothing is left half made"


def test_a_backup_is_never_restored_over_another(at: Running, tmp_path: Path) -> None:
    file = tmp_path / "copy.aubier"
    assert at.command("backup", str(file)).returncode == 0
    done = at.command("restore", str(file))
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert at.ready()


def test_after_a_reset_the_server_answers_as_on_the_first_day(at: Running) -> None:
    patient = at.patients()[CARED_FOR[1]]
    assert at.command("reset").returncode == 0
    first = sample(at, at.token(CARED_FOR[1]), patient)
    with Writing(at, at.token(DOCTOR, "user/*.cruds"), patient) as writing:
        while len(writing.ids) < 5:
            time.sleep(0.05)
        early = list(writing.ids)
        begun = time.monotonic()
        done = at.command("reset")
        took = time.monotonic() - begun
        assert done.returncode == 0, done.stderr
        until = time.monotonic() + 5
        while not at.ready():
            assert time.monotonic() < until, at.log()
            time.sleep(0.05)
    assert writing.statuses <= {201, 401, 503}, (
        "cut off, or signed by a key of before the reset; never a fault"
    )
    last = sample(at, at.token(CARED_FOR[1]), patient)
    assert not set(early) & set(last["Observation"])
    for late in set(writing.ids) - set(early):  # written by whoever came back after the reset
        last["Observation"].pop(late, None)
    assert last == first
    created, _ = create(at, at.token(DOCTOR, "user/*.cruds"), patient, "after")
    assert created == 201
    print(f"reset in {took:.1f} s, the start of the command included")


def test_a_reset_after_an_upgrade_brings_the_newest_schema(at: Running) -> None:
    """The kept copy is put back to a schema of before; the instance answers all the same after a reset."""
    dsn = find(at.data)
    assert dsn and "/aubier?" in dsn
    asyncio.run(_grow_older(dsn.replace("/aubier?", "/aubier_fresh?")))
    before = asyncio.run(shape(dsn))
    assert asyncio.run(shape(dsn.replace("/aubier?", "/aubier_fresh?"))) != before
    done = at.command("reset")
    assert done.returncode == 0, done.stderr
    assert asyncio.run(shape(dsn)) == before
    patient, token = at.patients()[CARED_FOR[0]], at.token(DOCTOR, "user/*.cruds")
    assert create(at, token, patient, "after")[0] == 201
    assert at.ask("/fhir/Patient?family=le%20goff&birthdate=1958", token)[0] == 200


async def _grow_older(dsn: str) -> None:
    """Undoes the last step of a room that has several."""
    conn = await asyncpg.connect(dsn)
    try:
        undone = await conn.execute("delete from migration where room = 'identity' and number = 2")
        await conn.execute("drop table identity_asked")
    finally:
        await conn.close()
    assert undone == "DELETE 1"


def test_the_second_start_is_quick(at: Running) -> None:
    at.stop()
    took = at.start()
    print(f"second start in {took:.1f} s")
    assert took < UP_WITHIN
