"""A load by several processes: the same as by one, also when one of them is killed."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aubier.app import House, build
from aubier.cli.loading import parts as cut
from aubier.cli.loading.crew import Crew
from aubier.cli.loading.files import files, in_turn
from aubier.cli.loading.parts import Outcome, parts
from aubier.fhir import json as fhir_json
from aubier.ground.rows import Resource
from aubier.settings import Settings
from aubier.store.bulk import BulkReport
from aubier.store.keys import type_names
from aubier.store.packing import codec
from aubier.store.store import Store

PEOPLE = 60
MADE = ("post", "ident", "ref", "str", "dat", "num", "stub", "grants", "identity_known")


def weight(person: int, kilos: int, number: int = 0) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"w{person}-{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/p{person}"},
        "valueQuantity": {"value": kilos, "unit": "kg"},
    }


def of(person: int) -> list[Any]:
    """The lines of somebody: what tells who wrote stands after it, a second version after the first."""
    who = {"resourceType": "Patient", "id": f"p{person}", "name": [{"family": f"Lot{person}"}]}
    told = {"target": [{"reference": f"Observation/w{person}-0"}], "recorded": "2026-11-22T09:00:00Z"}
    source = {"resourceType": "Provenance", "id": f"v{person}", "agent": [{"who": {"display": "x"}}], **told}
    lines = [weight(person, 50 + n, n) for n in range(3)]
    return [lines[0], who, *lines[1:], source, {**weight(person, 90), "status": "amended"}]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """People in turns, so that each stands in several parts; with a line that is no FHIR, one without id."""
    monkeypatch.setattr(cut, "_DOCUMENTS", 40)
    each = [of(person) for person in range(PEOPLE)]
    rows = [lines[n] for n in range(6) for lines in each]
    rows[100:100] = [{"resourceType": "Basic", "code": {"text": "no id"}}, "nonsense"]
    place = tmp_path / "people.ndjson"
    place.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return place


async def opened(dsn: str, data: Path) -> House:
    return await build(Settings.load({}, data=str(data), sandbox=True), dsn)


async def loaded(house: House, file: Path, processes: int, strike: Callable[[Crew], None]) -> BulkReport:
    """What a load told; `strike` is called each time that a part is told of."""
    report, crew = BulkReport(), Crew(house, processes)

    def told(outcome: Outcome) -> None:
        report.add(outcome.report)
        strike(crew)

    try:
        await crew.run(parts([file], patient=True), told)
    finally:
        await crew.end()
    return report


async def content(store: Store) -> dict[str, Any]:
    """What is stored, but for when; with whom each resource lives; how many rows there are."""
    rows = await store.pool.fetch("select pat, type, id, ver, upd, dict, raw from res")
    parsed = [(r, fhir_json.parse(codec.kept(r))) for r in rows]
    living: dict[int, set[str]] = {}
    held: dict[str, Any] = {}
    for row, resource in parsed:
        name = f"{type_names()[row['type']]}/{row['id']}"
        if name.startswith("Basic"):
            name = resource["id"] = "Basic"
        living.setdefault(row["pat"], set()).add(name)
        held[name] = {**resource, "meta": resource["meta"]["versionId"]}
    counts = {table: await store.pool.fetchval(f"select count(*) from {table}") for table in MADE}
    versions = await store.pool.fetchval("select count(*) from hist")
    return {"held": held, "living": sorted(map(sorted, living.values())), "rows": (counts, versions)}


async def test_several_processes_load_what_one_does_though_one_is_killed(
    database: Callable[[], str], tmp_path: Path, file: Path
) -> None:
    alone = await opened(database(), tmp_path / "alone")
    together = await opened(database(), tmp_path / "together")
    killed: list[int] = []

    def kill_once(crew: Crew) -> None:
        if not killed:
            killed.append(next(m.pid for m in crew.members if m.pid))
            os.kill(killed[0], signal.SIGKILL)

    try:
        one = await loaded(alone, file, 1, lambda crew: None)
        two = await loaded(together, file, 2, kill_once)
        assert killed
        assert await content(together.store) == await content(alone.store)
    finally:
        await alone.stop()
        await together.stop()
    assert (one.created, one.updated, len(one.refused)) == (PEOPLE * 5 + 1, PEOPLE, 1)
    # What was stored when its process was killed is found stored.
    assert two.created + two.updated + two.unchanged == one.created + one.updated
    assert [place for place, _ in two.refused] == [place for place, _ in one.refused] == [f"{file}:102"]


async def test_a_process_that_always_dies_costs_its_part_only(
    database: Callable[[], str], tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await opened(database(), tmp_path / "house")
    monkeypatch.setattr("aubier.cli.loading.crew.PROGRAM", "aubier.no_such_program")
    try:
        report = await loaded(house, file, 2, lambda crew: None)
        assert await house.store.pool.fetchval("select count(*) from res") == 0
    finally:
        await house.stop()
    assert len(report.refused) == 10 and not report.created
    assert report.refused[0][0] == f"{file}:1"
    assert "--processes 1" in str(report.refused[0][1])


async def test_an_export_is_loaded_with_what_lives_with_others_last(
    database: Callable[[], str], tmp_path: Path
) -> None:
    """A folder is read by its names, in which Binary stands before DocumentReference."""
    house, folder = await opened(database(), tmp_path / "house"), tmp_path / "export"
    document = {"subject": {"reference": "Patient/p"}, "content": [{"attachment": {"url": "Binary/b"}}]}
    context = {"contentType": "text/plain", "securityContext": {"reference": "DocumentReference/d"}}
    rows: dict[str, dict[str, Any]] = {
        "Patient": {"id": "p"},
        "DocumentReference": {"id": "d", "status": "current", **document},
        "Binary": {"id": "b", "data": "QQ==", **context},
    }
    folder.mkdir()
    for kind, row in rows.items():
        (folder / f"{kind}.ndjson").write_text(json.dumps({"resourceType": kind, **row}))
    (folder / "Empty.ndjson").touch()
    try:
        for file in in_turn(files([folder])):
            assert not (await loaded(house, file, 1, lambda crew: None)).refused
        assert await house.store.pool.fetch("select count(*), count(distinct pat) from res") == [(3, 1)]
    finally:
        await house.stop()


async def test_loaded_again_nothing_is_made_twice_though_it_has_no_id(
    database: Callable[[], str], tmp_path: Path
) -> None:
    """A load that is begun again. What says the same elsewhere, or something else, is new."""
    house, files = await opened(database(), tmp_path / "house"), [tmp_path / "a.ndjson", tmp_path / "b.json"]
    note = '{"resourceType":"Basic","code":{"text":"%s"}}'
    files[0].write_text("\n".join([note % "one", note % "one", note % "two"]))
    files[1].write_text(note % "one")
    try:
        told = []
        for processes in (1, 2, 1):
            done = [await loaded(house, file, processes, lambda crew: None) for file in files]
            told.append([(one.created, one.unchanged) for one in done])
        assert told == [[(3, 0), (1, 0)], [(0, 3), (0, 1)], [(0, 3), (0, 1)]]
        files[1].write_text(note % "other")
        again = await loaded(house, files[1], 1, lambda crew: None)
        assert (again.created, again.unchanged) == (1, 0)
    finally:
        await house.stop()
