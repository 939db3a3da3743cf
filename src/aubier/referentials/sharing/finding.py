"""Finding is not seeing: one identity strip, by exact INS or by the five strict traits."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.access.decide import require
from aubier.ground.clock import milliseconds
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.referentials.identity.api import Ins, Traits, find_strip
from aubier.referentials.sharing import rules

_NAMES = ("ins", "oid", "family", "given-names", "given", "gender", "birthdate", "birthplace")
_MOST = 60
_WINDOW = 600_000
"""At most so many searches for people in so many milliseconds, for one professional."""
FOUND_FOR = 24 * 3_600_000
"""Milliseconds during which a person who was found may be said to be in one's care."""


async def find(ctx: Context, parameters: Resource) -> Resource:
    """A searchset of at most one identity strip, found by exact INS or by the five strict traits.

    `ins` and `oid`, or `family`, `given` or `given-names`, `gender`, `birthdate`, `birthplace` (INSEE). The
    strip is the identity and that a record is open; reading it leaves a line in that record. At most 60
    searches in ten minutes. Problem: forbidden, throttled, and what `identity.find_strip` refuses.
    Rule: RNIV 1 v2.0 (strict traits); DMP TD0.2.
    """
    key = rules.only_professional(ctx.actor)
    require(ctx.actor, "Patient", "search")
    told = {name: str(value) for name, value in rules.asked(parameters, *_NAMES).items()}
    await _slow_down(ctx, key)
    if told.get("ins"):
        found = await find_strip(ctx, ins=_ins(told))
    else:
        found = await find_strip(ctx, told=_traits(told))
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": 1 if found else 0}
    if found is None:
        return bundle
    await ctx.store.run("sharing.note_found", key, found.patient, milliseconds(ctx.now))
    strip = _strip(found.resource, found.strip.ins)
    return {**bundle, "entry": [{"resource": strip, "search": {"mode": "match"}}]}


def _ins(told: dict[str, str]) -> Ins:
    oid = told.get("oid", "")
    return Ins(told["ins"], oid if oid.startswith("urn:oid:") or not oid else f"urn:oid:{oid}")


def _traits(told: dict[str, str]) -> Traits:
    names = ("family", "given-names", "given", "gender", "birthdate", "birthplace")
    return Traits(*(told.get(name, "") for name in names))


_KEPT = ("resourceType", "id", "active", "name", "gender", "birthDate")
_EXTENSIONS = ("patient-birthPlace", "identity-reliability")


def _strip(patient: Resource, ins: str) -> Resource:
    """The identity and nothing else: no address, no contact, no doctor, no number that may not act."""
    kept = {k: patient[k] for k in _KEPT if k in patient}
    told = [e for e in patient.get("extension", []) if str(e.get("url", "")).endswith(_EXTENSIONS)]
    numbers = [i for i in patient.get("identifier", []) if ins and i.get("value") == ins]
    kept |= {k: v for k, v in (("extension", told), ("identifier", numbers)) if v}
    return kept


async def _slow_down(ctx: Context, key: str) -> None:
    now = milliseconds(ctx.now)
    if not await ctx.store.run("sharing.note_find", key, now, now - _WINDOW, _MOST):
        raise problem(
            "throttled",
            "Too many searches for people in ten minutes; wait a little",
            "Trop de recherches de personnes en dix minutes ; patientez un peu",
        )
