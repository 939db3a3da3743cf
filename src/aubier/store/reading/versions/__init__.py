"""The versions that resources had, and what came since a date."""

from aubier.store.reading.versions.history import history

__all__ = ["history"]
