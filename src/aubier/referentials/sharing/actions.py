"""The operations of sharing: each reads, decides, and writes Consent and grants in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aubier.access.actor import Context
from aubier.access.decide import milliseconds
from aubier.access.labels import IDNPS, VISIBILITY
from aubier.access.view import Write
from aubier.ground.problem import not_found, problem
from aubier.ground.rows import Resource
from aubier.referentials.identity.api import Ins, Traits, find_strip
from aubier.referentials.sharing import rules
from aubier.store.intent import Grant, Revoke

_FOREVER = Grant("", "", "").till


def _value(parameters: Resource, name: str) -> str:
    """The text of a parameter: its value, or the reference it holds."""
    for row in parameters.get("parameter") or []:
        if row.get("name") == name:
            for key, value in row.items():
                if key == "valueReference":
                    return str(value.get("reference", ""))
                if key.startswith("value"):
                    return str(value)
    return ""


async def find(ctx: Context, parameters: Resource) -> Resource:
    """A searchset of at most one identity strip, found by exact INS or by the five strict traits.

    Finding is not seeing: the strip is the identity and that a record is open. At most 60 searches in ten
    minutes per professional. Problem: forbidden, throttled, and what `identity.find_strip` refuses.
    Rule: RNIV 1 v2.0 (strict traits); DMP TD0.2.
    """
    rules.only_professional(ctx.actor)
    await _slow_down(ctx)
    ins = _value(parameters, "ins")
    told = Traits(
        _value(parameters, "family"),
        _value(parameters, "given-names"),
        _value(parameters, "given"),
        _value(parameters, "gender"),
        _value(parameters, "birthdate"),
        _value(parameters, "birthplace"),
    )
    oid = _value(parameters, "oid")
    found = await find_strip(ctx, ins=Ins(ins, oid) if ins else None, told=None if ins else told)
    entries = []
    if found is not None:
        whole = await ctx.store.decided().read("Patient", found.patient)
        entries.append({"resource": _strip(whole), "search": {"mode": "match"}})
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return {**bundle, "entry": entries} if entries else bundle


_INS = "urn:oid:1.2.250.1.213.1.4."
_STRIP = ("resourceType", "id", "extension", "identifier", "active", "name", "gender", "birthDate")


def _strip(patient: Resource) -> Resource:
    """The identity and nothing else: no address, no contact, no doctor."""
    kept = {k: patient[k] for k in _STRIP if k in patient}
    numbers = [i for i in kept.get("identifier", []) if str(i.get("system", "")).startswith(_INS)]
    kept["identifier"] = numbers
    return {k: v for k, v in kept.items() if v != []}


async def _slow_down(ctx: Context) -> None:
    rows = await ctx.store.run("sharing.count_finds", ctx.actor.login, milliseconds(ctx.now) - 600_000)
    if rows and int(rows[0]["n"]) >= 60:
        raise problem(
            "throttled",
            "Too many searches for people in ten minutes; wait a little",
            "Trop de recherches de personnes en dix minutes ; patientez un peu",
        )
    await ctx.store.run("sharing.note_find", ctx.actor.login, milliseconds(ctx.now))


async def state_relationship(ctx: Context, parameters: Resource) -> Resource:
    """Opens a record to the professional who acts, until the term stated; the holder reads it at once.

    `reason` is one of `rules.REASONS`. Problem `forbidden` when the holder blocked this professional.
    """
    patient, key = _patient(parameters), rules.only_professional(ctx.actor)
    await _exists(ctx, patient)
    if await ctx.store.run("sharing.blocked", patient, list(ctx.actor.keys), milliseconds(ctx.now)):
        raise problem(
            "forbidden",
            "This person does not let you see their record; ask them",
            "Cette personne ne vous ouvre pas son dossier ; parlez-en avec elle",
            rule="Order of 26 Oct 2023: opposition",
        )
    reason = _value(parameters, "reason")
    if reason not in rules.REASONS:
        raise problem(
            "code-invalid",
            f"'reason' must be one of {', '.join(rules.REASONS)}",
            f"« reason » doit être parmi {', '.join(rules.REASONS)}",
            at="Parameters.parameter.where(name='reason')",
        )
    end = rules.term(_value(parameters, "until"), ctx.now, longest=rules.LONGEST)
    grant = rules.carer(patient, key, "stated")
    return await _write(ctx, patient, _self(ctx), grant, end, reason=reason)


async def end_relationship(ctx: Context, parameters: Resource) -> Resource:
    """Ends every right of the professional who acts on this record."""
    patient, key = _patient(parameters), rules.only_professional(ctx.actor)
    return await _end(ctx, patient, [key], ctx.actor.reference, deny=False)


async def share(ctx: Context, parameters: Resource) -> Resource:
    """The holder opens the record to a professional, until a day or until removed."""
    patient, actor, key = await _holder_and_actor(ctx, parameters)
    end = rules.term(_value(parameters, "until"), ctx.now, longest=None)
    return await _write(ctx, patient, actor, rules.carer(patient, key, "consent"), end)


async def unshare(ctx: Context, parameters: Resource) -> Resource:
    """The holder takes back every right of a professional, however it came to be."""
    patient, actor, key = await _holder_and_actor(ctx, parameters)
    return await _end(ctx, patient, [key], actor["reference"], deny=False)


async def block(ctx: Context, parameters: Resource) -> Resource:
    """The holder closes the record to a professional, whatever right anyone may claim later."""
    patient, actor, key = await _holder_and_actor(ctx, parameters)
    await _end(ctx, patient, [key], actor["reference"], deny=False)
    return await _write(ctx, patient, actor, Grant(patient, key, "opposition", deny=True), None)


async def unblock(ctx: Context, parameters: Resource) -> Resource:
    """The holder lifts a block; it opens nothing by itself."""
    patient, actor, key = await _holder_and_actor(ctx, parameters)
    return await _end(ctx, patient, [key], actor["reference"], deny=True)


async def mask(ctx: Context, parameters: Resource) -> Resource:
    """The holder hides a document from professionals (`masked` true) or shows it again.

    It stays visible to the holder, its author and the treating doctor. Rule: DMP TD3.3a, TRE_A07 MASQUE_PS.
    """
    logical = str(parameters["_id"])
    document = await ctx.store.read("DocumentReference", logical)
    patient = str(document.get("subject", {}).get("reference", "")).removeprefix("Patient/")
    await only_holder(ctx, patient)
    hidden = _value(parameters, "masked") not in ("false", "False")
    kept = [c for c in document.get("securityLabel", []) if not _is_mask(c)]
    if hidden:
        kept.append({"coding": [{**_MASK, "display": "Masqué aux professionnels"}]})
    changed = {k: v for k, v in document.items() if k != "securityLabel"}
    if kept:
        changed["securityLabel"] = kept
    written = await ctx.store.decided().transact(
        [Write("update", changed)], action="mask" if hidden else "unmask", what=f"DocumentReference/{logical}"
    )
    return {**changed, "meta": {**changed.get("meta", {}), "versionId": str(written[0].version)}}


_MASK = {"system": VISIBILITY, "code": "MASQUE_PS"}


def _is_mask(concept: Resource) -> bool:
    return any(c.get("code") == "MASQUE_PS" for c in concept.get("coding", []))


# -- what they share --------------------------------------------------------------------------------


def _patient(parameters: Resource) -> str:
    return str(parameters["_id"])


def _self(ctx: Context) -> Resource:
    return {"reference": ctx.actor.reference, "display": ctx.actor.name}


async def _exists(ctx: Context, patient: str) -> None:
    await ctx.store.decided().read("Patient", patient)


async def only_holder(ctx: Context, patient: str) -> None:
    """Problem unless the actor holds this record, or represents its holder for everything."""
    if not patient or ctx.actor.kind != "citizen":
        raise not_found(f"Patient/{patient}")
    if ctx.actor.patient == patient:
        return
    if not await ctx.store.run("sharing.represents", patient, list(ctx.actor.keys), milliseconds(ctx.now)):
        raise not_found(f"Patient/{patient}")


async def _holder_and_actor(ctx: Context, parameters: Resource) -> tuple[str, Resource, str]:
    patient = _patient(parameters)
    await only_holder(ctx, patient)
    reference = _value(parameters, "actor")
    if not reference.startswith("Practitioner/"):
        raise problem(
            "value",
            "'actor' must be a reference to a Practitioner of the directory",
            "« actor » doit désigner un professionnel de l'annuaire",
            at="Parameters.parameter.where(name='actor')",
        )
    person = await ctx.store.as_system("sharing").read(
        "Practitioner", reference.removeprefix("Practitioner/")
    )
    key = next((f"ps:{i['value']}" for i in person.get("identifier", []) if i.get("system") == IDNPS), "")
    if not key:
        raise not_found(reference)
    return patient, {"reference": reference, "display": _name(person)}, key


def _name(person: Resource) -> str:
    for name in person.get("name", []):
        parts = [*name.get("prefix", []), *name.get("given", []), str(name.get("family", ""))]
        return " ".join(p for p in parts if p)
    return str(person.get("id", ""))


async def _write(
    ctx: Context, patient: str, actor: Resource, grant: Grant, end: datetime | None, *, reason: str = ""
) -> Resource:
    stated = rules.consent(patient, actor, ctx.now, deny=grant.deny, until=end, by=_self(ctx), reason=reason)
    given = Grant(
        patient,
        grant.actor,
        grant.basis,
        grant.rights,
        grant.scope,
        grant.withheld,
        since=milliseconds(ctx.now),
        till=milliseconds(end) if end else _FOREVER,
        deny=grant.deny,
        reason=reason,
    )
    action = "block" if grant.deny else "share"
    written = await ctx.store.decided().transact([Write("create", stated)], grants=[given], action=action)
    return {**stated, "id": written[0].id}


async def _end(ctx: Context, patient: str, keys: Sequence[str], reference: str, *, deny: bool) -> Resource:
    view = ctx.store.decided()
    asked = [("patient", patient), ("actor", reference), ("status", "active"), ("_count", "100")]
    page = await view.search("Consent", asked)
    kind = "deny" if deny else "permit"
    over = [c for c in page.resources if c.get("provision", {}).get("type") == kind]
    writes = [Write("update", rules.ended(c, ctx.now)) for c in over]
    revokes = [Revoke(patient, key, deny=deny) for key in keys]
    await view.transact(
        writes, revokes=revokes, action="unblock" if deny else "unshare", what=f"Patient/{patient}"
    )
    return {"resourceType": "Parameters", "parameter": [{"name": "ended", "valueInteger": len(over)}]}
