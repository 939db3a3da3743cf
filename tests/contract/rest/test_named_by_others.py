"""Conditions of a transaction that name another of its entries by its fullUrl."""

import asyncio
from typing import Any

from tests.contract.rest.conftest import Api
from tests.contract.rest.test_bundles import SYSTEM, entry, person, run, statuses, urn, weight


def stay(subject: str, **parts: Any) -> dict[str, Any]:
    """An Encounter of a subject."""
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": subject},
        **parts,
    }


def visit(name: str) -> list[dict[str, Any]]:
    """A person, a stay of theirs and what was measured in it, each but once; those that name others first."""
    who, when = urn(f"{name} who"), urn(f"{name} when")
    measured = weight(who, encounter={"reference": when})
    return [
        entry("POST", "Observation", measured, ifNoneExist=f"encounter={when}&status=final"),
        entry("PUT", f"Encounter?status=finished&subject={who}", stay(who), when),
        entry("POST", "Patient", person(name), who, ifNoneExist=f"identifier={SYSTEM}|{name}"),
    ]


async def test_a_condition_asks_for_what_the_entry_that_it_names_turned_out_to_be(api: Api) -> None:
    first = await run(api, "transaction", *visit("sent twice"))
    assert statuses(first) == ["201", "201", "201"]
    again = await run(api, "transaction", *visit("sent twice"))
    assert statuses(again) == ["200", "200", "200"]
    named = [[a["response"]["location"].split("/")[1] for a in answers] for answers in (first, again)]
    assert named[0] == named[1]


async def test_of_many_at_once_one_writes(api: Api) -> None:
    told = await asyncio.gather(*(run(api, "transaction", *visit("sent at once")) for _ in range(4)))
    assert sorted(statuses(answers)[0] for answers in told) == ["200", "200", "200", "201"]


async def test_a_condition_goes_through_links(api: Api) -> None:
    who = urn("through links")
    sent = [
        entry("PUT", "Patient/through-links", person("through") | {"id": "through-links"}, who),
        entry("POST", "Encounter", stay(who), ifNoneExist=f"_filter=subject eq {who}"),
    ]
    assert statuses(await run(api, "transaction", *sent)) == ["201", "201"]
    by = f"status=final&_has:Provenance:target:patient={who}"
    sent[1] = entry("POST", "Observation", weight(who), ifNoneExist=by)
    assert statuses(await run(api, "transaction", *sent)) == ["200", "201"]
    sent[1] = entry("PATCH", f"Encounter?subject={who},Patient/nobody", {"resourceType": "Parameters"})
    assert statuses(await run(api, "transaction", *sent)) == ["200", "200"]


async def test_names_that_lead_on_and_on_are_refused(api: Api) -> None:
    """Those that name each other in a circle find nothing, and end."""
    a, b = urn("circle a"), urn("circle b")
    circle = [
        entry("POST", "Patient", person("circle a"), a, ifNoneExist=f"link={b}"),
        entry("POST", "Patient", person("circle b"), b, ifNoneExist=f"link={a}"),
    ]
    assert statuses(await run(api, "transaction", *circle)) == ["201", "201"]
    sent = [entry("POST", "Patient", person("deep 0"), urn("deep 0"))]
    for n in range(1, 12):
        condition = f"link={urn(f'deep {n - 1}')}"
        sent.append(entry("POST", "Patient", person(f"deep {n}"), urn(f"deep {n}"), ifNoneExist=condition))
    refused = await api.post("transaction", *sent)
    assert refused.json()["issue"][0]["code"] == "too-costly"
    assert statuses(await run(api, "transaction", *sent[:8])) == ["201"] * 8


async def test_in_a_batch_whose_entries_stand_alone_they_are_refused(api: Api) -> None:
    answers = await run(api, "batch", *visit("alone"))
    assert statuses(answers) == ["422", "422", "201"]
    told = [issue["expression"] for a in answers[:2] for issue in a["response"]["outcome"]["issue"]]
    assert ["Bundle.entry[0].request.ifNoneExist"] in told and ["Bundle.entry[1].request.url"] in told
