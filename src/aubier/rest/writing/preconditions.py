"""What must hold of a resource for it to be written: the headers that say so, none left out in silence.

Rule: RFC 9110 section 13; FHIR R4, http.html#concurrency and http.html#ccreate.
"""

from __future__ import annotations

from collections.abc import Mapping

from aubier.ground.problem import Problem, problem
from aubier.rest.exchange import version_of
from aubier.store.intent import Intent

_NAMES = {
    "if-match": "If-Match",
    "if-none-match": "If-None-Match",
    "if-none-exist": "If-None-Exist",
    "if-unmodified-since": "If-Unmodified-Since",
}
_TAKEN = {
    "create": frozenset({"if-none-exist"}),
    "update": frozenset({"if-match", "if-none-match"}),
    "patch": frozenset({"if-match"}),
    "delete": frozenset({"if-match"}),
}
_VERSION = ('If-Match: W/"3"', 'If-Match: W/"3"')
_INSTEAD = {
    "create": (
        "POST with If-None-Exist, or PUT with If-None-Match: *",
        "POST avec If-None-Exist, ou PUT avec If-None-Match: *",
    ),
    "update": ('If-Match: W/"3", or If-None-Match: *', 'If-Match: W/"3", ou If-None-Match: *'),
    "patch": _VERSION,
    "delete": _VERSION,
}
"""What to write instead, in English and in French."""


def under(intent: Intent, headers: Mapping[str, str]) -> Intent:
    """The write, held to what its headers ask.

    Problem: a condition that this interaction does not take, for its sender would believe it held.
    """
    taken = _TAKEN[intent.op]
    for name in _NAMES:
        if name in headers and name not in taken:
            raise _refused(_NAMES[name], _INSTEAD[intent.op])
    if "if-none-match" in headers:
        if headers["if-none-match"].strip() != "*":
            raise _refused("If-None-Match", _INSTEAD[intent.op])
        intent.only_new = True
    if headers.get("if-match", "").strip() == "*":
        intent.existing = True
    else:
        intent.if_match = version_of(headers.get("if-match", ""), "If-Match")
    return intent


def criteria_of(asked: str, kind: str, base: str) -> str:
    """The criteria of an If-None-Exist, be they alone or after the type, below our base or not.

    Problem (value): they are of another type, or of another server.
    """
    address, mark, criteria = asked.strip().partition("?")
    if not mark or "=" in address:
        return asked.strip()
    if address.removeprefix(base).strip("/") in ("", kind):
        return criteria
    raise problem(
        "value",
        f"If-None-Exist asks '{address[:100]}', and what is created is a {kind}: write {kind}?criteria",
        f"If-None-Exist interroge « {address[:100]} », or on crée un {kind} : écrivez {kind}?critères",
        at="http.If-None-Exist",
    )


def refuse_conditions(headers: Mapping[str, str]) -> None:
    """Problem for a condition on what takes none: an operation decides what it writes, and the entries of a
    Bundle have conditions of their own.
    """
    for name, spelt in _NAMES.items():
        if name in headers:
            raise problem(
                "not-supported",
                f"{spelt} is not taken here; leave it out",
                f"{spelt} n'est pas accepté ici ; retirez-le",
                at=f"http.{spelt}",
            )


def _refused(name: str, instead: tuple[str, str]) -> Problem:
    return problem(
        "not-supported",
        f"This {name} means nothing here; use {instead[0]}",
        f"Cet en-tête {name} n'a pas de sens ici ; utilisez {instead[1]}",
        at=f"http.{name}",
    )
