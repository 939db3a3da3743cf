"""The frozen rows by which a room says what it brings. Importing a room does nothing.

`app.py` holds the tuple of every Service; the capability statement, the routes, the docs and the
access rules are all derived from these rows, so they cannot lie.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from aubier.ground.standing import Stands

Resource = dict[str, Any]
"""A FHIR resource as plain JSON data; numbers with a fraction are `decimal.Decimal`."""

Texts = Mapping[str, str]
"""A text by language: keys `fr` and `en`, both always there."""


@dataclass(frozen=True, slots=True)
class Request:
    """A non-FHIR request as a room sees it: no HTTP library type reaches a room."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = ""
    client_ip: str = ""

    def one(self, name: str, default: str = "") -> str:
        """The first value of `name` in the form, else in the query, else `default`."""
        for pairs in (self.form, self.query):
            for key, value in pairs:
                if key == name:
                    return value
        return default


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to set; `max_age` in seconds (0 deletes it). Always HttpOnly and SameSite=Lax."""

    name: str
    value: str
    max_age: int | None = None
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Response:
    """What a route answers. `body` str is sent as UTF-8."""

    status: int = 200
    body: bytes | str = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Route:
    """A non-FHIR endpoint. `run(ctx, request)`; `ctx.actor` is anonymous unless a token or session came.

    `path` may hold `{name}` and `{name:path}`. `title` is shown in the documentation.
    """

    method: Method
    path: str
    run: Callable[[Any, Request], Awaitable[Response]]
    title: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """A FHIR operation `$name`. `run(ctx, parameters)` takes and gives a resource.

    `on` is a resource type, or empty for the system. `instance` operations find the logical id in
    `parameters["_id"]` (a key that `rest` adds beside `parameter`); those of `either` level may have it.
    `parameters["_language"]` is the Accept-Language header, when there was one.
    `affects_state` False allows GET, and HEAD unless being answered leaves a trace (`traces`). `definition`
    is its canonical where a guide gives one; `also` are the parameters it takes beyond the published
    definition of its name. `takes` are all that it takes, where `rest` shall refuse the others, of which
    `many` may come again; without it the operation does so itself.
    `recall(ctx, parameters)` is the answer as bytes by what is remembered, with the `Stands` that `rest` has
    the store prove before it is given; None when it is not remembered.
    """

    name: str
    on: str
    run: Callable[[Any, Resource], Awaitable[Resource]]
    title: Texts
    rule: str
    instance: bool = False
    affects_state: bool = False
    traces: bool = False
    either: bool = False
    definition: str = ""
    also: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    takes: tuple[str, ...] | None = None
    recall: Callable[[Any, Resource], Awaitable[tuple[bytes, Stands] | None]] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What an actor may never see: exact labels hidden from the actors for whom `applies` is true.

    `hidden(actor)` gives labels (see `aubier.access.labels`); a resource bearing one of them is
    absent for that actor unless the actor wrote it.
    """

    name: str
    applies: Callable[[Any], bool]
    hidden: Callable[[Any], frozenset[str]]
    rule: str


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of a room's own tables; `sql` may hold several statements. Never edited later."""

    number: int
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A named SQL statement on a room's own tables, with `$1..$n`; `store` runs it, nobody else.

    `together`: calls that come at once are one statement. Its arguments are arrays with an element per call,
    and the column `n` of its rows, kept from the caller, is the number of the call, from 1. For reads
    only: none may spoil another.
    """

    name: str
    sql: str
    title: str
    together: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Work done every `every` seconds under the named system actor `system:<name>`, audited per run."""

    name: str
    every: int
    run: Callable[[Any], Awaitable[None]]
    title: Texts


@dataclass(frozen=True, slots=True)
class OnChange:
    """Called after commit, at least once and in order per patient, for changes of `types`.

    `run(ctx, change)`; `change` has `type`, `id`, `version`, `op` (create, update, delete) and `pat`, the
    compartment. `demand` is a table of the room's own with a column `type`: a change is kept only while a row
    there names its type (`access.decide.type_number`). `every` so many seconds it is looked what waits.
    """

    name: str
    types: tuple[str, ...]
    run: Callable[[Any, Any], Awaitable[None]]
    demand: str = ""
    every: float = 0.5


@dataclass(frozen=True, slots=True)
class BeforeWrite:
    """A content rule that follows a resource type wherever it enters. Runs before the transaction.

    `run(ctx, resource, before)` returns the resource to store (the same or a changed copy) or raises
    Problem. `before` is the present version, or None for a create. With `deletes`, it is asked before a
    delete too: `resource` then holds the type and the id only (no id for a conditional delete). `ahead(ctx,
    resource)` is asked before the transaction opens, with the resource as it came (None for a patch): what
    it notes outlives a refusal. `many(ctx, resources)` is `run` for several creates of one type at once.
    """

    name: str
    types: tuple[str, ...]
    run: Callable[[Any, Resource, Resource | None], Awaitable[Resource]]
    rule: str
    deletes: bool = False
    ahead: Callable[[Any, Resource | None], Awaitable[None]] | None = None
    many: Callable[[Any, list[Resource]], Awaitable[list[Resource]]] | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """Something a door does that is no plain interaction. `run(ctx, request, *groups)`.

    `path` is a pattern of the whole path after the base; its groups are given to `run`. `interaction` is what
    the capability statement calls it, on `type` or, when that is empty, on the whole door; empty: not told.
    `holds` are the conditions (`if-match`) that it keeps to: a write with another one is refused.
    """

    method: Method
    path: re.Pattern[str]
    run: Callable[..., Awaitable[Response]]
    type: str = ""
    interaction: str = ""
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A search parameter that a door takes; `code` may be a chain (`author.family`).

    `modifiers` and `prefixes` are those taken; None for all that the standard knows. `also` is another
    spelling of it. `days`: how far back a date may reach; 0 as far as one likes.
    """

    code: str
    modifiers: tuple[str, ...] | None = None
    prefixes: tuple[str, ...] | None = None
    also: str = ""
    days: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """What a door does with one resource type: `interactions` are FHIR's codes (`read`, `search-type`...).

    A search must name one parameter of each group of `required`. `includes` and `revincludes` are those taken
    (`Device:organization`). `profile` is what every resource follows, `supported` what some do.
    `fixed` are pairs that every resource of this type at this door fulfils (`patient:missing`, `true`).
    `shown(resource)` gives what this door tells of a resource. A type with either is read and searched only.
    """

    type: str
    interactions: tuple[str, ...] = ("read", "search-type")
    asked: tuple[Asked, ...] = ()
    required: tuple[tuple[str, ...], ...] = ()
    includes: tuple[str, ...] = ()
    revincludes: tuple[str, ...] = ()
    profile: str = ""
    supported: tuple[str, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    shown: Callable[[Resource], Resource] | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Backfill:
    """Done once in the life of a database, beside the requests, with each resource of `types` stored before.

    `run(ctx, resource)` in a transaction that holds the resource; a Problem leaves it as it was. Resumable.
    """

    name: str
    types: tuple[str, ...]
    run: Callable[[Any, Resource], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Door:
    """A published national API: its own base path over the same store, as narrow as its guide says.

    `controls` are the result parameters taken (`_count`, `_sort`...), `page` and `largest` the entries of a
    page, `total` what a first page tells unasked. `strict`: an unknown parameter is refused even when the
    client asks for leniency. `key` is the header of an application's key, taken beside bearer tokens; `calls`
    are an application's calls a second, 0 without bound. `rule` and `follows` name the guide and the
    CapabilityStatements it asks for.
    """

    name: str
    base: str
    title: Texts
    rule: str
    offers: tuple[Offer, ...]
    ways: tuple[Way, ...] = ()
    controls: tuple[str, ...] = ("_count", "_total")
    page: int = 20
    largest: int = 1000
    total: Literal["none", "estimate", "accurate"] = "none"
    formats: tuple[Literal["json", "xml"], ...] = ("json",)
    patch_formats: tuple[str, ...] = ()
    strict: bool = True
    key: str = ""
    calls: int = 0
    follows: tuple[str, ...] = ()
    about: str = ""

    def offer(self, kind: str) -> Offer | None:
        """What it does with a type, or None."""
        return next((o for o in self.offers if o.type == kind), None)


class Line(Protocol):
    """A WebSocket that was accepted, as a room sees it: texts come and go."""

    async def receive(self) -> str | None:
        """The next text; None when the other end is gone. Problem `too-long` for one beyond the bound."""

    async def send(self, text: str) -> None:
        """Sends a text. Problem `transient` when the other end is gone."""

    async def close(self, code: int = 1000) -> None:
        """Ends it, with a code of RFC 6455."""


@dataclass(frozen=True, slots=True)
class LineRoute:
    """A WebSocket endpoint. `run(context, line)`; each `context()` is of that moment, and its actor is
    anonymous unless a token came with the request.
    """

    path: str
    run: Callable[[Callable[[], Awaitable[Any]], Line], Awaitable[None]]
    title: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Stuck:
    """What of a room may come to stand still, as the operator is told of it and tries it again.

    `seen` changes nothing; `$1` is the moment (ms). Each row: `what` (a name for the command line), `n` (how
    many), `error` (why, the last time). `again` tries it again: `$1` is such a name, or empty for all;
    a row for each one. `title` and `mend` may name `{what}`, `{n}`, `{error}`. `served`: it waits, and is
    well, while the instance does not run.
    """

    seen: Statement
    title: Texts
    mend: Texts
    again: Statement | None = None
    served: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A room's table of contents."""

    name: str
    title: Texts
    about: Texts
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    routes: tuple[Route, ...] = ()
    lines: tuple[LineRoute, ...] = ()
    doors: tuple[Door, ...] = ()
    policies: tuple[Policy, ...] = ()
    before_write: tuple[BeforeWrite, ...] = ()
    on_change: tuple[OnChange, ...] = ()
    jobs: tuple[Job, ...] = ()
    backfills: tuple[Backfill, ...] = ()
    migrations: tuple[Migration, ...] = ()
    statements: tuple[Statement, ...] = ()
    stuck: tuple[Stuck, ...] = ()
    search_parameters: tuple[Resource, ...] = ()
