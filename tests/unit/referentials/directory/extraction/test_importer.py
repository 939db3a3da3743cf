"""The import: what is judged, what is written, and that a stop changes nothing of the end."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.referentials.directory.extraction import importer
from aubier.referentials.directory.extraction.importer import BulkReport, Progress, fault
from tests.unit.referentials.directory.lines import activity, doctor, header, line, row


@pytest.fixture(autouse=True)
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight files of professionals instead of sixty-four: the same road, sooner at its end."""
    monkeypatch.setattr(importer, "BUCKETS", 8)


class Shelf:
    """A directory in memory: an upsert by type and id, that may break down after so many calls."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.kept: dict[tuple[str, str], Resource] = {}
        self.calls = 0
        self.breaks_after = breaks_after

    async def bulk(self, resources: Iterable[Resource]) -> BulkReport:
        given = list(resources)
        self.calls += 1
        if self.breaks_after is not None and self.calls > self.breaks_after:
            raise ConnectionError("the store went away")
        self.kept |= {(r["resourceType"], r["id"]): r for r in given}
        return BulkReport(len(given))

    def of(self, kind: str) -> list[Resource]:
        return [r for (k, _), r in self.kept.items() if k == kind]


def rpps(number: int) -> str:
    from aubier.referentials.directory.rules import luhn_key

    body = f"19{number:08d}"
    return body + luhn_key(body)


def person(number: int, **cells: str) -> bytes:
    value = rpps(number)
    ids = {"identifiant_pp": value, "identification_nationale": f"8{value}"}
    return doctor(**{**ids, "nom_d_exercice": f"NOM{number}", "code_mode": "L", **cells})


def extract(folder: Path, people: int = 200) -> Path:
    """People each on two lines far apart, three structures whose lines differ, and the two other files."""
    folder.mkdir()
    lines = [header()]
    for turn in range(2):
        for number in range(people):
            cells = {"identifiant_technique": f"1000{number % 3}", "raison": f"CABINET {number % 3}"}
            lines.append(
                person(number, **cells, telephone_2=f"02980000{turn}{number % 7}", code_genre=f"GENR0{turn}")
            )
    skills = [header("SavoirFaire")] + [
        line(
            "SavoirFaire",
            identification=f"8{rpps(n)}",
            nom=f"NOM{n}",
            code_profession="10",
            code_categorie="C",
            code_type_savoir="C",
            code_savoir="C01",
        )
        for n in range(0, people, 2)
    ]
    only = line(
        "Dipl_AutExerc",
        identification=f"8{rpps(9999)}",
        nom="SEULE",
        code_type_diplome="DE",
        code_diplome="DE28",
    )
    for kind, text in (
        ("Personne_activite", lines),
        ("SavoirFaire", skills),
        ("Dipl_AutExerc", [header("Dipl_AutExerc"), only]),
    ):
        (folder / f"PS_LibreAcces_{kind}_202611220400.txt").write_bytes(b"".join(text))
    return folder


async def test_the_three_files_make_one_directory(tmp_path: Path) -> None:
    shelf = Shelf()
    report = await importer.load(extract(tmp_path / "x"), shelf, tmp_path / "work")
    assert (report.lines, report.bad, report.warnings) == (501, 0, 0)
    assert (report.organizations, report.practitioners, report.roles) == (3, 201, 400)
    assert [len(shelf.of(k)) for k in ("Organization", "Practitioner", "PractitionerRole")] == [3, 201, 400]
    by_name = {r["name"][0]["family"]: r for r in shelf.of("Practitioner")}
    assert len(by_name["NOM0"]["qualification"]) == 3 and len(by_name["NOM1"]["qualification"]) == 2
    assert by_name["SEULE"]["qualification"][0]["code"]["coding"][0]["code"] == "DE28"
    # The first line of the file that names a structure says what it is.
    assert {o["telecom"][0]["value"] for o in shelf.of("Organization")} == {
        "0298000000",
        "0298000001",
        "0298000002",
    }
    assert not (tmp_path / "work").exists()


async def test_every_reference_has_its_target(tmp_path: Path) -> None:
    shelf = Shelf()
    await importer.load(extract(tmp_path / "x"), shelf, tmp_path / "work")
    for role in shelf.of("PractitionerRole"):
        for element in ("practitioner", "organization"):
            kind, _, logical = role[element]["reference"].partition("/")
            assert (kind, logical) in shelf.kept


@pytest.mark.parametrize("stop", [0, 1, 2, 5, 8])
async def test_stopped_and_started_again_it_ends_the_same(tmp_path: Path, stop: int) -> None:
    source = extract(tmp_path / "x")
    whole = Shelf()
    expected = await importer.load(source, whole, tmp_path / "other")
    shelf = Shelf(breaks_after=stop)
    with pytest.raises(ConnectionError):
        await importer.load(source, shelf, tmp_path / "work")
    calls, shelf.breaks_after = shelf.calls, None
    report = await importer.load(source, shelf, tmp_path / "work")
    assert shelf.kept == whole.kept and report == expected
    assert shelf.calls - calls <= whole.calls - stop


async def test_stopped_many_times_it_ends_the_same(tmp_path: Path) -> None:
    source, whole, shelf = extract(tmp_path / "x"), Shelf(), Shelf()
    expected = await importer.load(source, whole, tmp_path / "other")
    for stop in range(0, 20, 2):
        shelf.breaks_after = shelf.calls + 2
        try:
            report = await importer.load(source, shelf, tmp_path / "work")
            break
        except ConnectionError:
            assert stop < 16
    assert shelf.kept == whole.kept and report == expected


async def test_a_stop_while_reading_starts_the_reading_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, shelf = extract(tmp_path / "x"), Shelf()
    monkeypatch.setattr(importer, "STEP", 100)

    def stop(sign: Progress) -> None:
        if sign.done > 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await importer.load(source, shelf, tmp_path / "work", progress=stop)
    report = await importer.load(source, shelf, tmp_path / "work")
    assert (report.lines, len(shelf.of("Practitioner"))) == (501, 201)


class Slow(Shelf):
    """A directory whose calls take turns, the first of the professionals breaking down at once."""

    under_way = 0

    async def bulk(self, resources: Iterable[Resource]) -> BulkReport:
        self.under_way += 1
        try:
            await asyncio.sleep(0 if self.calls == 1 else 0.01)
            return await super().bulk(resources)
        finally:
            self.under_way -= 1


async def test_after_a_failure_nothing_is_still_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BATCH", 5)
    shelf = Slow(breaks_after=1)
    with pytest.raises(ConnectionError):
        await importer.load(extract(tmp_path / "x"), shelf, tmp_path / "work")
    assert shelf.under_way == 0 and shelf.calls >= 2


class Overtaken(Shelf):
    """A directory where the second call ends before the first, which then breaks down."""

    async def bulk(self, resources: Iterable[Resource]) -> BulkReport:
        self.calls += 1
        if self.calls == 2:
            await asyncio.sleep(0.02)
            raise ConnectionError("the store went away")
        self.kept |= {(r["resourceType"], r["id"]): r for r in resources}
        return BulkReport(0)


async def test_the_checkpoint_never_goes_ahead_of_what_is_written(tmp_path: Path) -> None:
    source, whole, shelf = extract(tmp_path / "x"), Shelf(), Overtaken()
    expected = await importer.load(source, whole, tmp_path / "other")
    with pytest.raises(ConnectionError):
        await importer.load(source, shelf, tmp_path / "work")
    assert len(shelf.of("Practitioner")) > 0, "a later call was written"
    report = await importer.load(source, shelf, tmp_path / "work")
    assert shelf.kept == whole.kept and report == expected


async def test_files_of_one_import_are_built_while_others_are_written(tmp_path: Path) -> None:
    class Counting(Slow):
        most = 0

        async def bulk(self, resources: Iterable[Resource]) -> BulkReport:
            self.most = max(self.most, self.under_way + 1)
            return await super().bulk(resources)

    shelf = Counting()
    await importer.load(extract(tmp_path / "x"), shelf, tmp_path / "work")
    assert shelf.most == importer.TOGETHER


async def test_a_file_in_latin_1_gives_the_same(tmp_path: Path) -> None:
    shelves = []
    for encoding in ("utf-8", "latin-1"):
        text = header().decode() + person(1, nom_d_exercice="JÉZÉQUEL").decode()
        (tmp_path / encoding).mkdir()
        file = tmp_path / encoding / "PS_LibreAcces_Personne_activite_1.txt"
        file.write_bytes(text.encode(encoding))
        shelves.append(Shelf())
        await importer.load(file.parent, shelves[-1], tmp_path / "work")
    assert shelves[0].kept == shelves[1].kept
    assert shelves[0].of("Practitioner")[0]["name"][0]["family"] == "JÉZÉQUEL"


async def test_a_false_identifier_with_a_tab_is_one_professional(tmp_path: Path) -> None:
    cells = {"identifiant_pp": "1\t2", "identification_nationale": "81\t2"}
    lines = [header(), person(1, **cells), person(1, **cells, code_genre="GENR02")]
    (tmp_path / "PS_LibreAcces_Personne_activite_1.txt").write_bytes(b"".join(lines))
    shelf = Shelf()
    await importer.load(tmp_path, shelf, tmp_path / "work", policy="warn")
    assert len(shelf.of("Practitioner")) == 1 and len(shelf.of("PractitionerRole")) == 2


async def test_another_source_or_policy_begins_anew(tmp_path: Path) -> None:
    source = extract(tmp_path / "x")
    with pytest.raises(ConnectionError):
        await importer.load(source, Shelf(breaks_after=4), tmp_path / "work")
    other = extract(tmp_path / "y", people=5)
    shelf = Shelf()
    report = await importer.load(other, shelf, tmp_path / "work")
    assert report.practitioners == len(shelf.of("Practitioner")) == 6


async def test_a_spoiled_checkpoint_begins_anew(tmp_path: Path) -> None:
    source, shelf = extract(tmp_path / "x"), Shelf()
    with pytest.raises(ConnectionError):
        await importer.load(source, Shelf(breaks_after=4), tmp_path / "work")
    (tmp_path / "work/checkpoint.json").write_text("{")
    report = await importer.load(source, shelf, tmp_path / "work")
    assert report.practitioners == len(shelf.of("Practitioner")) == 201


async def test_loaded_twice_it_is_the_same(tmp_path: Path) -> None:
    source, shelf = extract(tmp_path / "x"), Shelf()
    await importer.load(source, shelf, tmp_path / "work")
    before = dict(shelf.kept)
    await importer.load(source, shelf, tmp_path / "work")
    assert shelf.kept == before


async def test_a_zip_and_its_folder_give_the_same(tmp_path: Path) -> None:
    source = extract(tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        for file in source.iterdir():
            archive.write(file, file.name)
    shelves = [Shelf(), Shelf()]
    for path, shelf in zip((source, tmp_path / "day.zip"), shelves, strict=True):
        await importer.load(path, shelf, tmp_path / "work")
    assert shelves[0].kept == shelves[1].kept


async def test_progress_tells_each_stage_to_its_end(tmp_path: Path) -> None:
    signs: list[Progress] = []
    await importer.load(extract(tmp_path / "x"), Shelf(), tmp_path / "work", progress=signs.append)
    assert list(dict.fromkeys(sign.stage for sign in signs)) == [
        "reading",
        "organizations",
        "practitioners",
    ]
    last = {sign.stage: sign for sign in signs}
    assert last["reading"].done == 501
    assert last["organizations"].done == last["organizations"].total
    assert last["practitioners"].done == last["practitioners"].total == importer.BUCKETS


FAULTS = [
    ({"identification_nationale": ""}, "no national identifier or no name", True),
    ({"nom_d_exercice": ""}, "no national identifier or no name", True),
    ({"identifiant_pp": "10000000016"}, "IDNPS is not type and number", True),
    (
        {"identifiant_pp": "10000000008", "identification": "810000000008"},
        "false IDNPS (prefix, shape or key)",
        False,
    ),
    ({"identifiant_pp": "", "identification": "910000000009"}, "false IDNPS (prefix, shape or key)", False),
    ({"numero_finess_site": "580008804"}, "false FINESS", False),
    ({"numero_finess_etablissement": "580008804"}, "false FINESS", False),
    ({"numero_siret": "26250462400013"}, "false SIRET", False),
    ({"numero_siren": "262504625"}, "false SIREN", False),
]


@pytest.mark.parametrize(("cells", "reason", "never"), FAULTS)
def test_what_is_wrong_with_a_line(cells: dict[str, str], reason: str, never: bool) -> None:
    found = fault(activity(**cells))
    assert found is not None and (found[0], found[2]) == (reason, never) and found[1] != reason


def test_a_right_line_has_no_fault() -> None:
    assert fault(activity()) is None
    assert fault(row(line("SavoirFaire", identification="810000000009", nom="X"), "SavoirFaire")) is None


@pytest.mark.parametrize(("policy", "bad", "warnings", "people"), [("strict", 3, 0, 1), ("warn", 2, 1, 2)])
async def test_bad_lines_are_counted_and_told(
    tmp_path: Path, policy: importer.rules.Policy, bad: int, warnings: int, people: int
) -> None:
    lines = [
        header(),
        person(1),
        b"x|y\n",
        b"\n",
        person(2, identification_nationale="8" + rpps(3)),
        person(4, identifiant_pp="10000000008", identification_nationale="810000000008"),
    ]
    (tmp_path / "PS_LibreAcces_Personne_activite_1.txt").write_bytes(b"".join(lines))
    shelf = Shelf()
    report = await importer.load(tmp_path, shelf, tmp_path / "work", policy=policy)
    assert (report.lines, report.bad, report.warnings) == (4, bad, warnings)
    assert [b.number for b in report.examples] == [3, 5, 6][:bad]
    assert len(shelf.of("Practitioner")) == people == report.practitioners


async def test_the_report_keeps_the_first_bad_lines_only(tmp_path: Path) -> None:
    (tmp_path / "PS_LibreAcces_Personne_activite_1.txt").write_bytes(header() + b"x\n" * 500)
    report = await importer.load(tmp_path, Shelf(), tmp_path / "work")
    assert (report.bad, len(report.examples)) == (500, importer.KEPT)


@pytest.mark.parametrize("files", [[], ["note.txt"], ["PS_LibreAcces_SavoirFaire_1.txt"]])
async def test_what_is_no_extract_is_refused(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_bytes(header("SavoirFaire"))
    with pytest.raises(Problem) as refused:
        await importer.load(tmp_path, Shelf(), tmp_path / "work")
    assert refused.value.kind == "not-found"
