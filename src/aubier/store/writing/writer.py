"""transact: a bundle of writes in one statement, all or nothing.

The road of a write: conditions are resolved and the named rows locked, the room prepares each resource,
each is placed in its compartment, and one statement writes resources, postings, history, rights,
outbox and audit line under the guard that the actor may write there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from aubier.fhir import json as fhir_json
from aubier.fhir.references import replace_references
from aubier.ground.memory import Memory
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Resource
from aubier.search.sql import Args
from aubier.store.aside import by_size, size_of
from aubier.store.indexing.tables import UNCHANGING, VERSION
from aubier.store.intent import Batch, Written
from aubier.store.keys import family, type_numbers
from aubier.store.packing import codec
from aubier.store.packing.rows import Indexed
from aubier.store.proof import audit
from aubier.store.proof.standing import Unproven, mark_of
from aubier.store.sight import SHARED, Sight
from aubier.store.writing.filing import Placer, filed, followers, refuse_unknown
from aubier.store.writing.filing.numbers import Numbers
from aubier.store.writing.finding import Finder
from aubier.store.writing.limits import refuse_outside
from aubier.store.writing.statement import (
    FIRST,
    After,
    FamilyRows,
    Rights,
    Texts,
    combined,
    family_parts,
    marked,
)
from aubier.store.writing.step import AT_ONCE, Again, Present, Step, absent, op_of, stamped
from aubier.store.writing.undertaking import Undertaking

_FEW = 5
"""Resources of a write that others may wait for."""


@dataclass(slots=True)
class Writer:
    """One transact. `watchers(type)` are the consumers of its changes; one in `on_demand` only while its
    table names the type.

    `index` gives the rows of what is written, `held` those that may be there of what was before; both are so
    for the state `version` of what is indexed. `clock_moved`: dates follow a clock that may
    have been moved.
    """

    conn: Undertaking
    sight: Sight
    finder: Finder
    numbers: Numbers
    places: Memory[str, int]
    local: Callable[[str], str]
    index: Callable[[Resource], Indexed]
    held: Callable[[Resource], Indexed]
    version: int
    watchers: Callable[[str], Sequence[str]]
    on_demand: Mapping[str, str] = field(default_factory=dict)
    strict_references: bool = False
    clock_moved: bool = True
    steps: list[Step] = field(default_factory=list)
    recalled: dict[str, int] = field(default_factory=dict)
    placed: set[str] = field(default_factory=set)
    after: After = field(default_factory=After)

    async def run(self, batch: Batch) -> list[Written]:
        """Writes the batch; gives what came of each intent, in order. Problem: nothing was written."""
        self._refuse_directory(batch)
        self.after = After(now=self.sight.now if self.clock_moved else None)
        await self.finder.find(batch)
        self.steps = self.finder.steps
        limited = self.sight.constraints is not None
        if limited:
            await self.conn.begin()
            await refuse_outside(self.conn, self.sight, (s for s in self.steps if s.found.visible))
        for number, step in enumerate(self.steps, 1):
            try:
                await self._prepare(batch, step)
            except Problem as refusal:
                raise refusal.concerning(step.intent) from None
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._claim(batch)
        await self._place(batch)
        if batch.receipt is not None:
            await self.conn.begin()
        upd = await self._write(batch)
        asked = [step for step in self.steps if not step.follows]
        if limited:
            await refuse_outside(self.conn, self.sight, asked)
        written = [self._written(step, upd) for step in asked]
        if batch.receipt is not None:
            await batch.receipt(self.conn, written)
        return written

    async def _place(self, batch: Batch) -> None:
        if self.strict_references:
            written = [s.resource for s in self.steps if s.resource is not None]
            beside = {(s.intent.type, s.id): _stays(s) for s in self.steps}
            await refuse_unknown(self.conn.peek, self.sight, written, beside, self.local)
        keys = self.finder.keys
        placer = Placer(self.conn, self.sight, self.numbers, self.places, self.local, keys)
        await placer.place(self.steps)
        left = [*batch.arrived, *_moved(self.steps)]
        while left:
            found = [key for key in await followers(self.conn.peek, keys, left) if key not in placer.by_name]
            along = await self._follow(found)
            await placer.place(along)
            self.steps += along
            left = _moved(along)
        self.recalled, self.placed = placer.recalled, placer.placed

    async def _follow(self, keys: Sequence[tuple[str, str]]) -> list[Step]:
        """What lives with something that comes or moves, as it is: a version more, for who follows changes
        may see it only now.
        """
        steps = await self.finder.follow(keys) if keys else []
        for number, step in enumerate(steps, 1):
            found = step.found
            step.version = found.version + 1
            self._come_after(found)
            step.resource = await by_size(len(found.raw), fhir_json.parse, found.raw)
            step.labels = [label for label in found.labels if label != SHARED]
            step.size = len(found.raw)
            step.indexed = await by_size(step.size, self.index, step.resource)
            step.left = (await by_size(step.size, self.held, step.resource)).postings
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return steps

    async def _prepare(self, batch: Batch, step: Step) -> None:
        if step.done is not None:
            return
        intent, found = step.intent, step.found
        if intent.op != "create":
            self._check_found(step)
        step.version = found.version + 1
        before = None
        if found.alive:
            before = await by_size(len(found.raw), fhir_json.parse, found.raw)
            # Before a change or a rule has it, which may alter it.
            step.left = (await by_size(len(found.raw), self.held, before)).postings
        self._come_after(found)
        if intent.op == "delete":
            return
        resource = dict(intent.resource or {})
        if intent.change:
            resource = await by_size(len(found.raw), intent.change, before or {})
        if self.finder.links:
            resource = replace_references(resource, self.finder.links)
        resource["id"] = step.id
        assert batch.prepare is not None
        resource, step.labels = await batch.prepare(self.conn, resource, before)
        step.labels = sorted({*step.labels, *(x for x in found.labels if x.startswith("author:"))})
        if intent.op == "patch" and _same(step, resource, before):
            step.unchanged = True
            step.done = Written(intent.type, step.id, found.version, found.updated, "existing", found.raw)
            return
        step.resource, step.size = resource, size_of(resource)
        step.indexed = await by_size(step.size, self.index, resource)

    def _come_after(self, found: Present) -> None:
        """No version is older than the one before, though a clock went back: it would be missed by who asks
        what changed since.
        """
        seq, updated = max(self.after.seq, found.seq), max(self.after.updated, found.updated)
        self.after = After(seq, updated, self.after.now)

    def _check_found(self, step: Step) -> None:
        intent, found = step.intent, step.found
        name = f"{intent.type}/{step.id}"
        hidden = bool(found.rid) and not found.visible
        if hidden or (not found.alive and not (intent.op == "update" and intent.may_create)):
            seen = bool(found.rid) and found.visible
            expected = intent.existing or (intent.if_match is not None and not seen)
            if intent.op == "delete" and expected:
                raise absent(name)
            if intent.op == "delete":
                # Nothing to delete is no refusal, and what is hidden answers as what never was.
                # Rule: FHIR R4, http.html#delete.
                version = found.version if seen else 0
                step.done = Written(intent.type, step.id, version, self.sight.now, "nothing")
                return
            if seen and intent.op == "patch":
                raise problem("deleted", f"{name} was deleted", f"{name} a été supprimé")
            raise not_found(name)
        if step.unmatched and found.alive:
            raise problem(
                "conflict",
                f"No {intent.type} meets the condition, and {name} exists already; change one or the other",
                f"Aucun {intent.type} ne répond à la condition, et {name} existe déjà ; changez l'un d'eux",
                at="http.query",
            )
        if intent.only_new and found.alive:
            raise problem(
                "precondition",
                f"{name} exists already; to change it, leave If-None-Match out",
                f"{name} existe déjà ; pour le modifier, retirez If-None-Match",
                at="http.If-None-Match",
            )
        if not found.alive and (intent.existing or (intent.if_match is not None and not found.version)):
            raise absent(name)
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

    async def _write(self, batch: Batch) -> int:
        """Runs the statement; gives the date of what it wrote (ms)."""
        live = [s for s in self.steps if s.done is None]
        judged = [s for s in self.steps if s.done is None or s.unchanged]
        families = {"": FamilyRows(""), "dir_": FamilyRows("dir_")}
        for number, step in enumerate(live, 1):
            size = max(step.size, len(step.found.raw))
            await by_size(size, collect, families[family(step.intent.type)], step)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        args = Texts()
        guard = self._guard(judged, args, batch)
        ok = "(select ok from ok)"
        parts = []
        for rows in families.values():
            parts += await by_size(rows.size, family_parts, args, rows, ok)
        fresh = not any(step.found.known for step in live)
        made = FIRST if fresh and any(rows.holds_all(live) for rows in families.values()) else ""
        parts += filed(live, args, ok, made)
        parts += Rights(self.sight).parts(batch, live, args, ok)
        parts += self._changes(live, args, ok, made)
        touched = sorted(
            {p for s in judged if not family(s.intent.type) for p in (s.pat or s.found.pat, *s.also)}
            | set(self.finder.shown)
        )
        if not live and not touched and any(not family(i.type) for i in batch.intents):
            touched = [0]  # that nothing met a condition is an answer too, and leaves its line
        if touched or batch.grants or batch.revokes:
            parts.append(self._line(batch, judged, touched, args))
        guard = f"({guard}) and ({VERSION}) = {args.add(self.version, 'bigint')}{self._as_known(args)}"
        sql = combined(parts, guard, marked(self.after, args))
        try:
            told = await self.conn.last(sql, *args, brief=_brief(batch, live, self.finder.unheld))
        except asyncpg.UniqueViolationError as error:
            raise Again() from error
        if not told["ok"]:
            raise await self._refused(judged, batch)
        return int(told["upd"])

    def _as_known(self, args: Args) -> str:
        """The condition under which what was not asked again is as it was: who asks, where Patients are."""
        known = ""
        if stands := self.sight.stands:
            mark, places = args.add(stands.mark, "bigint"), args.add(list(stands.places), "smallint[]")
            known += f" and {mark_of(places)} = {mark}"
        if self.recalled:
            ids = args.add(list(self.recalled), "text[]")
            pats = args.add(list(self.recalled.values()), "bigint[]")
            there = f"m.type = {type_numbers()['Patient']} and m.id = k.id and m.pat = k.pat"
            known += (
                f" and not exists (select 1 from unnest({ids}, {pats}) k(id, pat)"
                f" where not exists (select 1 from id_map m where {there}))"
            )
        if self.finder.unheld is not None:
            known += f" and {_still(self.finder.unheld, args)}"
        return known

    async def _refused(self, live: Sequence[Step], batch: Batch) -> Exception:
        """Why nothing was written: what is to be asked anew, or the refusal."""
        if self.finder.unheld is not None:
            return Again()
        if self.sight.stands is not None:
            return Unproven()
        for logical in self.placed:
            self.places.forget(logical)
        if self.recalled or await self.conn.fetchval(VERSION) != self.version:
            return Again()  # placed, or indexed, by what is past
        return await self._refusal(live, batch)

    def _refuse_directory(self, batch: Batch) -> None:
        if not self.sight.unrestricted and any(family(i.type) for i in batch.intents):
            raise problem(
                "forbidden",
                "The directory and the definitions are written by the platform only",
                "L'annuaire et les définitions ne sont écrits que par la plateforme",
            )

    def _guard(self, live: Sequence[Step], args: Args, batch: Batch) -> str:
        asked = [] if self.sight.unrestricted else self._asked(live)
        if not asked:
            return "true"
        once = {(pat, step.intent.type): (step, pat) for step, pat in asked}
        pats, kinds = _columns(list(once.values()), args)
        return self.sight.may_write(pats, kinds, args, feed=batch.feed)

    def _asked(self, live: Sequence[Step]) -> list[tuple[Step, int]]:
        """The compartments where the actor must have the right to write, and for which step, in order."""
        made = {s.pat for s in live if s.lone or (s.intent.type == "Patient" and not s.found.alive)}
        asked = (s for s in live if not s.follows)
        return [(s, pat) for s in asked for pat in self._touched(s) if pat not in made]

    @staticmethod
    def _touched(step: Step) -> list[int]:
        """The compartments a step writes in; none for a new one that concerns nobody."""
        if step.found.version == 0 and step.lone:
            return []
        was = [step.found.pat] if step.found.alive else []
        return list(dict.fromkeys([step.pat or step.found.pat, *step.also, *was]))

    async def _refusal(self, live: Sequence[Step], batch: Batch) -> Problem:
        """Names the first thing that may not be written, alike when what it names is hidden or missing."""
        args, asked = Args(), self._asked(live)
        pats, kinds = _columns(asked, args)
        allowed, known = self.sight.writable(args, feed=batch.feed), self.sight.knows(args)
        row = await self.conn.fetchrow(
            f"select p.n, {known} as known from unnest({pats}, {kinds}) with ordinality p(pat, kind, n)"
            f" where not ({allowed}) order by p.n limit 1",
            *args,
        )
        step, pat = asked[row["n"] - 1]
        name = step.named.get(pat, f"{step.intent.type}/{step.id}")
        refusal = not_found(name)
        if row["known"]:
            refusal = problem(
                "forbidden",
                f"You may read {name} but not write {step.intent.type} there",
                f"Vous pouvez lire {name} mais pas y écrire {step.intent.type}",
                at=step.intent.type,
            )
        return refusal.concerning(step.intent)

    def _changes(self, live: Sequence[Step], args: Args, ok: str, made: str) -> list[str]:
        """What each consumer is told: the rows just `made`, when they are all; else the same of arrays."""
        told: dict[str, list[int]] = {}
        for kind in dict.fromkeys(s.intent.type for s in live):
            for consumer in self.watchers(kind):
                told.setdefault(consumer, []).append(type_numbers()[kind])
        source = made or (_versions(live, args) if told else "")
        return [
            self._told(consumer, types, args, f"{source} u where {ok}") for consumer, types in told.items()
        ]

    def _told(self, consumer: str, types: Sequence[int], args: Args, source: str) -> str:
        table = self.on_demand.get(consumer)
        demanded = f" and exists (select 1 from {table} w where w.type = u.type)" if table else ""
        return (
            f"insert into outbox (consumer, pat, type, id, ver, op) select {args.add(consumer, 'text')},"
            f" u.pat, u.type, u.id, u.ver, u.op from {source}"
            f" and u.type = any({args.add(types, 'smallint[]')}){demanded}"
        )

    def _line(self, batch: Batch, live: Sequence[Step], touched: Sequence[int], args: Args) -> str:
        shown = "read" if any(s.id for s in self.steps) else "search"
        alone = live[0].intent.op if len(live) == 1 else "transaction" if live else shown
        action = batch.action or alone
        what = batch.what or ", ".join(_said(s) for s in live or self.steps)
        hits = args.add(len(live), "int")
        pats = args.add(list(touched), "bigint[]")
        source = f"select p, {hits} from unnest({pats}) p"
        if concerned := {g.patient for g in batch.grants} | {r.patient for r in batch.revokes}:
            named = args.add(sorted(concerned), "text[]")
            source += (
                f" union select m.pat, {hits} from id_map m"
                f" where m.type = {type_numbers()['Patient']} and m.id = any({named})"
            )
        return audit.line(
            self.sight, args, source, action=action, what=what, outcome="ok", ok="(select ok from ok)"
        )

    def _written(self, step: Step, upd: int) -> Written:
        if step.done is not None:
            return step.done
        status = "deleted" if step.resource is None else "updated" if step.found.alive else "created"
        raw = b""
        if step.resource is not None:
            raw = codec.head(step.intent.type, step.id, step.version, upd) + step.rest
        return Written(step.intent.type, step.id, step.version, upd, status, raw)  # type: ignore[arg-type]


def _versions(live: Sequence[Step], args: Args) -> str:
    """What became of each step, as rows of (pat, type, id, ver, op)."""
    rows = [(s.pat or s.found.pat, type_numbers()[s.intent.type], s.id, s.version, op_of(s)) for s in live]
    casts = ("bigint[]", "smallint[]", "text[]", "int[]", "smallint[]")
    columns = [args.add(list(c), cast) for c, cast in zip(zip(*rows, strict=True), casts, strict=True)]
    return f"(select * from unnest({', '.join(columns)}) n(pat, type, id, ver, op))"


def _still(step: Step, args: Args) -> str:
    """The condition under which a version that was looked at is still the current one, and takes its lock.

    It waits for nobody: who holds the row is about to change it, and it is held in turn then. Two that looked
    at the same version cannot both archive it, whose key is that of `hist`. While rows are being made for
    what is stored (`indexing`), a version is held before it is read, as the walk holds it.
    """
    found = step.found
    key = args.add(type_numbers()[step.intent.type], "smallint"), args.add(step.id, "text")
    pat, rid, version = (
        args.add(n, cast)
        for n, cast in ((found.pat, "bigint"), (found.rid, "bigint"), (found.version, "int"))
    )
    return (
        f"exists (select 1 from {family(step.intent.type)}res r where r.pat = {pat} and r.rid = {rid}"
        f" and r.ver = {version}) and {UNCHANGING}"
        f" and exists (select 1 from id_map m where m.type = {key[0]} and m.id = {key[1]} and m.pat = {pat}"
        f" and m.rid = {rid} for update skip locked)"
    )


def _brief(batch: Batch, live: Sequence[Step], ahead: Step | None) -> bool:
    """Whether a write of few rows waits for nobody, so that others may wait for it."""
    few = len(live) <= _FEW and not (batch.grants or batch.revokes or batch.claims)
    return few and all(s.intent.op == "create" or s is ahead for s in live)


def _moved(steps: Sequence[Step]) -> list[tuple[str, str]]:
    """Those that come where something may wait for them, or go from one record to another."""
    going = (s for s in steps if s.resource is not None and s.found.pat and s.pat != s.found.pat)
    coming = (s for s in steps if s.resource is not None and s.found.awaited)
    return [(s.intent.type, s.id) for s in (*going, *coming)]


def _same(step: Step, resource: Resource, before: Resource | None) -> bool:
    """Whether a patch leaves the resource as it was, under the labels that it has."""
    held = {label for label in step.found.labels if label != SHARED}
    return before is not None and set(step.labels) == held and stamped(resource) == stamped(before)


def _stays(step: Step) -> bool:
    """Whether there is a current version after the write."""
    return step.resource is not None or (step.done is not None and step.done.status == "existing")


def _said(step: Step) -> str:
    """What an audit line says was written; or the condition that nothing met."""
    condition = step.condition
    return condition.written if condition and not step.id else f"{step.intent.type}/{step.id}"


def _columns(asked: Sequence[tuple[Step, int]], args: Args) -> tuple[str, str]:
    """The compartments and the `kind:` labels of what is asked, as two arrays."""
    pats = args.add([pat for _, pat in asked], "bigint[]")
    return pats, args.add([f"kind:{step.intent.type}" for step, _ in asked], "text[]")


def collect(rows: FamilyRows, step: Step) -> None:
    """Adds the rows of a step to its family: what goes, what comes, what is archived."""
    found, number = step.found, type_numbers()[step.intent.type]
    was = (found.rid, found.pat)
    if found.alive:
        rows.archive.append((found.pat, found.rid))
    if step.resource is None or step.indexed is None:
        rows.remove.append((found.pat, found.rid))
        tomb = (found.pat, found.rid, step.version, number, op_of(step), step.id)
        rows.tombs.append((*tomb, found.labels, codec.PLAIN, b""))
        rows.postings(step.left, None, was, was)
        return
    step.rest = stamped(step.resource)
    number_of_dictionary, packed = codec.pack(step.rest)
    row = (
        step.pat,
        found.rid,
        number,
        step.version,
        op_of(step),
        step.id,
        step.indexed.lo,
        step.indexed.hi,
        step.indexed.has,
        step.indexed.terms,
        step.labels,
        number_of_dictionary,
        packed,
        *step.indexed.said,
    )
    if found.alive and found.pat == step.pat:
        rows.replace.append(row)
    else:
        rows.insert.append(row)
        if found.alive:
            rows.remove.append((found.pat, found.rid))
    rows.postings(step.left, step.indexed.postings, was, (found.rid, step.pat))
