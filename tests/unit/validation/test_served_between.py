"""A long validation lets others be served between its parts, and they do not change its verdict."""

import asyncio
from typing import Any

from aubier.validation.profiles import AtHand
from aubier.validation.walks import validated, walked
from tests.unit.validation.test_profiles import library, observation
from tests.unit.validation.test_snapshots import MINE, profile, row

ENTRIES = 100


def page() -> dict[str, Any]:
    """A Bundle of many Observations, each tenth without what its profile demands."""
    said = observation(meta={"profile": [MINE + "mine"]})
    rows = [said | ({} if n % 10 == 0 else {"valueString": "x"}) for n in range(ENTRIES)]
    entry = [
        {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-{n:012d}", "resource": r} for n, r in enumerate(rows)
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entry}


async def test_others_are_served_while_a_bundle_is_validated() -> None:
    known = library(profile("Observation", row("Observation.value[x]", min=1)))
    expected = [(i.at, i.kind) for i in walked(page(), [], known).issues]
    served, ended = 0, False

    async def other() -> None:
        nonlocal served
        while not ended:
            served += 1
            known.refresh()  # as another request does when it brings definitions
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    found = await validated(page(), [], known, AtHand())
    ended = True
    await beside
    assert served > ENTRIES // 20
    assert [(i.at, i.kind) for i in found] == expected
    assert len([i for i in found if i.kind == "required"]) == ENTRIES // 10
