"""transact: a bundle of writes in one statement, all or nothing.

The road of a write: conditions are resolved and the named rows locked, the room prepares each resource,
each is placed in its compartment, and one statement writes resources, postings, history, rights,
outbox and audit line under the guard that the actor may write there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from aubier.fhir import json as fhir_json
from aubier.fhir.references import replace_references
from aubier.ground.clock import commit_ticks, instant
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Resource
from aubier.search.keys import Keys
from aubier.search.sql import Args
from aubier.store import audit, codec
from aubier.store.compartment import followed, patients
from aubier.store.intent import OP_NUMBER, Batch, Grant, Intent, Revoke, Written
from aubier.store.keys import family, type_numbers
from aubier.store.numbers import Numbers
from aubier.store.pool import Connection
from aubier.store.rows import Indexed
from aubier.store.sight import FOREVER, SHARED, Sight
from aubier.store.statement import FamilyRows, combined, family_parts, text_array

_CREATOR_TERM = 366 * 86_400_000
"""Milliseconds for which whoever opened a record keeps a right to it without any other ground."""


@dataclass(slots=True)
class Present:
    """The row that a write finds: nothing (rid 0), a current version, or a tombstone."""

    pat: int
    rid: int
    version: int = 0
    alive: bool = False
    visible: bool = False
    mine: bool = False
    labels: list[str] = field(default_factory=list)
    raw: bytes = b""
    known: bool = False


@dataclass(slots=True)
class Step:
    """An intent on its way: what it found, what it will store, where."""

    intent: Intent
    id: str
    found: Present
    version: int = 1
    resource: Resource | None = None
    indexed: Indexed | None = None
    labels: list[str] = field(default_factory=list)
    pat: int = 0
    also: list[int] = field(default_factory=list)
    raw: bytes = b""
    done: Written | None = None


@dataclass(slots=True)
class Writer:
    """One transact. `search(conn, query, limit)` gives the ids that a condition matches for this actor."""

    conn: Connection
    sight: Sight
    keys: Keys
    numbers: Numbers
    local: Callable[[str], str]
    index: Callable[[Resource], Indexed]
    ids: Callable[[], str]
    search: Callable[..., Any]
    watchers: Callable[[str], Sequence[str]]
    strict_references: bool = False
    links: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)

    async def run(self, batch: Batch) -> list[Written]:
        """Writes the batch; gives what came of each intent, in order. Problem: nothing was written."""
        await self._lock_conditions(batch)
        await self._resolve(batch)
        self._refuse_twice()
        await self._find_present()
        for step in self.steps:
            await self._prepare(batch, step)
        await self._claim(batch)
        await self.place()
        seq, upd = self.numbers.next_seq(commit_ticks()), self.sight.now
        for step in self.steps:
            self.stamp(step, upd)
        await self._write(batch, seq, upd)
        return [self._written(step, upd) for step in self.steps]

    # -- conditions ---------------------------------------------------------------------------------

    async def _lock_conditions(self, batch: Batch) -> None:
        """Two writers with the same condition take turns, so that neither misses what the other makes."""
        conditions = {f"{i.type}?{i.condition.applied}" for i in batch.intents if i.condition is not None} | {
            f"claim {c.key}" for c in batch.claims
        }
        for key in sorted(self.keys.term("lock", c) for c in conditions):
            await self.conn.execute("select pg_advisory_xact_lock($1)", key)

    async def _resolve(self, batch: Batch) -> None:
        for intent in batch.intents:
            step = Step(intent, intent.id, Present(0, 0))
            if intent.condition is not None:
                await self._resolve_condition(step)
            if not step.id and step.done is None:
                step.id = self.ids()
            if intent.full_url:
                self.links[intent.full_url] = f"{intent.type}/{step.id}"
            self.steps.append(step)

    async def _resolve_condition(self, step: Step) -> None:
        intent = step.intent
        matches = await self.search(self.conn, intent.condition, 2)
        if len(matches) > 1:
            raise problem(
                "precondition",
                f"Several {intent.type} meet the condition; make it narrower",
                f"Plusieurs {intent.type} répondent à la condition ; précisez-la",
                at="http.If-None-Exist" if intent.op == "create" else "http.query",
            )
        if matches and intent.op == "create":
            found = matches[0]
            step.id = found.id
            self.shown.append(found.pat)
            step.done = Written(intent.type, found.id, found.version, found.updated, "existing", found.raw)
        elif matches:
            self._same_id(intent, matches[0].id)
            step.id = matches[0].id
        elif intent.op == "delete":
            step.done = Written(intent.type, "", 0, 0, "nothing")
        elif intent.op == "patch":
            raise not_found(f"{intent.type} matching the condition")
        elif intent.op == "update":
            # An id of the client's own choice is for the platform's actors: it would tell a free id from a hidden one.
            intent.may_create = True
            if not self.sight.unrestricted:
                step.id = self.ids()

    @staticmethod
    def _same_id(intent: Intent, found: str) -> None:
        given = intent.id or (intent.resource or {}).get("id", "")
        if given and given != found:
            raise problem(
                "value",
                f"The resource says id {given} but the condition finds another one",
                f"La ressource porte l'id {given} mais la condition en trouve une autre",
                at=f"{intent.type}.id",
            )

    def _refuse_twice(self) -> None:
        seen: set[tuple[str, str]] = set()
        for step in self.steps:
            key = (step.intent.type, step.id)
            if step.done is None and key in seen:
                raise problem(
                    "duplicate",
                    f"{key[0]}/{key[1]} is written twice in this bundle",
                    f"{key[0]}/{key[1]} est écrit deux fois dans ce lot",
                    at="Bundle.entry.request.url",
                )
            if step.done is None:
                seen.add(key)

    # -- what is there ------------------------------------------------------------------------------

    async def _find_present(self) -> None:
        named = [s for s in self.steps if s.done is None and s.intent.op != "create"]
        if not named:
            return
        keys = sorted({(type_numbers()[s.intent.type], s.id) for s in named})
        types, ids = [k[0] for k in keys], [k[1] for k in keys]
        if any(s.intent.may_create for s in named):
            await self._reserve([s for s in named if s.intent.may_create])
        rows = await self.conn.fetch(
            "select m.type, m.id, m.pat, m.rid from id_map m join unnest($1::smallint[], $2::text[]) k(type, id)"
            " on m.type = k.type and m.id = k.id order by m.type, m.id for update of m",
            types,
            ids,
        )
        places = {(r["type"], r["id"]): (r["pat"], r["rid"]) for r in rows}
        for prefix in ("", "dir_"):
            await self._read_present([s for s in named if family(s.intent.type) == prefix], places, prefix)

    async def _reserve(self, steps: Sequence[Step]) -> None:
        """Makes the id rows that an update may create, so that two such updates wait for each other."""
        await self.conn.execute(
            "insert into id_map (type, id, pat, rid) select type, id, 0, 0"
            " from unnest($1::smallint[], $2::text[]) k(type, id) order by type, id on conflict do nothing",
            [type_numbers()[s.intent.type] for s in steps],
            [s.id for s in steps],
        )

    async def _read_present(
        self, steps: Sequence[Step], places: Mapping[tuple[int, str], tuple[int, int]], prefix: str
    ) -> None:
        for step in steps:
            pat, rid = places.get((type_numbers()[step.intent.type], step.id), (0, 0))
            step.found = Present(pat, rid, known=(type_numbers()[step.intent.type], step.id) in places)
        held = [s for s in steps if s.found.rid]
        if not held:
            return
        args = Args([[s.found.pat for s in held], [s.found.rid for s in held]])
        own = args.add(list(self.sight.own), "text[]")
        seen = self.sight.predicate("r", args, directory=bool(prefix))
        rows = await self.conn.fetch(
            f"select r.rid, r.ver, r.labels, r.dict, r.raw, ({seen}) as visible, r.labels && {own} as mine"
            f" from unnest($1::bigint[], $2::bigint[]) k(pat, rid)"
            f" join {prefix}res r on r.pat = k.pat and r.rid = k.rid",
            *args,
        )
        current = {r["rid"]: r for r in rows}
        for step in held:
            row = current.get(step.found.rid)
            if row is None:
                await self._read_tomb(step, prefix)
                continue
            step.found.version, step.found.alive = row["ver"], True
            step.found.visible = row["visible"]
            step.found.mine = self.sight.unrestricted or row["mine"]
            step.found.labels = list(row["labels"])
            step.found.raw = codec.unpack(row["dict"], row["raw"])

    async def _read_tomb(self, step: Step, prefix: str) -> None:
        args = Args([step.found.pat, step.found.rid])
        seen = self.sight.predicate("r", args, directory=bool(prefix))
        row = await self.conn.fetchrow(
            f"select r.ver, ({seen}) as visible from {prefix}hist r where r.pat = $1 and r.rid = $2"
            " order by r.ver desc limit 1",
            *args,
        )
        if row is not None:
            step.found.version, step.found.visible = row["ver"], row["visible"]

    # -- what it becomes ----------------------------------------------------------------------------

    async def _prepare(self, batch: Batch, step: Step) -> None:
        if step.done is not None:
            return
        intent, found = step.intent, step.found
        if intent.op != "create":
            self._check_found(step)
        step.version = found.version + 1
        if intent.op == "delete":
            return
        before = fhir_json.parse(found.raw) if found.alive else None
        resource = intent.change(before or {}) if intent.change else dict(intent.resource or {})
        if self.links:
            resource = replace_references(resource, self.links)
        resource["id"] = step.id
        resource, step.labels = await batch.prepare(self.conn, resource, before)
        step.labels = sorted({*step.labels, *(x for x in found.labels if x.startswith("author:"))})
        step.resource = resource
        step.indexed = self.index(resource)

    def _check_found(self, step: Step) -> None:
        intent, found = step.intent, step.found
        name = f"{intent.type}/{step.id}"
        hidden = bool(found.rid) and not found.visible
        if hidden or (not found.alive and not (intent.op == "update" and intent.may_create)):
            if intent.op == "delete" and found.rid and found.visible:
                step.done = Written(intent.type, step.id, found.version, self.sight.now, "nothing")
                return
            raise not_found(name)
        if intent.only_new and found.alive:
            raise problem(
                "precondition", f"{name} exists already", f"{name} existe déjà", at="http.If-None-Match"
            )
        if intent.if_match is not None and intent.if_match != found.version:
            raise problem(
                "precondition",
                f"{name} is at version {found.version}, not {intent.if_match}; read it again first",
                f"{name} en est à la version {found.version}, pas {intent.if_match} ; relisez-le d'abord",
                at="http.If-Match",
            )
        if found.alive and not found.mine and intent.op in self.sight.author_only:
            raise problem(
                "forbidden",
                f"Only the author of {name} may change it",
                f"Seul l'auteur de {name} peut le modifier",
                at=intent.type,
            )

    async def _claim(self, batch: Batch) -> None:
        """Takes each claim that is free, expired or already this holder's."""
        for claim in batch.claims:
            taken = await self.conn.fetchval(
                "insert into claim (key, holder, till) values ($1, $2, $3) on conflict (key) do update"
                " set till = excluded.till, holder = excluded.holder"
                " where claim.holder = excluded.holder or claim.till <= $4 returning true",
                claim.key,
                claim.holder,
                claim.till,
                self.sight.now,
            )
            if not taken:
                raise problem(
                    "conflict",
                    f"{claim.key} is already held by another",
                    f"{claim.key} est déjà pris par un autre",
                )

    # -- where it goes ------------------------------------------------------------------------------

    async def place(self) -> None:
        """Gives each step its compartment and row number; Patients named but not here yet get one that waits."""
        steps = [s for s in self.steps if s.resource is not None]
        named: dict[int, list[str]] = {}
        for n, step in enumerate(steps):
            assert step.resource is not None and step.indexed is not None
            named[n] = [] if family(step.intent.type) else patients(step.resource, step.indexed.found)
        own = {s.id: s for s in steps if s.intent.type == "Patient"}
        fresh = [s for s in own.values() if not s.found.pat]
        taken = await self.numbers.take(self.conn, len(fresh))
        for step, pat in zip(fresh, taken, strict=True):
            step.pat = pat
        pats = {s.id: s.pat or s.found.pat for s in own.values()}
        pats |= await self._known_patients({p for ids in named.values() for p in ids} - pats.keys())
        for n, step in enumerate(steps):
            homes = list(dict.fromkeys(pats[p] for p in named[n]))
            await self._home(step, homes)
        rids = [s for s in steps if not s.found.rid]
        for step, rid in zip(rids, await self.numbers.take(self.conn, len(rids)), strict=True):
            step.found.rid = rid
            step.found.alive = False

    async def _home(self, step: Step, homes: list[int]) -> None:
        assert step.resource is not None
        if family(step.intent.type):
            step.pat = 0
            return
        if not homes:
            homes = await self._followed(followed(step.resource))
        if not homes:
            homes = [step.found.pat] if step.found.pat else await self.numbers.take(self.conn, 1)
            step.pat = homes[0]
            return
        kept = step.found.pat if step.found.pat in homes else homes[0]
        step.pat, step.also = kept, [h for h in homes if h != kept]
        if step.also:
            step.labels = sorted({*step.labels, SHARED})
        if step.found.alive and kept != step.found.pat and not step.found.mine:
            raise problem(
                "forbidden",
                f"Only the author of {step.intent.type}/{step.id} may file it under another person",
                f"Seul l'auteur de {step.intent.type}/{step.id} peut le classer sous une autre personne",
                at=step.intent.type,
            )

    async def _known_patients(self, ids: set[str]) -> dict[str, int]:
        """Compartment numbers of Patients named; one not here yet gets a number that waits for it."""
        if not ids:
            return {}
        number = type_numbers()["Patient"]
        found = await self._lookup(number, ids)
        missing = sorted(ids - found.keys())
        if not missing:
            return found
        if not self.sight.unrestricted or self.strict_references:
            raise not_found(f"Patient/{missing[0]}")
        pats = await self.numbers.take(self.conn, len(missing))
        await self.conn.execute(
            "insert into id_map (type, id, pat, rid) select $1, id, pat, 0"
            " from unnest($2::text[], $3::bigint[]) k(id, pat) order by id on conflict (type, id) do update"
            " set pat = excluded.pat where id_map.pat = 0 and id_map.rid = 0",
            number,
            missing,
            pats,
        )
        return found | await self._lookup(number, set(missing))

    async def _lookup(self, number: int, ids: set[str]) -> dict[str, int]:
        rows = await self.conn.fetch(
            "select id, pat from id_map where type = $1 and id = any($2::text[]) and pat <> 0",
            number,
            sorted(ids),
        )
        return {r["id"]: r["pat"] for r in rows}

    async def _followed(self, references: Sequence[str]) -> list[int]:
        homes: list[int] = []
        for reference in references:
            kind, _, logical = self.local(reference).partition("/")
            if kind in type_numbers() and not family(kind):
                here = [s.pat for s in self.steps if (s.intent.type, s.id) == (kind, logical) and s.pat]
                found = await self._lookup(type_numbers()[kind], {logical})
                homes += here or list(found.values())
        return list(dict.fromkeys(homes))

    # -- the bytes and the statement ----------------------------------------------------------------

    def stamp(self, step: Step, upd: int) -> None:
        """Makes the bytes to keep."""
        if step.resource is None:
            return
        step.raw = stamped(step.resource, step.id, step.version, upd)

    async def _write(self, batch: Batch, seq: int, upd: int) -> None:
        live = [s for s in self.steps if s.done is None]
        families = {"": FamilyRows(""), "dir_": FamilyRows("dir_")}
        for step in live:
            collect(families[family(step.intent.type)], step, seq, upd, self.index)
        args = Args()
        guard = self._guard(live, args, batch)
        ok = "(select ok from ok)"
        parts = [p for rows in families.values() for p in family_parts(args, rows, ok)]
        parts += self._maps(live, args, ok)
        parts += self._rights(batch, live, args, ok)
        parts += self._changes(live, args, ok)
        touched = sorted({s.pat or s.found.pat for s in live if not family(s.intent.type)} | set(self.shown))
        if touched or batch.grants or batch.revokes:
            parts.append(self._line(batch, live, touched, args))
        sql = combined(parts, guard, (), "select ok from ok")
        try:
            if not await self.conn.fetchval(sql, *args):
                raise self._refused(live)
        except asyncpg.UniqueViolationError as error:
            raise Again() from error

    def _guard(self, live: Sequence[Step], args: Args, batch: Batch) -> str:
        if self.sight.unrestricted:
            return "true"
        if any(family(s.intent.type) for s in live):
            raise problem(
                "forbidden",
                "The directory and the definitions are written by the platform only",
                "L'annuaire et les définitions ne sont écrits que par la plateforme",
            )
        made = {s.pat for s in live if s.intent.type == "Patient" and not s.found.alive}
        asked = sorted(
            {(pat, f"kind:{s.intent.type}") for s in live for pat in self._touched(s) if pat not in made}
        )
        if not asked:
            return "true"
        pats = args.add([pat for pat, _ in asked], "bigint[]")
        kinds = args.add([kind for _, kind in asked], "text[]")
        return self.sight.may_write(pats, kinds, args, feed=batch.feed)

    def _touched(self, step: Step) -> set[int]:
        """The compartments a step writes in, where the actor must have the right to; none for a new lone one."""
        if step.found.version == 0 and self._lone(step):
            return set()
        touched = {step.pat or step.found.pat, *step.also}
        return touched | {step.found.pat} if step.found.alive else touched

    @staticmethod
    def _lone(step: Step) -> bool:
        """A new resource of no patient: its compartment is its own."""
        assert step.resource is not None and step.indexed is not None
        return not patients(step.resource, step.indexed.found) and not followed(step.resource)

    def _refused(self, live: Sequence[Step]) -> Problem:
        for step in live:
            if step.resource is not None and step.indexed is not None:
                for patient in patients(step.resource, step.indexed.found):
                    return not_found(f"Patient/{patient}")
        return not_found(f"{live[0].intent.type}/{live[0].id}")

    def _maps(self, live: Sequence[Step], args: Args, ok: str) -> list[str]:
        new = [s for s in live if s.resource is not None and not s.found.known]
        moved = [s for s in live if s.resource is not None and s.found.known]
        parts = []
        if new:
            types = args.add([type_numbers()[s.intent.type] for s in new], "smallint[]")
            ids = args.add([s.id for s in new], "text[]")
            pats = args.add([s.pat for s in new], "bigint[]")
            rids = args.add([s.found.rid for s in new], "bigint[]")
            claim = (
                " on conflict (type, id) do update set rid = excluded.rid, pat = excluded.pat where id_map.rid = 0"
                if self.sight.unrestricted
                else ""
            )
            parts.append(
                "insert into id_map (type, id, pat, rid) select u.* from"
                f" unnest({types}, {ids}, {pats}, {rids}) u where {ok}{claim}"
            )
        changed = [s for s in moved if s.found.pat != s.pat or not s.found.version]
        if changed:
            types = args.add([type_numbers()[s.intent.type] for s in changed], "smallint[]")
            ids = args.add([s.id for s in changed], "text[]")
            pats = args.add([s.pat for s in changed], "bigint[]")
            rids = args.add([s.found.rid for s in changed], "bigint[]")
            parts.append(
                "update id_map m set pat = u.pat, rid = u.rid, was = case when m.rid = 0 or m.pat = u.pat then m.was"
                f" else m.was || m.pat end from unnest({types}, {ids}, {pats}, {rids}) u(type, id, pat, rid)"
                f" where m.type = u.type and m.id = u.id and {ok}"
            )
        stubs = [(p, s.pat, s.found.rid) for s in live for p in s.also]
        if stubs:
            columns = [args.add(list(c), "bigint[]") for c in zip(*stubs, strict=True)]
            parts.append(
                f"insert into stub (pat, home, rid) select u.* from unnest({', '.join(columns)}) u where {ok}"
                " on conflict do nothing"
            )
        return parts

    def _rights(self, batch: Batch, live: Sequence[Step], args: Args, ok: str) -> list[str]:
        here = {s.id: s.pat for s in live if s.intent.type == "Patient" and s.resource is not None}
        rows = [self._granted(g, here) for g in batch.grants]
        now = self.sight.now
        for step in live:
            if step.resource is None or family(step.intent.type) or step.found.version:
                continue
            if step.intent.type == "Patient":
                rows.append(
                    (step.pat, None, f"person:{step.id}", "self", "rw", "{}", '{"mask:patient"}', now)
                )
                if not self.sight.unrestricted:
                    creator = (step.pat, None, self.sight.keys[0], "creator", "rw", "{}", '{"mask:ps"}', now)
                    rows.append((*creator, now + _CREATOR_TERM, False, "", ""))
            elif not self.sight.unrestricted and self._lone(step):
                rows.append((step.pat, None, self.sight.keys[0], "author", "rw", "{}", "{}", now))
        parts = [grants_sql(args, rows, now, ok)] if rows else []
        parts += self._authored(live, args, ok)
        parts += [self._revoked(r, args, ok) for r in batch.revokes]
        return parts

    def _authored(self, live: Sequence[Step], args: Args, ok: str) -> list[str]:
        """Who writes in another's record may read back what they wrote, whatever becomes of the relationship."""
        pats = {s.pat for s in live if s.resource is not None and not family(s.intent.type)}
        if self.sight.unrestricted or not self.sight.own or not pats:
            return []
        key, label = args.add(self.sight.keys[0], "text"), args.add(list(self.sight.own[:1]), "text[]")
        now, end = args.add(self.sight.now, "bigint"), args.add(FOREVER, "bigint")
        return [
            "insert into grants (pat, actor, basis, rights, scope, since, till, made)"
            f" select p, {key}, 'author', 'r', {label}, {now}, {end}, {now}"
            f" from unnest({args.add(sorted(pats), 'bigint[]')}) p where {ok} and not exists (select 1 from grants g"
            f" where g.pat = p and g.actor = {key} and (g.basis = 'author' or g.basis = 'self'))"
        ]

    def _granted(self, grant: Grant, here: Mapping[str, int]) -> tuple[Any, ...]:
        return (
            here.get(grant.patient, 0),
            grant.patient,
            grant.actor,
            grant.basis,
            grant.rights,
            text_array(grant.scope),
            text_array(grant.withheld),
            grant.since or self.sight.now,
            grant.till,
            grant.deny,
            grant.reason,
            grant.origin,
        )

    def _revoked(self, revoke: Revoke, args: Args, ok: str) -> str:
        now = args.add(self.sight.now, "bigint")
        patient = args.add(revoke.patient, "text")
        actor = args.add(revoke.actor, "text")
        deny = args.add(revoke.deny, "boolean")
        basis = "g.basis not in ('self', 'author')"
        if revoke.basis:
            basis = f"g.basis = {args.add(revoke.basis, 'text')}"
        return (
            f"update grants g set till = {now} from id_map m where m.type = {type_numbers()['Patient']}"
            f" and m.id = {patient} and g.pat = m.pat and g.actor = {actor} and g.deny = {deny} and {basis}"
            f" and g.till > {now} and {ok}"
        )

    def _changes(self, live: Sequence[Step], args: Args, ok: str) -> list[str]:
        rows = [
            (consumer, s.pat or s.found.pat, type_numbers()[s.intent.type], s.id, s.version, _op(s))
            for s in live
            for consumer in self.watchers(s.intent.type)
        ]
        if not rows:
            return []
        casts = ("text[]", "bigint[]", "smallint[]", "text[]", "int[]", "smallint[]")
        columns = [args.add(list(c), cast) for c, cast in zip(zip(*rows, strict=True), casts, strict=True)]
        return [
            "insert into outbox (consumer, pat, type, id, ver, op) select u.* from"
            f" unnest({', '.join(columns)}) u where {ok}"
        ]

    def _line(self, batch: Batch, live: Sequence[Step], touched: Sequence[int], args: Args) -> str:
        alone = live[0].intent.op if len(live) == 1 else "transaction" if live else "read"
        action = batch.action or alone
        what = batch.what or ", ".join(f"{s.intent.type}/{s.id}" for s in live or self.steps)
        hits = args.add(len(live), "int")
        pats = args.add(list(touched), "bigint[]")
        named = args.add(sorted({r.patient for r in [*batch.grants, *batch.revokes]}), "text[]")
        source = (
            f"select p, {hits} from unnest({pats}) p union select m.pat, {hits} from id_map m"
            f" where m.type = {type_numbers()['Patient']} and m.id = any({named})"
        )
        return audit.line(
            self.sight, args, source, action=action, what=what, outcome="ok", ok="(select ok from ok)"
        )

    def _written(self, step: Step, upd: int) -> Written:
        if step.done is not None:
            return step.done
        status = "deleted" if step.resource is None else "updated" if step.found.alive else "created"
        return Written(step.intent.type, step.id, step.version, upd, status, step.raw)  # type: ignore[arg-type]


class Again(Exception):
    """Another writer was first: the same batch is to be run once more."""


def stamped(resource: Resource, logical: str, version: int, upd: int) -> bytes:
    """The bytes to keep: the resource with its id, version and date."""
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": instant_ms(upd)}
    rest = {k: v for k, v in resource.items() if k not in ("resourceType", "id", "meta")}
    return fhir_json.dumps({"resourceType": resource["resourceType"], "id": logical, "meta": meta, **rest})


def instant_ms(upd: int) -> str:
    """Milliseconds of the epoch as a FHIR instant."""
    return instant(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=upd))


def _op(step: Step) -> int:
    if step.resource is None:
        return OP_NUMBER["delete"]
    if step.intent.op == "create":
        return OP_NUMBER["create"]
    if not step.found.alive:
        return OP_NUMBER["put-create"]
    return OP_NUMBER[step.intent.op]


def collect(rows: FamilyRows, step: Step, seq: int, upd: int, index: Callable[[Resource], Indexed]) -> None:
    """Adds the rows of a step to its family: what goes, what comes, what is archived."""
    found, number = step.found, type_numbers()[step.intent.type]
    old = index(fhir_json.parse(found.raw)).postings if found.alive else None
    was = (found.rid, found.pat)
    if found.alive:
        rows.archive.append((found.pat, found.rid))
    if step.resource is None or step.indexed is None:
        rows.remove.append((found.pat, found.rid))
        tomb = (found.pat, found.rid, step.version, number, _op(step), step.id, seq, upd)
        rows.tombs.append((*tomb, found.labels, codec.PLAIN, b""))
        rows.postings(old, None, was, was)
        return
    number_of_dictionary, packed = codec.pack(step.raw)
    row = (
        step.pat,
        found.rid,
        number,
        step.version,
        _op(step),
        step.id,
        seq,
        upd,
        step.indexed.lo,
        step.indexed.hi,
        step.indexed.terms,
        step.labels,
        number_of_dictionary,
        packed,
    )
    if found.alive and found.pat == step.pat:
        rows.replace.append(row)
    else:
        rows.insert.append(row)
        if found.alive:
            rows.remove.append((found.pat, found.rid))
    rows.postings(old, step.indexed.postings, was, (found.rid, step.pat))


_GRANT = (
    ("pat", "bigint"),
    ("patient", "text"),
    ("actor", "text"),
    ("basis", "text"),
    ("rights", "text"),
    ("scope", "text"),
    ("withheld", "text"),
    ("since", "bigint"),
    ("till", "bigint"),
    ("deny", "boolean"),
    ("reason", "text"),
    ("origin", "text"),
)


def grants_sql(args: Args, rows: Sequence[tuple[Any, ...]], now: int, ok: str) -> str:
    """An insert of grants; a row without compartment number finds it by the patient's id."""
    full = [r if len(r) == len(_GRANT) else (*r, FOREVER, False, "", "") for r in rows]
    columns = [
        args.add(list(c), f"{cast}[]") for c, (_, cast) in zip(zip(*full, strict=True), _GRANT, strict=True)
    ]
    made = args.add(now, "bigint")
    return (
        "insert into grants (pat, actor, basis, rights, scope, withheld, since, till, deny, reason, origin, made)"
        f" select case when u.pat <> 0 then u.pat else (select m.pat from id_map m"
        f" where m.type = {type_numbers()['Patient']} and m.id = u.patient) end, u.actor, u.basis, u.rights,"
        f" u.scope::text[], u.withheld::text[], u.since, u.till, u.deny, u.reason, u.origin, {made}"
        f" from unnest({', '.join(columns)}) u({', '.join(c for c, _ in _GRANT)}) where {ok}"
    )
