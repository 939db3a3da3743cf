"""Reading: one row, one page, what it includes, a history; each with its audit line in the same statement."""

from aubier.store.reading.reader import Found, Reader, Row

__all__ = ["Found", "Reader", "Row"]
