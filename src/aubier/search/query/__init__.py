"""Query strings to parsed queries: `parse`.

`reader` takes the pairs one by one, `criteria` reads parameters, chains and `_has`, `values` what
stands after the equals sign.
"""

from aubier.search.query.reader import MAX_PARAMETERS, parse

__all__ = ["MAX_PARAMETERS", "parse"]
