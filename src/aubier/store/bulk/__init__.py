"""Bulk load: new resources by COPY with every index live, known ones compared and updated.

One transaction per chunk: a load that is interrupted and started again ends the same.
"""

from aubier.store.bulk.each import load_each
from aubier.store.bulk.load import BulkReport, PrepareMany, load, uncollected

__all__ = ["BulkReport", "PrepareMany", "load", "load_each", "uncollected"]
