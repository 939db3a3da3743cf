"""Index rows made while the server answers: for custom search parameters, and again for what is stored.

A SearchParameter that is written gets a *making*, a row of `indexing` whose number is part of the key of all
its index rows. Every write says in its own statement by which state of the makings it was indexed, and is
run again when that is past: from the commit of a making on, no resource is written without its rows. What
was stored before is walked (`walking`), batch by batch, by whichever process has the turn.
"""

from aubier.store.indexing.checking import Fault, faults
from aubier.store.indexing.following import follow, steers, take_turn
from aubier.store.indexing.makings import Makings
from aubier.store.indexing.strays import take_away
from aubier.store.indexing.tables import MIGRATIONS, VERSION
from aubier.store.indexing.walking import SERVED, Backfills, advance, ask_again, expect, progress

__all__ = [
    "MIGRATIONS",
    "SERVED",
    "VERSION",
    "Backfills",
    "Fault",
    "Makings",
    "advance",
    "ask_again",
    "expect",
    "faults",
    "follow",
    "progress",
    "steers",
    "take_away",
    "take_turn",
]
