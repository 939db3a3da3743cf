"""Attempts on somebody else's identity: asking the national base without end, and taking a number away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from aubier.access.actor import ANONYMOUS, Actor
from aubier.access.scopes import FIRST_PARTY
from aubier.access.view import Access, Write
from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.referentials.identity import SERVICE, actions, api
from aubier.referentials.identity.api import Attribute, Standing, Status
from aubier.referentials.identity.guard import asking
from aubier.referentials.identity.insi import operations
from aubier.store.intent import Grant
from aubier.store.store import Store
from tests.contract.identity.conftest import DOCTOR, NOW, Desk
from tests.contract.identity.test_insi import ASKED, request, told
from tests.unit.referentials.identity.people import ODETTE, ODETTE_INS, odette, person

CITIZEN = Actor(
    "citizen",
    "malo",
    "Malo",
    keys=("person:malo",),
    reference="Patient/malo",
    scopes=FIRST_PARTY["citizen"],
)
NOBODY_ELSE = replace(ODETTE, birth_name="TROMEUR")


async def kind_of(attempt: object) -> str:
    """The kind of the Problem that an attempt meets; empty when it goes through."""
    try:
        await attempt  # type: ignore[misc]
    except Problem as refused:
        return refused.kind
    return ""


async def audited(desk: Desk) -> list[dict[str, object]]:
    return await desk.rows("select * from audit where action like 'ins-%' order by aid")


@pytest.fixture(autouse=True)
async def quiet(identity_store: Store) -> AsyncIterator[None]:
    """No audit line of another test."""
    await identity_store.pool.execute("delete from audit")
    yield


@pytest.mark.parametrize("run", [operations.search_ins, operations.verify_ins])
@pytest.mark.parametrize(
    ("actor", "kind"),
    [
        (ANONYMOUS, "login"),
        (CITIZEN, "forbidden"),
        (replace(DOCTOR, scopes=("openid",)), "forbidden"),
        (replace(DOCTOR, scopes=("user/Patient.r",)), "forbidden"),
        (replace(DOCTOR, scopes=("user/Patient.s?name=x",)), "forbidden"),
    ],
)
async def test_who_may_not_search_patients_may_not_ask_the_base(
    desk: Desk, actor: Actor, kind: str, run: Callable[..., object]
) -> None:
    await actions.register(desk.loader, [person()])
    values = told(**ASKED, ins=ODETTE_INS.value, oid=ODETTE_INS.oid)
    assert await kind_of(run(desk.ctx(actor), request(*values))) == kind
    assert [line["outcome"] for line in await audited(desk)] == [kind]


async def test_a_call_leaves_a_line_that_names_who_asked_and_no_trait(desk: Desk) -> None:
    await operations.search_ins(desk.doctor, request(*told(**ASKED)))
    lines = await audited(desk)
    assert [(line["actor"], line["action"], line["outcome"]) for line in lines] == [
        ("morvan", "ins-search", "ok")
    ]
    assert lines[0]["what"] == "Patient/$ins-search: 1 (birth-date, birth-name, given-names, sex)"
    assert not any(value in str(lines) for value in ("Goff", "Odette", "1940"))


async def test_a_hundred_identities_in_ten_minutes_and_not_one_more(desk: Desk) -> None:
    twenty = request(*({"name": "identity", "part": told(**ASKED)} for _ in range(20)))
    results = await asyncio.gather(
        *(operations.search_ins(desk.doctor, twenty) for _ in range(6)), return_exceptions=True
    )
    assert [r.kind for r in results if isinstance(r, Problem)] == ["throttled"]
    one = request(*told(**ASKED))
    assert await kind_of(operations.search_ins(desk.doctor, one)) == "throttled"
    # Another actor is not held back, and this one not for ever.
    other = replace(DOCTOR, keys=("ps:810000000017",))
    assert await kind_of(operations.search_ins(desk.ctx(other), one)) == ""
    later = desk.access.context(DOCTOR, NOW.replace(minute=NOW.minute + 10))
    assert await kind_of(operations.search_ins(later, one)) == ""


async def test_trying_numbers_by_creating_patients_ends(desk: Desk) -> None:
    await desk.loader.store.create(odette())
    kinds = [await kind_of(desk.doctor.store.create(odette())) for _ in range(asking.MOST + 2)]
    assert set(kinds[: asking.MOST]) == {"duplicate"} and set(kinds[asking.MOST :]) == {"throttled"}
    # Patients without a national number ask nothing.
    assert await kind_of(desk.doctor.store.create(api.patient_ins(ODETTE, None))) == ""


async def test_a_number_with_wrong_traits_tells_nothing_and_does_not_act(desk: Desk) -> None:
    mine = await desk.loader.store.create(odette())
    guess = api.with_standing(api.patient_ins(NOBODY_ELSE, ODETTE_INS), Standing(Status.QUAL))
    made = await desk.doctor.store.create(guess)
    assert [r["patient"] for r in await desk.rows("select patient from identity_known where acts")] == [
        mine.id
    ]
    await actions.register(desk.loader, [person(order=2)])
    unknown_here = api.patient_ins(NOBODY_ELSE, person(order=2).ins)
    other = await desk.doctor.store.create(api.with_standing(unknown_here, Standing(Status.QUAL)))
    flags = [(await desk.loader.store.run("identity.flags", i))[0]["flags"] for i in (made.id, other.id)]
    assert flags[0] == flags[1] and len(flags[0]) == 1


async def test_a_base_number_acts_only_with_the_base_traits(desk: Desk) -> None:
    await actions.register(desk.loader, [person()])
    forged = api.with_standing(
        api.patient_ins(NOBODY_ELSE, ODETTE_INS), Standing(Status.QUAL), method="INSI", insi_date=NOW.date()
    )
    for ctx in (desk.doctor, desk.loader):
        await ctx.store.create(forged)
    assert await actions.find_strip(desk.doctor, ins=ODETTE_INS) is None
    true = await desk.doctor.store.create(odette())
    found = await actions.find_strip(desk.doctor, ins=ODETTE_INS)
    assert found is not None and found.patient == true.id


async def test_a_merged_number_of_the_base_does_not_act(desk: Desk) -> None:
    await actions.register(desk.loader, [person(life="merged", replaced_by="x")])
    await desk.loader.store.create(odette())
    assert await desk.rows("select 1 from identity_known where acts") == []


async def treated(desk: Desk) -> Resource:
    """Odette's Patient, in whose record the doctor may write."""
    made = await desk.loader.store.create(odette())
    await desk.loader.store.grant(Grant(made.id, DOCTOR.keys[0], "stated", "rw"))
    return await desk.doctor.store.read("Patient", made.id)


def without_number(now: Resource) -> Resource:
    return {k: v for k, v in now.items() if k != "identifier"}


def with_another(now: Resource) -> Resource:
    return {**now, "identifier": [{**now["identifier"][0], "value": person(order=9).ins.value}]}


def as_old(now: Resource) -> Resource:
    return {**now, "identifier": [{**now["identifier"][0], "use": "old"}]}


def provisional(now: Resource) -> Resource:
    return api.with_standing(now, Standing(Status.PROV))


def doubtful(now: Resource) -> Resource:
    return api.with_standing(now, Standing(Status.PROV, frozenset({Attribute.DOUT})))


def closed(now: Resource) -> Resource:
    return {**now, "active": False}


def replaced(now: Resource) -> Resource:
    return {**now, "link": [{"type": "replaced-by", "other": {"reference": f"Patient/{now['id']}"}}]}


def renamed(now: Resource) -> Resource:
    return {**now, "name": [{**now["name"][0], "extension": []}]}


@pytest.mark.parametrize(
    "change",
    [without_number, with_another, as_old, provisional, doubtful, closed, replaced, renamed],
)
async def test_a_professional_takes_no_number_from_a_patient(
    desk: Desk, change: Callable[[Resource], Resource]
) -> None:
    now = await treated(desk)
    assert await kind_of(desk.doctor.store.update(change(now))) in ("forbidden", "business-rule")
    assert await kind_of(desk.doctor.store.create(odette())) == "duplicate"
    assert (await actions.find_strip(desk.doctor, ins=ODETTE_INS)).patient == now["id"]  # type: ignore[union-attr]
    assert await desk.doctor.store.read("Patient", now["id"]) == now


async def test_in_one_transaction_neither(desk: Desk) -> None:
    now = await treated(desk)
    both = [Write("update", without_number(now)), Write("create", odette())]
    assert await kind_of(desk.doctor.store.transact(both)) == "forbidden"
    assert await desk.doctor.store.read("Patient", now["id"]) == now


async def test_a_professional_still_corrects_the_rest(desk: Desk) -> None:
    now = await treated(desk)
    await desk.doctor.store.update({**now, "telecom": [{"system": "phone", "value": "0298000000"}]})
    assert (await actions.find_strip(desk.doctor, ins=ODETTE_INS)).patient == now["id"]  # type: ignore[union-attr]


async def test_its_own_author_does_not_delete_a_patient_with_a_number(desk: Desk) -> None:
    made = await desk.doctor.store.create(odette())
    await desk.loader.store.grant(Grant(made.id, DOCTOR.keys[0], "creator", "rw"))
    assert await kind_of(desk.doctor.store.delete("Patient", made.id)) == "forbidden"
    assert await kind_of(desk.doctor.store.delete("Patient", "elsewhere")) == "not-found"
    assert await kind_of(desk.doctor.store.delete("Patient", "")) == "forbidden"
    await desk.loader.store.delete("Patient", made.id)


async def test_a_hidden_patient_is_absent_for_who_would_delete_it(desk: Desk) -> None:
    made = await desk.loader.store.create(odette())
    assert await kind_of(desk.doctor.store.delete("Patient", made.id)) == "not-found"


async def test_the_identity_unit_may(desk: Desk) -> None:
    now = await treated(desk)
    await desk.loader.store.update(without_number(now))
    assert await kind_of(desk.doctor.store.create(odette())) == ""


@pytest.mark.parametrize("scopes", [FIRST_PARTY["citizen"], ("patient/*.cruds",)])
async def test_citizens_open_and_change_no_patient(
    identity_store: Store, desk: Desk, scopes: tuple[str, ...]
) -> None:
    actor = replace(CITIZEN, scopes=scopes)
    rules = {"Patient": list(SERVICE.before_write)}
    store = Access(identity_store, before_write=rules, settings=SimpleNamespace(sandbox=True)).view(
        actor, NOW
    )
    assert await kind_of(store.create(odette())) == "forbidden"
    assert await kind_of(store.create(api.patient_ins(ODETTE, None))) == "forbidden"
    made = await desk.loader.store.create(odette())
    await desk.loader.store.grant(Grant(made.id, "person:malo", "self", "rw"))
    mine = await desk.loader.store.read("Patient", made.id)
    assert await kind_of(store.update({**mine, "active": False})) == "forbidden"
    assert await kind_of(store.delete("Patient", made.id)) == "forbidden"
