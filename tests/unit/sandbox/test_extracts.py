"""Invented extracts are exactly in the published format."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from aubier.referentials.directory.extraction.extract import KINDS, Activity, BadLine, Kind, Row, read
from aubier.referentials.directory.extraction.importer import fault
from aubier.referentials.directory.resources import PROFESSIONS, profession_system
from aubier.sandbox import extracts
from tests.where import SHARED


@pytest.mark.parametrize("kind", KINDS)
def test_header_lines_are_the_published_ones(kind: Kind) -> None:
    file = SHARED / "fixtures/annuaire-extraction" / f"PS_LibreAcces_{kind}.header.txt"
    assert extracts.COLUMNS[kind] == file.read_text().strip("\n")


def rows(paths: dict[Kind, Path], kind: Kind) -> list[Row]:
    told: list[BadLine] = []
    with paths[kind].open("rb") as stream:
        found = [row for _, row in read(stream, kind, told.append)]
    assert told == []
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_every_line_is_right(tmp_path: Path, encoding: str) -> None:
    paths = extracts.write_extract(tmp_path, 3000, seed="s", stamp="202611220400", encoding=encoding)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f"PS_LibreAcces_{k}_202611220400.txt" for k in KINDS
    )
    activities = rows(paths, "Personne_activite")
    assert len(activities) == 3000
    for kind in KINDS:
        assert [fault(row) for row in rows(paths, kind) if fault(row)] == []
    assert {profession_system(r.profession) for r in activities if isinstance(r, Activity)} == {PROFESSIONS}


def test_people_are_many_and_share_structures(tmp_path: Path) -> None:
    paths = extracts.write_extract(tmp_path, 3000, seed="s", stamp="202611220400")
    found = [r for r in rows(paths, "Personne_activite") if isinstance(r, Activity)]
    per_person = Counter(r.idnps for r in found)
    assert set(per_person.values()) == {1, 2, 3} and 1500 < len(per_person) < 2500
    assert {r.idnps[0] for r in found} == {"8", "0"}
    per_structure = {r.structure_idnst: (r.name, r.finess, r.siret, r.street, r.commune) for r in found}
    assert len(per_structure) < 400
    assert all(per_structure[r.structure_idnst][0] == r.name for r in found)
    assert {r.idnps for r in rows(paths, "Dipl_AutExerc")} == set(per_person)
    assert {r.idnps for r in rows(paths, "SavoirFaire")} <= set(per_person)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    made = [
        {
            k: p.read_bytes()
            for k, p in extracts.write_extract(tmp_path / n, 200, seed=s, stamp="202611220400").items()
        }
        for n, s in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    assert made[0] == made[1] != made[2]


def test_names_may_be_given(tmp_path: Path) -> None:
    names = extracts.Names(
        ["ÅNGSTRÖM"], [("ZÉLIE", "MME")], [extracts.Commune("97411", "97400", "SAINT-DENIS")]
    )
    paths = extracts.write_extract(tmp_path, 50, seed="s", stamp="202611220400", names=names)
    found = [r for r in rows(paths, "Personne_activite") if isinstance(r, Activity)]
    assert {(r.family, r.given, r.title, r.commune, r.department) for r in found} == {
        ("ÅNGSTRÖM", "ZÉLIE", "MME", "97411", "974")
    }
