"""The row of bulk export."""

from __future__ import annotations

from aubier.ground.rows import Job, Service
from aubier.rest.bulk.running import resume
from aubier.rest.bulk.tables import MIGRATIONS, STATEMENTS

SERVICE = Service(
    "bulk",
    {"fr": "Export en masse", "en": "Bulk export"},
    {
        "fr": "Tout ce que l'on a le droit de voir, en NDJSON, préparé sans attendre (Bulk Data).",
        "en": "All that one may see, as NDJSON, prepared while one does something else (Bulk Data).",
    },
    jobs=(
        Job(
            "bulk",
            60,
            resume,
            {"fr": "Reprendre les exports interrompus", "en": "Take up exports that were interrupted"},
        ),
    ),
    migrations=MIGRATIONS,
    statements=STATEMENTS,
)
"""Everything this room brings."""
