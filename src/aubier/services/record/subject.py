"""Whose record a document enters: the patient it names, or a provisional identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aubier.access.actor import Context
from aubier.access.view import View, Write
from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.referentials.identity.api import (
    DEMO,
    NIA,
    NIR,
    TEST,
    Standing,
    receive_identity,
    with_standing,
)
from aubier.services.record.mhd.reading import listed

FLAG_SYSTEM = "urn:aubier:document-identity"
FLAG = {"system": FLAG_SYSTEM, "code": "provisional", "display": "Identité reçue non fiable, à rapprocher"}
"""The `meta.tag` of a document that entered under a provisional identity."""
_RULE = "RNIV 1 v2.0: an INS that cannot act is not used"
_ROOM = "record"
_INS = frozenset({NIR, NIA, TEST, DEMO})


@dataclass(frozen=True, slots=True)
class Subject:
    """The Patient (logical id) a document is filed under.

    `flagged`: the number it bore must not act; `reasons` say why. `keep`: the identifiers that stay.
    """

    patient: str
    flagged: bool = False
    reasons: tuple[Issue, ...] = ()
    keep: tuple[Resource, ...] = field(default=())


def _unknown(at: str) -> Problem:
    return problem(
        "business-rule",
        "No record is open here for this patient",
        "Aucun dossier n'est ouvert ici pour ce patient",
        at=at,
        rule="PDSm4DMP 0.1.0 TD0.2",
    )


def _conditional(reference: str) -> Resource | None:
    """The identifier in `Patient?identifier=system|value`."""
    if not reference.startswith("Patient?"):
        return None
    value = dict(parse_qsl(reference.partition("?")[2])).get("identifier", "")
    system, _, number = value.partition("|")
    return {"system": system, "value": number} if system and number else None


def _eyes(ctx: Context) -> View:
    """Who looks for the patient: the platform for a professional, who feeds a record without seeing it;
    a citizen only finds the records they may read. Rule: DMP, feeding needs non-opposition only.
    """
    return ctx.store if ctx.actor.kind == "citizen" else ctx.store.as_system(_ROOM)


async def _holder(ctx: Context, identifier: Resource) -> str:
    """The id of the one Patient who bears it, or nothing. Finding is not seeing: only the id is used."""
    asked = [("identifier", token(identifier)), ("_count", "2")]
    found = await _eyes(ctx).search("Patient", asked)
    ids = [str(r["id"]) for r in found.resources]
    return ids[0] if len(ids) == 1 else ""


def token(identifier: Resource) -> str:
    """`system|value` of an Identifier as a search parameter takes it. Rule: FHIR R4 search, escaping."""
    return "|".join(_escaped(str(identifier.get(part) or "")) for part in ("system", "value"))


def _escaped(text: str) -> str:
    for mark in ("\\", ",", "$", "|"):
        text = text.replace(mark, f"\\{mark}")
    return text


async def bearer(ctx: Context, identifiers: Sequence[Resource]) -> str:
    """The id of the Patient who bears one of these INS, or nothing; only numbers that may act count."""
    for identifier in receive_identity(identifiers, sandbox=ctx.settings.sandbox).keep:
        if identifier.get("system") in _INS and (patient := await _holder(ctx, identifier)):
            return patient
    return ""


async def _exists(ctx: Context, patient: str) -> bool:
    try:
        await _eyes(ctx).read("Patient", patient)
    except Problem as refusal:
        if refusal.kind in ("not-found", "deleted"):
            return False
        raise
    return True


async def _provisional(ctx: Context, source: Resource, keep: Sequence[Resource]) -> str:
    """A new Patient of status PROV with the traits received and none of the refused numbers."""
    if ctx.actor.kind == "citizen":
        raise _unknown("DocumentReference.subject")
    bare = {k: v for k, v in source.items() if k not in ("id", "identifier", "meta")}
    made = with_standing({**bare, "resourceType": "Patient", "active": True}, Standing())
    made |= {"identifier": list(keep)} if keep else {}
    written = await ctx.store.as_system(_ROOM).transact(
        [Write("create", made)], what="Patient: provisional identity of a received document", action="create"
    )
    return str(written[0].id)


async def subject_of_document(
    ctx: Context, identifiers: Sequence[Resource], source: Resource, patient: str = ""
) -> Subject:
    """Whose record a CDA document enters: `patient` (a logical id) when given, else the bearer of its INS.

    `identifiers` and the traits of `source` are those the document tells. A number that must not act flags
    the document and, unless the patient is given, files it under a provisional identity; so does, when the
    platform itself loads it, a number that nobody bears here.
    Errors: Problem `business-rule` when no record is open, or the INS is another patient's.
    Rule: RNIV 1 v2.0: a document under a production authority or a false key never reaches a record by it.
    """
    at = "ClinicalDocument.recordTarget.patientRole.id"
    received = receive_identity(identifiers, sandbox=ctx.settings.sandbox)
    found = await bearer(ctx, identifiers)
    if patient and not await _exists(ctx, patient):
        raise _unknown(at)
    if patient and found not in ("", patient):
        raise problem(
            "business-rule",
            "The INS of the document is another patient's",
            "L'INS du document est celui d'un autre patient",
            at=at,
            rule=_RULE,
        )
    holder = patient or found
    apart = not holder and (received.flagged or ctx.actor.kind == "system")
    if apart:
        keep = tuple(i for i in received.keep if i.get("system") not in _INS)
        return Subject(await _provisional(ctx, source, keep), True, received.reasons, keep)
    if not holder:
        raise _unknown(at)
    return Subject(holder, received.flagged, received.reasons, received.keep)


async def subject_of_reference(ctx: Context, subject: Resource, documents: Sequence[Resource]) -> Subject:
    """The patient of `subject` (a Reference): `Patient/id`, its URL on this server, `Patient?identifier=...`,
    or by identifier.

    `documents` give the traits told (sourcePatientInfo) if the identity must be provisional.
    Errors: Problem `business-rule` when no record is open for them.
    """
    at = "DocumentReference.subject"
    reference = ctx.store.local(str(subject.get("reference") or ""))
    asked = _conditional(reference) or subject.get("identifier")
    if reference.startswith("Patient/"):
        patient = reference.removeprefix("Patient/")
        if await _exists(ctx, patient):
            return Subject(patient)
        raise _unknown(at)
    if not isinstance(asked, dict) or not asked.get("value") or not asked.get("system"):
        raise _unknown(at)
    received = receive_identity([asked], sandbox=ctx.settings.sandbox)
    if received.flagged:
        patient = await _provisional(ctx, _source(documents), received.keep)
        return Subject(patient, True, received.reasons, received.keep)
    if patient := await _holder(ctx, asked):
        return Subject(patient)
    raise _unknown(at)


def _source(documents: Sequence[Resource]) -> Resource:
    """The Patient contained in a document as sourcePatientInfo."""
    for document in documents:
        told = (document.get("context") or {}).get("sourcePatientInfo") or {}
        for contained in listed(document.get("contained")):
            if told.get("reference") == f"#{contained.get('id')}":
                return contained
    return {"resourceType": "Patient"}


def without_numbers(resource: Resource, subject: Subject) -> Resource:
    """The resource with the flag, and without the refused numbers in the patients it contains.

    Rule: RNIV 1 v2.0: a number that cannot act is not forwarded.
    """
    if not subject.flagged:
        return resource
    contained = [
        _only(c, subject.keep) if c.get("resourceType") == "Patient" else c
        for c in listed(resource.get("contained"))
    ]
    meta = {**(resource.get("meta") or {})}
    meta["tag"] = [*listed(meta.get("tag")), FLAG]
    return {**resource, "meta": meta} | ({"contained": contained} if contained else {})


def _only(patient: Resource, keep: Sequence[Resource]) -> Resource:
    kept = [i for i in listed(patient.get("identifier")) if i in keep]
    bare = {k: v for k, v in patient.items() if k != "identifier"}
    return bare | ({"identifier": kept} if kept else {})
