"""The query of a SMART scope: which may be held, and as what criteria. Pure.

Rule: SMART App Launch 2.2.0, "Finer-grained resource constraints using search parameters".
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeGuard

from aubier.ground.problem import Problem, problem
from aubier.search.model import Condition, Criterion, Query
from aubier.search.parameters import registry
from aubier.search.query import parse

_TYPES = frozenset({"token", "reference", "string", "date", "uri", "number", "quantity"})


@lru_cache(maxsize=1024)
def read_query(kind: str, pairs: tuple[tuple[str, str], ...]) -> Query:
    """The criteria that the query of a scope on `kind` stands for, each asked of the resource itself alone.

    Problem (value): it names no one type, or asks by what is no plain search parameter of FHIR for it: a
    chain, a modifier, words, a list, a custom parameter. What those lead to changes without the resource.
    """
    if kind == "*":
        raise _unheld("*", "a scope with a query names one type", "une portée avec une requête nomme un type")
    try:
        query = parse(kind, list(pairs), registry=registry())
    except Problem as refusal:
        raise _unheld(kind, refusal.issues[0].said("en"), refusal.issues[0].said("fr")) from None
    if not pairs or [c.parameter.code for c in query.criteria if _is_plain(c)] != [name for name, _ in pairs]:
        raise _unheld(
            kind,
            "a scope is limited by plain search parameters: no chain, modifier, list or text",
            "une portée se limite par de simples paramètres de recherche : ni chaîne, ni modificateur,"
            " ni liste, ni texte",
        )
    return query


def _is_plain(asked: Condition) -> TypeGuard[Criterion]:
    if not isinstance(asked, Criterion) or asked.modifier or asked.chain or ":" in asked.parameter.code:
        return False
    return bool(asked.values) and asked.parameter.type in _TYPES


def _unheld(kind: str, text: str, fr: str) -> Problem:
    return problem(
        "value",
        f"The query of the scope on {kind} cannot be held: {text}",
        f"La requête de la portée sur {kind} ne peut être tenue : {fr}",
        at="http.scope",
        rule="SMART App Launch 2.2.0, finer-grained resource constraints",
    )
