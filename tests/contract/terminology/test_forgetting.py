"""What was deleted is no longer known to the operations."""

from typing import Any

import pytest

from aubier.store.outbox import Change, deliver
from aubier.terminology import writing
from tests.contract.desk import Desk
from tests.contract.terminology.stock import COLOURS, URL, call, value_set
from tests.contract.terminology.test_maps import WIDE


@pytest.mark.parametrize(
    ("resource", "operation", "given"),
    [
        ({**COLOURS, "url": URL + "gone"}, "CodeSystem/$lookup", {"system": URL + "gone", "code": "red"}),
        (value_set("gone", {"system": URL + "colours"}), "ValueSet/$expand", {"url": URL + "vs/gone"}),
        (
            {**WIDE, "url": URL + "map/gone"},
            "ConceptMap/$translate",
            {"url": URL + "map/gone", "system": URL + "colours", "code": "red"},
        ),
    ],
)
async def test_after_a_delete(
    desk: Desk, resource: dict[str, Any], operation: str, given: dict[str, Any]
) -> None:
    logical = await desk.make("loader", resource)
    assert (await call(desk, operation, **given))[0] == 200
    kind = resource["resourceType"]
    assert (await desk.ask("loader", "DELETE", f"{kind}/{logical}"))[0] == 204

    await delivered(desk)
    assert (await call(desk, operation, **given))[0] == 404


async def delivered(desk: Desk) -> None:
    """What waited to be told of the writes is told."""

    async def handle(change: Change) -> None:
        await writing.forget(desk.system(), change)

    await deliver(desk.house.store, "terminology-forget", handle, 1 << 50, most=1_000)


async def test_what_came_back_before_the_delete_was_told_stays(desk: Desk) -> None:
    row = {**COLOURS, "url": URL + "back"}
    logical = await desk.make("loader", row)
    await desk.ask("loader", "DELETE", f"CodeSystem/{logical}")
    assert (await desk.ask("loader", "PUT", f"CodeSystem/{logical}", {**row, "id": logical}))[0] in (200, 201)
    await delivered(desk)
    assert (await call(desk, "CodeSystem/$lookup", system=URL + "back", code="red"))[0] == 200
