"""`aubier check audit` and `aubier check index`: whether what is stored is what it should be."""

from aubier.cli.checking.audit import audit
from aubier.cli.checking.index import check_index

__all__ = ["audit", "check_index"]
