"""An intent on its way to the store: what it found, what it becomes, where it goes."""

from __future__ import annotations

import asyncpg
import msgspec

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.search.model import Query
from aubier.store.intent import OP_NUMBER, Intent, Written
from aubier.store.packing.rows import Indexed, Postings


class Present(msgspec.Struct):
    """The row that a write finds: nothing (rid 0), a current version, or a tombstone.

    `seq` is its commit mark, `updated` its date (ms). `awaited`: nothing was here, and something that lives
    with it may be.
    """

    pat: int
    rid: int
    version: int = 0
    seq: int = 0
    updated: int = 0
    awaited: bool = False
    alive: bool = False
    visible: bool = False
    mine: bool = False
    labels: list[str] = []
    raw: bytes = b""
    known: bool = False


class Step(msgspec.Struct):
    """An intent on its way: what it found, what it will store, where.

    `condition` is that of the intent, with other entries under the names that they get.
    `left` are the index rows of the version that is there.
    `pat` is its compartment, `also` those of other patients and whether it is about them; `named` tells
    by which reference it got there.
    `lone`: it concerns nobody, its compartment is its own. `follows`: nobody asked for it, it is filed anew
    with what it lives with. `rest` are the bytes to keep, without their head. `unchanged`: a patch left
    all as it was, so no version more is made, though the actor must have the right to make one. `size`: bytes
    of the resource, about.
    """

    intent: Intent
    id: str
    found: Present
    condition: Query | None = None
    version: int = 1
    resource: Resource | None = None
    size: int = 0
    indexed: Indexed | None = None
    left: Postings | None = None
    labels: list[str] = []
    pat: int = 0
    also: dict[int, bool] = {}
    named: dict[int, str] = {}
    lone: bool = False
    follows: bool = False
    rest: bytes = b""
    done: Written | None = None
    unmatched: bool = False
    unchanged: bool = False


AT_ONCE = 32
"""Resources whose rows are made before others have a turn: two or three milliseconds."""


class Again(Exception):
    """Another writer was first: the same batch is to be run once more."""


TURNED_AWAY = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
"""Another writer was in the way: nothing was written, and the same may be tried again."""


def busy() -> Problem:
    """Too many writers wanted the same rows: nothing was written."""
    return problem(
        "conflict",
        "Others were writing the same resources; nothing was written, try again",
        "D'autres écrivaient les mêmes ressources ; rien n'a été écrit, réessayez",
    )


def stamped(resource: Resource, begins: bytes = b"") -> bytes:
    """The bytes of a version: type, id, version and date, with which all `begins` (`codec.head`), and the
    rest, which alone is kept."""
    meta = {k: v for k, v in resource.get("meta", _NOTHING).items() if k not in _OURS_IN_META}
    rest = {k: v for k, v in resource.items() if k not in _OURS}
    told = b"," + fhir_json.dumps(meta)[1:] if meta else b"}"
    return begins + told + (b"," + fhir_json.dumps(rest)[1:] if rest else b"}")


_NOTHING: Resource = {}
_OURS, _OURS_IN_META = ("resourceType", "id", "meta"), ("versionId", "lastUpdated")


def op_of(step: Step) -> int:
    """How the version came to be, as `intent.OP_NUMBER`."""
    if step.resource is None:
        return OP_NUMBER["delete"]
    if step.intent.op == "create":
        return OP_NUMBER["create"]
    if not step.found.alive:
        return OP_NUMBER["put-create"]
    return OP_NUMBER[step.intent.op]


def absent(name: str) -> Problem:
    """What was to be there, by If-Match, is not: hidden and missing alike. Rule: RFC 9110 section 13.1.1."""
    return problem(
        "precondition",
        f"There is no {name}; to make it, leave If-Match out",
        f"Il n'y a pas de {name} ; pour le créer, retirez If-Match",
        at="http.If-Match",
    )
