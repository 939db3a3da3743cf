"""From an actor to what the store may show: pure decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from aubier.access.actor import Actor
from aubier.access.finer import read_query
from aubier.access.scopes import Pairs, allows, finer, opens
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Policy
from aubier.search.keys import Keys
from aubier.search.model import Query
from aubier.search.query import at_home
from aubier.store import sight
from aubier.store.keys import type_numbers
from aubier.store.limits.constraints import Constraints, Limits
from aubier.store.sight import Sight

ANYONE = sight.ANYONE
"""The key that every actor but the platform's own bears, for a room's own statements over grants."""

_AUTHOR_ONLY = {
    "citizen": frozenset({"update", "patch", "delete"}),
    "professional": frozenset({"delete"}),
    "system": frozenset[str](),
    "anonymous": frozenset({"create", "update", "patch", "delete"}),
}
"""What each kind of actor may do on own resources only.

Rule: DMP, a document is deleted by its author only.
"""


def type_number(kind: str) -> int:
    """The number of a type in `id_map`, for a room's own statements."""
    return type_numbers()[kind]


def sight_of(
    actor: Actor, now: datetime, policies: Sequence[Policy], keys: Keys, local: Callable[[str], str]
) -> Sight:
    """What this actor may see now. Only an actor of kind `system` is without grants.

    `keys` and `local` (`Type/id` of a URL of this server) are the store's.
    """
    limited = finer(actor.scopes)
    hidden, own = _labels(actor, tuple(policies))
    return Sight(
        actor=actor.reference or actor.login or actor.kind,
        name=actor.name,
        now=milliseconds(now),
        unrestricted=actor.kind == "system",
        keys=actor.keys,
        hidden=hidden,
        own=own,
        types=readable(actor),
        org=f"{actor.organization} {actor.organization_name}".strip(),
        client=actor.client,
        purpose=actor.purpose,
        author_only=_AUTHOR_ONLY[actor.kind],
        constraints=_constraints(limited, actor.scopes, keys, local) if limited else None,
    )


def _constraints(
    limited: Iterable[tuple[str, str, tuple[Pairs, ...]]],
    scopes: tuple[str, ...],
    keys: Keys,
    local: Callable[[str], str],
) -> Constraints:
    """The limits of scopes with a query, by what is done.

    What is read is what `r` opens, what a search shows what `s` does; each stands for the other where a type
    has but one of them.
    """
    by_letter: dict[str, dict[str, tuple[Query, ...]]] = {letter: {} for letter in "cruds"}
    for letter, kind, queries in limited:
        by_letter[letter][kind] = tuple(at_home(read_query(kind, pairs), local) for pairs in queries)
    shown, found = dict(by_letter.pop("r")), dict(by_letter.pop("s"))
    both = (
        {kind: q for kind, q in found.items() if not opens(scopes, kind, "read")} | shown,
        {kind: q for kind, q in shown.items() if not opens(scopes, kind, "search")} | found,
    )
    written: dict[str, Limits] = dict(by_letter)
    return Constraints(keys, *both, written)


@lru_cache(maxsize=1024)
def _labels(actor: Actor, policies: tuple[Policy, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels hidden from this actor, and those of what the actor wrote: the same at any moment."""
    hidden = {label for p in policies if p.applies(actor) for label in p.hidden(actor)}
    own = (f"author:{key}" for key in actor.keys if key.startswith(("ps:", "person:", "system:")))
    return tuple(sorted(hidden)), tuple(own)


def readable(actor: Actor) -> frozenset[str] | None:
    """The types whose resources the actor's scopes let be seen, read or searched for; None for all of them.

    Which of the two, `require` asks. Rule: SMART App Launch 2.2, scopes: `s` opens what a search finds.
    """
    return _readable(actor.scopes)


@lru_cache(maxsize=1024)
def _readable(scopes: tuple[str, ...]) -> frozenset[str] | None:
    """The same for the scopes alone: every request asks, and few sets of scopes are in use."""
    found = frozenset(t for t in type_numbers() if opens(scopes, t, "read") or opens(scopes, t, "search"))
    return None if len(found) == len(type_numbers()) else found


def require(actor: Actor, kind: str, interaction: str, *, limited: bool = False) -> None:
    """Problem (login or forbidden) unless the actor's scopes let `interaction` through on `kind`.

    `limited`: who asks holds the limits of a scope with a query; for anyone else such a scope opens nothing.
    """
    if actor.kind == "anonymous":
        raise unidentified()
    if allows(actor.scopes, kind, interaction):
        return
    if not opens(actor.scopes, kind, interaction):
        raise problem(
            "forbidden",
            f"Your token does not let you {interaction} {kind}; ask for a scope that does",
            f"Votre jeton ne permet pas « {interaction} » sur {kind} ; demandez une portée qui le permet",
            at="http.Authorization",
        )
    if not limited:
        raise problem(
            "forbidden",
            f"Your token opens some {kind} only, by a scope with a query, which cannot be held for this;"
            " ask for a scope without one",
            f"Votre jeton n'ouvre que certaines ressources {kind}, par une portée avec une requête, qui ne"
            " peut être tenue ici ; demandez une portée qui n'en a pas",
            at="http.Authorization",
        )


def none_open(interaction: str) -> Problem:
    """The refusal of what is asked of all types to whom the scopes open none of them."""
    return problem(
        "forbidden",
        f"Your token does not let you {interaction} any type that is meant here; ask for a scope that does",
        f"Votre jeton ne permet « {interaction} » sur aucun type visé ici ; demandez une portée plus large",
        at="http.Authorization",
    )


def unidentified() -> Problem:
    """No valid token came with the request."""
    return Problem(
        problem(
            "login",
            "Say who you are: send a valid bearer token",
            "Identifiez-vous : envoyez un jeton d'accès valide",
            at="http.Authorization",
        ).issues,
        headers={"WWW-Authenticate": 'Bearer realm="aubier"'},
    )
