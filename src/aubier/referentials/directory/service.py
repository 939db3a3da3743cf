"""The table of contents of the directory."""

from __future__ import annotations

from aubier.ground.rows import Service
from aubier.referentials.directory.door import DOOR
from aubier.referentials.directory.parameters import SEARCH_PARAMETERS

SERVICE = Service(
    name="directory",
    title={
        "fr": "Annuaire des professionnels et des structures",
        "en": "Directory of professionals and structures",
    },
    about={
        "fr": "Qui exerce quoi, où et comment le joindre : chargé depuis l'extraction en libre accès, "
        "cherché comme l'Annuaire Santé.",
        "en": "Who practises what, where, and how to reach them: loaded from the open extraction, "
        "searched as the national directory is.",
    },
    reads=("Practitioner", "PractitionerRole", "Organization", "HealthcareService", "Device"),
    writes=("Practitioner", "PractitionerRole", "Organization"),
    doors=(DOOR,),
    search_parameters=SEARCH_PARAMETERS,
)
