"""`aubier reindex` makes the index rows of what is stored again."""

from aubier.cli.indexing.again import reindex

__all__ = ["reindex"]
