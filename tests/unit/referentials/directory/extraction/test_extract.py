"""The three files, read by the names of their columns; bad lines told, never fatal."""

from __future__ import annotations

import io
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.referentials.directory.extraction import extract
from aubier.referentials.directory.extraction.extract import KINDS, Activity, BadLine, Degree, Kind, Skill
from tests.unit.referentials.directory.lines import activity, doctor, header, line, names, row


@pytest.mark.parametrize(
    ("kind", "width"), [("Personne_activite", 56), ("SavoirFaire", 13), ("Dipl_AutExerc", 13)]
)
def test_every_heading_we_read_is_in_the_published_header(kind: Kind, width: int) -> None:
    found = extract.read_header(header(kind), kind)
    assert (found.width, found.encoding) == (width, "utf-8")
    assert set(extract.HEADINGS[kind].values()) <= set(names(kind))


def test_cells_land_in_their_fields() -> None:
    found = activity(
        numero_finess_site="580008803",
        telephone_2="0298000001",
        adresse_e="a@b.example",
        code_role="FON-01",
        ancien="1580008803",
        code_commune="29019",
    )
    assert (found.idnps, found.family, found.given) == ("810000000009", "LE GOFF", "YANN")
    assert (found.exercise_title, found.title) == ("DR", "M")
    assert (found.finess, found.phone, found.phone2, found.email) == (
        "580008803",
        "",
        "0298000001",
        "a@b.example",
    )
    assert (found.role, found.structure_idnst, found.commune) == ("FON-01", "1580008803", "29019")


def test_the_2021_file_of_52_columns_is_read() -> None:
    old = "|".join(names()[:52]) + "|\n"
    found = extract.read_header(old.encode(), "Personne_activite")
    assert found.width == 52
    made = found.row(b"|".join(doctor(code_secteur="SA07").split(b"|")[:52]) + b"|\n")
    assert isinstance(made, Activity) and (made.sector, made.role, made.activity_kind) == ("SA07", "", "")


def test_positions_do_not_matter_and_new_columns_are_left_aside() -> None:
    columns = ["Nouveau", *reversed(names("SavoirFaire"))]
    found = extract.read_header("|".join(columns).encode(), "SavoirFaire")
    cells = {"Nom d'exercice": "RIOU", "Identification nationale PP": "810000000009", "Nouveau": "x"}
    made = found.row("|".join(cells.get(c, "") for c in columns).encode())
    assert isinstance(made, Skill) and (made.family, made.idnps) == ("RIOU", "810000000009")


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_utf8_with_or_without_mark(bom: bytes) -> None:
    lines = [bom + header(), doctor(nom_d_exercice="SALAÜN")]
    assert [r.family for _, r in extract.read(lines, "Personne_activite", print)] == ["SALAÜN"]


def test_older_latin_1_files_are_recognised_by_their_header() -> None:
    lines = [text.decode().encode("latin-1") for text in (header(), doctor(nom_d_exercice="QUÉMÉNER"))]
    assert [r.family for _, r in extract.read(lines, "Personne_activite", print)] == ["QUÉMÉNER"]


def test_spaces_around_cells_and_windows_line_ends_go() -> None:
    lines = [header().rstrip() + b"\r\n", doctor(nom_d_exercice="  RIOU ").rstrip() + b"\r\n", b"\r\n"]
    assert [(n, r.family) for n, r in extract.read(lines, "Personne_activite", print)] == [(2, "RIOU")]


BAD = [
    (b"a|b|c\n", "wrong number of columns: 3 / 56"),
    (doctor().rstrip() + b"more|\n", "wrong number of columns: 57 / 56"),
    (doctor()[:-2] + b"\xff|\n", "bytes that are no UTF-8"),
    (doctor().replace(b"YANN", b"Y\0NN"), "holds a null character"),
    (doctor().replace(b"YANN", b"Y" * 20_000), "longer than 16 kB"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_bad_line_is_told_and_the_reading_goes_on(bad: bytes, reason: str) -> None:
    told: list[BadLine] = []
    rows = list(extract.read([header(), doctor(), bad, doctor()], "Personne_activite", told.append))
    assert [n for n, _ in rows] == [2, 4]
    assert [(b.kind, b.number, b.reason) for b in told] == [("Personne_activite", 3, reason)]
    assert told[0].fr and told[0].fr != reason


@pytest.mark.parametrize(
    "bad", [b"", b"\n", b"a|b|c|\n", header("Dipl_AutExerc").replace(b"Nom d'exercice", b"X")]
)
def test_a_file_without_its_header_is_refused(bad: bytes) -> None:
    with pytest.raises(Problem) as refused:
        list(extract.read([bad] if bad else [], "Dipl_AutExerc", print))
    assert refused.value.kind == "structure" and "Nom d'exercice" in str(refused.value)


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_any_bytes_after_the_header_are_read_or_told(lines: list[bytes]) -> None:
    told: list[BadLine] = []
    rows = list(extract.read([header("SavoirFaire"), *lines], "SavoirFaire", told.append))
    assert len(rows) + len(told) == sum(bool(text.strip()) for text in lines)


cell = st.text(
    st.characters(codec="utf-8", exclude_characters="|\n\r\0", exclude_categories=("Cc", "Zs", "Zl", "Zp"))
)


@given(st.lists(cell, min_size=13, max_size=13))
def test_a_line_reads_back_cell_by_cell(cells: list[str]) -> None:
    found = extract.read_header(header("Dipl_AutExerc"), "Dipl_AutExerc").row(
        ("|".join(cells) + "|\n").encode()
    )
    assert isinstance(found, Degree)
    by_name = dict(zip(names("Dipl_AutExerc"), cells, strict=True))
    headings = extract.HEADINGS["Dipl_AutExerc"]
    assert found._asdict() == {field: by_name[headings[field]].strip() for field in found._fields}


def test_an_endless_line_is_cut_and_the_next_one_read() -> None:
    stream = io.BytesIO(b"a" * 100_000 + b"\nshort\n" + b"b" * 16_385)
    lengths = [len(text) for text in extract.lines_of(stream)]
    assert lengths == [extract.MAX_LINE + 1, 6, extract.MAX_LINE + 1]


def _folder(tmp_path: Path, stamp: str = "202611220400") -> Path:
    for kind in KINDS:
        (tmp_path / f"PS_LibreAcces_{kind}_{stamp}.txt").write_bytes(header(kind) + line(kind, nom="RIOU"))
    return tmp_path


def _families(path: Path) -> dict[Kind, list[str]]:
    with ExitStack() as opened:
        return {
            kind: [r.family for _, r in extract.read(extract.lines_of(stream), kind, print)]
            for kind, stream in extract.open_extract(path, opened).items()
        }


def test_folder_zip_and_single_file(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    everything = {kind: ["RIOU"] for kind in KINDS}
    assert _families(folder) == everything
    with zipfile.ZipFile(tmp_path / "day.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.glob("*.txt"):
            archive.write(file, f"inner/{file.name}")
    assert _families(tmp_path / "day.zip") == everything
    alone = next(folder.glob("*Personne_activite*"))
    assert _families(alone) == {"Personne_activite": ["RIOU"]}


def test_the_newest_file_of_a_kind_counts(tmp_path: Path) -> None:
    _folder(tmp_path)
    name = "PS_LibreAcces_Personne_activite_202612010400.txt"
    (tmp_path / name).write_bytes(header() + doctor(nom_d_exercice="TANGUY"))
    assert _families(tmp_path)["Personne_activite"] == ["TANGUY"]


def test_what_is_no_extract_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    for path in (tmp_path, tmp_path / "note.txt"):
        with pytest.raises(Problem) as refused:
            _families(path)
        assert refused.value.kind == "not-found"


def test_row_fixture_is_whole() -> None:
    assert isinstance(row(line("SavoirFaire", nom="X"), "SavoirFaire"), Skill)
