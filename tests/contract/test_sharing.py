"""Sharing on a whole house: who finds, who may see, how a right comes and goes, for every way out."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import pytest

from aubier.access.actor import Actor, system_actor
from aubier.access.labels import IDNPS, IDNST, VISIBILITY
from aubier.access.view import Write
from aubier.ground.clock import instant, milliseconds
from aubier.ground.problem import problem
from aubier.referentials.sharing import actions
from aubier.referentials.sharing.guard import close_ended
from aubier.referentials.sharing.rules import carer, delegation
from aubier.sandbox.batch import INS_TEST
from aubier.sandbox.loader import load_territory
from aubier.sandbox.plan import Settings as Plan
from aubier.sandbox.plan import territory
from aubier.store.intent import Grant
from tests.open_house import JSON, OpenHouse, open_house

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
Told = tuple[int, dict[str, Any]]


@dataclass
class Town(OpenHouse):
    """An open house under a clock that the test moves, asked below /fhir."""

    now: list[datetime]
    yann: dict[str, Any]
    numbers: Any = field(default_factory=lambda: count(1))

    async def ask(self, login: str, method: str, path: str, body: Any = None) -> Told:
        return await super().ask(login, method, f"/fhir/{path}", body)

    async def act(self, login: str, operation: str, target: str, **values: Any) -> Told:
        """An operation; values are text or booleans, `actor` a reference."""
        rows = [{"name": name.replace("_", "-"), **_typed(name, value)} for name, value in values.items()]
        body = {"resourceType": "Parameters", **({"parameter": rows} if rows else {})}
        return await self.ask(login, "POST", f"{target}/${operation}" if target else f"${operation}", body)

    async def state(self, login: str, target: str, **values: Any) -> Told:
        """States a relationship with someone found just before, as one does at a desk."""
        key, patient = self.actors[login].keys[0], target.removeprefix("Patient/")
        system = self.system()
        await system.store.run("sharing.note_found", key, patient, milliseconds(system.now))
        return await self.act(login, "state-relationship", target, **values)

    async def total(self, login: str, query: str) -> int:
        """How many match for this person; what comes back and what is counted agree."""
        status, told = await self.ask(login, "GET", f"{query}&_total=accurate&_count=100")
        assert status == 200, told
        assert told["total"] == len([e for e in told.get("entry", []) if e["search"]["mode"] == "match"])
        return int(told["total"])

    def wait(self, **length: float) -> None:
        self.now[0] += timedelta(**length)


def _typed(name: str, value: Any) -> dict[str, Any]:
    if name == "actor":
        return {"valueReference": {"reference": value}}
    return {"valueBoolean": value} if isinstance(value, bool) else {"valueString": value}


@dataclass
class Case:
    """A fresh record with a document, its holder, and professionals of the directory."""

    town: Town
    patient: str
    document: str
    binary: str
    holder: str
    doctors: list[str]
    practitioners: list[str]

    @property
    def path(self) -> str:
        return f"Patient/{self.patient}"

    async def sees(self, login: str) -> bool:
        """Whether the document is there, by every way out alike."""
        town = self.town
        paths = (
            f"DocumentReference/{self.document}",
            f"Binary/{self.binary}",
            f"DocumentReference/{self.document}/_history/1",
        )
        queries = (
            f"DocumentReference?patient={self.patient}",
            f"DocumentReference?_id={self.document}",
            f"DocumentReference?patient.active=true&subject=Patient/{self.patient}",
        )
        answers = [(await town.ask(login, "GET", path))[0] == 200 for path in paths]
        answers += [await town.total(login, query) == 1 for query in queries]
        page = await town.client.get(
            f"/pdsm/DocumentReference?patient=Patient/{self.patient}&status=current",
            headers={"x-login": login, "accept": JSON},
        )
        answers.append(len(page.json().get("entry", [])) == 1 if page.status_code == 200 else False)
        assert len(set(answers)) == 1, answers
        return answers[0]

    async def rights(self) -> list[tuple[str, str, str]]:
        """(kind, key, basis) of every right in force, as the holder reads it."""
        status, told = await self.town.ask(self.holder, "GET", f"{self.path}/$rights")
        assert status == 200
        rows = [e["resource"]["provision"] for e in told.get("entry", [])]
        named = [r["actor"][0]["reference"] for r in rows]
        return sorted(
            (r["type"], who.get("reference", ""), r["purpose"][0]["code"])
            for r, who in zip(rows, named, strict=True)
        )

    async def consents(self, status: str = "active") -> list[dict[str, Any]]:
        _, told = await self.town.ask(
            self.holder, "GET", f"Consent?patient={self.patient}&status={status}&_count=100"
        )
        return [e["resource"] for e in told.get("entry", [])]

    async def give(self, *grants: Grant) -> None:
        await self.town.system().store.grant(*grants)


@pytest.fixture(scope="module")
async def town(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    now, folder = [START], tmp_path_factory.mktemp("sharing")
    story = next(
        b
        for b in territory(Plan(today=START.date(), citizens=1, seed="tour"))
        if b.name == "stories/discharge"
    )
    yann = next(a.reference for a in story.accounts if a.login == "yann")
    story.resources = [r for r in story.resources if f"{r['resourceType']}/{r.get('id')}" == yann]
    story.rights, story.looks = [], []
    async with open_house(database(), folder, lambda: now[0], {}) as opened:
        done = await load_territory(opened.house.access, [story], START, lambda so_far: None)
        assert not done.report.refused
        yield Town(opened.house, opened.client, opened.actors, now, story.resources[0])


async def _citizen(town: Town) -> str:
    """A citizen with a record of their own; gives the login, which is the Patient id too."""
    login = f"c{next(town.numbers)}"
    person = {"resourceType": "Patient", "id": login, "active": True, "name": [{"family": "Test"}]}
    await town.system().store.update(person)
    town.actors[login] = Actor(
        "citizen", login, login, keys=(f"person:{login}",), reference=f"Patient/{login}",
        scopes=("patient/*.cruds",), purpose="PATRQT",
    )  # fmt: skip
    return login


async def _doctor(town: Town) -> tuple[str, str]:
    """A professional of the directory; gives login and reference."""
    number = next(town.numbers)
    login, value = f"d{number}", f"8100{number:08d}"
    told = {
        "resourceType": "Practitioner",
        "id": login,
        "identifier": [{"system": IDNPS, "value": value}],
        "name": [{"family": f"DOCTEUR{number}", "given": ["Test"], "prefix": ["DR"]}],
    }
    place = {
        "resourceType": "Organization",
        "id": f"o{number}",
        "name": "Place",
        "identifier": [{"system": IDNST, "value": f"1{number:09d}"}],
    }
    await town.system().store.transact([Write("update", told), Write("update", place)])
    town.actors[login] = Actor(
        "professional", login, f"Dr {login}", keys=(f"ps:{value}", f"org:1{number:09d}"),
        reference=f"Practitioner/{login}", scopes=("user/*.cruds",), purpose="TREAT",
    )  # fmt: skip
    return login, f"Practitioner/{login}"


@pytest.fixture
async def case(town: Town) -> Case:
    """Nobody but the holder sees anything yet."""
    holder = await _citizen(town)
    doctors = [await _doctor(town) for _ in range(3)]
    number = next(town.numbers)
    binary = {
        "resourceType": "Binary",
        "id": f"b{number}",
        "contentType": "text/plain",
        "securityContext": {"reference": f"DocumentReference/f{number}"},
        "data": base64.b64encode(b"bonjour").decode(),
    }
    attachment = {"contentType": "text/plain", "url": f"Binary/b{number}"}
    document = {
        "resourceType": "DocumentReference",
        "id": f"f{number}",
        "status": "current",
        "subject": {"reference": f"Patient/{holder}"},
        "content": [{"attachment": attachment}],
    }
    await town.system().store.transact([Write("update", document), Write("update", binary)])
    return Case(
        town, holder, f"f{number}", f"b{number}", holder, [d for d, _ in doctors], [p for _, p in doctors]
    )


# -- finding ----------------------------------------------------------------------------------------


def _traits(yann: dict[str, Any]) -> dict[str, str]:
    name = next(n for n in yann["name"] if n["use"] == "official")
    place = next(e for e in yann["extension"] if e["url"].endswith("patient-birthPlace"))
    code = place["valueAddress"]["extension"][0]["valueCoding"]["code"]
    return {
        "family": name["family"],
        "given": name["given"][0],
        "gender": yann["gender"],
        "birthdate": yann["birthDate"],
        "birthplace": code,
    }


@pytest.mark.parametrize("by", ["ins", "traits"])
async def test_one_strip_and_nothing_more(town: Town, by: str) -> None:
    login, _ = await _doctor(town)
    ins = next(i["value"] for i in town.yann["identifier"] if i["system"] == INS_TEST)
    asked = {"ins": ins, "oid": INS_TEST} if by == "ins" else _traits(town.yann)
    status, told = await town.act(login, "find", "Patient", **asked)
    assert status == 200, told
    (entry,) = told["entry"]
    strip = entry["resource"]
    assert strip["id"] == town.yann["id"]
    assert set(strip) <= {
        "resourceType",
        "id",
        "extension",
        "identifier",
        "active",
        "name",
        "gender",
        "birthDate",
    }
    assert [i["value"] for i in strip["identifier"]] == [ins]
    assert {e["url"].rsplit("/", 1)[1] for e in strip["extension"]} <= {
        "patient-birthPlace",
        "fr-core-patient-identity-reliability",
        "identity-reliability",
        "fr-core-identity-reliability",
    }
    assert "telecom" in town.yann and "address" in town.yann, "the record does hold what the strip leaves out"


async def test_finding_opens_nothing_and_the_holder_reads_who_looked(town: Town) -> None:
    login, _ = await _doctor(town)
    await town.act(login, "find", "Patient", **_traits(town.yann))
    assert (await town.ask(login, "GET", f"Patient/{town.yann['id']}"))[0] == 404
    lines = await town.system().store.accesses(town.yann["id"])
    mine = [e for e in lines if e["agent"][0]["name"] == f"Dr {login}" and e["outcome"] == "0"]
    assert len(mine) == 1


@pytest.mark.parametrize("missing", ["family", "given", "gender", "birthdate", "birthplace"])
async def test_a_missing_trait_is_named(town: Town, missing: str) -> None:
    login, _ = await _doctor(town)
    asked = {k: v for k, v in _traits(town.yann).items() if k != missing}
    status, told = await town.act(login, "find", "Patient", **asked)
    assert status == 422 or status == 400, told
    assert len(told["issue"]) == 1
    assert told["issue"][0]["code"] == "required"


async def test_wrong_traits_find_nobody(town: Town) -> None:
    login, _ = await _doctor(town)
    status, told = await town.act(
        login, "find", "Patient", **{**_traits(town.yann), "birthdate": "1950-01-01"}
    )
    assert (status, told["total"], "entry" in told) == (200, 0, False)


async def test_sixty_searches_in_ten_minutes(town: Town) -> None:
    login, _ = await _doctor(town)
    other, _ = await _doctor(town)
    traits = {**_traits(town.yann), "birthdate": "1950-01-01"}
    answers = [(await town.act(login, "find", "Patient", **traits))[0] for _ in range(61)]
    assert answers == [200] * 60 + [429]
    assert (await town.act(other, "find", "Patient", **traits))[0] == 200
    town.wait(minutes=11)
    assert (await town.act(login, "find", "Patient", **traits))[0] == 200


async def test_only_professionals_find(town: Town) -> None:
    citizen = await _citizen(town)
    assert (await town.act(citizen, "find", "Patient", **_traits(town.yann)))[0] == 403
    assert (await town.act("nobody", "find", "Patient", **_traits(town.yann)))[0] in (401, 403)


# -- a relationship ---------------------------------------------------------------------------------


async def test_a_stated_relationship_opens_tells_and_ends_by_itself(case: Case) -> None:
    doctor, town = case.doctors[0], case.town
    assert not await case.sees(doctor)
    until = instant(town.now[0] + timedelta(days=2))
    status, consent = await town.state(doctor, case.path, reason="hospital", until=until)
    assert status == 200, consent
    assert await case.sees(doctor)
    (told,) = await case.consents()
    assert told["id"] == consent["id"]
    assert told["provision"]["period"]["end"] == until
    assert told["provision"]["purpose"][0]["display"] == "hospital"
    town.wait(days=2, minutes=1)
    assert not await case.sees(doctor)
    assert await case.rights() == []
    await close_ended(town.house.context(system_actor("sharing.terms")))
    assert await case.consents() == []
    (over,) = await case.consents("inactive")
    assert over["provision"]["period"]["end"] == until


async def test_the_last_word_counts_and_twice_is_once(case: Case) -> None:
    doctor, town = case.doctors[0], case.town
    first = await town.state(doctor, case.path, reason="nursing")
    again = await town.state(doctor, case.path, reason="nursing")
    assert first[1]["id"] == again[1]["id"]
    tomorrow = (town.now[0] + timedelta(days=1)).date().isoformat()
    shorter = await town.state(doctor, case.path, reason="nursing", until=tomorrow)
    assert [c["id"] for c in await case.consents()] == [shorter[1]["id"]]
    town.wait(days=3)
    assert not await case.sees(doctor), "the shorter term, stated last, is the one that counts"


async def test_two_at_once_are_one(case: Case) -> None:
    doctor, town = case.doctors[0], case.town
    many = [town.state(doctor, case.path, reason="other") for _ in range(6)]
    answers = await asyncio.gather(*many)
    assert {status for status, _ in answers} <= {200, 409}
    assert len(await case.consents()) == 1
    assert len(await case.rights()) == 1


async def test_who_was_second_decides_again_on_what_the_first_stated(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of a right and what it opens end on the same day, the one stated last."""
    doctor, town, first = case.doctors[0], case.town, True
    days = [(town.now[0] + timedelta(days=n)).date().isoformat() for n in (40, 2)]
    assert (await town.state(doctor, case.path, reason="other", until=days[0]))[0] == 200
    stated = actions.stated

    async def too_early(*args: Any) -> list[dict[str, Any]]:
        nonlocal first
        seen, first = [] if first else await stated(*args), False
        return seen

    monkeypatch.setattr(actions, "stated", too_early)
    assert (await town.state(doctor, case.path, reason="other", until=days[1]))[0] == 200
    (kept,) = await case.consents()
    assert days[1] < kept["provision"]["period"]["end"] < days[0]
    town.wait(days=4)
    assert not await case.sees(doctor)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"reason": "curiosity"}, "reason"),
        ({}, "reason"),
        ({"reason": "other", "until": "2020-01-01"}, "until"),
        ({"reason": "other", "until": "2028-11-22"}, "until"),
        ({"reason": "other", "until": "tomorrow"}, "until"),
        ({"reason": "other", "until": "9999-12-31"}, "until"),
        ({"reason": "other", "until": "2027-01-01T10:00:00"}, "until"),
        ({"reason": "other", "why": "x"}, "Parameters.parameter[1]"),
    ],
)
async def test_what_is_wrong_has_its_place(case: Case, values: dict[str, str], place: str) -> None:
    status, told = await case.town.state(case.doctors[0], case.path, **values)
    assert status in (400, 422), told
    assert place in str(told["issue"][0]["expression"])
    assert await case.rights() == []


async def test_an_unknown_patient_and_another_kind_of_actor(case: Case) -> None:
    town = case.town
    assert (await town.act(case.doctors[0], "state-relationship", "Patient/none", reason="other"))[0] == 404
    unfound = await town.act(case.doctors[0], "state-relationship", case.path, reason="other")
    assert unfound[0] == 404, "an id alone opens nothing, and says nothing"
    assert (await town.act(case.holder, "state-relationship", case.path, reason="other"))[0] == 403


async def test_a_relationship_is_ended_by_the_professional(case: Case) -> None:
    doctor, town = case.doctors[0], case.town
    await town.state(doctor, case.path, reason="other")
    assert (await town.act(doctor, "end-relationship", case.path))[0] == 200
    assert not await case.sees(doctor)
    assert await case.consents() == []


# -- the holder's hand ------------------------------------------------------------------------------


async def test_share_and_unshare_take_effect_at_once(case: Case) -> None:
    doctor, who, town = case.doctors[0], case.practitioners[0], case.town
    assert (await town.act(case.holder, "share", case.path, actor=who))[0] == 200
    assert await case.sees(doctor)
    assert await case.rights() == [("permit", who, "consent")]
    assert (await town.act(case.holder, "unshare", case.path, actor=who))[0] == 200
    assert not await case.sees(doctor)
    assert await case.rights() == []
    assert (await town.act(case.holder, "unshare", case.path, actor=who))[1]["parameter"][0][
        "valueInteger"
    ] == 0


async def test_a_place_is_shared_with_and_removed_like_a_person(case: Case) -> None:
    doctor, town = case.doctors[0], case.town
    place = f"Organization/o{doctor[1:]}"
    assert (await town.act(case.holder, "share", case.path, actor=place))[0] == 200
    assert await case.sees(doctor)
    await town.act(case.holder, "unshare", case.path, actor=case.practitioners[0])
    assert await case.sees(doctor), "the place keeps its right"
    await town.act(case.holder, "unshare", case.path, actor=place)
    assert not await case.sees(doctor)


async def test_a_block_wins_over_everything(case: Case) -> None:
    doctor, who, town = case.doctors[0], case.practitioners[0], case.town
    key = town.actors[doctor].keys[0]
    await case.give(carer(case.patient, key, "treating-doctor"))
    assert await case.sees(doctor)
    assert (await town.act(case.holder, "block", case.path, actor=who))[0] == 200
    assert not await case.sees(doctor)
    await case.give(carer(case.patient, key, "treating-doctor"))
    assert not await case.sees(doctor), "a right given later opens nothing"
    assert (await town.state(doctor, case.path, reason="other"))[0] == 403
    assert (await town.act(case.holder, "share", case.path, actor=who))[0] == 409
    first = await town.act(case.holder, "block", case.path, actor=who)
    assert first[1]["provision"]["type"] == "deny", "twice is once"
    assert (await town.act(case.holder, "unblock", case.path, actor=who))[0] == 200
    assert not await case.sees(doctor), "lifting a block opens nothing"
    assert await case.rights() == []
    assert (await town.state(doctor, case.path, reason="other"))[0] == 200
    assert await case.sees(doctor)


async def test_an_author_reads_back_what_they_wrote_unless_blocked(case: Case) -> None:
    doctor, who, town = case.doctors[0], case.practitioners[0], case.town
    await town.state(doctor, case.path, reason="other")
    note = {"resourceType": "Observation", "status": "final", "code": {"text": "Poids"},
            "subject": {"reference": case.path}}  # fmt: skip
    _, written = await town.ask(doctor, "POST", "Observation", note)
    await town.act(case.holder, "unshare", case.path, actor=who)
    assert not await case.sees(doctor)
    assert (await town.ask(doctor, "GET", f"Observation/{written['id']}"))[0] == 200
    assert await case.rights() == []
    await town.act(case.holder, "block", case.path, actor=who)
    assert (await town.ask(doctor, "GET", f"Observation/{written['id']}"))[0] == 404


@pytest.mark.parametrize("operation", ["share", "unshare", "block", "unblock"])
async def test_nobody_else_decides(case: Case, operation: str) -> None:
    town, who = case.town, case.practitioners[1]
    stranger = await _citizen(town)
    for login in (stranger, case.doctors[0]):
        status, told = await town.act(login, operation, case.path, actor=who)
        missing = await town.act(login, operation, "Patient/none", actor=who)
        assert (status, told["issue"][0]["code"]) == (404, "not-found")
        assert missing[0] == 404
    assert (await town.ask(stranger, "GET", f"{case.path}/$rights"))[0] == 404
    # The id of something else in the record is not the record.
    assert (await town.act(case.holder, operation, f"Patient/{case.document}", actor=who))[0] == 404


async def test_a_parent_decides_and_a_lesser_delegate_does_not(case: Case) -> None:
    town, who, doctor = case.town, case.practitioners[0], case.doctors[0]
    parent, helper = await _citizen(town), await _citizen(town)
    await case.give(*delegation(case.patient, f"person:{parent}", "parental-authority", (), ()))
    await case.give(*delegation(case.patient, f"person:{helper}", "mandate", ("treatments", "documents"), ()))
    assert (await town.act(helper, "share", case.path, actor=who))[0] == 404
    assert (await town.act(parent, "share", case.path, actor=who))[0] == 200
    assert await case.sees(doctor)
    assert (await town.act(helper, "unshare", case.path, actor=who))[0] == 404
    assert (await town.act(helper, "mask", f"DocumentReference/{case.document}"))[0] == 404
    assert (await town.ask(helper, "GET", f"{case.path}/$rights"))[0] == 404
    await case.give(Grant(case.patient, f"person:{parent}", "opposition", deny=True))
    assert (await town.act(parent, "unshare", case.path, actor=who))[0] == 404


async def test_a_mandate_is_taken_back_and_what_the_law_gives_is_not(case: Case) -> None:
    town = case.town
    parent, helper, stranger = await _citizen(town), await _citizen(town), await _citizen(town)
    await case.give(*delegation(case.patient, f"person:{parent}", "parental-authority", (), ()))
    await case.give(
        *delegation(case.patient, f"person:{helper}", "mandate", ("documents", "add-documents"), ())
    )
    assert await case.sees(helper)
    for login, relative in ((helper, parent), (stranger, helper), (case.doctors[0], helper)):
        assert (await town.act(login, "unshare", case.path, actor=f"Patient/{relative}"))[0] == 404
    status, told = await town.act(case.holder, "unshare", case.path, actor=f"Patient/{helper}")
    assert (status, told["parameter"][0]["valueInteger"]) == (200, 1)
    assert not await case.sees(helper)
    assert (await town.act(case.holder, "unshare", case.path, actor=f"Patient/{helper}"))[0] == 404
    for nobody in (stranger, "none", case.patient):
        assert (await town.act(case.holder, "unshare", case.path, actor=f"Patient/{nobody}"))[0] == 404
    status, told = await town.act(case.holder, "unshare", case.path, actor=f"Patient/{parent}")
    assert (status, "law" in told["issue"][0]["diagnostics"]) == (403, True)
    assert await case.sees(parent)


async def test_a_parent_touches_nothing_of_a_secret(case: Case) -> None:
    town = case.town
    parent = await _citizen(town)
    await case.give(*delegation(case.patient, f"person:{parent}", "parental-authority", (), ()))
    view = town.system().store
    document = await view.read("DocumentReference", case.document)
    secret = {"coding": [{"system": VISIBILITY, "code": "INVISIBLE_REPRESENTANTS_LEGAUX"}]}
    await view.update({**document, "securityLabel": [secret]})
    assert not await case.sees(parent)
    assert (await town.act(parent, "mask", f"DocumentReference/{case.document}"))[0] == 404
    assert await case.sees(case.holder)


async def test_an_application_with_narrow_scopes_changes_no_right(case: Case) -> None:
    town = case.town
    town.actors["app"] = replace(town.actors[case.holder], scopes=("patient/*.rs",), client="vendor")
    for operation in ("share", "unshare", "block", "unblock"):
        assert (await town.act("app", operation, case.path, actor=case.practitioners[0]))[0] == 403
    assert (await town.act("app", "mask", f"DocumentReference/{case.document}"))[0] == 403
    town.actors["pro-app"] = replace(town.actors[case.doctors[0]], scopes=("user/Observation.rs",))
    assert (await town.act("pro-app", "state-relationship", case.path, reason="other"))[0] == 403
    assert (await town.act("pro-app", "find", "Patient", **_traits(town.yann)))[0] == 403
    assert await case.rights() == []


@pytest.mark.parametrize("actor", ["", "Patient/x", "Practitioner/none", "Practitioner/", "nonsense"])
async def test_whom_is_told_plainly(case: Case, actor: str) -> None:
    status, told = await case.town.act(case.holder, "share", case.path, actor=actor)
    assert status in (400, 404, 422), told
    assert told["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Parameters", "parameter": "x"},
        {"resourceType": "Parameters", "parameter": ["x"]},
        {"resourceType": "Parameters", "parameter": [{"name": "actor"}]},
        {"resourceType": "Parameters", "parameter": [{"name": ["actor"], "valueString": "x"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "actor", "valueReference": "x"}] * 2},
        {"resourceType": "Parameters", "parameter": [{"name": "actor", "valueReference": {"reference": 3}}]},
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "actor", "valueString": "a", "valueCode": "b"}],
        },
        {"resourceType": "Patient", "id": "x"},
    ],
)
async def test_malformed_parameters_are_refused_with_a_place(case: Case, body: dict[str, Any]) -> None:
    for login, operation in ((case.holder, "share"), (case.doctors[0], "state-relationship")):
        status, told = await case.town.ask(login, "POST", f"{case.path}/${operation}", body)
        assert 400 <= status < 500, told
        assert told["issue"][0]["expression"], told


# -- masks ------------------------------------------------------------------------------------------


async def test_a_mask_hides_from_ordinary_carers_only(case: Case) -> None:
    town = case.town
    doctor, treating, author = case.doctors
    for login, basis in ((doctor, "care-team"), (treating, "treating-doctor"), (author, "care-team")):
        await case.give(carer(case.patient, town.actors[login].keys[0], basis))
    target = f"DocumentReference/{case.document}"
    view = town.system().store
    wrote = {"identifier": {"system": IDNPS, "value": town.actors[author].keys[0].removeprefix("ps:")}}
    number = next(town.numbers)
    await view.update(
        {
            **await view.read("DocumentReference", case.document),
            "id": f"a{number}",
            "author": [wrote],
            "content": [{"attachment": {"contentType": "text/plain"}}],
        }
    )
    mine = f"DocumentReference/a{number}"
    assert [await town.total(d, f"DocumentReference?patient={case.patient}") for d in case.doctors] == [
        2,
        2,
        2,
    ]
    for document in (target, mine):
        status, told = await town.act(case.holder, "mask", document, masked=True)
        assert status == 200, told
    assert [await town.total(d, f"DocumentReference?patient={case.patient}") for d in case.doctors] == [
        0,
        2,
        1,
    ]
    assert await town.total(case.holder, f"DocumentReference?patient={case.patient}") == 2
    assert (await town.ask(doctor, "GET", f"Binary/{case.binary}"))[0] == 404
    assert (await town.ask(treating, "GET", f"Binary/{case.binary}"))[0] == 200
    assert await town.total(doctor, f"DocumentReference?_id={case.document}") == 0
    assert (await town.ask(doctor, "GET", f"{target}/_history/1"))[0] == 404
    for document in (target, mine):
        assert (await town.act(case.holder, "mask", document, masked=False))[0] == 200
    assert await town.total(doctor, f"DocumentReference?patient={case.patient}") == 2


async def test_masking_twice_writes_once_and_keeps_other_labels(case: Case) -> None:
    town, target = case.town, f"DocumentReference/{case.document}"
    first = await town.act(case.holder, "mask", target)
    again = await town.act(case.holder, "mask", target)
    assert first[1]["meta"]["versionId"] == again[1]["meta"]["versionId"] == "2"
    _, shown = await town.act(case.holder, "mask", target, masked="false")
    assert "securityLabel" not in shown
    assert (await town.act(case.holder, "mask", target, masked="perhaps"))[0] in (400, 422)


async def test_a_professional_masks_nothing(case: Case) -> None:
    town, doctor = case.town, case.doctors[0]
    await case.give(carer(case.patient, town.actors[doctor].keys[0], "treating-doctor"))
    assert (await town.act(doctor, "mask", f"DocumentReference/{case.document}"))[0] == 404


# -- Consents ---------------------------------------------------------------------------------------


async def test_professionals_read_only_the_consents_that_concern_them(case: Case) -> None:
    town, (one, other, _) = case.town, case.doctors
    for who in case.practitioners[:2]:
        await town.act(case.holder, "share", case.path, actor=who)
    await town.act(case.holder, "block", case.path, actor=case.practitioners[2])
    assert await town.total(case.holder, f"Consent?patient={case.patient}&status=active") == 3
    for login, who in zip((one, other), case.practitioners[:2], strict=True):
        _, told = await town.ask(login, "GET", f"Consent?patient={case.patient}&_total=accurate")
        named = [e["resource"]["provision"]["actor"][0]["reference"]["reference"] for e in told["entry"]]
        assert (named, told["total"]) == ([who], 1)
        assert await town.total(login, f"Consent?actor={who}") == 1
    assert await town.total(one, f"Consent?actor={case.practitioners[2]}") == 0
    assert await town.total(case.doctors[2], f"Consent?patient={case.patient}") == 0


@pytest.mark.parametrize("who", ["holder", "doctor"])
async def test_a_right_is_written_by_its_operations_only(case: Case, who: str) -> None:
    town, doctor = case.town, case.doctors[0]
    login = case.holder if who == "holder" else doctor
    _, consent = await town.state(doctor, case.path, reason="other")
    _, stored = await town.ask(login, "GET", f"Consent/{consent['id']}")
    assert (await town.ask(login, "DELETE", f"Consent/{consent['id']}"))[0] == 422
    assert (await town.ask(login, "DELETE", f"Consent?patient={case.patient}&status=active"))[0] == 422
    changed = {**stored, "status": "inactive"}
    assert (await town.ask(login, "PUT", f"Consent/{consent['id']}", changed))[0] in (403, 422)
    bare = {k: v for k, v in stored.items() if k not in ("id", "meta")}
    status, told = await town.ask(login, "POST", "Consent", bare)
    assert (status, "$share" in told["issue"][0]["diagnostics"]) == (422, True)
    assert await case.sees(doctor)
    assert len(await case.consents()) == len(await case.rights()) == 1


async def test_a_right_is_not_deleted_while_nobody_can_tell_whether_it_is_one(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, doctor = case.town, case.doctors[0]
    _, consent = await town.state(doctor, case.path, reason="other")
    store = type(town.house.store)
    read = store.read

    async def lost(self: Any, sight: Any, kind: str, *args: Any) -> Any:
        if kind == "Consent":
            raise problem("transient", "The store does not answer", "La base ne répond pas")
        return await read(self, sight, kind, *args)

    with monkeypatch.context() as patch:
        patch.setattr(store, "read", lost)
        assert (await town.ask(doctor, "DELETE", f"Consent/{consent['id']}"))[0] == 503
    assert len(await case.consents()) == len(await case.rights()) == 1


async def test_a_consent_about_something_else_is_free(case: Case) -> None:
    town = case.town
    coded = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}
    consent = {
        "resourceType": "Consent",
        "status": "active",
        "scope": coded,
        "category": [{"coding": [{"system": "http://loinc.org", "code": "57016-8"}]}],
        "patient": {"reference": case.path},
        "policy": [{"uri": "https://example.org/study"}],
    }
    status, made = await town.ask(case.holder, "POST", "Consent", consent)
    assert status == 201, made
    assert (await town.ask(case.holder, "DELETE", f"Consent/{made['id']}"))[0] == 204


ACTS = ("state", "state-short", "end", "share", "share-short", "unshare", "block", "unblock", "wait")


@pytest.mark.parametrize("seed", range(6))
async def test_consents_and_reads_never_disagree(case: Case, seed: int) -> None:
    """Any sequence of acts: what active Consents say, what $rights says, and what reads give are one."""
    town, draw = case.town, Random(seed)
    for _ in range(14):
        act, chosen = draw.choice(ACTS), draw.randrange(3)
        await _one(case, act, case.doctors[chosen], case.practitioners[chosen])
        stated = {_said(c) for c in await case.consents() if _lasting(c, town.now[0])}
        in_force = {(kind, who) for kind, who, _ in await case.rights()}
        assert stated == in_force, act
        for doctor, who in zip(case.doctors, case.practitioners, strict=True):
            expected = ("permit", who) in in_force and ("deny", who) not in in_force
            assert await case.sees(doctor) == expected, (act, who)


async def _one(case: Case, act: str, doctor: str, who: str) -> None:
    town = case.town
    soon = instant(town.now[0] + timedelta(hours=5))
    if act == "wait":
        town.wait(hours=3)
    elif act.startswith("state"):
        term = {"until": soon} if act == "state-short" else {}
        await town.state(doctor, case.path, reason="other", **term)
    elif act == "end":
        await town.act(doctor, "end-relationship", case.path)
    else:
        term = {"until": soon} if act == "share-short" else {}
        await town.act(case.holder, act.removesuffix("-short"), case.path, actor=who, **term)


def _said(consent: dict[str, Any]) -> tuple[str, str]:
    provision = consent["provision"]
    return provision["type"], provision["actor"][0]["reference"]["reference"]


def _lasting(consent: dict[str, Any], now: datetime) -> bool:
    end = consent["provision"]["period"].get("end")
    return not end or datetime.fromisoformat(end) > now
