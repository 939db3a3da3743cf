"""A parsed query compiled to SQL conditions over one row of a resource table.

Nothing here runs: `conditions` gives text with `$n` and fills `Args`. The caller says what is visible,
which table holds a type and how terms are keyed.
"""

from aubier.search.sql.bounds.measure import measures
from aubier.search.sql.bounds.stretch import Stretch, long_span, stretch
from aubier.search.sql.criteria import (
    conditions,
    holding,
    of_identifiers,
    posted,
    posted_codes,
    records,
    texts,
)
from aubier.search.sql.frame import Args, Frame, of_record
from aubier.search.sql.owner import naming
from aubier.search.sql.references import homes, names_one

__all__ = [
    "Args",
    "Frame",
    "Stretch",
    "conditions",
    "holding",
    "homes",
    "long_span",
    "measures",
    "names_one",
    "naming",
    "of_identifiers",
    "of_record",
    "posted",
    "posted_codes",
    "records",
    "stretch",
    "texts",
]
