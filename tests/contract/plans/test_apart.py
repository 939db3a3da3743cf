"""What is read and written of one record costs the same among more people, by the plan that is run."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from aubier.access.view import View
from aubier.ground.standing import Stands
from aubier.store.reading.record import Asked
from tests.contract.plans.work import Both, Database, both_peopled

BESIDE = 30
"""Rows that a larger population may take besides: records differ by some. A professional may open half."""

Asks = Callable[[View, str], Awaitable[object]]


@pytest.fixture(scope="module")
async def few_and_many(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    """Ten times as many."""
    async with both_peopled(database, tmp_path_factory.mktemp("plans"), 12, 120) as both:
        yield both


async def _read(view: View, person: str) -> object:
    return await view.read("Patient", person)


async def _version(view: View, person: str) -> object:
    return await view.vread_row("Patient", person, 1)


async def _history(view: View, person: str) -> object:
    return await view.history_rows(["Patient"], person, count=5)


async def _everything(view: View, person: str) -> object:
    return (await view.walk(Asked("Patient", person, count=10))).rows


async def _standing(view: View, person: str) -> object:
    # Whether it still stands is not what is asked here.
    return [await view.unmoved(Stands((1, 2, 3), 1))]


async def _subscribed(view: View, person: str) -> object:
    asked = view.query("Patient", [("_id", person), ("gender", "male,female")])
    return await view.meets("Patient", person, 1, [(asked, False)])


async def _writes(view: View, person: str) -> object:
    body = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": f"Patient/{person}"}}
    made = (await view.create(body)).id
    await view.update({**body, "id": made, "code": {"text": "y"}})
    return await view.delete("Basic", made)


@pytest.mark.parametrize("actor", ["off", "on", "self"])
@pytest.mark.parametrize(
    "question", [_read, _version, _history, _everything, _standing, _subscribed, _writes]
)
async def test_what_is_asked_of_one_record(few_and_many: Both, question: Asks, actor: str) -> None:
    read = []
    for population in few_and_many:
        view, heard = population.asking(actor)
        assert await question(view, population.rights.open[0])
        assert heard.plans
        read.append(heard.rows)
    assert read[1] <= read[0] + BESIDE, read
