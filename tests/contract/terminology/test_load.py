"""`aubier load` of nomenclatures: they answer like all else, and are replaced whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aubier.ground.problem import Problem
from aubier.terminology.meaning.concepts import Concept, System
from aubier.terminology.nomenclatures.load import header, load, recognise
from aubier.terminology.nomenclatures.nomenclature import Nomenclature
from tests.contract.desk import Desk
from tests.contract.terminology.stock import call, codes, told, value_set
from tests.unit.terminology.nomenclatures import files


async def loaded(desk: Desk, path: Path) -> str:
    """Loads a file as the command does; gives the URL of its system."""
    found = recognise(path)
    assert found is not None
    store = desk.system().store
    count = await load(store, found)
    status, _ = await desk.ask(
        "loader", "PUT", f"CodeSystem/{header(found, count)['id']}", header(found, count)
    )
    assert status in (200, 201)
    return found.system.url


async def test_ccam_answers_by_chapter(desk: Desk, tmp_path: Path) -> None:
    url = await loaded(desk, files.table(tmp_path / "acts.csv", files.CCAM))
    below = {"system": url, "filter": [{"property": "concept", "op": "is-a", "value": "01.01"}]}
    leaf = {"system": url, "filter": [{"property": "modifier", "op": "=", "value": "F"}]}
    for include, expected in ((below, ["01.01", "01.01.01", "ZZQP001", "ZZQP002"]), (leaf, ["ZZQP001"])):
        status, body = await call(desk, "ValueSet/$expand", valueSet=value_set("chapter", include))
        assert (status, codes(body)) == (200, expected)
    _, body = await call(desk, "CodeSystem/$subsumes", system=url, codeA="1", codeB="ZZQP001")
    assert told(body, "outcome") == "subsumes"
    found = await desk.found("doctor", "CodeSystem", [("url", url)])
    assert found["entry"][0]["resource"]["content"] == "not-present"


async def test_loading_again_replaces(desk: Desk, tmp_path: Path) -> None:
    await loaded(desk, files.table(tmp_path / "acts.csv", files.CCAM))
    url = await loaded(desk, files.table(tmp_path / "acts.csv", files.CCAM[:-1]))
    for code, result in (("ZZQP001", True), ("ZZQP002", False)):
        _, body = await call(desk, "CodeSystem/$validate-code", url=url, code=code)
        assert told(body, "result") is result
    rows = await desk.sql("select count(*) as n from terminology_system where url = $1", url)
    assert rows[0]["n"] == 1


async def test_a_french_variant_names_loinc(desk: Desk, tmp_path: Path) -> None:
    await loaded(desk, files.table(tmp_path / "Loinc.csv", files.LOINC))
    await loaded(desk, files.table(tmp_path / "frFR18LinguisticVariant.csv", files.VARIANT))
    given = {"system": "http://loinc.org", "code": "99001-1", "displayLanguage": "fr"}
    status, body = await call(desk, "CodeSystem/$lookup", **given)
    assert (status, told(body, "display")) == (200, "Vent:Vitesse:Ponctuel:Ciel:Numérique")
    whole = {"system": "http://loinc.org"}
    _, body = await call(
        desk, "ValueSet/$expand", valueSet=value_set("l", whole), displayLanguage="fr", activeOnly=True
    )
    assert [row["display"] for row in body["expansion"]["contains"]] == [
        "Vent:Vitesse:Ponctuel:Ciel:Numérique"
    ]


async def test_a_load_that_fails_leaves_what_was_there(desk: Desk) -> None:
    system = System("https://terminology.example/broken", "1")

    def good() -> Iterator[Concept]:
        yield Concept("a")

    def broken() -> Iterator[Concept]:
        yield from (Concept(str(n)) for n in range(3_000))
        raise RuntimeError("the file ends here")

    store = desk.system().store
    await load(store, Nomenclature(system, good))
    with pytest.raises(RuntimeError):
        await load(store, Nomenclature(system, broken))
    with pytest.raises(Problem, match="at most"):
        await load(store, Nomenclature(system, lambda: iter([Concept("x" * 700)])))
    rows = await desk.sql(
        "select s.size, s.ready, (select count(*) from terminology_concept c where c.sid = s.sid) as n"
        " from terminology_system s where url = $1",
        system.url,
    )
    assert [tuple(row) for row in rows] == [(1, True, 1)]


async def test_more_than_an_answer_holds_is_asked_by_pages(desk: Desk) -> None:
    system = System("https://terminology.example/many", "1")
    many = Nomenclature(system, lambda: (Concept(f"n{n:05}", f"Number {n}") for n in range(10_500)))
    await load(desk.system().store, many)
    include = value_set("many", {"system": system.url})
    status, body = await call(desk, "ValueSet/$expand", valueSet=include)
    assert (status, body["issue"][0]["code"]) == (422, "too-costly")
    status, body = await call(desk, "ValueSet/$expand", valueSet=include, count=3, offset=10_498)
    assert (status, codes(body), body["expansion"]["total"]) == (200, ["n10498", "n10499"], 10_500)
    status, body = await call(desk, "ValueSet/$expand", valueSet=include, filter="number 10499")
    assert (status, codes(body)) == (200, ["n10499"])
