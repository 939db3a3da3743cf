"""Ways that were open once: each test goes in by one of them, and finds it shut."""

from itertools import count
from typing import Any

import pytest

from aubier.access.labels import IDNPS
from aubier.store.intent import Grant, Revoke
from tests.contract.desk import ids
from tests.contract.privacy.conftest import citizen
from tests.contract.privacy.world import World, binary, bundle, condition, document, entry, mask, shown

NUMBERS = count(1)
SHOWN = {"tag": [{"system": "urn:t", "code": "shown"}]}
BINARIES = ("Binary/{}", "Binary/{}/_history/1", "Binary/{}/_history/2", "Binary/{}/_history")


async def record(
    world: World, *carers: str, basis: str = "carer", withheld: tuple[str, ...] = ("mask:ps",)
) -> str:
    """A fresh patient, in whose record these logins read and write; `carers` see no mask:ps."""
    patient = f"fresh-{next(NUMBERS)}"
    body = {"resourceType": "Patient", "id": patient, "name": [{"family": "Neuf"}]}
    status, _ = await world.desk.ask("loader", "PUT", f"Patient/{patient}", body)
    assert status == 201
    keys = [world.desk.actors[login].keys[0] for login in carers]
    await world.desk.system().store.grant(*(Grant(patient, k, basis, "rw", withheld=withheld) for k in keys))
    return patient


async def update(world: World, login: str, name: str, **more: Any) -> int:
    """The status of a write of what the treating side reads, changed by `more`."""
    status, there = await world.desk.ask("loader", "GET", name)
    assert status == 200
    return (await world.desk.ask(login, "PUT", name, {**there, **more}))[0]


def masked(*codes: str) -> dict[str, Any]:
    return {"security": [mask(c) for c in codes]}


async def test_the_past_of_what_is_masked_now_is_masked(world: World) -> None:
    patient = await record(world, "author", "nurse")
    one = await world.desk.make("author", condition(patient))
    assert await world.sees("nurse", f"Condition/{one}/_history/1")
    assert await update(world, "author", f"Condition/{one}", meta=masked("ps")) == 200
    for path in (f"Condition/{one}", f"Condition/{one}/_history/1", f"Condition/{one}/_history/2"):
        assert not await world.sees("nurse", path)
    assert not await world.sees("nurse", f"Condition/{one}/_history")
    for path in ("Condition/_history?_count=1000", "_history?_count=1000"):
        _, told = await world.desk.ask("nurse", "GET", path)
        assert one not in str(told)


async def test_the_mask_of_a_time_hides_the_versions_of_that_time_only(world: World) -> None:
    patient = await record(world, "author", "nurse")
    one = await world.desk.make("author", condition(patient))
    assert await update(world, "author", f"Condition/{one}", meta=masked("ps")) == 200
    shown_again = condition(patient, id=one)
    assert (await world.desk.ask("loader", "PUT", f"Condition/{one}", shown_again))[0] == 200
    there = {
        version: await world.sees("nurse", f"Condition/{one}/_history/{version}") for version in (1, 2, 3)
    }
    assert there == {1: True, 2: False, 3: True}
    _, told = await world.desk.ask("nurse", "GET", f"Condition/{one}/_history")
    assert [e["resource"]["meta"]["versionId"] for e in told["entry"]] == ["3", "1"]


async def test_the_past_of_what_was_masked_and_deleted_is_masked(world: World) -> None:
    patient = await record(world, "author", "nurse")
    one = await world.desk.make("author", condition(patient))
    assert await update(world, "author", f"Condition/{one}", meta=masked("ps")) == 200
    assert (await world.desk.ask("author", "DELETE", f"Condition/{one}"))[0] == 204
    for path in (
        "Condition/{}",
        "Condition/{}/_history/1",
        "Condition/{}/_history/2",
        "Condition/{}/_history",
    ):
        status, told = await world.desk.ask("nurse", "GET", path.format(one))
        assert (status, "secret" in str(told)) == (404, False), path
    for path in ("Condition/_history?_count=1000", "_history?_count=1000"):
        assert one not in str((await world.desk.ask("nurse", "GET", path))[1])


@pytest.mark.parametrize("element", ["recorder", "asserter"])
async def test_naming_oneself_makes_no_author(world: World, element: str) -> None:
    patient = await record(world, "author", "nurse")
    one = await world.desk.make("author", condition(patient))
    number = world.desk.actors["nurse"].keys[0].removeprefix("ps:")
    me = {element: {"identifier": {"system": IDNPS, "value": number}}}
    assert await update(world, "nurse", f"Condition/{one}", **me) == 200
    assert (await world.desk.ask("nurse", "DELETE", f"Condition/{one}"))[0] == 403
    assert await update(world, "author", f"Condition/{one}", meta=masked("ps")) == 200
    assert not await world.sees("nurse", f"Condition/{one}")
    assert (await world.desk.ask("nurse", "DELETE", f"Condition/{one}"))[0] == 204  # as of what never was
    assert await world.sees("author", f"Condition/{one}")


async def test_writing_the_same_again_makes_no_author(world: World) -> None:
    patient = await record(world, "author", "nurse")
    one = await world.desk.make("author", condition(patient))
    assert await update(world, "nurse", f"Condition/{one}") == 200
    assert (await world.desk.ask("nurse", "DELETE", f"Condition/{one}"))[0] == 403


async def test_being_named_by_another_gives_nothing(world: World) -> None:
    patient = await record(world, "author")
    number = world.desk.actors["stranger"].keys[0].removeprefix("ps:")
    named = {"identifier": {"system": IDNPS, "value": number}}
    one = await world.desk.make("author", document(patient, author=[named]))
    two = await world.desk.make("author", condition(patient, recorder=named, asserter=named))
    for name in (f"DocumentReference/{one}", f"Condition/{two}"):
        assert not await world.sees("stranger", name)
        assert (await world.desk.ask("stranger", "DELETE", name))[0] == 204  # as of what never was
        assert await world.sees("author", name)


async def test_who_wrote_reads_it_back_after_the_relationship(world: World) -> None:
    patient = await record(world, "author", "nurse")
    one = await world.desk.make("author", condition(patient, meta=masked("ps")))
    other = await world.desk.make("nurse", condition(patient))
    key = world.desk.actors["author"].keys[0]
    await world.desk.system().store.revoke(Revoke(patient, key))
    assert await world.sees("author", f"Condition/{one}")
    assert not await world.sees("author", f"Condition/{other}")
    await world.desk.system().store.grant(Grant(patient, key, "block", deny=True))
    assert not await world.sees("author", f"Condition/{one}")


async def test_hiding_makes_the_holder_no_author(world: World) -> None:
    patient = await record(world, "author")
    one = await world.desk.make("author", document(patient))
    world.desk.actors["holder"] = citizen("holder", patient)
    status, told = await world.desk.ask(
        "holder", "POST", f"DocumentReference/{one}/$mask", {"resourceType": "Parameters"}
    )
    assert status == 200, told
    assert (await world.desk.ask("holder", "DELETE", f"DocumentReference/{one}"))[0] == 403


async def test_a_content_follows_its_document(world: World) -> None:
    patient = await record(world, "author", "nurse")
    doc = await world.desk.make("author", document(patient, meta=masked("ps")))
    held = await world.desk.make("author", binary(doc))
    for login, open_ in (("author", True), ("nurse", False)):
        assert await world.sees(login, f"DocumentReference/{doc}") is open_
        assert await world.sees(login, f"Binary/{held}") is open_
    assert (await world.desk.ask("author", "DELETE", f"DocumentReference/{doc}"))[0] == 204
    for path in BINARIES:
        assert "secret" not in shown(await world.desk.call("nurse", "GET", path.format(held))), path
    _, told = await world.desk.ask("nurse", "GET", f"Binary?_id={held}&_total=accurate")
    assert told["total"] == 0


async def test_the_past_of_a_content_follows_its_document(world: World) -> None:
    patient = await record(world, "author", "nurse")
    doc = await world.desk.make("author", document(patient, meta=masked("ps")))
    held = await world.desk.make("author", binary(doc))
    assert (await world.desk.ask("author", "DELETE", f"Binary/{held}"))[0] == 204
    for path in BINARIES:
        assert "secret" not in shown(await world.desk.call("nurse", "GET", path.format(held))), path
    for path in ("Binary/_history?_count=1000", "_history?_count=1000"):
        assert held not in str((await world.desk.ask("nurse", "GET", path))[1])


async def test_masking_the_document_masks_the_past_of_its_content(world: World) -> None:
    patient = await record(world, "author", "nurse")
    doc = await world.desk.make("author", document(patient))
    held = await world.desk.make("author", binary(doc))
    assert await world.sees("nurse", f"Binary/{held}/_history/1")
    assert await update(world, "author", f"DocumentReference/{doc}", meta=masked("ps")) == 200
    for path in BINARIES:
        assert not await world.sees("nurse", path.format(held)), path


async def test_a_conditional_create_that_finds_one_is_told_to_its_holder(world: World) -> None:
    patient = await record(world, "author", "nurse")
    one = await world.desk.make("author", condition(patient))
    for request in (
        ("POST", "Condition", condition(patient), {"if_none_exist": f"_id={one}"}),
        (
            "POST",
            "",
            bundle("transaction", entry("POST", "Condition", condition(patient), ifNoneExist=f"_id={one}")),
        ),
    ):
        (status, _, _), told, answer = await world.heard("nurse", request, one)
        assert status == 200
        assert one in answer.text + str(answer.headers)
        assert [(line[0], line[3]) for line in told] == [("Practitioner/nurse", "ok")]
    pat = await world.desk.sql("select pat from res where id = $1", one)
    last = (await world.lines())[-1]
    assert last["pat"] == pat[0]["pat"]


@pytest.mark.parametrize("login", ["stranger", "nurse", "other"])
async def test_a_conditional_update_chooses_no_id(world: World, login: str) -> None:
    """Neither one that exists and is hidden, nor one that others already name."""
    waiting = f"waiting-{next(NUMBERS)}"
    status, _ = await world.desk.ask("loader", "POST", "Condition", condition(waiting))
    assert status == 201
    answers = []
    for logical in (waiting, "condition-ps", "nobody-has-it"):
        body = condition("own") | {"id": logical}
        status, told = await world.desk.ask(login, "PUT", "Condition?_tag=urn:none|none", body)
        answers.append(status)
        assert told.get("id") != logical
    assert len(set(answers)) == 1
    taken = {"resourceType": "Patient", "id": waiting, "name": [{"family": "X"}]}
    for path in (f"Patient/{waiting}", "Patient?_tag=urn:none|none"):
        status, told = await world.desk.ask(login, "PUT", path, taken)
        assert told.get("id") != waiting, path
    _, listed = await world.desk.ask(login, "GET", "Condition?_count=500")
    assert waiting not in str(listed)


@pytest.mark.parametrize(
    "path",
    [
        "Practitioner?_has:Condition:asserter:code=secret",
        "Practitioner?_has:Encounter:practitioner:_id=encounter-plain",
        "Organization?_has:Organization:partof:_has:Encounter:service-provider:status=finished",
        "Organization?_has:Encounter:service-provider:subject=Patient/anna",
    ],
)
async def test_the_directory_answers_no_question_about_patients(world: World, path: str) -> None:
    for login in ("treating", "stranger", "anna"):
        status, told = await world.desk.ask(login, "GET", f"{path}&_summary=count")
        assert status == 403
        assert "total" not in told


async def test_only_its_author_files_it_elsewhere(world: World) -> None:
    here, there = await record(world, "author", "nurse"), await record(world, "author", "nurse")
    one = await world.desk.make("author", condition(here))
    moved = {"subject": {"reference": f"Patient/{there}"}}
    assert await update(world, "nurse", f"Condition/{one}", **moved) == 403
    assert await update(world, "author", f"Condition/{one}", **moved) == 200
    _, found = await world.desk.ask("nurse", "GET", f"Condition?patient={there}")
    assert ids(found) == [f"Condition/{one}"]
    assert ids((await world.desk.ask("nurse", "GET", f"Condition?patient={here}"))[1]) == []


async def test_what_was_moved_is_masked_where_it_was(world: World) -> None:
    wrong, right = await record(world, "author", "nurse"), await record(world, "author")
    one = await world.desk.make("author", condition(wrong))
    moved = {"subject": {"reference": f"Patient/{right}"}, "meta": masked("ps")}
    assert await update(world, "author", f"Condition/{one}", **moved) == 200
    for path in (
        "Condition/{}",
        "Condition/{}/_history/1",
        "Condition/{}/_history/2",
        "Condition/{}/_history",
    ):
        assert not await world.sees("nurse", path.format(one)), path
    assert one not in str((await world.desk.ask("nurse", "GET", "Condition/_history?_count=1000"))[1])


def meeting(*patients: str) -> dict[str, Any]:
    rows = [{"actor": {"reference": f"Patient/{p}"}, "status": "accepted"} for p in patients]
    return {"resourceType": "Appointment", "status": "booked", "participant": rows}


@pytest.mark.parametrize("turned", [False, True])
async def test_a_resource_of_two_patients_obeys_both(world: World, *, turned: bool) -> None:
    pair = [await record(world, "author", "nurse"), await record(world, "author", "nurse")]
    first, second = reversed(pair) if turned else pair
    one = await world.desk.make("author", meeting(first, second))
    name, key = f"Appointment/{one}", world.desk.actors["nurse"].keys[0]
    for patient in pair:
        _, found = await world.desk.ask("nurse", "GET", f"Appointment?patient={patient}&_total=accurate")
        assert ids(found) == [name]
    await world.desk.system().store.grant(Grant(second, key, "block", deny=True))
    for path in (name, f"{name}/_history/1", f"{name}/_history"):
        assert not await world.sees("nurse", path), path
    for path in (
        f"patient={first}",
        f"patient={second}",
        f"_id={one}",
        "_has:AppointmentResponse:appointment:_id=x",
    ):
        _, found = await world.desk.ask("nurse", "GET", f"Appointment?{path}&_total=accurate")
        assert found["total"] == 0
    assert one not in str((await world.desk.ask("nurse", "GET", "Appointment/_history?_count=1000"))[1])


def measure(child: str, mother: str | None) -> dict[str, Any]:
    performer = [{"reference": f"Patient/{mother}"}] if mother else []
    named = {"performer": performer} if performer else {}
    code = {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]}
    subject = {"reference": f"Patient/{child}"}
    return {"resourceType": "Observation", "status": "final", "code": code, "subject": subject, **named}


async def test_who_cares_for_the_mother_does_not_see_what_she_measured_on_her_child(world: World) -> None:
    child, mother = await record(world, "author"), await record(world, "author", "nurse")
    one = await world.desk.make("author", measure(child, mother))
    world.desk.actors[mother] = citizen(mother, mother)
    view = world.desk.system().store
    told = {person: len(await view.accesses(person)) for person in (child, mother)}
    for path in (f"Observation/{one}", f"Observation/{one}/_history/1", f"Observation/{one}/_history"):
        assert await world.sees("author", path)
    assert len(await view.accesses(child)) == told[child] + 3
    assert len(await view.accesses(mother)) == told[mother], (
        "who opens the child's record is not hers to know"
    )
    for path in (f"Observation/{one}", f"Observation/{one}/_history/1", f"Observation/{one}/_history"):
        assert await world.sees(mother, path), "she took it"
        assert not await world.sees("nurse", path), path
    for query in (f"performer=Patient/{mother}", f"patient={child}", f"_id={one}"):
        _, found = await world.desk.ask("nurse", "GET", f"Observation?{query}&_total=accurate")
        assert found["total"] == 0, query
    key = world.desk.actors["author"].keys[0]
    await world.desk.system().store.grant(Grant(mother, key, "block", deny=True))
    assert not await world.sees("author", f"Observation/{one}"), (
        "the mother's refusal holds for what names her"
    )


async def test_no_line_is_lost_between_two_pages_of_the_same_instant(world: World) -> None:
    patient = await record(world, "author")
    one = await world.desk.make("author", measure(patient, None))
    for _ in range(7):  # the clock of the test stands still
        assert await world.sees("author", f"Observation/{one}")
    view = world.desk.system().store
    whole = [event["id"] for event in await view.accesses(patient)]
    paged: list[str] = []
    while page := await view.accesses(patient, limit=3, before=paged[-1] if paged else ""):
        paged += [event["id"] for event in page]
    assert paged == whole
    assert len(whole) > 7


async def test_who_is_named_no_more_has_no_more_part_in_it(world: World) -> None:
    child, mother = await record(world, "author"), await record(world, "author")
    world.desk.actors[mother] = citizen(mother, mother)
    one = await world.desk.make("author", measure(child, mother))
    changed = measure(child, None) | {"id": one}
    assert (await world.desk.ask("author", "PUT", f"Observation/{one}", changed))[0] == 200
    assert not await world.sees(mother, f"Observation/{one}")
    key = world.desk.actors["author"].keys[0]
    await world.desk.system().store.grant(Grant(mother, key, "block", deny=True))
    assert await world.sees("author", f"Observation/{one}"), "her refusal was of what names her"
    assert not await world.sees("author", f"Observation/{one}/_history/1")
    assert not await world.sees(mother, f"Observation/{one}/_history/1"), "it became what she may not see"


async def test_both_patients_of_a_resource_read_it_and_a_third_does_not(world: World) -> None:
    pair = [await record(world, "author"), await record(world, "author")]
    one = await world.desk.make("author", meeting(*pair))
    for patient in pair:
        world.desk.actors[patient] = citizen(patient, patient)
        assert await world.sees(patient, f"Appointment/{one}")
        _, found = await world.desk.ask(patient, "GET", "Appointment?_total=accurate")
        assert found["total"] == 1
    assert not await world.sees("other", f"Appointment/{one}")


async def test_writing_in_two_records_takes_the_right_to_both(world: World) -> None:
    mine, theirs = await record(world, "nurse"), await record(world, "author")
    status, _ = await world.desk.ask("nurse", "POST", "Appointment", meeting(mine, theirs))
    assert status == 404
    status, _ = await world.desk.ask("nurse", "POST", "Appointment", meeting(theirs, mine))
    assert status == 404
    assert (await world.desk.ask("author", "GET", f"Appointment?patient={theirs}&_total=accurate"))[1][
        "total"
    ] == 0


async def test_who_opens_a_record_is_a_carer_like_others(world: World) -> None:
    body = {"resourceType": "Patient", "name": [{"family": "Neuf"}]}
    patient = await world.desk.make("nurse", body)
    key = world.desk.actors["author"].keys[0]
    await world.desk.system().store.grant(Grant(patient, key, "carer", "rw", withheld=("mask:ps",)))
    plain = await world.desk.make("author", condition(patient))
    one = await world.desk.make("author", document(patient, securityLabel=[{"coding": [mask("ps")]}]))
    assert await world.sees("nurse", f"Condition/{plain}")
    assert not await world.sees("nurse", f"DocumentReference/{one}")


async def test_a_carer_takes_no_mask_off(world: World) -> None:
    patient = await record(world, "author")
    await world.desk.system().store.grant(
        Grant(patient, world.desk.actors["treating"].keys[0], "treating-doctor", "rw")
    )
    one = await world.desk.make("author", condition(patient, meta=masked("ps")))
    assert await world.sees("treating", f"Condition/{one}")
    assert await update(world, "treating", f"Condition/{one}", meta=SHOWN) == 403
    assert await update(world, "author", f"Condition/{one}", meta=SHOWN) == 200


async def test_a_write_needs_more_than_the_right_to_read(world: World) -> None:
    before = await world.desk.sql("select count(*) as n from res")
    for patient, answers in (("anna", (403, 404)), ("nobody-has-it", (404,))):
        assert (await world.desk.ask("delegate", "POST", "Condition", condition(patient)))[0] in answers
    assert await update(world, "delegate", "DocumentReference/document-plain", status="superseded") in (
        403,
        404,
    )
    assert (await world.desk.ask("delegate", "DELETE", "DocumentReference/document-plain"))[0] in (403, 404)
    assert await world.desk.sql("select count(*) as n from res") == before


async def test_a_record_that_waits_is_nobodys(world: World) -> None:
    """What is loaded before its Patient shows to no one who merely names that id."""
    waiting = f"late-{next(NUMBERS)}"
    one = await world.desk.make("loader", condition(waiting))
    for login in ("stranger", "nurse", "other"):
        assert not await world.sees(login, f"Condition/{one}")
        status, _ = await world.desk.ask(login, "POST", "Condition", condition(waiting))
        assert status == 404
