"""Reading: one row, one page, what it includes, a history; each with its audit line in the same statement."""

from aubier.store.reading.at_once import Wanted
from aubier.store.reading.reader import Reader, check_scope
from aubier.store.reading.row import Found, Row
from aubier.store.reading.statements import Statements
from aubier.store.reading.together import Together

__all__ = ["Found", "Reader", "Row", "Statements", "Together", "Wanted", "check_scope"]
