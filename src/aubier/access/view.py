"""The store as one actor sees it: the only store a room ever holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from aubier.access.actor import ANONYMOUS, Actor, Context, Withdrawn, system_actor
from aubier.access.decide import require, sight_of
from aubier.access.labels import labels_of
from aubier.access.scopes import allows
from aubier.access.trace import audit_event, line_number
from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import BeforeWrite, Policy, Resource
from aubier.ground.standing import Stands
from aubier.search.model import Query
from aubier.search.query import at_home, parse
from aubier.store.aside import by_length, by_size
from aubier.store.bulk import BulkReport, load
from aubier.store.contents.binaries import Binaries, Stored
from aubier.store.exporting.export import Slice
from aubier.store.intent import Batch, Claim, Grant, Intent, Prepare, Revoke, Written
from aubier.store.keys import DIRECTORY, type_numbers
from aubier.store.matching import Met, Question, Version
from aubier.store.proof.standing import Unproven
from aubier.store.proof.trace import audit_lines, secret_actors
from aubier.store.reading import Found, Row
from aubier.store.reading.record import Asked, Walked
from aubier.store.sight import Sight
from aubier.store.store import Store
from aubier.store.writing.receipts import Receipts

_T = TypeVar("_T")
_TELLING = frozenset(
    {"not-found", "forbidden", "deleted", "precondition", "multiple-matches", "conflict", "duplicate"}
    | {"business-rule"}
)
"""Refusals of a write that leave an audit line: they say something of what is here."""
_UNOPENED = frozenset({"forbidden"})
"""Refusals of a reading that the store does not note itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a page: the resource, and whether it matched or was included."""

    resource: Resource
    mode: str = "match"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a search: entries in order, the total when it was asked, the cursor of the next page."""

    entries: tuple[Entry, ...]
    total: int | None = None
    next: str = ""

    @property
    def resources(self) -> list[Resource]:
        """The matches, without what they include."""
        return [e.resource for e in self.entries if e.mode == "match"]


def _page(found: Found) -> Page:
    entries = [Entry(fhir_json.parse(row.raw)) for row in found.rows]
    entries += [Entry(fhir_json.parse(row.raw), "include") for row in found.included]
    return Page(tuple(entries), found.total, found.cursor)


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a transaction. `op` is create, update or delete; delete needs `type` and `id` only."""

    op: str
    resource: Resource | None = None
    type: str = ""
    id: str = ""
    if_match: int | None = None
    full_url: str = ""

    def intent(self) -> Intent:
        """The write as the store takes it."""
        body = self.resource or {}
        kind = self.type or body.get("resourceType", "")
        logical = "" if self.op == "create" else self.id or body.get("id", "")
        return Intent(
            self.op,  # type: ignore[arg-type]
            kind,
            logical,
            resource=self.resource,
            if_match=self.if_match,
            full_url=self.full_url,
        )


async def _as_before(ctx: Context, actor: Actor) -> Actor | None:
    return actor


@dataclass(frozen=True, slots=True)
class Access:
    """The engine: the store, the rooms' policies and content rules, and the check of every write.

    `check(resource)` raises Problem for a resource that the base specification refuses. `when_strict` are the
    content rules that only a write that asks for them is held to. `still(ctx, actor)` is who asked something
    earlier, as they are now; None when what they stood on (account, application, token) was withdrawn.
    """

    store: Store
    policies: Sequence[Policy] = ()
    before_write: Mapping[str, Sequence[BeforeWrite]] = field(default_factory=dict)
    check: Callable[[Resource], None] = lambda resource: None
    settings: Any = None
    contents: Binaries | None = None
    when_strict: Sequence[BeforeWrite] = ()
    still: Callable[[Context, Actor], Awaitable[Actor | None]] = _as_before

    def view(self, actor: Actor, now: datetime, language: str = "fr") -> View:
        """The store as `actor` sees it at `now`."""
        return View(self, actor, now, language, self.sight(actor, now))

    def ahead(self, actor: Actor, stands: Stands, now: datetime, language: str = "fr") -> View:
        """The store as somebody sees it who was recognised a moment ago: for one read, search or write.

        The statement that answers asks whether what they stood on still stands. Unproven: it does not, or
        something else was asked.
        """
        return View(self, actor, now, language, self.sight(actor, now).but(stands=stands))

    def sight(self, actor: Actor, now: datetime) -> Sight:
        """What `actor` may see at `now`."""
        return sight_of(actor, now, self.policies, self.store.keys, self.store.local)

    def context(self, actor: Actor, now: datetime, language: str = "fr") -> Context:
        """What a room's function is given."""
        return Context(actor, self.view(actor, now, language), now, self.settings, language)


@dataclass(frozen=True, slots=True)
class View:
    """Reads and writes under one actor's rights; every answer leaves its audit line.

    `strict`: what is written must also meet the rules that only a write that asks for them is held to.
    """

    access: Access
    actor: Actor
    now: datetime
    language: str
    sight: Sight
    conn: Any = None
    trusted: bool = False
    receipts: Receipts | None = None
    strict: bool = False

    # -- reading ------------------------------------------------------------------------------------

    async def read(self, kind: str, logical: str) -> Resource:
        """The current version. Problem: login, forbidden, not-found (hidden and missing alike), deleted."""
        raw = (await self.read_row(kind, logical)).raw
        return await by_size(len(raw), fhir_json.parse, raw)

    async def read_row(self, kind: str, logical: str) -> Row:
        """The current version as stored bytes."""
        await self._allow(kind, "read", f"{kind}/{logical}")
        return await self._audited(
            "read",
            f"{kind}/{logical}",
            self.access.store.read(self.sight, kind, logical, self.conn),
            _UNOPENED,
        )

    async def vread_row(self, kind: str, logical: str, version: int) -> Row:
        """One version as stored bytes."""
        what = f"{kind}/{logical}/_history/{version}"
        await self._allow(kind, "vread", what)
        return await self._audited(
            "vread", what, self.access.store.vread(self.sight, kind, logical, version), _UNOPENED
        )

    async def search(self, kind: str, pairs: Sequence[tuple[str, str]] = ()) -> Page:
        """One page of `kind`; `pairs` are decoded (name, value). Problem: login, forbidden, invalid."""
        query = parse(kind, list(pairs), registry=self.access.store.registry)
        found = await self.search_rows(query)
        size = sum(len(row.raw) for row in (*found.rows, *found.included))
        return await by_size(size, _page, found)

    async def search_rows(self, query: Query, *, mark: int | None = None) -> Found:
        """One page of a parsed query as stored bytes (`store.reading.Found`); `mark` as of `Store.search`."""
        await self._allow(query.type, "search", query.type)
        found = self.access.store.search(self.sight, query, self.conn, mark=mark)
        return await self._audited("search", query.type, found, _UNOPENED)

    async def search_each(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Rows of each parsed query, two at least where so many meet it: whether one does, none, or several.

        What can be is asked together. Problem as `search_rows`.
        """
        for kind in dict.fromkeys(query.type for query in queries):
            await self._allow(kind, "search", kind)
        found = self.access.store.search_each(self.sight, queries, self.conn)
        what = ", ".join(dict.fromkeys(query.type for query in queries))
        return await self._audited("search", what, found, _UNOPENED)

    async def history_rows(
        self, kinds: Sequence[str], logical: str = "", **options: Any
    ) -> tuple[list[Row], tuple[int, int, int] | None, int | None]:
        """Versions, newest first, of one resource, a type, or everything this actor may see (`kinds` empty).

        Everything is each type whose history the actor's scopes open. Problem: forbidden when none is.
        """
        for kind in kinds:
            # Of many resources, which versions a scope with a query opens no index tells.
            interaction = "history-instance" if logical else "history-type"
            await self._allow(kind, interaction, kind, limited=bool(logical))
        asked = list(kinds) or await self._whole_history()
        return await self._audited(
            "history",
            "/".join([*(kinds or ["*"]), *([logical] if logical else []), "_history"]),
            self.access.store.history(self.sight, asked, logical, **options),
            _UNOPENED,
        )

    async def walk(self, asked: Asked) -> Walked:
        """One page of a whole record, or of what belongs to an encounter, as stored bytes.

        Types that the actor's scopes do not open are absent. Problem as `read_row`.
        """
        what = f"{asked.kind}/{asked.id}/$everything"
        await self._allow(asked.kind, "read", what)
        return await self._audited("operation", what, self.access.store.walk(self.sight, asked), _UNOPENED)

    async def export(self, asked: Slice) -> tuple[list[Row], tuple[int, int] | None]:
        """The next resources of a slice, and where they end if there are more: what an export walks."""
        what = asked.what
        await self._allow(asked.kind, "search", what)
        return await self._audited("operation", what, self.access.store.export(self.sight, asked), _UNOPENED)

    async def meets(
        self, kind: str, logical: str, version: int, questions: Sequence[tuple[Query, bool]]
    ) -> Met:
        """Whether a version shows to this actor, and meets each query (with True: the one before it does).

        Leaves no audit line: nothing is shown. Who then shows it reads it first, through the actor's view.
        Problem as `search_rows` for a query that cannot be asked.
        """
        asked = [Question(query, previous) for query, previous in questions]
        return await self.access.store.meets(self.sight, Version(kind, logical, version), asked, self.conn)

    def local(self, reference: str) -> str:
        """`Type/id` for an absolute URL of this server; the reference itself otherwise."""
        return self.access.store.local(reference)

    def query(self, kind: str, pairs: Sequence[tuple[str, str]]) -> Query:
        """A search as `search` would ask it, what is below our own base named as such. Problem naming every
        fault.
        """
        asked = parse(kind, list(pairs), registry=self.access.store.registry)
        return at_home(asked, self.access.store.local)

    async def _whole_history(self) -> list[str]:
        """The types of a history of everything: none stands for all."""
        if self.trusted:
            return []
        open_to = [kind for kind in type_numbers() if allows(self.actor.scopes, kind, "history-system")]
        if not open_to:
            await self._allow("Resource", "history-system", "_history")
        return [] if len(open_to) == len(type_numbers()) else open_to

    # -- writing ------------------------------------------------------------------------------------

    async def create(self, resource: Resource) -> Written:
        """Stores a new resource under an id of ours."""
        return (await self.transact([Write("create", resource)]))[0]

    async def update(self, resource: Resource, if_match: int | None = None) -> Written:
        """Stores a new version of a resource that exists for this actor."""
        return (await self.transact([Write("update", resource, if_match=if_match)]))[0]

    async def delete(self, kind: str, logical: str) -> Written:
        """Deletes a resource of this actor's own."""
        return (await self.transact([Write("delete", type=kind, id=logical)]))[0]

    async def transact(self, writes: Sequence[Write], **options: Any) -> list[Written]:
        """All or nothing; `urn:uuid:` references between the writes are resolved.

        Options: `claims`, `grants`, `revokes`, `feed` (deposit without a relationship), `what` and `action`
        (the audit line's words).
        """
        return await self.write([w.intent() for w in writes], **options)

    async def write(
        self,
        intents: Sequence[Intent],
        *,
        claims: Sequence[Claim] = (),
        grants: Sequence[Grant] = (),
        revokes: Sequence[Revoke] = (),
        feed: bool = False,
        what: str = "",
        action: str = "",
    ) -> list[Written]:
        """The same over the store's own intents, with their conditions.

        Under `receipts` a write that was made before is told, and not made again.
        """
        if self.receipts is not None and (kept := await self.receipts.kept()) is not None:
            return kept
        allowed: set[tuple[str, str]] = set()
        for intent in intents:
            if (intent.type, intent.op) not in allowed:
                await self._allow(intent.type, intent.op, f"{intent.type}/{intent.id}")
                allowed.add((intent.type, intent.op))
            if intent.condition is not None:
                await self._allow(intent.type, "search", intent.type)
            if intent.type in self.access.before_write:
                await self._audited(intent.op, f"{intent.type}/{intent.id}", self._ahead(intent))
            intent.may_create = intent.may_create or (
                intent.op == "update" and self.sight.unrestricted and intent.change is None
            )
        batch = Batch(
            list(intents),
            self._preparing(),
            list(grants),
            list(revokes),
            list(claims),
            feed=feed,
            what=what,
            action=action,
            receipt=self.receipts.keep if self.receipts is not None else None,
        )
        written: list[Written] = await self._audited(
            action or "write",
            what or ", ".join(f"{i.type}/{i.id}" for i in intents),
            self.access.store.transact(self.sight, batch),
        )
        return written

    async def load(self, resources: Sequence[Resource], receipts: Receipts | None = None) -> BulkReport:
        """Stores many resources by their own ids, under the content rules of every write; `store.bulk.load`.

        A change that is refused is told in the report, by `Type/id`.

        For the platform's own actors, whose scopes must let them create and update each type. What is stored
        was checked by the caller: `access.check` is the base specification.
        """
        for kind in dict.fromkeys(r["resourceType"] for r in resources):
            for interaction in ("create", "update"):
                await self._allow(kind, interaction, f"load {kind}", limited=False)
        if not self.sight.unrestricted:
            raise problem(
                "forbidden",
                "Only the platform's own applications load in bulk",
                "Seules les applications de la plateforme chargent en masse",
                at="http.Authorization",
            )
        checked = replace(self, access=replace(self.access, check=lambda resource: None))
        return await load(
            self.access.store,
            self.sight,
            resources,
            checked._preparing(),
            prepare_many=checked.prepare_many,
            receipts=receipts,
            apart=True,
        )

    def entry(self, number: int) -> View:
        """The same view for the entry of that place in a Bundle: its writes have receipts of their own."""
        return self if self.receipts is None else replace(self, receipts=self.receipts.of(number + 1))

    async def written_before(self) -> bool:
        """Whether the next write was made before, by a process that did not live to tell it."""
        return self.receipts is not None and await self.receipts.made()

    async def _ahead(self, intent: Intent) -> None:
        named = {"resourceType": intent.type} | ({"id": intent.id} if intent.id else {})
        context = Context(self.actor, self, self.now, self.access.settings, self.language)
        for rule in self.access.before_write.get(intent.type, ()):
            if intent.op == "delete" and rule.deletes:
                await rule.run(context, named, None)
            elif intent.op != "delete" and rule.ahead:
                await rule.ahead(context, intent.resource)

    async def prepare(
        self, conn: Any, resource: Resource, before: Resource | None
    ) -> tuple[Resource, list[str]]:
        """What stands between a resource and the store: validation, the rooms' content rules, the labels."""
        return await self._preparing()(conn, resource, before)

    def _preparing(self) -> Prepare:
        """`prepare` for many resources one after the other: what a connection is known by is made once."""
        bound: list[Context] = []

        async def prepare(
            conn: Any, resource: Resource, before: Resource | None
        ) -> tuple[Resource, list[str]]:
            if not bound or bound[0].store.conn is not conn:
                view = replace(self, conn=conn)
                bound[:] = [Context(self.actor, view, self.now, self.access.settings, self.language)]
            return await self._prepared(bound[0], resource, before)

        return prepare

    async def _prepared(
        self, context: Context, resource: Resource, before: Resource | None
    ) -> tuple[Resource, list[str]]:
        await by_length(self.access.check, resource)
        for rule in self._rules(resource["resourceType"]):
            resource = await rule.run(context, resource, before)
        return self._labelled(resource, before)

    async def prepare_many(
        self, conn: Any, resources: Sequence[Resource]
    ) -> list[tuple[Resource, list[str]]]:
        """`prepare` for many that are new: a rule that can looks at all those of a type at once, first."""
        context = Context(self.actor, replace(self, conn=conn), self.now, self.access.settings, self.language)
        together: dict[str, list[int]] = {}
        for number, resource in enumerate(resources):
            if any(rule.many for rule in self._rules(resource["resourceType"])):
                together.setdefault(resource["resourceType"], []).append(number)
        ready: dict[int, tuple[Resource, list[str]]] = {}
        for kind, numbers in together.items():
            rows = await self._prepared_together(context, kind, [resources[n] for n in numbers])
            ready |= zip(numbers, rows, strict=True)
        return [
            ready[n] if n in ready else await self._prepared(context, resource, None)
            for n, resource in enumerate(resources)
        ]

    async def _prepared_together(
        self, context: Context, kind: str, resources: list[Resource]
    ) -> list[tuple[Resource, list[str]]]:
        for resource in resources:
            self.access.check(resource)
        for rule in self._rules(kind):
            if rule.many:
                resources = await rule.many(context, resources)
            else:
                resources = [await rule.run(context, resource, None) for resource in resources]
        return [self._labelled(resource, None) for resource in resources]

    def _rules(self, kind: str) -> Sequence[BeforeWrite]:
        rules = self.access.before_write.get(kind, ())
        return [*rules, *self.access.when_strict] if self.strict else rules

    def _labelled(self, resource: Resource, before: Resource | None) -> tuple[Resource, list[str]]:
        if resource["resourceType"] in DIRECTORY:
            return resource, []
        # Whoever changes a resource does not thereby become its author; the store keeps the authors it had.
        return resource, labels_of(resource, self.actor if before is None else ANONYMOUS)

    # -- rights and proofs --------------------------------------------------------------------------

    async def grant(self, *grants: Grant, what: str = "") -> None:
        """Gives rights on a record in which this actor may write, with an audit line."""
        await self.write([], grants=grants, what=what, action="grant")

    async def revoke(self, *revokes: Revoke, what: str = "") -> None:
        """Ends rights, at once, with an audit line."""
        await self.write([], revokes=revokes, what=what, action="revoke")

    # -- contents -----------------------------------------------------------------------------------

    async def keep(self, patient: str, content: bytes) -> Stored:
        """Stores a content, encrypted, in the compartment of the Patient of that logical id.

        To be called before the write that names it; nothing shows it until a resource does.
        """
        return await self._contents().put(patient, content)

    async def content(self, patient: str, name: str) -> bytes:
        """A content by its name. The caller has read, through this view, a resource that names it.

        Problem: not-found; exception when it is damaged.
        """
        return await self._contents().get(patient, name)

    def _contents(self) -> Binaries:
        if self.access.contents is None:
            raise problem("exception", "No place for contents", "Aucun lieu pour les contenus")
        return self.access.contents

    async def run(self, name: str, *args: Any) -> list[Mapping[str, Any]]:
        """The rows of a room's named statement (`Service.statements`).

        Unproven for who was recognised a moment ago, unless it is within a write, whose own statement asks
        what they stand on.
        """
        if self.sight.stands is not None and self.conn is None:
            raise Unproven
        return await self.access.store.run(name, *args, conn=self.conn)

    async def unmoved(self, stands: Stands) -> bool:
        """Whether nothing has moved of what an answer stands on, nor of what this actor does.

        It is given only then: what ended counts no more for who asks later.
        """
        return await self.access.store.unmoved(self.sight, stands)

    async def accesses(self, patient: str, *, limit: int = 500, before: str = "") -> list[Resource]:
        """The audit lines of a record as AuditEvents, newest first; `before` is the id of the last one had.

        For whoever holds or represents the record: needs a grant that is not a professional's.
        """
        last = line_number(before) if before else 0
        lines = await audit_lines(self.access.store, self.sight, patient, limit=limit, before=last)
        return [audit_event(line) for line in lines]

    async def secret_actors(self, patient: str) -> frozenset[str]:
        """The grant keys and references of those whose presence in this record is secret for this actor.

        Empty for the holder. Who lists the rights on a record, or who looked, leaves them out.
        """
        return await secret_actors(self.access.store, self.sight, patient)

    async def note(self, action: str, what: str, outcome: str = "ok") -> None:
        """An audit line of this actor's that belongs to no record: an operation asked, a token refused."""
        await self.access.store.refused(self.sight, action, what, outcome)

    def decided(self) -> View:
        """The same actor, for what the calling room has itself decided to allow: no grant is asked.

        The audit line bears the actor's name.
        """
        return replace(self, sight=self.sight.but(unrestricted=True, constraints=None), trusted=True)

    def as_system(self, name: str) -> View:
        """The same moment for a named system actor: what a room does in its own name, and answers for."""
        actor = system_actor(name)
        return replace(self, actor=actor, sight=self.access.sight(actor, self.now))

    def on_behalf(self, actor: Actor) -> View:
        """The same moment for someone who asked earlier for what a room does now: their rights of today."""
        return self.access.view(actor, self.now, self.language)

    async def still(self, actor: Actor) -> Actor:
        """Whoever asked earlier for what is done now, as they are now. Withdrawn when they may not act."""
        context = Context(self.actor, self, self.now, self.access.settings, self.language)
        found = await self.access.still(context, actor)
        if found is None:
            raise Withdrawn
        return found

    async def _allow(self, kind: str, interaction: str, what: str, *, limited: bool = True) -> None:
        if self.trusted:
            return
        try:
            require(self.actor, kind, interaction, limited=limited)
        except Problem as refusal:
            # Within a transaction it is the write that is told as refused: another connection than its own
            # could be waited for by every transaction at once.
            if self.conn is None:
                await self.access.store.refused(self.sight, interaction, what, refusal.kind)
            raise

    async def _audited(
        self, action: str, what: str, answer: Awaitable[_T], kinds: frozenset[str] = _TELLING
    ) -> _T:
        """Awaits `answer`; a refusal of one of `kinds` leaves its audit line too."""
        try:
            return await answer
        except Problem as refusal:
            if refusal.kind in kinds and self.conn is None:
                await self.access.store.refused(self.sight, action, what, refusal.kind)
            raise
