"""What a write finds: conditions resolved, named rows locked, present versions read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier.ground.problem import Kind, Problem, problem
from aubier.search.keys import Keys
from aubier.search.query import names_in, with_names
from aubier.search.sql import Args
from aubier.store.indexing.tables import UNCHANGING
from aubier.store.intent import Batch, Intent, Written
from aubier.store.keys import family, type_numbers
from aubier.store.packing import codec
from aubier.store.reading.row import Row
from aubier.store.sight import Sight
from aubier.store.writing.step import Present, Step
from aubier.store.writing.undertaking import Undertaking

_LOCKS = 500
"""Conditions that one transaction locks one by one: PostgreSQL has room for some 6,400 locks of everybody."""
_ALL = 0x0A0B1E7
"""The advisory lock of all conditions together."""
_TURNS = 8
"""How often a transaction asks conditions: each time those that name what the ones before have found."""
_LOCK = (
    "select pg_advisory_xact_lock_shared($1)::text union all"
    " select pg_advisory_xact_lock(key)::text from unnest($2::bigint[]) key"
)


@dataclass(slots=True)
class Finder:
    """`search(conn, conditions)` gives, of each, the rows that it matches for this actor: two of several.

    With `ahead` one row that is to be changed is looked at without being held: the statement that writes
    must find it so (`unheld`).

    After `find`: `steps` in the order of the intents, `links` from fullUrl to `Type/id`, `shown` the
    compartments of what conditions matched, `unheld` the step that was found ahead. `alone`: no other writer
    asks a condition meanwhile.
    """

    conn: Undertaking
    sight: Sight
    keys: Keys
    ids: Callable[[], str]
    search: Callable[..., Any]
    ahead: bool = False
    unheld: Step | None = None
    links: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    alone: bool = False

    async def find(self, batch: Batch) -> None:
        """Makes a step of each intent and reads what is there, under the locks of this transaction."""
        await self._lock_conditions(batch)
        await self._resolve(batch)
        self._refuse_twice()
        await self._find_present()
        self._name_versions()

    async def _lock_conditions(self, batch: Batch) -> None:
        """Two writers with the same condition take turns, so that neither misses what the other makes."""
        conditions = {f"{i.type}?{i.condition.text}" for i in batch.intents if i.condition is not None} | {
            f"claim {c.key}" for c in batch.claims
        }
        if len(conditions) > _LOCKS:
            await self.conn.execute("select pg_advisory_xact_lock($1)", _ALL)
            self.alone = True
        else:
            await self._lock(conditions)

    async def _lock(self, conditions: Collection[str]) -> None:
        if conditions and not self.alone:
            keys = sorted({self.keys.term("lock", c) for c in conditions})  # always in this order
            await self.conn.execute(_LOCK, _ALL, keys)

    async def _resolve(self, batch: Batch) -> None:
        steps: dict[int, Step] = {}
        going = {(i.type, i.id) for i in batch.intents if i.op == "delete"}
        for together in _turns(batch.intents):
            asked = [Step(intent, intent.id, Present(0, 0), intent.condition) for _, intent in together]
            if steps:
                await self._name_others(asked)
            await self._ask(asked, going)
            steps |= {n: step for (n, _), step in zip(together, asked, strict=True)}
        self.steps = [steps[n] for n in range(len(batch.intents))]

    async def _name_others(self, asked: Sequence[Step]) -> None:
        """Conditions that name another entry by its fullUrl ask for what it turned out to be."""
        for step in asked:
            if step.condition is not None:
                step.condition = with_names(step.condition, self.links)
        await self._lock({f"{s.intent.type}?{s.condition.text}" for s in asked if s.condition is not None})

    async def _ask(self, asked: Sequence[Step], going: set[tuple[str, str]]) -> None:
        """Looks for what meets the conditions of these; `going` is what the same transaction deletes."""
        conditions = [s.condition for s in asked if s.condition is not None]
        found = iter(await self.search(self.conn, conditions) if conditions else ())
        for step in asked:
            intent = step.intent
            if step.condition is not None:
                matches = next(found)
                # Deletes are made first: what goes meets no condition. Rule: FHIR R4, http.html#trules.
                if intent.op == "create" and len(matches) == 1 and (intent.type, matches[0].id) in going:
                    matches = []
                try:
                    self._resolve_condition(step, matches)
                except Problem as refusal:
                    raise refusal.concerning(intent) from None
                if intent.op == "delete":
                    going.add((intent.type, step.id))
            if not step.id and step.done is None:
                step.id = self.ids()
            if intent.full_url and step.id:
                self.links[intent.full_url] = f"{intent.type}/{step.id}"

    def _resolve_condition(self, step: Step, matches: Sequence[Row]) -> None:
        intent = step.intent
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
        elif intent.op == "delete" and (intent.existing or intent.if_match is not None):
            raise _unmet("precondition", intent.type, "http.If-Match")
        elif intent.op == "delete":
            step.done = Written(intent.type, "", 0, 0, "nothing")
        elif intent.op == "patch":
            raise _unmet("not-found", intent.type, "http.query")
        elif intent.op == "update":
            # An id of the client's own choice is for the platform's actors: it would tell a free id from a
            # hidden one.
            intent.may_create = True
            step.unmatched = True
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

    def _name_versions(self) -> None:
        """What gets its id here is named at the version that it gets, whichever its sender called it.

        Rule: FHIR R4, http.html#trules: a reference to a version stays one.
        """
        for step in self.steps:
            intent = step.intent
            anew = intent.op == "create" or (intent.op == "update" and intent.condition is not None)
            if anew and "/" in intent.full_url:
                version = step.done.version if step.done else step.found.version + 1
                self.links[f"{intent.full_url}/_history/"] = f"{intent.type}/{step.id}/_history/{version}"

    def _refuse_twice(self) -> None:
        self._refuse_same_conditions()
        seen: set[tuple[str, str]] = set()
        for step in self.steps:
            key = (step.intent.type, step.id)
            if step.done is None and key in seen:
                raise problem(
                    "duplicate",
                    f"{key[0]}/{key[1]} is written twice in this Bundle; keep one of the entries",
                    f"{key[0]}/{key[1]} est écrit deux fois dans ce Bundle ; gardez une seule des entrées",
                    at="http.path",
                ).concerning(step.intent)
            if step.done is None:
                seen.add(key)

    def _refuse_same_conditions(self) -> None:
        seen: set[str] = set()
        for step in (s for s in self.steps if s.done is None and s.intent.op != "delete"):
            if step.condition is None:
                continue
            intent = step.intent
            text = f"{intent.type}?{step.condition.text}"
            if text in seen:
                raise problem(
                    "duplicate",
                    f"Two entries write what meets {text[:200]}; keep one",
                    f"Deux entrées écrivent ce qui répond à {text[:200]} ; gardez-en une",
                    at="http.If-None-Exist" if intent.op == "create" else "http.query",
                ).concerning(intent)
            seen.add(text)

    async def _find_present(self) -> None:
        named = [s for s in self.steps if s.done is None and s.intent.op != "create"]
        if not named or (self.ahead and len(named) == 1 and await self._looked_at(named[0])):
            return
        fresh = await self._reserve([s for s in named if s.intent.may_create])
        await self._hold(named)
        for step in named:
            awaited = step.found.known and not step.found.rid and step.intent.type != "Patient"
            step.found.awaited = awaited and (type_numbers()[step.intent.type], step.id) not in fresh

    async def follow(self, keys: Sequence[tuple[str, str]]) -> list[Step]:
        """Steps of what is stored under these and is to be filed anew as it is; held."""
        steps = [Step(Intent("update", kind, logical), logical, Present(0, 0)) for kind, logical in keys]
        await self._hold(steps)
        found = [step for step in steps if step.found.alive]
        for step in found:
            step.follows = True
        return found

    async def _hold(self, named: Sequence[Step]) -> None:
        """Locks the rows of these, and reads what is there."""
        keys = sorted({(type_numbers()[s.intent.type], s.id) for s in named})
        types, ids = [k[0] for k in keys], [k[1] for k in keys]
        rows = await self.conn.fetch(
            "select m.type, m.id, m.pat, m.rid from id_map m join unnest($1::smallint[], $2::text[])"
            " k(type, id)"
            " on m.type = k.type and m.id = k.id order by m.type, m.id for update of m",
            types,
            ids,
        )
        places = {(r["type"], r["id"]): (r["pat"], r["rid"]) for r in rows}
        for prefix in ("", "dir_"):
            await self._read_present([s for s in named if family(s.intent.type) == prefix], places, prefix)

    async def _reserve(self, steps: Sequence[Step]) -> set[tuple[int, str]]:
        """Makes the id rows that an update may create, so that two such updates wait for each other; gives
        those that were not there.
        """
        if not steps:
            return set()
        rows = await self.conn.fetch(
            "insert into id_map (type, id, pat, rid) select type, id, 0, 0"
            " from unnest($1::smallint[], $2::text[]) k(type, id) order by type, id on conflict do nothing"
            " returning type, id",
            [type_numbers()[s.intent.type] for s in steps],
            [s.id for s in steps],
        )
        return {(row["type"], row["id"]) for row in rows}

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
        rows = await self.conn.fetch(
            f"{self._current(args, prefix)} from unnest($1::bigint[], $2::bigint[]) k(pat, rid)"
            f" join {prefix}res r on r.pat = k.pat and r.rid = k.rid",
            *args,
        )
        current = {r["rid"]: r for r in rows}
        for step in held:
            row = current.get(step.found.rid)
            if row is None:
                await self._read_tomb(step, prefix)
            else:
                self._take(step, row)

    def _current(self, args: Args, prefix: str) -> str:
        """The columns of a current version `r` that a step takes."""
        own = args.add(list(self.sight.own), "text[]")
        seen = self.sight.predicate("r", args, directory=bool(prefix))
        return (
            f"select r.pat, r.rid, r.seq, r.labels, {codec.COLUMNS}, ({seen}) as visible,"
            f" r.labels && {own} as mine"
        )

    def _take(self, step: Step, row: Mapping[str, Any]) -> None:
        mine = self.sight.unrestricted or row["mine"]
        step.found = Present(
            row["pat"],
            row["rid"],
            row["ver"],
            row["seq"],
            row["upd"],
            alive=True,
            visible=row["visible"],
            mine=mine,
            labels=list(row["labels"]),
            raw=codec.kept(row),
            known=True,
        )

    async def _looked_at(self, step: Step) -> bool:
        """Whether a step finds a current version that the actor sees; anything else is found in full."""
        prefix = family(step.intent.type)
        args = Args([type_numbers()[step.intent.type], step.id])
        rows = await self.conn.peek(
            f"{self._current(args, prefix)} from id_map m join {prefix}res r on r.pat = m.pat"
            f" and r.rid = m.rid where m.type = $1::smallint and m.id = $2::text and {UNCHANGING}",
            *args,
        )
        if not rows or not rows[0]["visible"]:
            return False
        self._take(step, rows[0])
        self.unheld = step
        return True

    async def _read_tomb(self, step: Step, prefix: str) -> None:
        args = Args([step.found.pat, step.found.rid])
        seen = self.sight.gone("r", args, step.intent.type)
        row = await self.conn.fetchrow(
            f"select r.ver, r.seq, r.upd, ({seen}) as visible from {prefix}hist r"
            " where r.pat = $1 and r.rid = $2 order by r.ver desc limit 1",
            *args,
        )
        if row is not None:
            step.found.version, step.found.visible = row["ver"], row["visible"]
            step.found.seq, step.found.updated = row["seq"], row["upd"]


def _turns(intents: Sequence[Intent]) -> Iterator[list[tuple[int, Intent]]]:
    """The intents, numbered: those whose conditions name no other entry, then those that name only these...

    Those that name each other in a circle name nothing that is there. Problem (too-costly): too many turns.
    """
    urls = {i.full_url for i in intents if i.full_url}
    named = {n: names_in(i.condition) & urls for n, i in enumerate(intents) if i.condition and urls}
    left, known = list(enumerate(intents)), set[str]()
    for _ in range(_TURNS):
        now = [(n, i) for n, i in left if named.get(n, known) <= known] or left
        yield now
        known |= {i.full_url for _, i in now}
        asked = {n for n, _ in now}
        left = [(n, i) for n, i in left if n not in asked]
        if not left:
            return
    raise problem(
        "too-costly",
        f"Conditions that name one another's entries more than {_TURNS} deep; send several transactions",
        f"Des conditions nomment leurs entrées sur plus de {_TURNS} niveaux ; envoyez plusieurs transactions",
        at="Bundle.entry",
    )


def _unmet(kind: Kind, type: str, at: str) -> Problem:
    """Nothing meets the condition: hidden and missing alike."""
    return problem(kind, f"No {type} meets the condition", f"Aucun {type} ne répond à la condition", at=at)
