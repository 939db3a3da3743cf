"""`$closure`: the relations among the concepts that an application uses, told as they come.

Rule: FHIR R4, terminology-service, maintaining a closure table; operation ConceptMap-closure. A closure
belongs to whoever began it.
"""

from __future__ import annotations

from typing import Any

from aubier.ground.problem import not_found, problem
from aubier.ground.rows import Resource
from aubier.terminology.api import Terminology
from aubier.terminology.operations.parameters import Asked, asked, open_to

MOST = 10_000
"""The most concepts of one closure."""

_AT = "Parameters.parameter.where(name='concept')"


async def closure(ctx: Any, parameters: Resource) -> Resource:
    """`$closure`: the new relations that `concept`s bring to the closure `name`.

    In: `name` alone begins it, or empties it; with `concept` (Coding), adds them; with `version`, tells again
    everything since. Out: a ConceptMap, its version the state after: each code with those above it, by the
    equivalence `subsumes`. Problem `not-found` for a closure that was not begun, or a concept that is not
    here; `too-costly` beyond 10,000 concepts.
    """
    open_to(ctx, "ConceptMap")
    call = asked(parameters, ("ConceptMap", "closure"))
    owner, name = str(ctx.actor.login), call.needed("name")
    codings, since = _codings(call), call.number("version")
    if not codings and since is None:
        await ctx.store.run("terminology.begin-closure", owner, name)
        return _map(ctx, name, 0, [])
    if not await ctx.store.run("terminology.closure-begun", owner, name):
        raise not_found(f"$closure {name[:100]}")
    before = await _members(ctx, owner, name)
    if len(before.keys() | set(codings)) > MOST:
        raise problem(
            "too-costly",
            f"At most {MOST} concepts a closure",
            f"Au plus {MOST} concepts par fermeture",
            at=_AT,
        )
    terminology = Terminology(ctx.store)
    for system, codes in _by_system(codings).items():
        await terminology.lookup_all(system, codes)
    if codings:
        await ctx.store.run(
            "terminology.add-closure", owner, name, [s for s, _ in codings], [c for _, c in codings]
        )
    members = await _members(ctx, owner, name)
    if since is None:
        new = set(members) - set(before)
    else:
        new = {key for key, seq in members.items() if seq > since}
    pairs = await _pairs(terminology, set(members), new)
    return _map(ctx, name, max(members.values(), default=0), pairs)


def _codings(call: Asked) -> list[tuple[str, str]]:
    found = []
    for row, at in call.each("concept"):
        coding = row.get("valueCoding")
        if not isinstance(coding, dict) or not coding.get("system") or not coding.get("code"):
            raise problem(
                "value",
                "A concept is a Coding with system and code",
                "Un concept est un Coding avec system et code",
                at=at,
            )
        found.append((str(coding["system"]), str(coding["code"])))
    return list(dict.fromkeys(found))


def _by_system(codings: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for system, code in codings:
        found.setdefault(system, []).append(code)
    return found


async def _members(ctx: Any, owner: str, name: str) -> dict[tuple[str, str], int]:
    rows = await ctx.store.run("terminology.closure", owner, name, MOST + 1)
    return {(row["system"], row["code"]): row["seq"] for row in rows}


async def _pairs(
    terminology: Terminology, members: set[tuple[str, str]], new: set[tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """(system, code, code above it) of which one at least is new."""
    found = []
    for system in sorted({system for system, _ in new}):
        codes = sorted(code for here, code in members if here == system)
        known = await terminology.library.concepts(await terminology.library.system(system), codes)
        found += [
            (system, code, above)
            for code, concept in sorted(known.items())
            for above in sorted(concept.lineage - {code})
            if (system, above) in members and ({(system, code), (system, above)} & new)
        ]
    return found


def _map(ctx: Any, name: str, version: int, pairs: list[tuple[str, str, str]]) -> Resource:
    groups: dict[str, dict[str, list[Resource]]] = {}
    for system, code, above in pairs:
        target = {"code": above, "equivalence": "subsumes"}
        groups.setdefault(system, {}).setdefault(code, []).append(target)
    found: Resource = {
        "resourceType": "ConceptMap",
        "version": str(version),
        "name": name,
        "status": "active",
        "experimental": True,
        "date": ctx.now.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
    }
    if groups:
        found["group"] = [
            {
                "source": system,
                "target": system,
                "element": [{"code": code, "target": targets} for code, targets in elements.items()],
            }
            for system, elements in groups.items()
        ]
    return found
