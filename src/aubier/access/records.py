"""The resource types of the record, for rules that hold on every one of them."""

from __future__ import annotations

from aubier.fhir.definitions import definitions
from aubier.store.keys import DIRECTORY

RECORD_TYPES: tuple[str, ...] = tuple(sorted(definitions().resource_types - DIRECTORY))
"""Every R4 type that belongs to someone's record, in alphabetical order: those invisible without a grant."""
