"""Index rows made again, by types: begun once, gone through by batches, taken up where it was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aubier.cli.instance import opened
from aubier.cli.speech import Progress, say
from aubier.fhir.definitions import definitions
from aubier.ground.problem import problem
from aubier.settings import Settings
from aubier.store.indexing import advance, ask_again, progress, take_away

_BREATH = 0.2


async def reindex(settings: Settings, types: Sequence[str]) -> None:
    """Makes the index rows of these types (none: all) again; tells how far it is, and returns at the end.

    Rows that are missing are made, others of these resources taken away; with all types, also rows of
    no resource. Stopped, it goes on with the next `aubier reindex` of
    the same types, or by itself while the instance runs. Problem (value) for a type that is none.
    """
    known = definitions().resource_types
    if odd := [t for t in types if t not in known]:
        raise problem(
            "value",
            f"{odd[0]} is no resource type of FHIR R4",
            f"{odd[0]} n'est pas un type de ressource FHIR R4",
            at="--type",
        )
    async with opened(settings) as house:
        store = house.store
        if not await ask_again(store.pool, sorted(types or known)):
            say("Déjà commencé : la suite", "Begun already: going on")
        shown, done = Progress(), 0
        while walks := [w for w in await progress(store.pool) if w.kind == "again"]:
            if not await advance(store, house.backfills):
                await asyncio.sleep(_BREATH)  # a serving process has the turn
            done = max(done, *(w.done for w in walks))
            shown(done, "ressource(s) indexée(s)", "resource(s) indexed")
        shown.end()
        if not types and (gone := await take_away(store.standing)):
            say(f"{gone} lignes sans ressource retirées", f"{gone} rows of no resource taken away")
    say("Index refaits", "Index rows made again")
