"""Parameters to post, and the walk that makes them ready."""

from __future__ import annotations

from typing import Any

import pytest

from aubier.store.indexing import advance
from tests.contract.conftest import Api

URL = "http://x.example/SearchParameter/"
EYES = "http://x.example/eyes"


def parameter(named: str, /, **change: Any) -> dict[str, Any]:
    """A SearchParameter: by default, the colour of the eyes that an extension of Patient holds."""
    given = {
        "resourceType": "SearchParameter",
        "url": URL + named,
        "name": "".join(part.title() for part in named.split("-")),
        "description": "A parameter of the tests",
        "status": "active",
        "code": named,
        "base": ["Patient"],
        "type": "token",
        "expression": f"Patient.extension('{EYES}').value",
        **change,
    }
    return {name: value for name, value in given.items() if value is not None}


def coloured(colour: str, **parts: Any) -> dict[str, Any]:
    """A Patient with eyes of that colour."""
    return {"resourceType": "Patient", "extension": [{"url": EYES, "valueCode": colour}], **parts}


async def walked(api: Api) -> None:
    """Goes on until nothing is left to index; this process knows it."""
    while await advance(api.house.store, api.house.backfills):
        pass
    await api.house.store.learn()


@pytest.fixture(autouse=True)
async def nothing_posted(api: Api) -> None:
    """Each test begins without custom parameters."""
    for found in reversed(await api.ids("SearchParameter?_count=100")):
        await api.good("DELETE", found)
    await walked(api)
