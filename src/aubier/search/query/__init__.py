"""Query strings to parsed queries: `parse`; what `_elements` may name: `element_names`.

`reader` takes the pairs one by one, `criteria` reads parameters, chains and `_has`, `values` what
stands after the equals sign; `sets` lists the codes of value sets that the caller found.
"""

from aubier.search.query.reader import MAX_PARAMETERS, element_names, parse
from aubier.search.query.sets import FindCodes, at_home, names_in, sets_named, with_names, with_sets

__all__ = [
    "MAX_PARAMETERS",
    "FindCodes",
    "at_home",
    "element_names",
    "names_in",
    "parse",
    "sets_named",
    "with_names",
    "with_sets",
]
