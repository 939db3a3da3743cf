"""An extract loaded into the real store, stopped, and searched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aubier.access.actor import Actor, system_actor
from aubier.access.view import Access, View
from aubier.cli.loading.extract import _Store
from aubier.referentials.directory import api
from aubier.referentials.directory.extraction import importer
from aubier.sandbox import extracts
from aubier.store.store import Store, open_store

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
READER = Actor("professional", "morvan", "Dr Morvan", keys=("ps:1",), scopes=("user/*.rs",), purpose="TREAT")


@pytest.fixture(scope="module")
async def directory_store(database: Callable[[], str]) -> AsyncIterator[Store]:
    """An empty store."""
    store = await open_store(database(), pool_size=4)
    yield store
    await store.close()


def view(store: Store, actor: Actor) -> View:
    return Access(store).view(actor, NOW)


def loading(store: Store) -> _Store:
    """What `aubier load` gives to the import."""
    access = Access(store)
    return _Store(access, access.view(system_actor("console"), NOW))


async def test_load_stop_load_again_and_search(directory_store: Store, tmp_path: Path) -> None:
    paths = extracts.write_extract(tmp_path / "x", 800, seed="load", stamp="202611220400")
    bulk = loading(directory_store)

    def stop(sign: importer.Progress) -> None:
        if sign.stage == "practitioners" and sign.done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await importer.load(tmp_path / "x", bulk, tmp_path / "work", progress=stop)
    report = await importer.load(tmp_path / "x", bulk, tmp_path / "work")
    assert report.bad == 0
    reader = view(directory_store, READER)
    for kind, total in (
        ("Organization", report.organizations),
        ("Practitioner", report.practitioners),
        ("PractitionerRole", report.roles),
    ):
        page = await reader.search(kind, [("_total", "accurate"), ("_count", "1")])
        assert page.total == total > 0

    first = paths["Personne_activite"].read_text().splitlines()[1].split("|")
    found = (await reader.search("Practitioner", [("identifier", f"{api.IDNPS}|{first[2]}")])).resources
    assert [api.idnps(p) for p in found] == [first[2]]
    assert found[0]["name"][0]["family"] == first[7]
    roles = (
        await reader.search("PractitionerRole", [("practitioner", f"Practitioner/{found[0]['id']}")])
    ).resources
    assert roles
    for role in roles:
        kind, _, logical = role["organization"]["reference"].partition("/")
        assert api.idnst(await reader.read(kind, logical))


async def test_loading_the_same_again_changes_nothing(directory_store: Store, tmp_path: Path) -> None:
    extracts.write_extract(tmp_path / "x", 60, seed="twice", stamp="202611220400")
    bulk = loading(directory_store)
    await importer.load(tmp_path / "x", bulk, tmp_path / "work")
    seen = "select count(*) from dir_res"
    before = await directory_store.pool.fetchval(seen)
    await importer.load(tmp_path / "x", bulk, tmp_path / "work")
    assert await directory_store.pool.fetchval(seen) == before
