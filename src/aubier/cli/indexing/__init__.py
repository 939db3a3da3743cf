"""`aubier reindex` makes the index rows of what is stored again; `aubier check index` compares them."""

from aubier.cli.indexing.again import reindex
from aubier.cli.indexing.same import check_index

__all__ = ["check_index", "reindex"]
