"""A number acts under one Patient, whose it is: who may take it, and who may take it away.

Status and proofs of a Patient are what its writer says. What cannot be said is somebody else's traits: a
number that the national base holds acts only with the base's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aubier.access.actor import Context
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.referentials.identity.insi import base, matching
from aubier.referentials.identity.patient import Ins, traits
from aubier.referentials.identity.rules import STRICT

HELD = "RNIV 1 v2.0: one identity, one record; the identity unit alone parts them"


@dataclass(slots=True)
class Carrier:
    """A Patient that is written, the number it carries, if any, and why that does not act under it."""

    patient: Resource
    ins: Ins | None
    flags: list[Issue]

    @property
    def acts(self) -> bool:
        """Whether the number acts under it, for all that is known."""
        return self.ins is not None and not self.flags

    @property
    def key(self) -> tuple[str, str, str]:
        """What the holder of a number is known by."""
        return base.search_key(traits(self.patient))


async def against_base(ctx: Context, carriers: Sequence[Carrier]) -> None:
    """Flags the numbers that the national base holds with other traits."""
    if not carriers:
        return
    rows = await ctx.store.run("identity.people", *_columns(carriers))
    people = {one.ins: one for one in map(base.person, rows)}
    for carrier in carriers:
        known = people.get(carrier.ins) if carrier.ins else None
        if known and matching.verify(traits(carrier.patient), known):
            carrier.flags.append(_others())


async def take(ctx: Context, carriers: Sequence[Carrier]) -> None:
    """Takes the numbers for these Patients; flags those whose traits are not their holder's.

    Problem `duplicate` when one acts under another Patient, stored or before it here: told to a system actor,
    and to whoever bears all the holder's traits, never to who merely tries a number.
    """
    if not carriers:
        return
    systems, numbers = _columns(carriers)
    await ctx.store.run("identity.turns", systems, numbers)
    rows = await ctx.store.run(
        "identity.holders", systems, numbers, [carrier.patient["id"] for carrier in carriers]
    )
    holders: dict[Ins, tuple[str, str, str]] = {
        Ins(r["ins"], r["system"]): (r["name_key"], r["birth_key"], r["sex"]) for r in rows
    }
    for carrier, number in zip(carriers, map(Ins, numbers, systems), strict=True):
        holder = holders.get(number)
        if holder is None:
            holders[number] = carrier.key
        elif ctx.actor.kind != "system" and carrier.key != holder:
            carrier.flags.append(_others())
        else:
            raise _taken()


def _columns(carriers: Sequence[Carrier]) -> tuple[list[str], list[str]]:
    numbers = [c.ins for c in carriers if c.ins]
    return [n.system for n in numbers], [n.value for n in numbers]


def _taken() -> Problem:
    return problem(
        "duplicate",
        "This person's record is open already: look for it with $find",
        "Le dossier de cette personne est déjà ouvert : cherchez-le avec $find",
        at="Patient.identifier",
        rule=STRICT,
    )


def _others() -> Issue:
    return Issue(
        "business-rule",
        "The strict traits are not those that go with this INS number",
        "Les traits stricts ne sont pas ceux qui vont avec ce matricule INS",
        ("Patient.identifier",),
        rule=STRICT,
    )


async def hold(ctx: Context, after: Resource, acts: Ins | None) -> None:
    """Problem `forbidden` when anyone but a system actor makes a number act no more under its Patient.

    Removing or changing the number, lowering the status, closing the Patient or replacing it by another all
    do; `acts` is the number that would act after the write.
    """
    if ctx.actor.kind == "system":
        return
    rows = await ctx.store.run("identity.acting", after["id"])
    kept = bool(rows) and acts == Ins(rows[0]["ins"], rows[0]["system"])
    if rows and not (kept and after.get("active", True) is True and not _replaced(after)):
        raise _forbidden()


def _replaced(patient: Resource) -> bool:
    return any(link.get("type") == "replaced-by" for link in patient.get("link") or [])


async def spare(ctx: Context, asked: Resource) -> None:
    """Before a delete. Problem `forbidden` unless a system actor asks, or no number acts under that Patient.

    `asked` has no id for a conditional delete, which could mean any: refused too. `not-found` as for a read.
    """
    if ctx.actor.kind == "system":
        return
    if not asked.get("id"):
        raise problem(
            "forbidden",
            "Delete a Patient by its id: criteria could mean one whose qualified INS number stays",
            "Supprimez un Patient par son id : des critères pourraient en désigner un au matricule qualifié",
            at="http.query",
            rule=HELD,
        )
    try:
        await ctx.store.read("Patient", str(asked["id"]))
    except Problem as found:
        if found.kind == "deleted":
            return
        raise
    if await ctx.store.run("identity.acting", str(asked["id"])):
        raise _forbidden()


def _forbidden() -> Problem:
    return problem(
        "forbidden",
        "A qualified INS number stays with its Patient: the identity unit alone withdraws it",
        "Un matricule INS qualifié reste à son Patient : la cellule d'identité seule le retire",
        at="Patient.identifier",
        rule=HELD,
    )


def not_by_citizens() -> Problem:
    """A citizen neither opens nor changes a Patient: identity is the work of professionals."""
    return problem(
        "forbidden",
        "An identity is opened and changed by a professional; ask the one who looks after you",
        "Une identité est ouverte et modifiée par un professionnel ; demandez à celui qui vous suit",
        at="Patient",
        rule=HELD,
    )
