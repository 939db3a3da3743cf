"""Floor 2: search without I/O.

Parameters come from the SearchParameter definitions; `extract` takes the index values out of a
resource, `parse` turns a query string into a `Query`, and `sql` compiles that to one statement.
"""
