"""The table of contents of identity."""

from __future__ import annotations

from aubier.ground.rows import BeforeWrite, OnChange, Operation, Service
from aubier.referentials.identity import actions, tables
from aubier.referentials.identity.guard import asking, authorship
from aubier.referentials.identity.insi import operations

RNIV = "RNIV 1 v2.0 (Dec 2024); FR Core 2.2.0 Patient INS"

SERVICE = Service(
    name="identity",
    title={"fr": "Identité (INS)", "en": "Identity (INS)"},
    about={
        "fr": "Une personne, une identité : numéro INS, traits stricts, quatre statuts de confiance, "
        "et un téléservice de recherche et de vérification ouvert à l'essai.",
        "en": "One person, one identity: INS number, strict traits, four statuses of trust, "
        "and an open equivalent of the national search and verification service.",
    },
    reads=("Patient",),
    writes=("Patient",),
    operations=(
        Operation(
            "ins-search",
            "Patient",
            operations.search_ins,
            {"fr": "Chercher une INS par les traits", "en": "Search an INS by traits"},
            operations.INSI,
        ),
        Operation(
            "ins-verify",
            "Patient",
            operations.verify_ins,
            {"fr": "Vérifier une INS", "en": "Verify an INS"},
            operations.INSI,
        ),
    ),
    before_write=(
        BeforeWrite(
            "identity-watch",
            ("Patient",),
            actions.watch,
            RNIV,
            deletes=True,
            ahead=asking.count_written,
            many=actions.watch_new,
        ),
        BeforeWrite("identity-authorship", authorship.TYPES, authorship.sign_as_oneself, authorship.SIGNED),
    ),
    on_change=(OnChange("identity-forget", ("Patient",), actions.forget),),
    migrations=tables.MIGRATIONS,
    statements=tables.STATEMENTS,
)
