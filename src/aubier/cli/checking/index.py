"""`aubier check index`: whether the index rows are those that the resources give."""

from __future__ import annotations

from aubier.cli.instance import opened
from aubier.cli.speech import Progress, counted, say
from aubier.settings import Settings
from aubier.store.indexing import faults

_MOST_TOLD = 20


async def check_index(settings: Settings) -> int:
    """Makes the index rows of every resource and compares them with those stored; gives 1 when some differ.

    Tells how far it is, the first differences and, at the end, what mends them. Problem as
    `store.indexing.faults`.
    """
    shown, read, odd = Progress(), 0, 0

    def told(done: int) -> None:
        nonlocal read
        read = done
        shown(done, "ressource(s) comparée(s)", "resource(s) compared")

    async with opened(settings) as house:
        async for fault in faults(house.store, told):
            odd += 1
            if odd <= _MOST_TOLD:
                fr = f"{fault.missing} en moins, {fault.surplus} en trop"
                en = f"{fault.missing} missing, {fault.surplus} too many"
                say(
                    f"  {fault.resource or 'sans ressource'} ({fault.table}) : {fr}",
                    f"  {fault.resource or 'of no resource'} ({fault.table}): {en}",
                )
    shown.end()
    compared = counted(read, "ressource(s) comparée(s)", "resource(s) compared")
    found = counted(odd, "anomalie(s)", "fault(s)")
    say(f"{compared}, {found}", f"{compared}, {found}")
    if odd:
        say("Pour refaire les index : aubier reindex", "To make the index rows again: aubier reindex")
    return 1 if odd else 0
