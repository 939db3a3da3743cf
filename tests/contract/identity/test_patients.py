"""What happens to a Patient when it is written, and how a record is found."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.referentials.identity import actions, api, patient, rules
from aubier.referentials.identity.api import Attribute, Ins, Standing, Status, Traits
from aubier.store.bulk import load
from tests.contract.identity.conftest import Desk
from tests.unit.referentials.identity.people import ODETTE, ODETTE_INS, odette, person
from tests.where import SHARED


async def known(desk: Desk, logical: str) -> dict[str, object]:
    return (await desk.rows("select * from identity_known where patient = $1", logical))[0]


async def test_published_patients_go_in_and_come_out_the_same(desk: Desk) -> None:
    files = [*(SHARED / "fixtures").rglob("Patient-*.json")]
    assert len(files) >= 15
    for file in files:
        given = fhir_json.parse(file.read_bytes())
        given.pop("meta", None)
        given.pop("contained", None)
        made = await desk.loader.store.create(given)
        found = await desk.loader.store.read("Patient", made.id)
        assert {**found, "id": given["id"], "meta": None} == {**given, "meta": None}
        assert not (await known(desk, made.id))["acts"]


def dummy(system: str, value: str) -> Resource:
    return api.with_standing(api.patient_ins(ODETTE, Ins(value, system)), Standing(Status.QUAL))


@pytest.mark.parametrize(
    ("resource", "flags"),
    [
        (dummy(api.NIR, ODETTE_INS.value), 1),
        (dummy(api.NIR, "123456789012345"), 2),
        (dummy(api.TEST, ODETTE_INS.value[:-2] + "00"), 1),
        (odette(Status.RECUP), 1),
        (
            api.with_standing(
                api.patient_ins(replace(ODETTE, birth_place=""), ODETTE_INS), Standing(Status.QUAL)
            ),
            1,
        ),
    ],
)
async def test_a_number_that_must_not_act_enters_flagged_and_untouched(
    desk: Desk, resource: Resource, flags: int
) -> None:
    made = await desk.loader.store.create(resource)
    found = await known(desk, made.id)
    assert not found["acts"] and len(found["flags"]) == flags  # type: ignore[arg-type]
    stored = await desk.loader.store.read("Patient", made.id)
    assert stored["identifier"] == resource["identifier"] and stored["extension"] == resource["extension"]
    rows = await desk.loader.store.run("identity.flags", made.id)
    assert rows[0]["flags"] == found["flags"]


async def test_a_qualified_number_acts_under_one_patient_only(desk: Desk) -> None:
    first = await desk.loader.store.create(odette())
    with pytest.raises(Problem) as refused:
        await desk.loader.store.create(odette())
    assert refused.value.kind == "duplicate" and ODETTE_INS.value not in str(refused.value)
    # The same Patient may be written again, and a flagged one may bear the number without acting.
    await desk.loader.store.update({**await desk.loader.store.read("Patient", first.id), "active": True})
    await desk.loader.store.create(odette(Status.VALI))
    assert [r["patient"] for r in await desk.rows("select patient from identity_known where acts")] == [
        first.id
    ]


async def test_of_writers_at_once_one_takes_the_number(desk: Desk) -> None:
    results = await asyncio.gather(
        *(desk.loader.store.create(odette()) for _ in range(5)), return_exceptions=True
    )
    refused = [r for r in results if isinstance(r, Problem)]
    assert len(refused) == 4 and {r.kind for r in refused} == {"duplicate"}


async def test_a_refused_transaction_leaves_nothing_known(desk: Desk) -> None:
    from aubier.access.view import Write

    bad = api.with_standing(odette(), Standing(Status.QUAL, frozenset({Attribute.DOUT})))
    with pytest.raises(Problem):
        await desk.loader.store.transact([Write("create", odette()), Write("create", bad)])
    assert await desk.rows("select 1 from identity_known") == []


@pytest.mark.parametrize(
    ("standing", "rule"),
    [
        (Standing(Status.QUAL, frozenset({Attribute.DOUT})), rules.SI_09),
        (Standing(Status.RECUP, frozenset({Attribute.FICT})), rules.SI_09),
        (Standing(Status.PROV, frozenset({Attribute.FICT, Attribute.DOUT})), rules.RELIABILITY_2),
    ],
)
async def test_what_the_rules_forbid_is_refused(desk: Desk, standing: Standing, rule: str) -> None:
    with pytest.raises(Problem) as refused:
        await desk.loader.store.create(api.with_standing(odette(), standing))
    assert {i.rule for i in refused.value.issues} == {rule}


async def test_a_strict_trait_changes_only_with_a_new_verification(desk: Desk) -> None:
    made = await desk.loader.store.create(odette())
    now = await desk.loader.store.read("Patient", made.id)
    changed = {**now, "birthDate": "1940-03-08"}
    with pytest.raises(Problem) as refused:
        await desk.loader.store.update(changed)
    assert refused.value.issues[0].rule == rules.STRICT
    accents = {**now, "name": [{**now["name"][0], "family": "Le-Goff"}]}
    await desk.loader.store.update(accents)
    verified = api.with_standing(
        changed, Standing(Status.QUAL), method="INSI", insi_date=date(2026, 11, 22), document="PA"
    )
    await desk.loader.store.update(verified)
    down = api.with_standing({**now, "birthDate": "1940-03-09"}, Standing(Status.PROV))
    await desk.loader.store.update(down)
    assert (await known(desk, made.id))["status"] == "PROV"


async def test_a_deleted_patient_frees_its_number(desk: Desk) -> None:
    made = await desk.loader.store.create(odette())
    await desk.loader.store.delete("Patient", made.id)
    assert await actions.find_strip(desk.doctor, ins=ODETTE_INS) is None
    for op in ("update", "delete"):
        change = SimpleNamespace(type="Patient", id=made.id, version=2, op=op)
        await actions.forget(desk.loader, change)
        left = await desk.rows("select 1 from identity_known")
        assert bool(left) is (op == "update")
    await desk.loader.store.create(odette())


async def test_a_record_is_found_by_its_exact_number(desk: Desk) -> None:
    made = await desk.loader.store.create(odette())
    found = await actions.find_strip(desk.doctor, ins=ODETTE_INS)
    assert found is not None and found.patient == made.id
    assert (found.strip.name, found.strip.ins, found.strip.status) == (
        "LE GOFF ODETTE",
        ODETTE_INS.value,
        "QUAL",
    )
    with pytest.raises(Problem) as hidden:
        await desk.doctor.store.read("Patient", made.id)
    assert hidden.value.kind == "not-found"


async def test_finding_leaves_a_line_with_the_finders_name(desk: Desk) -> None:
    made = await desk.loader.store.create(odette())
    await actions.find_strip(desk.doctor, ins=ODETTE_INS)
    lines = await desk.rows(
        "select name from audit where what = $1 and name = 'Dr Morvan'", f"Patient/{made.id}"
    )
    assert len(lines) == 1


@pytest.mark.parametrize(
    "ins", [Ins(ODETTE_INS.value[:-2] + "00", api.TEST), Ins(ODETTE_INS.value, api.NIR), Ins("12", api.TEST)]
)
async def test_a_number_that_cannot_act_finds_nothing_and_says_why(desk: Desk, ins: Ins) -> None:
    await desk.loader.store.create(odette())
    with pytest.raises(Problem) as refused:
        await actions.find_strip(desk.doctor, ins=ins)
    assert refused.value.issues[0].fr
    assert await actions.find_strip(desk.doctor, ins=person(order=4).ins) is None


async def test_a_flagged_number_finds_nothing(desk: Desk) -> None:
    await desk.loader.store.create(odette(Status.VALI))
    assert await actions.find_strip(desk.doctor, ins=ODETTE_INS) is None


async def test_a_record_is_found_by_all_five_traits(desk: Desk) -> None:
    made = await desk.loader.store.create(odette(Status.PROV))
    asked = Traits("le goff", "", "Odette", "female", "1940-03-07", "29019")
    found = await actions.find_strip(desk.doctor, told=asked)
    assert found is not None and (found.patient, found.strip.ins) == (made.id, "")
    assert await actions.find_strip(desk.doctor, told=replace(asked, first_given="Jeanne")) is None
    assert await actions.find_strip(desk.doctor, told=replace(asked, birth_place="35238")) is None


@pytest.mark.parametrize(
    "trait", [f.name for f in fields(Traits) if f.name not in ("given_names", "first_given")]
)
async def test_less_than_five_traits_is_refused_by_name(desk: Desk, trait: str) -> None:
    await desk.loader.store.create(odette())
    with pytest.raises(Problem) as refused:
        await actions.find_strip(desk.doctor, told=replace(ODETTE, **{trait: ""}))
    assert [i.kind for i in refused.value.issues] == ["required"]
    assert refused.value.issues[0] == patient.trait_issue(trait)


async def test_no_trait_at_all_names_five(desk: Desk) -> None:
    with pytest.raises(Problem) as refused:
        await actions.find_strip(desk.doctor, told=Traits())
    assert len(refused.value.issues) == 5


async def test_homonyms_are_told_to_search_by_number(desk: Desk) -> None:
    await desk.loader.store.create(odette(Status.PROV))
    await desk.loader.store.create(odette(Status.VALI))
    with pytest.raises(Problem) as refused:
        await actions.find_strip(desk.doctor, told=ODETTE)
    assert refused.value.kind == "multiple-matches"


async def test_many_patients_at_once_are_judged_as_one_by_one(desk: Desk) -> None:
    """The same rows, whatever their number; a number that is held, or comes twice, is refused."""
    await actions.register(desk.loader, [person()])
    other = api.patient_ins(replace(ODETTE, birth_name="TROMEUR"), ODETTE_INS)
    strange = {**api.with_standing(other, Standing(Status.QUAL)), "id": "many-strange"}
    bare: Resource = {"resourceType": "Patient", "id": "many-bare", "name": [{"family": "Lot"}]}
    chunk = [{**odette(), "id": "many-first"}, strange, bare]
    view = desk.loader.store
    one = await kept(desk, chunk, prepare_many=None)
    await desk.store.pool.execute("truncate identity_known")
    assert await kept(desk, chunk, prepare_many=view.prepare_many) == one
    assert {row["patient"]: row["acts"] for row in one}["many-first"]
    twice = [{**odette(), "id": "many-second"}, bare]
    with pytest.raises(Problem, match="already"):  # under another Patient that is stored
        await load(desk.store, view.sight, twice, view.prepare, prepare_many=view.prepare_many)
    await desk.store.pool.execute("truncate identity_known")
    both = [{**odette(), "id": "many-third"}, {**odette(), "id": "many-fourth"}]
    with pytest.raises(Problem, match="already"):  # under another of the same chunk
        await load(desk.store, view.sight, both, view.prepare, prepare_many=view.prepare_many)
    assert not await desk.rows("select * from id_map where id in ('many-third', 'many-fourth')")


async def kept(desk: Desk, chunk: list[Resource], **how: Any) -> list[dict[str, Any]]:
    """What identity knows of new Patients once they were prepared."""
    view = desk.loader.store
    ready = how["prepare_many"]
    async with desk.store.pool.acquire() as conn, conn.transaction():
        for resource in [] if ready else chunk:
            await view.prepare(conn, resource, None)
        if ready:
            await ready(conn, chunk)
    return await desk.rows("select * from identity_known order by patient")
