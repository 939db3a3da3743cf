"""Each format read from an invented file: what it becomes, and what is refused."""

from decimal import Decimal
from pathlib import Path

import pytest

from aubier.ground.problem import Problem
from aubier.terminology.meaning.concepts import Concept
from aubier.terminology.nomenclatures import resource
from aubier.terminology.nomenclatures.load import header, identifier, is_nomenclature, recognise
from aubier.terminology.nomenclatures.nomenclature import Nomenclature
from tests.unit.terminology.nomenclatures import files


def known(path: Path) -> Nomenclature:
    """The nomenclature of a file that must be one."""
    found = recognise(path)
    assert found is not None
    return found


def concepts(path: Path) -> dict[str, Concept]:
    """Its concepts by code."""
    return {c.code: c for c in known(path).concepts()}


def test_bdpm(tmp_path: Path) -> None:
    found = concepts(files.bdpm(tmp_path))
    assert list(found) == ["10000001", "10000002", "3400912345670"]
    first, over, pack = found.values()
    assert (first.display, first.inactive) == ("BRUMÉOL 5 mg, comprimé", False)
    assert first.texts("route") == ["orale", "sublinguale"]
    assert (first.texts("authorised"), first.texts("holder")) == (["1999-03-07"], ["LABO DES DUNES"])
    assert over.inactive
    assert pack.parents == ("10000001",)
    assert pack.display == "BRUMÉOL 5 mg, comprimé, plaquette de 30 comprimés"
    assert pack.texts("CIP7") == ["1234567"]


def test_ccam(tmp_path: Path) -> None:
    path = files.table(tmp_path / "acts.csv", files.CCAM)
    assert known(path).system.version == "99"
    found = concepts(path)
    assert {code: c.parents for code, c in found.items()} == {
        "1": (),
        "01.01": ("1",),
        "01.01.01": ("01.01",),
        "ZZQP001": ("01.01.01",),
        "ZZQP002": ("01.01.01",),
    }
    act = found["ZZQP001"]
    assert act.texts("activity") == ["1", "4"]
    assert act.texts("modifier") == ["A", "F"]
    assert [p.value for p in act.properties if p.code == "tariff"] == [Decimal("51.84")]
    assert act.definition == "Note de l'acte"
    assert found["1"].abstract and not act.abstract
    assert not found["ZZQP002"].texts("tariff")


def test_loinc_and_its_variant(tmp_path: Path) -> None:
    main = files.table(tmp_path / "Loinc.csv", files.LOINC)
    assert (known(main).system.url, known(main).system.version) == ("http://loinc.org", "2.99")
    found = concepts(main)
    assert found["99001-1"].display == "Wind speed in Sky"
    assert found["99001-1"].texts("SCALE_TYP") == ["Qn"]
    assert found["99002-9"].inactive and not found["99001-1"].inactive
    variant = files.table(tmp_path / "frFR18LinguisticVariant.csv", files.VARIANT)
    assert known(variant).supplements == "http://loinc.org"
    assert concepts(variant)["99001-1"].said(("fr",)) == "Vent:Vitesse:Ponctuel:Ciel:Numérique"


def test_claml_with_its_modifiers(tmp_path: Path) -> None:
    path = tmp_path / "weather.xml"
    path.write_text(files.CLAML, encoding="utf-8")
    assert (known(path).system.url, known(path).system.version) == ("http://hl7.org/fhir/sid/icd-10", "2030")
    found = concepts(path)
    assert list(found) == ["I", "W00-W09", "W00", "W00.0", "W00.1", "W01"]
    assert found["W00.0"].display == "Brise, by day"
    assert found["W00.1"].display == "Brise du soir"
    assert found["W00"].parents == ("W00-W09",)
    assert found["W00"].definition == "exclusion: sans W01"
    assert found["W00"].texts("usage") == ["dagger"]
    assert found["I"].abstract and found["I"].designations[0]["language"] == "fr"


def test_a_large_resource_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "LARGE", 100_000)
    monkeypatch.setattr(resource, "_CHUNK", 1_000)
    path = files.resource(tmp_path / "large.json", 500)
    found = concepts(path)
    assert (known(path).system.url, known(path).system.version) == ("https://terminology.example/large", "7")
    assert len(found) == 502
    assert found["below"].parents == ("top",)
    assert found["c499"].display == "Concept 499"
    told = header(known(path), 502)
    assert (told["content"], told["count"], told["id"]) == ("not-present", 502, identifier(known(path)))


@pytest.mark.parametrize(
    "broken", ['{"resourceType": "CodeSystem", ', '{"resourceType": "CodeSystem", "url": "u"] ']
)
def test_a_large_resource_that_is_broken_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(resource, "LARGE", 10)
    path = tmp_path / "broken.json"
    path.write_text(broken)
    with pytest.raises(Problem, match=r"broken\.json"):
        recognise(path)


def test_what_is_no_nomenclature_is_left_to_others(tmp_path: Path) -> None:
    small = files.resource(tmp_path / "small.json", 2)
    other = files.table(tmp_path / "other.csv", [["a", "b"]])
    assert [is_nomenclature(p) for p in (small, other, tmp_path)] == [False, False, False]


def test_files_that_are_not_what_their_name_says(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no column"):
        recognise(files.table(tmp_path / "Loinc.csv", [["a", "b"]]))
    path = tmp_path / "bad.xml"
    path.write_text("<ClaML><Title>x</Title><Class code='a'></ClaML>")
    with pytest.raises(Problem, match="not well-formed"):
        concepts(path)
