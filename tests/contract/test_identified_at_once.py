"""What a transaction asks by identifiers, in references and conditions, is asked in one statement."""

from typing import Any

import pytest

from tests.contract.conftest import Api
from tests.contract.test_written_at_once import Resource, rate, statements

__all__ = ["statements"]
_SYSTEM = "urn:test:identified"
_TOGETHER = "with ordinality k(type, param, system, value, n)"


def known(kind: str, value: str, system: str = _SYSTEM, **more: Any) -> Resource:
    """A resource with an identifier."""
    return {"resourceType": kind, "identifier": [{"system": system, "value": value}], **more}


def transaction(*rows: tuple[Resource, str]) -> Resource:
    """Creates of resources, each unless its condition is met."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": body,
                "request": {"method": "POST", "url": body["resourceType"]}
                | ({"ifNoneExist": condition} if condition else {}),
            }
            for body, condition in rows
        ],
    }


def by(kind: str, value: str, system: str = _SYSTEM) -> str:
    """A reference by identifier."""
    return f"{kind}?identifier={system}|{value}"


def seen_by(patient: str, *references: str) -> tuple[Resource, str]:
    """A measurement with performers."""
    return rate(patient, performer=[{"reference": each} for each in references]), ""


async def made(api: Api, *bodies: Resource) -> list[str]:
    """The references of new resources."""
    found = []
    for body in bodies:
        answer = await api.good("POST", body["resourceType"], body)
        found.append(f"{body['resourceType']}/{answer['id']}")
    return found


async def performers(api: Api, answer: Resource) -> list[list[str]]:
    """What the created measurements name as performers."""
    places = [e["response"]["location"].partition("/_history")[0] for e in answer["entry"]]
    read = [await api.good("GET", "/".join(place.split("/")[-2:])) for place in places]
    return [[p["reference"] for p in one["performer"]] for one in read]


async def test_references_of_a_type_are_found_together(api: Api, statements: list[str]) -> None:
    patient = await api.person()
    doctors = await made(api, *(known("Practitioner", v) for v in ("a1", "a2", "a3")))
    # The same value of another type, and in another system, is somebody else.
    places = await made(api, known("Organization", "a1"), known("Organization", "a2", "urn:test:other"))
    names = [by("Practitioner", v) for v in ("a3", "a1", "a2")]
    organisations = [by("Organization", "a1"), by("Organization", "a2", "urn:test:other")]
    body = transaction(seen_by(patient, *names, *organisations), seen_by(patient, names[0]))
    statements.clear()
    answer = await api.good("POST", "", body)
    assert sum(_TOGETHER in sql for sql in statements) == 2  # one for each type
    both = [doctors[2], doctors[0], doctors[1], *places]
    assert await performers(api, answer) == [both, [doctors[2]]]


@pytest.mark.parametrize("value", ["nobody", "twins"])
async def test_none_or_several_refuse_all_at_their_place(api: Api, value: str) -> None:
    patient = await api.person()
    await made(api, *(known("Practitioner", v) for v in (f"one-{value}", "twins", "twins")))
    body = transaction(
        seen_by(patient, by("Practitioner", f"one-{value}")), seen_by(patient, by("Practitioner", value))
    )
    before = await api.counts()
    answer = await api.ask("POST", "", body)
    assert answer.status_code == 412
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == ["Bundle.entry[1].resource.performer[0].reference"]
    assert by("Practitioner", value) in issue["details"]["text"] + issue.get("diagnostics", "")
    assert await api.counts() == before


async def test_what_is_asked_of_records_is_told_there(api: Api) -> None:
    """Patients are asked for one by one: each has an audit line, and only those shown are found."""
    key, login = await api.professional()
    patient = await api.person()
    shown, hidden = [(await made(api, known("Patient", f"c{n}")))[0] for n in (1, 2)]
    for each in (patient, shown.partition("/")[2]):
        await api.give(each, key, rights="rw")
    before = await api.last_line()
    answer = await api.ask(
        "POST", "", transaction(seen_by(patient, by("Patient", "c1"), by("Patient", "c2"))), as_=login
    )
    assert answer.status_code == 412, hidden
    assert [line["action"] for line in await api.lines(before)] == ["search", "search"]


async def test_conditions_of_a_transaction_are_asked_together(api: Api, statements: list[str]) -> None:
    (there,) = await made(api, known("Practitioner", "d1"))
    rows = [(known("Practitioner", v), f"identifier={_SYSTEM}|{v}") for v in ("d0", "d1", "d2")]
    statements.clear()
    answer = await api.good("POST", "", transaction(*rows))
    assert sum(_TOGETHER in sql for sql in statements) == 1
    assert [e["response"]["status"][:3] for e in answer["entry"]] == ["201", "200", "201"]
    assert there in answer["entry"][1]["response"]["location"]
    again = await api.good("POST", "", transaction(*rows))
    assert [e["response"]["status"][:3] for e in again["entry"]] == ["200"] * 3


async def test_a_condition_that_several_meet_refuses_all(api: Api) -> None:
    await made(api, known("Practitioner", "e1"), known("Practitioner", "e1"))
    rows = [(known("Practitioner", v), f"identifier={_SYSTEM}|{v}") for v in ("e0", "e1")]
    assert (await api.ask("POST", "", transaction(*rows))).status_code == 412
    assert await api.ids(by("Practitioner", "e0")) == []


async def test_conditions_see_what_their_actor_sees(api: Api) -> None:
    """A Patient of another's is no match: who may not see it makes their own."""
    key, login = await api.professional()
    (mine,) = await made(api, known("Patient", "f1"))
    await made(api, known("Patient", "f2"))
    await api.give(mine.partition("/")[2], key, rights="rw")
    rows = [(known("Patient", v), f"identifier={_SYSTEM}|{v}") for v in ("f1", "f2")]
    answer = await api.ask("POST", "", transaction(*rows), as_=login)
    assert answer.status_code == 200, answer.text
    assert [e["response"]["status"][:3] for e in answer.json()["entry"]] == ["200", "201"]
