"""The room's table of contents."""

from __future__ import annotations

from aubier.ground.rows import Service
from aubier.services.record.door import DOOR
from aubier.services.record.lists import ON_CHANGE
from aubier.services.record.mhd.find import SEARCH_PARAMETERS
from aubier.services.record.page.files import ROUTES
from aubier.services.record.rules import BEFORE_WRITE
from aubier.services.record.visibility import VERSIONS

SERVICE = Service(
    name="record",
    title={"fr": "Le dossier : documents de santé", "en": "The record: health documents"},
    about={
        "fr": "Déposer, trouver, lire, masquer et remplacer les documents de santé d'une personne.",
        "en": "Deposit, find, read, hide and replace the health documents of a person.",
    },
    reads=("DocumentReference", "List", "Binary", "Patient"),
    writes=("DocumentReference", "List"),
    routes=ROUTES,
    doors=(DOOR,),
    before_write=BEFORE_WRITE,
    on_change=ON_CHANGE,
    statements=(VERSIONS,),
    search_parameters=SEARCH_PARAMETERS,
)
"""What the record room brings."""
