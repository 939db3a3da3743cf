"""Chains of as many steps as may be asked for: through what is named, through what is contained, and both."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from aubier.search.query.criteria import MAX_DEPTH
from aubier.store.exporting.export import Slice
from aubier.store.intent import Grant
from tests.contract.desk import Desk, ids, opened
from tests.contract.search.test_kept import code, seen
from tests.contract.search.test_paging import put
from tests.open_house import DOCTOR

LONGEST = MAX_DEPTH - 1
"""Encounters in the longest chain: the last step is the name of where it was."""


def visit(number: int, id: str = "") -> dict[str, Any]:
    """One that is part of the next, at a place with its number."""
    return {
        "resourceType": "Encounter",
        "id": id or f"v{number}",
        "status": "finished",
        "class": {"system": "urn:c", "code": "AMB"},
        "subject": {"reference": "Patient/one"},
        "partOf": {"reference": f"Encounter/v{number + 1}"},
        "serviceProvider": {"reference": f"Organization/o{number}"},
    }


@pytest.fixture(scope="module")
async def desk(database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """Measurements of one record: of a visit, and of one that they contain, also at the end of a chain."""
    doctor = replace(DOCTOR, scopes=("user/*.cruds",))
    numbers = range(1, LONGEST + 2)
    inside = seen("r", "Patient/one", encounter={"reference": "#v"})
    async with opened(database, tmp_path_factory.mktemp("house"), {"doctor": doctor}) as desk:
        await put(
            desk,
            {"resourceType": "Patient", "id": "one"},
            *({"resourceType": "Organization", "id": f"o{n}", "name": f"Lieu {n}"} for n in numbers),
            *(visit(n) for n in reversed(numbers)),
            seen("named", "Patient/one", encounter={"reference": "Encounter/v1"}),
            seen("holds", "Patient/one", encounter={"reference": "#v"}, contained=[visit(1, "v")]),
            seen("other", "Patient/one", encounter={"reference": "Encounter/v2"}),
            {
                "resourceType": "DiagnosticReport",
                "id": "report",
                "status": "final",
                "code": code("panel"),
                "subject": {"reference": "Patient/one"},
                "result": [{"reference": "#r"}],
                "contained": [{k: v for k, v in inside.items() if k != "id"} | {"id": "r"}, visit(1, "v")],
            },
        )
        await desk.system().store.grant(Grant("one", doctor.keys[0], "treating-doctor", "r", since=1))
        yield desk


def chain(steps: int) -> str:
    return ".".join(["encounter", *["part-of"] * (steps - 1), "service-provider", "name"])


@pytest.mark.parametrize("login", ["loader", "doctor"])
@pytest.mark.parametrize("beside", [(), (("patient", "one"),), (("_total", "accurate"),)])
@pytest.mark.parametrize("steps", range(1, LONGEST + 1))
async def test_a_chain_of_any_length(
    desk: Desk, steps: int, beside: tuple[tuple[str, str], ...], login: str
) -> None:
    asked = [(chain(steps), f"Lieu {steps}"), *beside]
    answer = await desk.found(login, "Observation", asked)
    assert set(ids(answer)) == {"Observation/named", "Observation/holds"}
    answer = await desk.found(login, "Observation", [(chain(steps), f"Lieu {steps + 1}"), *beside])
    assert set(ids(answer)) == {"Observation/other"}
    if steps < LONGEST:
        answer = await desk.found(
            login, "DiagnosticReport", [(f"result.{asked[0][0]}", asked[0][1]), *beside]
        )
        assert ids(answer) == ["DiagnosticReport/report"]


@pytest.mark.parametrize("login", ["loader", "doctor"])
async def test_several_long_chains_in_one_question(desk: Desk, login: str) -> None:
    """Also those that begin alike, or lead to the same."""
    both = [(chain(n), f"Lieu {n}") for n in (3, LONGEST)]
    answer = await desk.found(login, "Observation", both)
    assert set(ids(answer)) == {"Observation/named", "Observation/holds"}
    assert ids(await desk.found(login, "Observation", [both[0], (chain(5), "Lieu 6")])) == []
    either = f'{chain(4)} eq "Lieu 4" or {chain(4)} eq "Lieu 5"'
    answer = await desk.found(login, "Observation", [("_filter", either)])
    assert len(ids(answer)) == 3
    reverse = f"_has:Observation:patient:{chain(LONGEST - 1)}"
    assert ids(await desk.found(login, "Patient", [(reverse, f"Lieu {LONGEST - 1}")])) == ["Patient/one"]
    assert ids(await desk.found(login, "Patient", [(reverse, "Lieu 0")])) == []


@pytest.mark.parametrize("login", ["loader", "doctor"])
async def test_a_version_and_an_export_answer_long_chains_as_a_search_does(desk: Desk, login: str) -> None:
    view = desk.house.context(desk.actors[login]).store
    queries = [view.query("Observation", [(chain(n), f"Lieu {m}")]) for n in (4, 6) for m in (n, n + 1)]
    for name, wanted in (("named", [True, False] * 2), ("other", [False, True] * 2)):
        met = await view.meets("Observation", name, 1, [(query, False) for query in queries])
        assert met.met == tuple(wanted), name
    sight, store = desk.system().store.sight, desk.house.store
    rows, _ = await store.export(sight, Slice("Observation", store.mark() + 1, queries=(queries[2],)))
    assert {row.id for row in rows} == {"named", "holds"}
