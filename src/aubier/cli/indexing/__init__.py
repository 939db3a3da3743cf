"""`aubier reindex`: the index rows of what is stored, made again."""

from aubier.cli.indexing.again import reindex

__all__ = ["reindex"]
