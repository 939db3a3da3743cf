"""Where a write is filed: compartment and row number of each resource, what finds them by its id."""

from aubier.store.writing.filing.following import Key, expect, followers
from aubier.store.writing.filing.known import refuse_unknown
from aubier.store.writing.filing.placing import Placer
from aubier.store.writing.filing.rows import filed

__all__ = ["Key", "Placer", "expect", "filed", "followers", "refuse_unknown"]
