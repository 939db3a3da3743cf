"""SMART App Launch scopes: read, compare, narrow. Pure.

Rule: SMART App Launch 2.2.0, "Scopes and Launch Context"; version 1 forms are accepted as aliases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

from aubier.ground.problem import problem

MAX_TEXT = 4096
MAX_SCOPES = 100

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


@dataclass(frozen=True, slots=True)
class Scope:
    """One SMART scope: `context/type.letters?query`; `type` may be `*`, `letters` are in the order cruds."""

    context: str
    type: str
    letters: str
    query: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        tail = f"?{urlencode(self.query)}" if self.query else ""
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
        raise problem("too-long", "Too many scopes were asked", "Trop de droits demandés", at="http.scope")
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


def letters(interactions: Iterable[str]) -> str:
    """The letters of a scope that lets these interactions through, in the order cruds."""
    needed = {_LETTERS[interaction] for interaction in interactions}
    return "".join(letter for letter in "cruds" if letter in needed)


@lru_cache(maxsize=1024)
def _parsed(words: tuple[str, ...]) -> tuple[Scope, ...]:
    return tuple(scope for word in words if (scope := _smart(word)))


def constraints(scopes: Iterable[str], type: str, interaction: str) -> tuple[str, ...] | None:
    """The conditions under which `scopes` let `interaction` through on `type`.

    None: not at all. Empty: without condition. Else query strings of which the resource must match
    at least one (`category=laboratory`). `interaction` is a FHIR interaction code (`search` also).
    """
    letter = _LETTERS.get(interaction, "-")
    found = [s for s in _parsed(tuple(scopes)) if s.type in ("*", type) and letter in s.letters]
    if not found:
        return None
    if any(not scope.query for scope in found):
        return ()
    return tuple(dict.fromkeys(urlencode(scope.query) for scope in found))


def allows(scopes: Iterable[str], type: str, interaction: str) -> bool:
    """Whether `scopes` let `interaction` through on `type` without condition.

    A scope with a query counts for nothing here: who honours queries asks `constraints`.
    """
    return _allows(tuple(scopes), type, interaction)


@lru_cache(maxsize=4096)
def _allows(scopes: tuple[str, ...], type: str, interaction: str) -> bool:
    # Every request asks; few sets of scopes are in use.
    return constraints(scopes, type, interaction) == ()


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
    Raises Problem `too-long` when the crossing of the three lists grows beyond 4,096 characters.
    """
    smart = narrow(narrow(asked.smart, CEILINGS[kind]), client.smart)
    barred = set() if kind == "citizen" else {"launch/patient", "ins"}
    plain = tuple(p for p in asked.plain if p in client.plain and p not in barred)
    result = Parsed(smart, plain, asked.unknown)
    if len(str(result)) > MAX_TEXT:
        raise problem("too-long", "Too many scopes were asked", "Trop de droits demandés", at="http.scope")
    return result
