"""Where a write goes: the compartment and the row number of each resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aubier.ground.memory import Memory
from aubier.ground.problem import problem
from aubier.search.keys import Keys
from aubier.search.sql import Args
from aubier.store.compartment import followed, patients
from aubier.store.keys import family, type_numbers
from aubier.store.sight import SHARED, Sight
from aubier.store.writing.filing.following import Key, expect
from aubier.store.writing.filing.numbers import Numbers
from aubier.store.writing.step import Step
from aubier.store.writing.undertaking import Undertaking

_PLACE = 200
"""Bytes of an id with its compartment, about."""


@dataclass(slots=True)
class Placer:
    """Gives places. `local` turns a URL of this server into `Type/id`, `keys` name its index. `places`
    are the compartments of Patients by their id, as they were once found; those taken from it are `recalled`,
    and the statement that writes asks whether it is still so; `placed` are all that were named. What is named
    and not here is `awaited`."""

    conn: Undertaking
    sight: Sight
    numbers: Numbers
    places: Memory[str, int]
    local: Callable[[str], str]
    keys: Keys
    absent: int = 0
    recalled: dict[str, int] = field(default_factory=dict, init=False)
    placed: set[str] = field(default_factory=set, init=False)
    by_name: dict[Key, list[Step]] = field(default_factory=dict, init=False)
    awaited: set[Key] = field(default_factory=set, init=False)

    async def place(self, given: Sequence[Step]) -> None:
        """Gives each step its compartment and row number, beside those placed before. Patients named but not
        here yet get one that waits; for whatever else is not here, what lives with it does.
        """
        steps = [s for s in given if s.resource is not None]
        for step in given:
            self.by_name.setdefault((step.intent.type, step.id), []).append(step)
        named: dict[int, dict[str, bool]] = {}
        for n, step in enumerate(steps):
            assert step.resource is not None and step.indexed is not None
            named[n] = {} if family(step.intent.type) else patients(step.resource, step.indexed.found)
        own = {s.id: s for s in steps if s.intent.type == "Patient"}
        fresh = [s for s in own.values() if not s.found.pat]
        taken = await self.numbers.take(self.conn, len(fresh))
        for step, pat in zip(fresh, taken, strict=True):
            step.pat = pat
        pats = {s.id: s.pat or s.found.pat for s in own.values()}
        pats |= await self._known_patients({p for ids in named.values() for p in ids} - pats.keys())
        following: list[Step] = []
        for n, step in enumerate(steps):
            step.named = {pats[p]: f"Patient/{p}" for p in reversed(named[n])}
            if named[n] or family(step.intent.type):
                await self._home(step, {pats[p]: about for p, about in named[n].items()})
            else:
                following.append(step)
        for step in self._in_turn(following):
            await self._home(step, dict.fromkeys(await self._followed(step), True))
        rids = [s for s in steps if not s.found.rid]
        for step, rid in zip(rids, await self.numbers.take(self.conn, len(rids)), strict=True):
            step.found.rid = rid
            step.found.alive = False
        await expect(self.conn, self.keys, self.awaited)
        self.awaited.clear()

    async def _home(self, step: Step, homes: dict[int, bool]) -> None:
        assert step.resource is not None
        if family(step.intent.type):
            step.pat = 0
            return
        if not homes:
            step.lone = not step.found.pat
            step.pat = step.found.pat or (await self.numbers.take(self.conn, 1))[0]
            return
        kept = step.found.pat if step.found.pat in homes else next(iter(homes))
        step.pat, step.also = kept, {pat: about for pat, about in homes.items() if pat != kept}
        if step.also:
            step.labels = sorted({*step.labels, SHARED})
        if step.found.alive and kept != step.found.pat and not (step.found.mine or step.follows):
            raise problem(
                "forbidden",
                f"Only the author of {step.intent.type}/{step.id} may file it under another person",
                f"Seul l'auteur de {step.intent.type}/{step.id} peut le classer sous une autre personne",
                at=step.intent.type,
            )

    def _in_turn(self, following: Sequence[Step]) -> Iterator[Step]:
        """What lives with what it names, after those of the batch among these; in a circle one is first."""
        waiting = {id(step) for step in following}
        for first in following:
            road = [(first, False)]
            while road:
                step, passed = road.pop()
                if passed:
                    yield step
                elif id(step) in waiting:
                    waiting.remove(id(step))
                    road.append((step, True))
                    road += [(s, False) for key in self._keys(step) for s in self.by_name.get(key, ())]

    def _keys(self, step: Step) -> list[Key]:
        """The type and id of the resources of records that a step lives with."""
        named = followed(step.resource) if step.resource is not None else ()
        keys = [(k, logical) for k, _, logical in (self.local(name).partition("/") for name in named)]
        return [key for key in keys if key[0] in type_numbers() and not family(key[0])]

    async def _known_patients(self, ids: set[str]) -> dict[str, int]:
        """Compartment numbers of Patients named; one not here yet gets a number that waits for it."""
        if not ids:
            return {}
        number = type_numbers()["Patient"]
        known = {logical: pat for logical in ids if (pat := self.places.get(logical))}
        self.recalled |= known
        self.placed |= ids
        found = known | await self._placed(number, ids - known.keys())
        missing = sorted(ids - found.keys())
        if not missing:
            return found
        if not self.sight.unrestricted:
            return found | {logical: self._nowhere() for logical in missing}
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

    def _nowhere(self) -> int:
        """The number of a compartment that is not here: refused where, and as, a hidden one is."""
        self.absent -= 1
        return self.absent

    async def _placed(self, number: int, ids: set[str]) -> dict[str, int]:
        """The compartments of Patients that are here, which are remembered."""
        found = await self._lookup(number, ids) if ids else {}
        for logical, pat in found.items():
            self.places.keep(logical, pat, _PLACE)
        return found

    async def _lookup(self, number: int, ids: set[str]) -> dict[str, int]:
        rows = await self.conn.peek(
            "select id, pat from id_map where type = $1 and id = any($2::text[]) and pat <> 0",
            number,
            sorted(ids),
        )
        return {r["id"]: r["pat"] for r in rows}

    async def _seen(self, kind: str, logical: str) -> list[int]:
        """The compartment of a resource that this actor sees."""
        if self.sight.unrestricted:
            return list((await self._lookup(type_numbers()[kind], {logical})).values())
        args = Args([type_numbers()[kind], logical])
        seen = self.sight.predicate("r", args, directory=False)
        rows = await self.conn.peek(
            "select m.pat from id_map m join res r on r.pat = m.pat and r.rid = m.rid"
            f" where m.type = $1 and m.id = $2 and {seen}",
            *args,
        )
        return [r["pat"] for r in rows]

    async def _followed(self, step: Step) -> list[int]:
        """The compartments of what a resource names. What this actor does not see is as good as absent."""
        homes: list[int] = []
        for kind, logical in self._keys(step):
            beside = self.by_name.get((kind, logical), ())
            here = [s.pat for s in beside if s.pat] or await self._seen(kind, logical)
            if not here and all(s.resource is None for s in beside):
                here = await self._absent(kind, logical)
            step.named |= dict.fromkeys(here, f"{kind}/{logical}")
            homes += here
        return list(dict.fromkeys(homes))

    async def _absent(self, kind: str, logical: str) -> list[int]:
        """The compartment of what is named and not here, which the platform's own actors may do."""
        if not self.sight.unrestricted:
            return [self._nowhere()]
        if kind == "Patient":
            return list((await self._known_patients({logical})).values())
        self.awaited.add((kind, logical))
        return []
