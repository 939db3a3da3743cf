"""transact, step by step: what is found, what it becomes, where it goes, the one statement."""

from aubier.store.writing.filing import refuse_unknown
from aubier.store.writing.finding import Finder
from aubier.store.writing.step import AT_ONCE, TURNED_AWAY, Again, busy, stamped
from aubier.store.writing.undertaking import Undertaking, undertaken
from aubier.store.writing.writer import Writer

__all__ = [
    "AT_ONCE",
    "TURNED_AWAY",
    "Again",
    "Finder",
    "Undertaking",
    "Writer",
    "busy",
    "refuse_unknown",
    "stamped",
    "undertaken",
]
