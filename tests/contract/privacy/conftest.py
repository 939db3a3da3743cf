"""A house with records that are open to some and hidden from others."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from aubier.access.actor import Actor
from aubier.store.intent import Grant
from tests.contract.desk import Desk, opened
from tests.contract.privacy.world import World, professional, resources

NURSE = "ps:899710000045"
STRANGER = professional("stranger", "899710000037")
BLOCKED = professional("blocked", "899710000052")


def citizen(login: str, patient: str) -> Actor:
    return Actor(
        "citizen",
        login,
        login.capitalize(),
        keys=(f"person:{patient}",),
        reference=f"Patient/{patient}",
        scopes=("patient/*.cruds",),
        purpose="PATRQT",
    )


ACTORS = {
    a.login: a
    for a in (
        STRANGER,
        BLOCKED,
        professional("treating", "899710000011"),
        professional("author", "899710000029"),
        replace(professional("nurse", "899710000045"), profession="60"),
        professional("narrow", "899710000060"),
        citizen("anna", "anna"),
        citizen("other", "own"),
        citizen("delegate", "del"),
    )
}

GRANTS = (
    Grant("anna", "ps:899710000011", "treating-doctor", "rw"),
    Grant("anna", "ps:899710000029", "carer", "rw", withheld=("mask:ps",)),
    Grant("anna", NURSE, "carer", "rw", withheld=("mask:ps",)),
    Grant("anna", "ps:899710000052", "treating-doctor", "rw"),
    Grant("anna", "ps:899710000052", "block", deny=True),
    Grant("anna", "ps:899710000060", "treating-doctor", "rw"),
    Grant("anna", "ps:899710000060", "block", deny=True, scope=("kind:Condition",)),
    Grant("anna", "person:del", "delegation", "r", ("kind:DocumentReference", "kind:Patient"), ("mask:rep",)),
    *(Grant("own", f"ps:8997100000{n}", "treating-doctor", "rw") for n in (37, 52, 45, 60, 11, 29)),
    Grant("own", "person:del", "delegation", "rw"),
)


async def made(desk: Desk) -> World:
    """The records, the rights, and what the author wrote."""
    world = World(desk)
    rows: list[dict[str, Any]] = []
    for resource in resources():
        url = f"{resource['resourceType']}/{resource['id']}"
        rows.append({"resource": resource, "request": {"method": "PUT", "url": url}})
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": rows}
    status, told = await desk.ask("loader", "POST", "", bundle)
    assert status == 200, told
    await desk.system().store.grant(*GRANTS)
    return world


@pytest.fixture(scope="package")
async def world(
    database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with opened(database, tmp_path_factory.mktemp("house"), ACTORS) as desk:
        yield await made(desk)
