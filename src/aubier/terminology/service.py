"""The table of contents of terminology."""

from __future__ import annotations

from aubier.ground.rows import Backfill, BeforeWrite, OnChange, Operation, Service
from aubier.terminology import writing
from aubier.terminology.operations import closure, code_systems, expand, translate, validate
from aubier.terminology.shelves import maps, tables

R4 = "FHIR R4 4.0.1, terminology-service"

SERVICE = Service(
    name="terminology",
    title={"fr": "Terminologies", "en": "Terminology"},
    about={
        "fr": "Ce que veut dire un code, s'il est valide, ceux d'un jeu de valeurs et leur hiérarchie : pour "
        "les systèmes livrés, ceux que l'on écrit et les nomenclatures que l'on charge.",
        "en": "What a code means, whether it is valid, which a value set holds and their hierarchy: for the "
        "systems shipped, those that people write and the nomenclatures that are loaded.",
    },
    reads=("CodeSystem", "ValueSet", "ConceptMap"),
    operations=(
        Operation(
            "lookup",
            "CodeSystem",
            code_systems.lookup,
            {"fr": "Tout savoir d'un code", "en": "What is known of a code"},
            f"{R4}, CodeSystem/$lookup",
        ),
        Operation(
            "validate-code",
            "CodeSystem",
            validate.in_code_system,
            {"fr": "Vérifier un code", "en": "Check a code"},
            f"{R4}, CodeSystem/$validate-code",
            either=True,
        ),
        Operation(
            "subsumes",
            "CodeSystem",
            code_systems.subsumes,
            {"fr": "Comparer deux codes", "en": "Compare two codes"},
            f"{R4}, CodeSystem/$subsumes",
            either=True,
        ),
        Operation(
            "validate-code",
            "ValueSet",
            validate.in_value_set,
            {"fr": "Vérifier un code dans un jeu de valeurs", "en": "Check a code in a value set"},
            f"{R4}, ValueSet/$validate-code",
            either=True,
        ),
        Operation(
            "expand",
            "ValueSet",
            expand.expand,
            {"fr": "Lister un jeu de valeurs", "en": "List a value set"},
            f"{R4}, ValueSet/$expand",
            either=True,
        ),
        Operation(
            "translate",
            "ConceptMap",
            translate.translate,
            {"fr": "Traduire un code d'un système à l'autre", "en": "Translate a code to another system"},
            f"{R4}, ConceptMap/$translate",
            either=True,
        ),
        Operation(
            "closure",
            "",
            closure.closure,
            {"fr": "Tenir à jour une table de fermeture", "en": "Keep a closure table"},
            f"{R4}, $closure",
            affects_state=True,
        ),
    ),
    before_write=(BeforeWrite("terminology-keep", writing.TYPES, writing.keep, writing.RULE),),
    on_change=(OnChange("terminology-forget", writing.TYPES, writing.forget),),
    backfills=(Backfill("terminology-keep", writing.TYPES, writing.keep_stored),),
    migrations=tables.MIGRATIONS + maps.MIGRATIONS + tables.PLANNED,
    statements=tables.STATEMENTS + maps.STATEMENTS,
)
