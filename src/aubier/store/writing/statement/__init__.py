"""The one statement of a write: its parts, the mark and date that it takes, rights that it gives or ends."""

from aubier.store.writing.statement.marking import After, marked, take_mark
from aubier.store.writing.statement.parts import FIRST, FamilyRows, Texts, combined, family_parts
from aubier.store.writing.statement.rights import Rights

__all__ = [
    "FIRST",
    "After",
    "FamilyRows",
    "Rights",
    "Texts",
    "combined",
    "family_parts",
    "marked",
    "take_mark",
]
