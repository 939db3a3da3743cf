"""A chunk that holds faults: loaded whole, and when something in it is refused, without what is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aubier.ground.problem import Problem
from aubier.ground.rows import Resource
from aubier.store.bulk.load import BulkReport

_Placed = tuple[str, Resource]


async def load_each(
    load: Callable[[Sequence[Resource]], Awaitable[BulkReport]], chunk: Sequence[_Placed]
) -> BulkReport:
    """Loads (place, resource) pairs; the report tells the place of each that was refused.

    `load` stores all that are new of what it is given, or none, and tells the changes that are refused by
    `Type/id`. Problem (transient): no answer of the store.
    """
    if not chunk:
        return BulkReport()
    try:
        report = await load([resource for _, resource in chunk])
        places = {f"{r['resourceType']}/{r['id']}": place for place, r in chunk}
        report.refused = [(places[name], refusal) for name, refusal in report.refused]
        return report
    except Problem as refusal:
        if refusal.kind == "transient":
            raise
        if len(chunk) == 1:
            return BulkReport(refused=[(chunk[0][0], refusal)])
    report, half = BulkReport(), len(chunk) // 2
    for part in (chunk[:half], chunk[half:]):
        report.add(await load_each(load, part))
    return report
