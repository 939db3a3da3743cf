"""Floor 3: the only room that runs SQL.

One row per resource in its compartment, exact bytes kept, postings beside, history append-only,
every answer under the one access predicate and with its audit line (docs/design/store.md).
"""
