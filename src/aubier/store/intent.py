"""What a caller wants written, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from aubier.ground.rows import Resource
from aubier.search.model import Query

Op = Literal["create", "update", "patch", "delete"]

OP_NUMBER = {"create": 1, "put-create": 2, "update": 3, "delete": 4, "patch": 5}
"""How a version came to be, as kept in the `op` column."""


@dataclass(slots=True)
class Intent:
    """One write. `id` is empty for a create. `if_match` is the version that must be current, `existing` asks
    for any, `only_new` for none.

    `condition`: for a create, If-None-Exist; for update, patch and delete, the criteria that name the
    resource.
    `full_url` is the entry's fullUrl, by which other entries of the batch refer to it. `change` makes the new
    resource of a patch from the present one. `may_create` lets an update create (clients' own ids).
    """

    op: Op
    type: str
    id: str = ""
    resource: Resource | None = None
    if_match: int | None = None
    existing: bool = False
    only_new: bool = False
    condition: Query | None = None
    full_url: str = ""
    may_create: bool = False
    change: Callable[[Resource], Resource] | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A right on one patient's record, or with `deny` its refusal (see `aubier.access`).

    `since`, `till` in ms. `scope` empty: everything; else labels of which one must be on the resource.
    `withheld`: labels this grant does not open. `origin`: the reference of the Consent behind it.
    """

    patient: str
    actor: str
    basis: str
    rights: str = "r"
    scope: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    since: int = 0
    till: int = 253_402_300_800_000
    deny: bool = False
    reason: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Revoke:
    """Ends, now, the grants of `actor` on `patient`: those of `basis`, or all when it is empty.

    All is what was given: that a holder sees their own record, and an author what they wrote, stays.
    """

    patient: str
    actor: str
    basis: str = ""
    deny: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that only one may hold until `till` (ms): an INS, a slot, a dispensing lock."""

    key: str
    holder: str
    till: int = 253_402_300_800_000


Prepare = Callable[[Any, Resource, Resource | None], Awaitable[tuple[Resource, list[str]]]]
"""`prepare(connection, resource, before)`: the resource to store and its labels, or a Problem."""


@dataclass(slots=True)
class Batch:
    """All or nothing. `feed` lets a professional deposit without a relationship, if nobody opposed. `prepare`
    is None only where there are no intents.

    `what` is the audit line's description. `receipt(connection, written)` is awaited before the commit.
    `arrived`: types and ids of what the same transaction has just brought; what waits for them is filed anew.
    """

    intents: list[Intent]
    prepare: Prepare | None
    grants: list[Grant] = field(default_factory=list)
    revokes: list[Revoke] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    feed: bool = False
    what: str = ""
    action: str = ""
    receipt: Callable[[Any, list[Written]], Awaitable[None]] | None = None
    arrived: list[tuple[str, str]] = field(default_factory=list)


class Written(msgspec.Struct, frozen=True, gc=False):
    """What came of an Intent. `status`: created, updated, deleted, existing (If-None-Exist matched),
    nothing (a conditional delete that matched nothing).
    `updated` in ms; `raw` the stored bytes."""

    type: str
    id: str
    version: int
    updated: int
    status: Literal["created", "updated", "deleted", "existing", "nothing"]
    raw: bytes = b""
