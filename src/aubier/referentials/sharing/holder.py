"""Who decides on a record, and on whom: the holder, and the professional or structure named."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.access.decide import type_number
from aubier.access.labels import IDNPS, IDNST
from aubier.ground.clock import milliseconds
from aubier.ground.problem import not_found, problem
from aubier.ground.rows import Resource
from aubier.referentials.sharing.rules import Party

KEYS = {"Practitioner": ("ps", IDNPS), "Organization": ("org", IDNST)}
"""Those of the directory whom rights are given to: how a grant key begins, the system of its number."""


async def only_holder(ctx: Context, patient: str) -> None:
    """Problem `not-found` unless the actor holds this record, or represents its holder for everything."""
    if not patient or ctx.actor.kind != "citizen":
        raise not_found(f"Patient/{patient}")
    if ctx.actor.patient != patient and not await held(ctx, "represents", patient):
        raise not_found(f"Patient/{patient}")


async def held(ctx: Context, what: str, patient: str, *more: str) -> bool:
    """Whether `sharing.<what>` finds a grant of the actor's keys, and of `more`, on a record now."""
    keys = [*ctx.actor.keys, *more]
    now, number = milliseconds(ctx.now), type_number("Patient")
    return bool(await ctx.store.run(f"sharing.{what}", patient, keys, now, number))


def oneself(ctx: Context) -> Party:
    """The one who acts."""
    reference: Resource = {"reference": ctx.actor.reference, "display": ctx.actor.name}
    key = ctx.actor.keys[0]
    if key.startswith("ps:"):
        reference["identifier"] = {"system": IDNPS, "value": key.removeprefix("ps:")}
    return Party(key, reference)


async def named(ctx: Context, reference: str) -> Party:
    """The professional or structure of the directory that a reference names. Problem `value`, `not-found`."""
    kind, _, logical = reference.partition("/")
    if kind not in KEYS or not logical:
        raise problem(
            "value",
            "'actor' must be a reference to a Practitioner or an Organization of the directory",
            "« actor » doit désigner un professionnel ou une structure de l'annuaire",
            at="Parameters.parameter.where(name='actor')",
        )
    prefix, system = KEYS[kind]
    found = await ctx.store.as_system("sharing").read(kind, logical)
    number = next((str(i["value"]) for i in found.get("identifier", []) if i.get("system") == system), "")
    if not number:
        raise not_found(reference)
    identifier = {"system": system, "value": number}
    told = {"reference": reference, "identifier": identifier, "display": display(found)}
    return Party(f"{prefix}:{number}", told)


def display(found: Resource) -> str:
    """What a person or structure is called where rights are told: title, first given name, name in use."""
    name = found.get("name")
    if isinstance(name, str):
        return name
    names: list[Resource] = name or [{}]
    used = next((n for n in names if n.get("use") == "usual"), names[0])  # RNIV: one is called by this name
    titles = [t for t in (*used.get("suffix", []), *used.get("prefix", [])) if t.upper() in ("DR", "PR")]
    parts = [*titles[:1], *used.get("given", [])[:1], str(used.get("family", ""))]
    return " ".join(p for p in parts if p) or str(found.get("id", ""))
