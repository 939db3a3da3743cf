"""SMART App Launch scopes: read, compare, narrow. Pure.

Rule: SMART App Launch 2.2.0, "Scopes and Launch Context"; version 1 forms are accepted as aliases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlencode

from aubier.access.finer import read_query
from aubier.fhir.definitions import definitions
from aubier.ground.problem import Problem, problem

MAX_TEXT = 4096
MAX_SCOPES = 100
MAX_CONDITIONS = 50

PLAIN = frozenset(
    {
        "openid",
        "profile",
        "email",
        "birth",
        "gender",
        "ins",
        "scope_all",
        "fhirUser",
        "launch",
        "launch/patient",
        "online_access",
        "offline_access",
    }
)
"""Scopes that are not about FHIR data. `scope_all` is Pro Santé Connect's; `ins` asks for the INS number."""

_SMART = re.compile(
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.([a-z]{1,5}|\*)(?:\?([!-~]{1,512}))?", re.ASCII
)
_FINER = re.compile(r"(patient|user|system)/[^?]*\?.*", re.ASCII)
_AS_IT_IS = ":/|,.;=@!$'()*~-_"
"""What stands in the query of a scope without being percent-encoded."""
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_LETTERS = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search": "s",
    "search-type": "s",
    "search-system": "s",
    "history-type": "s",
    "history-system": "s",
}

_BY_LETTER = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
Pairs = tuple[tuple[str, str], ...]
"""A query, decoded, as (name, value) pairs."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One SMART scope: `context/type.letters?query`; `type` may be `*`, `letters` are in the order cruds."""

    context: str
    type: str
    letters: str
    query: Pairs = ()

    def __str__(self) -> str:
        # As people write it: an application looks in what it was granted for what it asked.
        tail = f"?{urlencode(self.query, safe=_AS_IT_IS, quote_via=quote)}" if self.query else ""
        return f"{self.context}/{self.type}.{self.letters}{tail}"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A scope parameter taken apart; `unknown` holds what is ignored, as it was written."""

    smart: tuple[Scope, ...] = ()
    plain: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((*self.plain, *map(str, self.smart)))


def parse(text: str) -> Parsed:
    """The scopes of a space-separated list; unknown ones are kept apart, never granted.

    Raises Problem `too-long` beyond 4,096 characters or 100 scopes.
    """
    words = list(dict.fromkeys(text.split()))
    if len(text) > MAX_TEXT or len(words) > MAX_SCOPES:
        raise _too_many()
    smart: list[Scope] = []
    plain: list[str] = []
    unknown: list[str] = []
    for word in words:
        scope = _smart(word)
        if scope:
            smart.append(scope)
        else:
            (plain if word in PLAIN else unknown).append(word)
    return Parsed(tuple(dict.fromkeys(smart)), tuple(plain), tuple(unknown))


def _smart(word: str) -> Scope | None:
    match = _SMART.fullmatch(word)
    if not match:
        return None
    context, kind, letters, query = match.groups()
    if kind != "*" and kind not in definitions().resource_types:
        return None
    version_2 = _VERSION_1.get(letters, letters)
    if version_2 != "".join(letter for letter in "cruds" if letter in version_2):
        return None
    pairs = tuple(parse_qsl(query or "", keep_blank_values=True))
    # A constraint that cannot be read must not be dropped: the scope would become wider than asked.
    return (
        None
        if query and not (pairs and all(k and v for k, v in pairs))
        else Scope(context, kind, version_2, pairs)
    )


def _too_many() -> Problem:
    return problem(
        "too-long",
        f"Too many scopes: at most {MAX_SCOPES}, of {MAX_TEXT} characters in all",
        f"Trop de portées : au plus {MAX_SCOPES}, de {MAX_TEXT} caractères en tout",
        at="http.scope",
    )


def refuse_unknown(asked: Parsed) -> None:
    """Problem (value) that names what is no scope: for who asks here and now, who mistyped it.

    An application that asks at the authorization endpoint gets the others instead, as OAuth has it.
    """
    if asked.unknown:
        listed = " ".join(asked.unknown)[:200]
        raise problem(
            "value",
            f"{listed}: no such scope; write e.g. patient/*.rs or user/Observation.cruds",
            f"{listed} : pas une portée connue ; écrivez p. ex. patient/*.rs ou user/Observation.cruds",
            at="http.scope",
        )


def refuse_unheld(asked: Parsed) -> None:
    """Problem (value) that names what stands in the way, when a scope with a query could not be held.

    Dropped, its holder would believe that it was granted; read otherwise, it would open something else.
    """
    for word in asked.unknown:
        if _FINER.fullmatch(word):
            raise problem(
                "value",
                f"{word[:200]} is no scope: write e.g. patient/Observation.rs?category=laboratory",
                f"{word[:200]} n'est pas une portée : écrivez p. ex."
                " patient/Observation.rs?category=laboratory",
                at="http.scope",
            )
    if sum(len(scope.query) for scope in asked.smart) > MAX_CONDITIONS:
        raise problem(
            "too-long",
            f"At most {MAX_CONDITIONS} conditions in the queries of scopes",
            f"Au plus {MAX_CONDITIONS} conditions dans les requêtes des portées",
            at="http.scope",
        )
    for scope in asked.smart:
        if scope.query:
            read_query(scope.type, scope.query)


def letters(interactions: Iterable[str]) -> str:
    """The letters of a scope that lets these interactions through, in the order cruds."""
    needed = {_LETTERS[interaction] for interaction in interactions}
    return "".join(letter for letter in "cruds" if letter in needed)


@lru_cache(maxsize=1024)
def _parsed(words: tuple[str, ...]) -> tuple[Scope, ...]:
    return tuple(scope for word in words if (scope := _smart(word)))


def _is_held(scope: Scope, type: str) -> bool:
    """Whether the query of a scope, if it has one, is held on a type: what is not opens nothing of it."""
    try:
        return not scope.query or bool(read_query(type, scope.query))
    except Problem:
        return False


def constraints(scopes: Iterable[str], type: str, interaction: str) -> tuple[Pairs, ...] | None:
    """The conditions under which `scopes` let `interaction` through on `type`.

    None: not at all. Empty: without condition. Else queries, as (name, value) pairs, of which the resource
    must match at least one. `interaction` is a FHIR interaction code (`search` also).
    """
    letter = _LETTERS.get(interaction, "-")
    named = [s for s in _parsed(tuple(scopes)) if s.type in ("*", type) and letter in s.letters]
    found = [scope for scope in named if _is_held(scope, type)]
    if not found:
        return None
    if any(not scope.query for scope in found):
        return ()
    return tuple(dict.fromkeys(scope.query for scope in found))


def allows(scopes: Iterable[str], type: str, interaction: str) -> bool:
    """Whether `scopes` let `interaction` through on `type` without condition.

    A scope with a query counts for nothing here: for who cannot hold it. Who can asks `opens`.
    """
    return _allows(tuple(scopes), type, interaction)


@lru_cache(maxsize=4096)
def _allows(scopes: tuple[str, ...], type: str, interaction: str) -> bool:
    # Every request asks; few sets of scopes are in use.
    return constraints(scopes, type, interaction) == ()


def opens(scopes: Iterable[str], type: str, interaction: str) -> bool:
    """Whether `scopes` let `interaction` through on some of `type`: which, the store is told (`decide`)."""
    return _opens(tuple(scopes), type, interaction)


@lru_cache(maxsize=4096)
def _opens(scopes: tuple[str, ...], type: str, interaction: str) -> bool:
    return constraints(scopes, type, interaction) is not None


@lru_cache(maxsize=1024)
def finer(scopes: tuple[str, ...]) -> tuple[tuple[str, str, tuple[Pairs, ...]], ...]:
    """The interactions that `scopes` open under conditions alone: a letter, a type, queries."""
    limited = [scope for scope in _parsed(scopes) if scope.query]
    every = sorted(definitions().resource_types) if any(s.type == "*" for s in limited) else ()
    named = {(t, letter) for s in limited for t in (every or [s.type]) for letter in s.letters}
    found = ((letter, t, constraints(scopes, t, _BY_LETTER[letter])) for t, letter in sorted(named))
    return tuple((letter, t, met) for letter, t, met in found if met)


def narrow(asked: Iterable[Scope], ceiling: Iterable[Scope]) -> tuple[Scope, ...]:
    """What of `asked` fits under `ceiling`: never wider than either, without repeats."""
    limits = tuple(ceiling)
    met = dict.fromkeys(m for a in asked for limit in limits if (m := _meet(a, limit)))
    return tuple(m for m in met if not any(other != m and _covers(other, m) for other in met))


def _meet(a: Scope, b: Scope) -> Scope | None:
    if a.context != b.context or not ("*" in (a.type, b.type) or a.type == b.type):
        return None
    letters = "".join(letter for letter in a.letters if letter in b.letters)
    query = tuple(dict.fromkeys((*a.query, *b.query)))
    return Scope(a.context, b.type if a.type == "*" else a.type, letters, query) if letters else None


def _covers(wide: Scope, tight: Scope) -> bool:
    return (
        wide.context == tight.context
        and wide.type in ("*", tight.type)
        and set(wide.letters) >= set(tight.letters)
        and set(wide.query) <= set(tight.query)
    )


_CITIZEN_MAY_ADD = ("Appointment", "Communication", "Consent", "DocumentReference", "Observation")
CEILINGS = {
    "citizen": parse(
        "patient/*.rs patient/QuestionnaireResponse.c patient/Subscription.cud "
        + " ".join(f"patient/{kind}.c" for kind in _CITIZEN_MAY_ADD)
    ).smart,
    "professional": parse("user/*.cruds").smart,
    "system": parse("system/*.cruds").smart,
}
"""What an application may be granted at most, by kind of actor."""

_PAGES_WRITE = ("DocumentReference.ud", "Observation.ud", "QuestionnaireResponse.ud", "Task.cu")
FIRST_PARTY = {
    # Rights on the record are Consents that operations alone write (sharing keeps every other hand off them).
    "citizen": tuple(str(s) for s in CEILINGS["citizen"]) + tuple(f"patient/{kind}" for kind in _PAGES_WRITE),
    "professional": ("user/*.cruds",),
    "system": ("system/*.cruds",),
}
"""What our own portals hold. Citizens write what their pages write and nothing a professional signs;
elsewhere the access rules alone decide."""


def granted(asked: Parsed, kind: str, client: Parsed) -> Parsed:
    """What a client gets of what it asked: under the ceiling of the actor's kind and its own registration.

    `launch/patient` is for citizens only, whose patient is known; there is no patient picker yet.
    Raises Problem `too-long` when the crossing of the three lists grows beyond 4,096 characters, and as
    `refuse_unheld`.
    """
    smart = narrow(narrow(asked.smart, CEILINGS[kind]), client.smart)
    barred = set() if kind == "citizen" else {"launch/patient", "ins"}
    plain = tuple(p for p in asked.plain if p in client.plain and p not in barred)
    result = Parsed(smart, plain, asked.unknown)
    if len(str(result)) > MAX_TEXT:
        raise _too_many()
    refuse_unheld(Parsed(smart))
    return result
