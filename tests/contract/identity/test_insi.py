"""`$ins-search` and `$ins-verify` against the national base of invented people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.referentials.identity import actions, api
from aubier.referentials.identity.insi import operations
from tests.contract.identity.conftest import Desk
from tests.unit.referentials.identity.people import ODETTE, ODETTE_INS, person

TWIN = replace(ODETTE, given_names="ODETTE JEANNE", birth_place="35238")


def told(**values: str) -> list[Resource]:
    """The parts of a request, `birth_name` for `birth-name`."""
    return [{"name": name.replace("_", "-"), "valueString": value} for name, value in values.items()]


ASKED = {
    "birth_name": "Le Goff",
    "given_names": "Odette",
    "sex": "female",
    "birth_date": "1940-03-07",
}


def request(*parts: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": list(parts)}


def named(parts: list[Resource], name: str) -> list[Any]:
    return [next(v for k, v in p.items() if k != "name") for p in parts if p["name"] == name]


def outcome(answer: Resource) -> str:
    found: str = named(answer["parameter"], "outcome")[0]["coding"][0]["code"]
    return found


async def test_one_identity_gives_a_recovered_patient_ins(desk: Desk) -> None:
    await actions.register(desk.loader, [person()])
    answer = await operations.search_ins(desk.doctor, request(*told(**ASKED)))
    assert outcome(answer) == "00"
    patient = named(answer["parameter"], "patient")[0]
    assert api.traits(patient) == ODETTE and api.ins_of(patient) == ODETTE_INS
    assert api.status(patient) is api.Status.RECUP
    assert api.patient_ins_issues(patient) == []


async def test_none_and_several(desk: Desk) -> None:
    assert outcome(await operations.search_ins(desk.doctor, request(*told(**ASKED)))) == "01"
    await actions.register(desk.loader, [person(), person(TWIN, order=2)])
    several = await operations.search_ins(desk.doctor, request(*told(**ASKED)))
    assert outcome(several) == "02" and not named(several["parameter"], "patient")
    here = await operations.search_ins(desk.doctor, request(*told(**ASKED, birth_place="35238")))
    assert outcome(here) == "00"
    more = await operations.search_ins(desk.doctor, request(*told(**ASKED), *told(given_names="Jeanne")))
    assert api.traits(named(more["parameter"], "patient")[0]) == TWIN


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({}, []),
        ({"birth_name": "LE-GOFF"}, []),
        ({"birth_place": "29019"}, []),
        ({"sex": "male"}, ["sex"]),
        ({"birth_name": "RIOU", "birth_date": "1940-03-08"}, ["birth-name", "birth-date"]),
        ({"given_names": "Marie-Claire"}, ["given-names"]),
        ({"birth_place": "35238"}, ["birth-place"]),
    ],
)
async def test_verification_names_what_differs(
    desk: Desk, change: dict[str, str], difference: list[str]
) -> None:
    await actions.register(desk.loader, [person()])
    values = {**ASKED, **change, "ins": ODETTE_INS.value, "oid": ODETTE_INS.oid}
    answer = (await operations.verify_ins(desk.doctor, request(*told(**values))))["parameter"]
    assert named(answer, "match") == [not difference]
    assert named(answer, "difference") == difference


async def test_unknown_and_merged_numbers_do_not_match(desk: Desk) -> None:
    old = person(order=77, life="merged", replaced_by=ODETTE_INS.value)
    await actions.register(desk.loader, [person(), old])
    for ins, why in ((old.ins.value, "ins-replaced"), (person(order=5).ins.value, "ins")):
        values = {**ASKED, "ins": ins, "oid": ODETTE_INS.oid}
        answer = (await operations.verify_ins(desk.doctor, request(*told(**values))))["parameter"]
        assert named(answer, "match") == [False] and named(answer, "difference") == [why]


async def test_twenty_at_once_and_not_one_more(desk: Desk) -> None:
    await actions.register(desk.loader, [person()])
    good = {**ASKED, "ins": ODETTE_INS.value, "oid": ODETTE_INS.oid}
    parts = [{"name": "identity", "part": told(**{**good, "sex": s})} for s in ["female", "male"] * 10]
    answer = await operations.verify_ins(desk.doctor, request(*parts))
    found = [named(p["part"], "match")[0] for p in answer["parameter"]]
    assert found == [True, False] * 10
    with pytest.raises(Problem) as refused:
        await operations.verify_ins(desk.doctor, request(*parts, parts[0]))
    assert refused.value.kind == "too-costly"


@pytest.mark.parametrize("lacking", ["birth_name", "given_names", "sex", "birth_date"])
async def test_a_missing_trait_is_named(desk: Desk, lacking: str) -> None:
    values = {**ASKED, lacking: " - "}
    for parts in (told(**values), told(**{k: v for k, v in values.items() if k != lacking})):
        with pytest.raises(Problem) as refused:
            await operations.search_ins(desk.doctor, request(*parts))
        assert [i.kind for i in refused.value.issues] == ["required"]
        assert lacking.replace("_", "-") in refused.value.issues[0].at[0]


@pytest.mark.parametrize(
    "part",
    [
        {"name": "shoe-size", "valueString": "38"},
        {"name": "sex", "valueBoolean": True},
        {"name": "birth-name"},
        {},
        {"name": "birth-name", "valueString": "A" * 201},
        {"name": "birth-place", "valueString": "\0"},
        {"name": "birth-place", "valueString": "29\n"},
        {"name": "sex", "valueString": "male"},
        {"name": "identity", "part": told(**ASKED)},
    ],
)
async def test_parts_that_mean_nothing_here_are_refused(desk: Desk, part: Resource) -> None:
    with pytest.raises(Problem) as refused:
        await operations.search_ins(desk.doctor, request(*told(**ASKED), part))
    assert refused.value.kind == "value"


@pytest.mark.parametrize(
    ("ins", "oid"),
    [
        ("", ODETTE_INS.oid),
        (ODETTE_INS.value, ""),
        (ODETTE_INS.value, "1.2.250.1.213.1.4.8"),
        ("1" * 15, ODETTE_INS.oid),
    ],
)
async def test_a_number_that_cannot_act_here_is_refused(desk: Desk, ins: str, oid: str) -> None:
    with pytest.raises(Problem) as refused:
        await operations.verify_ins(desk.doctor, request(*told(**ASKED, ins=ins, oid=oid)))
    assert refused.value.kind in ("value", "business-rule", "code-invalid")


async def test_the_base_holds_a_number_once_and_no_real_authority(desk: Desk) -> None:
    renamed = replace(ODETTE, birth_name="RIOU")
    assert await actions.register(desk.loader, [person(), person(renamed), person(renamed)]) == 3
    await actions.register(desk.loader, [person(renamed)])
    rows = await desk.rows("select birth_name from identity_base")
    assert [r["birth_name"] for r in rows] == ["RIOU"]
    real = api.Person(api.Ins(ODETTE_INS.value, api.NIR), ODETTE)
    with pytest.raises(Problem):
        await actions.register(desk.loader, [person(order=3), real])
    assert len(await desk.rows("select 1 from identity_base")) == 1


async def test_a_merge_is_a_statement(desk: Desk) -> None:
    await actions.register(desk.loader, [person()])
    done = await desk.loader.store.run("identity.live", api.TEST, ODETTE_INS.value, "merged", "x")
    assert [r["ins"] for r in done] == [ODETTE_INS.value]
    assert outcome(await operations.search_ins(desk.doctor, request(*told(**ASKED)))) == "01"
