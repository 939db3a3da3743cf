"""Parameters to post, and the walk that makes them ready."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from aubier.fhir import json as fhir_json
from aubier.store.indexing import advance
from aubier.store.packing import codec
from aubier.store.packing.rows import COLUMNS
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


async def kept_rows(api: Api) -> Counter[tuple[Any, ...]]:
    """Every posting there is, every term of a resource, what is there of it and what it says."""
    pool, found = api.house.store.pool, Counter[tuple[Any, ...]]()
    for prefix in ("", "dir_"):
        for table in COLUMNS:
            names = ", ".join(name for name, _ in COLUMNS[table])
            found.update((table, *row) for row in await pool.fetch(f"select {names} from {prefix}{table}"))
        for row in await pool.fetch(f"select pat, rid, terms, has, narrative, rest from {prefix}res"):
            found["row", row["pat"], row["rid"], row["has"], row["narrative"], row["rest"]] += 1
            found.update(("term", row["pat"], row["rid"], term) for term in row["terms"])
    return found


async def due_rows(api: Api) -> Counter[tuple[Any, ...]]:
    """What they ought to be, made of every resource once more."""
    store, found = api.house.store, Counter[tuple[Any, ...]]()
    for prefix in ("", "dir_"):
        for row in await store.pool.fetch(f"select pat, rid, {codec.COLUMNS} from {prefix}res r"):
            made = store.index(fhir_json.parse(codec.kept(row)))
            found["row", row["pat"], row["rid"], made.has, *made.said] += 1
            found.update(("term", row["pat"], row["rid"], term) for term in made.terms)
            for table, postings in made.postings.items():
                found.update((table, *posting, row["rid"], row["pat"]) for posting in postings)
    return found


@pytest.fixture(autouse=True)
async def nothing_posted(api: Api) -> None:
    """Each test begins without custom parameters."""
    for found in reversed(await api.ids("SearchParameter?_count=100")):
        await api.good("DELETE", found)
    await walked(api)
