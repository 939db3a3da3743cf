"""The table of contents of terminology."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aubier.ground.rows import Backfill, BeforeWrite, OnChange, Operation, Resource, Service
from aubier.terminology import writing
from aubier.terminology.operations import closure, code_systems, expand, related, translate
from aubier.terminology.operations.answering import Answering
from aubier.terminology.operations.checking import batch, validate
from aubier.terminology.operations.parameters import ECOSYSTEM
from aubier.terminology.shelves import maps, tables

R4 = "FHIR R4 4.0.1, terminology-service"

_Run = Callable[[Any, Resource], Awaitable[Resource]]


def _operation(path: str, run: _Run | Answering, fr: str, en: str, *, instance: bool = True) -> Operation:
    """The row of `Type/$name`, of the type or, with `instance`, of one resource too."""
    on, _, name = path.rpartition("/")
    texts = {"fr": fr, "en": en}
    code = name.removeprefix("$")
    also, recall = ECOSYSTEM.get(code, ()), run.recall if isinstance(run, Answering) else None
    return Operation(code, on, run, texts, f"{R4}, {path}", either=instance, also=also, recall=recall)


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
        _operation(
            "CodeSystem/$lookup",
            Answering("CodeSystem/$lookup", code_systems.lookup),
            "Tout savoir d'un code",
            "What is known of a code",
            instance=False,
        ),
        _operation(
            "CodeSystem/$validate-code",
            Answering("CodeSystem/$validate-code", validate.in_code_system),
            "Vérifier un code",
            "Check a code",
        ),
        _operation(
            "CodeSystem/$subsumes",
            Answering("CodeSystem/$subsumes", code_systems.subsumes),
            "Comparer deux codes",
            "Compare two codes",
        ),
        _operation(
            "ValueSet/$validate-code",
            Answering("ValueSet/$validate-code", validate.in_value_set),
            "Vérifier un code dans un jeu de valeurs",
            "Check a code in a value set",
        ),
        _operation(
            "ValueSet/$batch-validate-code",
            batch.in_value_sets,
            "Vérifier plusieurs codes dans des jeux de valeurs",
            "Check several codes in value sets",
            instance=False,
        ),
        _operation(
            "CodeSystem/$batch-validate-code",
            batch.in_code_systems,
            "Vérifier plusieurs codes",
            "Check several codes",
            instance=False,
        ),
        _operation(
            "ValueSet/$related",
            related.related,
            "Comparer deux jeux de valeurs",
            "Compare two value sets",
        ),
        _operation(
            "ValueSet/$expand",
            Answering("ValueSet/$expand", expand.expand),
            "Lister un jeu de valeurs",
            "List a value set",
        ),
        _operation(
            "ConceptMap/$translate",
            translate.translate,
            "Traduire un code d'un système à l'autre",
            "Translate a code to another system",
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
    migrations=tables.MIGRATIONS + maps.MIGRATIONS + tables.PLANNED + tables.STANDING + tables.MARKED,
    statements=tables.STATEMENTS + maps.STATEMENTS,
)
