"""The row of custom search parameters."""

from __future__ import annotations

from aubier.ground.rows import Operation, Service, Statement, Stuck
from aubier.rest.indexing.status import status

SERVICE = Service(
    "parameters",
    {"fr": "Paramètres de recherche", "en": "Search parameters"},
    {
        "fr": "Les paramètres de recherche que l'on ajoute : ceux qui répondent, et où en sont les autres.",
        "en": "The search parameters that people add: which of them answer, and how far the others are.",
    },
    reads=("SearchParameter",),
    operations=(
        Operation(
            "status",
            "SearchParameter",
            status,
            {
                "fr": "Dire si un paramètre de recherche répond, ou où en est sa préparation",
                "en": "Tell whether a search parameter answers, or how far its making is",
            },
            "FHIR R4 4.0.1, searchparameter: what a server does with a new one is its own to tell",
            either=True,
            takes=(),
        ),
    ),
    statements=(
        Statement(
            "parameters.status",
            "select name, state, definition, done, total, why, why_fr from indexing"
            " where kind = 'parameter' and ($1 = '' or name = $1) order by no desc limit 1000",
            "How far custom search parameters are",
        ),
    ),
    stuck=(
        Stuck(
            Statement(
                "parameters.stuck",
                "select name as what, greatest(total - done, 0) as n, kind || ', ' || done as error"
                # Those ahead wait for those behind, which join them there: one that moves is enough.
                " from indexing where state in ('making', 'leaving') and $1::bigint - 300000 >"
                " (select max(extract(epoch from m.moved)) * 1000 from indexing m"
                " where m.state in ('making', 'leaving')) order by no limit 20",
                "Walks over what is stored that have not moved for five minutes",
            ),
            {
                "fr": "Indexation arrêtée depuis cinq minutes : {what}, {n} ressources restent ({error})",
                "en": "Indexing that has not moved for five minutes: {what}, {n} resources left ({error})",
            },
            {
                "fr": "le journal dit pourquoi ; elle reprend d'elle-même où elle en est",
                "en": "the log says why; it goes on by itself from where it is",
            },
            served=True,
        ),
    ),
)
"""Everything this room brings."""
