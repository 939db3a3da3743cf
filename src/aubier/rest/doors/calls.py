"""How many calls a second an application makes at a door: counted in the store, alike for every process."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.ground.problem import problem
from aubier.ground.rows import Door, Migration, Service, Statement

MIGRATIONS = (
    Migration(
        1,
        "calls at doors",
        """
create unlogged table door_call (
  door text not null, client text not null, second bigint not null, calls integer not null,
  primary key (door, client));
""",
    ),
)

STATEMENTS = (
    Statement(
        "doors.count_call",
        # One row per application: a new second begins at one, so nothing is ever to be swept.
        "insert into door_call as c (door, client, second, calls) values ($1, $2, $3::bigint, 1)"
        " on conflict (door, client) do update set second = excluded.second,"
        " calls = case when c.second = excluded.second then c.calls + 1 else 1 end returning calls",
        "One more call of an application in this second",
    ),
)


async def count_call(context: Context, door: Door) -> None:
    """Counts one call. Problem `throttled` (429, with Retry-After) beyond what the door's row allows.

    Without a client of its own, it is the person who is counted.
    """
    if not door.calls:
        return
    actor = context.actor
    second = int(context.now.timestamp())
    who = f"{actor.client} {actor.login}" if actor.kind != "system" else actor.client or actor.login
    rows = await context.store.run("doors.count_call", door.name, who, second)
    if rows[0]["calls"] <= door.calls:
        return
    refused = problem(
        "throttled",
        f"More than {door.calls} calls in a second; wait a second",
        f"Plus de {door.calls} appels en une seconde ; patientez une seconde",
        at="http.path",
        rule=door.rule,
    )
    refused.headers["Retry-After"] = "1"
    raise refused


SERVICE = Service(
    "doors",
    {"fr": "Portes des interfaces nationales", "en": "Doors of the national interfaces"},
    {
        "fr": "Chaque interface nationale publiée, aussi étroite que son guide, sur les mêmes données.",
        "en": "Each published national interface, as narrow as its guide, over the same data.",
    },
    migrations=MIGRATIONS,
    statements=STATEMENTS,
)
"""What counting needs."""
