"""`aubier load`: files, folders, NDJSON and Bundles, checked one by one, stored by chunks. Packages first."""

from aubier.cli.loading.load import load_all

__all__ = ["load_all"]
