"""The versions that resources had: histories."""

from aubier.store.reading.versions.history import history

__all__ = ["history"]
