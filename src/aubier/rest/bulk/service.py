"""The row of bulk export: what became of its tables. It is walked as asynchronous work."""

from __future__ import annotations

from aubier.ground.rows import Service
from aubier.rest.bulk.tables import MIGRATIONS

SERVICE = Service(
    "bulk",
    {"fr": "Export en masse", "en": "Bulk export"},
    {
        "fr": "Tout ce que l'on a le droit de voir, en NDJSON, préparé sans attendre (Bulk Data).",
        "en": "All that one may see, as NDJSON, prepared while one does something else (Bulk Data).",
    },
    migrations=MIGRATIONS,
)
"""Everything this room brings."""
