"""How definitions come from the store: while several ask, after one was stopped, beside long names."""

from asyncio import create_task, gather, sleep
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aubier.validation.service.shelf import Shelf
from tests.contract.validation.test_marks import definition
from tests.contract.validation.test_validate import bound, stored
from tests.open_house import DOCTOR, OpenHouse, open_house

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
async def house(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenHouse]:
    """A house whose definitions nobody else changes."""
    async with open_house(
        database(), tmp_path_factory.mktemp("house"), lambda: START, {"dr": DOCTOR}
    ) as opened:
        yield opened


async def errors(house: OpenHouse, profile: str, **more: Any) -> list[str]:
    """The codes of the errors of a resource that lacks what the profile asks."""
    resource = {"resourceType": "Basic", "code": {"text": "x"}, **more}
    status, answer = await house.ask("dr", "POST", f"/fhir/Basic/$validate?profile={profile}", resource)
    assert status == 200, answer
    return [issue["code"] for issue in answer["issue"] if issue["severity"] == "error"]


def marked(url: str) -> dict[str, Any]:
    """An extension that nobody here defines."""
    return {"url": url, "valueCode": "a"}


async def test_who_asks_meanwhile_has_the_same_verdict(house: OpenHouse) -> None:
    asked = definition("meanwhile")
    await house.system().store.create(asked)
    assert await gather(*(errors(house, asked["url"]) for _ in range(6))) == [["required"]] * 6


async def test_who_is_stopped_leaves_nothing_undone_to_others(house: OpenHouse) -> None:
    asked = definition("stopped")
    await house.system().store.create(asked)
    view, shelf = house.system().store.as_system("validation"), Shelf()
    wanted = [("StructureDefinition", asked["url"])]
    under_way = create_task(shelf.bring(view, wanted))
    for _ in range(3):
        await sleep(0)
    under_way.cancel()
    with suppress(BaseException):
        await under_way
    assert under_way.cancelled() and shelf.library.profile(asked["url"]) is None
    await shelf.bring(view, wanted)
    assert shelf.library.profile(asked["url"]) is not None


async def test_a_shelf_begun_anew_refuses_no_good_write(
    house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = definition("anew")
    await house.system().store.create(asked)
    monkeypatch.setattr(Shelf, "full", True)
    view = replace(house.system().store, access=bound(house.house.access, "required"))
    good = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"display": "y"}}
    assert (await view.create({**good, "meta": {"profile": [asked["url"]]}})).version == 1


async def test_long_names_do_not_hide_the_others(house: OpenHouse) -> None:
    asked = definition("beside")
    await house.system().store.create(asked)
    long = [marked(f"https://example.org/{n}/{'a' * 900}") for n in range(10)]
    assert await errors(house, asked["url"], extension=long) == ["required"]


async def test_each_of_very_many_versions_is_found(house: OpenHouse) -> None:
    asked = definition("many")
    await stored(house, *({**asked, "id": f"many-{n}", "version": str(n)} for n in range(205)))
    for version in ("0", "204"):
        assert await errors(house, f"{asked['url']}%7C{version}") == ["required"]


async def test_more_names_than_a_shelf_holds_are_refused(house: OpenHouse) -> None:
    many = [marked(f"https://example.org/{n}") for n in range(3_001)]
    resource = {"resourceType": "Basic", "code": {"text": "x"}, "extension": many}
    status, answer = await house.ask("dr", "POST", "/fhir/Basic/$validate", resource)
    assert status >= 400 and answer["issue"][0]["code"] == "too-costly"
