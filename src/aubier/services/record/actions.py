"""Depositing, finding, reading and changing documents: reads, decides, writes once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aubier.access.actor import Context
from aubier.access.decide import require
from aubier.fhir.patch import Change
from aubier.ground.clock import instant
from aubier.ground.problem import Problem, not_found, problem
from aubier.ground.rows import Resource
from aubier.services.record.cda.document import (
    MEDIA_TYPE,
    document_reference,
    fingerprint,
    patient_identifiers,
    source_patient,
)
from aubier.services.record.cda.header import read_header
from aubier.services.record.cda.xml import parse_document
from aubier.services.record.contents import depositing
from aubier.services.record.lists import with_masks
from aubier.services.record.mhd.patch import fhirpath_patch, only_permitted
from aubier.services.record.mhd.provide import Content, Entry, Provided, read_provide, read_simplified
from aubier.services.record.mhd.reading import (
    OURS,
    attachments,
    content_name,
    decoded,
    display_title,
    masks,
    patient_id,
    replaced,
    subject_of,
)
from aubier.services.record.subject import (
    Subject,
    subject_of_document,
    subject_of_reference,
    token,
    without_numbers,
)
from aubier.services.record.visibility import authored, only_holders
from aubier.store.intent import Intent, Written

_REPLACE_RULE = "PDSm4DMP 0.1.0 TD2.1; IHE MHD 4.2.4 §2:3.65 replacement"


@dataclass(frozen=True, slots=True)
class Opened:
    """The content of a document: bytes, media type, title, and the attachment's hash (SHA-1, base64)."""

    content: bytes
    media_type: str
    title: str
    hash: str
    name: str = ""
    document: str = ""


def _feeds(ctx: Context) -> bool:
    """A professional feeds a record without a relationship, if nobody opposed; others need the right."""
    return ctx.actor.kind == "professional"


# -- replacement ----------------------------------------------------------------------------------------


async def _target(ctx: Context, target: Resource, patient: str) -> str:
    """The id of the document that a `relatesTo.target` names, or an empty string when unknown here."""
    reference = ctx.store.local(str(target.get("reference") or ""))
    if reference.startswith("DocumentReference/"):
        return reference.removeprefix("DocumentReference/")
    asked = target.get("identifier") or {}
    if not asked.get("value"):
        return ""
    pairs = [("patient", patient), ("identifier", token(asked))]
    found = await ctx.store.search("DocumentReference", pairs)
    return str(found.resources[0]["id"]) if found.resources else ""


def _superseding(ctx: Context, patient: str, at: str) -> Change:
    """Turns a document into a superseded one, if it is this patient's and still current."""

    def change(before: Resource) -> Resource:
        if patient_id(before, ctx.store.local) != patient:
            raise problem(
                "business-rule",
                "The document to replace is another patient's",
                "Le document à remplacer est celui d'un autre patient",
                at=at,
                rule=_REPLACE_RULE,
            )
        if before.get("status") != "current":
            raise problem(
                "conflict",
                f"The document to replace is {before.get('status')} already: replace its last version",
                f"Le document à remplacer est déjà {before.get('status')} : remplacez sa dernière version",
                at=at,
                rule=_REPLACE_RULE,
            )
        return {**before, "status": "superseded"}

    return change


async def _replacements(
    ctx: Context, document: Resource, patient: str, *, must_exist: bool
) -> tuple[Resource, list[Intent]]:
    """The document with its targets found, and the patches that supersede them.

    Errors: Problem `business-rule` for a target not known here, when it must be.
    """
    intents: list[Intent] = []
    relations = [dict(r) for r in document.get("relatesTo") or []]
    for at, told in replaced(document):
        found = await _target(ctx, told, patient)
        if found and not await _visible(ctx, found):
            found = ""
        if not found and must_exist:
            raise problem(
                "business-rule",
                "The document to replace is not known here",
                "Le document à remplacer n'est pas connu ici",
                at=at,
                rule=_REPLACE_RULE,
            )
        if found:
            place = int(at.partition("[")[2].partition("]")[0])
            relations[place]["target"] = {**told, "reference": f"DocumentReference/{found}"}
            intents.append(Intent("patch", "DocumentReference", found, change=_superseding(ctx, patient, at)))
    return ({**document, "relatesTo": relations} if relations else document), intents


async def _refuse_twice(ctx: Context, document: Resource, patient: str) -> None:
    """Refuses a document whose unique identifier is in the record already, as this actor wrote or sees it.

    Rule: IHE XDS, XDSDuplicateUniqueIdInRegistry.
    """
    told = document.get("masterIdentifier") or {}
    if not told.get("value"):
        return
    pairs = [("patient", patient), ("identifier", token(told)), ("status:not", "entered-in-error")]
    held = (await ctx.store.as_system("record").search("DocumentReference", pairs)).resources
    if any([await _known_to(ctx, d["id"]) for d in held]):
        raise problem(
            "duplicate",
            "A document of this identifier is in the record already",
            "Un document de cet identifiant est déjà dans le dossier",
            at="DocumentReference.masterIdentifier",
            rule="IHE XDS, XDSDuplicateUniqueIdInRegistry",
        )


async def _known_to(ctx: Context, document: str) -> bool:
    return await authored(ctx, "DocumentReference", document) or await _visible(ctx, document)


async def _visible(ctx: Context, document: str) -> bool:
    try:
        await ctx.store.read("DocumentReference", document)
    except Problem as refusal:
        if refusal.kind in ("not-found", "deleted"):
            return False
        raise
    return True


# -- depositing -----------------------------------------------------------------------------------------


async def deposit_cda(ctx: Context, data: bytes, patient: str = "") -> Written:
    """Stores a CDA R2 document: a DocumentReference made from its header, and the document itself.

    Filed under the Patient of logical id `patient` when given, else under the one whose INS it bears; an
    INS that must not act (production authority in a sandbox, false key) flags the document and files it
    under a provisional identity. Gives what came of the DocumentReference.
    Errors: Problem `structure`, `required`, `value` for the document; `business-rule` for the patient or
    the replaced document; `not-found` when this patient's record cannot be fed by this actor.
    """
    require(ctx.actor, "DocumentReference", "create")
    header = await asyncio.to_thread(lambda: read_header(parse_document(data)))
    identifiers = patient_identifiers(header.patient)
    source = source_patient(header.patient, ())
    subject = await subject_of_document(ctx, identifiers, source, patient)
    stored = await ctx.store.keep(subject.patient, data)
    document = document_reference(
        header,
        data,
        subject=f"Patient/{subject.patient}",
        url=OURS + stored.name,
        now=ctx.now,
        identifiers=subject.keep,
    )
    await _refuse_twice(ctx, document, subject.patient)
    document, older = await _replacements(ctx, document, subject.patient, must_exist=False)
    created = Intent("create", "DocumentReference", resource=without_numbers(document, subject))
    with depositing([stored.name]):
        written = await ctx.store.write(
            [created, *older], feed=_feeds(ctx), action="provide", what=header.title
        )
    return written[0]


async def publish(ctx: Context, document: Resource) -> Written:
    """ITI-105: stores a DocumentReference whose content is inside it. Gives what came of it.

    Errors: Problem `structure`, `value` (400), `business-rule`, `invariant` (422).
    """
    require(ctx.actor, "DocumentReference", "create")
    document, content = read_simplified(document)
    subject = await subject_of_reference(ctx, document["subject"], [document])
    stored = await ctx.store.keep(subject.patient, content.data)
    ready = _ready(document, subject, {"": (content, stored.name)})
    await _refuse_twice(ctx, ready, subject.patient)
    ready, older = await _replacements(ctx, ready, subject.patient, must_exist=True)
    created = Intent("create", "DocumentReference", resource=ready)
    with depositing([stored.name]):
        written = await ctx.store.write(
            [created, *older], feed=_feeds(ctx), action="provide", what=display_title(document)
        )
    return written[0]


def _ready(resource: Resource, subject: Subject, contents: Mapping[str, tuple[Content, str]]) -> Resource:
    """A document or list as it is stored: the patient named by id, contents by name, no inline data."""
    made = {k: v for k, v in resource.items() if k != "id"}
    made["subject"] = {**(made.get("subject") or {}), "reference": f"Patient/{subject.patient}"}
    if resource["resourceType"] == "DocumentReference":
        made["content"] = [_placed(c, contents) for c in made["content"]]
    return without_numbers(made, subject)


def _placed(content: Resource, contents: Mapping[str, tuple[Content, str]]) -> Resource:
    attachment = dict(content["attachment"])
    held, name = contents[str(attachment.get("url") or "")]
    attachment.pop("data", None)
    return {**content, "attachment": {**attachment, "url": OURS + name, **fingerprint(held.data)}}


async def provide(ctx: Context, bundle: Resource) -> Resource:
    """ITI-65: stores a submission, all or nothing; gives the transaction-response, an entry per input.

    Errors: as `read_provide`; `business-rule` for an unknown patient or replaced document, `conflict` when
    it is replaced already, `not-found` when this actor cannot feed the record.
    """
    require(ctx.actor, "DocumentReference", "create")
    asked = read_provide(bundle)
    documents = [e.resource for e in asked.of("document")]
    subject = await _one_subject(ctx, asked, documents)
    contents = {
        url: (content, (await ctx.store.keep(subject.patient, content.data)).name)
        for url, content in asked.contents.items()
    }
    intents, patches = await _intents(ctx, asked, subject, contents)
    title = ", ".join(display_title(d) for d in documents) or "DocumentReference"
    with depositing(name for _, name in contents.values()):
        written = await ctx.store.write(
            [*intents.values(), *patches.values()], feed=_feeds(ctx), action="provide", what=title
        )
    done = dict(zip([*intents, *patches], written, strict=True))
    entries = [_answer(ctx, e, done, contents) for e in asked.entries]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


async def _one_subject(ctx: Context, asked: Provided, documents: Sequence[Resource]) -> Subject:
    for entry in asked.entries:
        if entry.role != "content" and (entry.resource.get("subject") or {}):
            return await subject_of_reference(ctx, entry.resource["subject"], documents)
    held = await ctx.store.read("DocumentReference", asked.of("patch")[0].target)
    return await subject_of_reference(ctx, {"reference": subject_of(held)}, documents)


def _of_patient(ctx: Context, patient: str, change: Change) -> Change:
    """The same change, for this patient's documents only."""

    def checked(before: Resource) -> Resource:
        if patient_id(before, ctx.store.local) != patient:
            raise problem(
                "business-rule",
                "The document to change is another patient's",
                "Le document à modifier est celui d'un autre patient",
                at="Bundle.entry.request.url",
                rule=_REPLACE_RULE,
            )
        return change(before)

    return checked


def _together(replacing: Intent, asked: Intent | None) -> Intent:
    """One patch for a document that the bundle both replaces and changes."""
    first, then = replacing.change, asked.change if asked else None
    if first is not None and then is not None:
        replacing.change = lambda before: then(first(before))
    return replacing


async def _intents(
    ctx: Context, asked: Provided, subject: Subject, contents: Mapping[str, tuple[Content, str]]
) -> tuple[dict[int, Intent], dict[str, Intent]]:
    """The creations by the identity of their entry, and the patches by the id of their target."""
    created: dict[int, Intent] = {}
    patches: dict[str, Intent] = {}
    for entry in asked.of("patch"):
        change = _of_patient(ctx, subject.patient, only_permitted(fhirpath_patch(entry.resource)))
        patches[entry.target] = Intent("patch", "DocumentReference", entry.target, change=change)
    for entry in asked.entries:
        if entry.role not in ("submissionset", "folder", "document"):
            continue
        resource = _ready(entry.resource, subject, contents)
        if entry.role == "document":
            await _refuse_twice(ctx, resource, subject.patient)
            resource, older = await _replacements(ctx, resource, subject.patient, must_exist=True)
            for intent in older:
                patches[intent.id] = _together(intent, patches.get(intent.id))
        else:
            resource = with_masks(resource, [m for e in asked.of("document") for m in masks(e.resource)])
        kind = resource["resourceType"]
        created[id(entry)] = Intent("create", kind, resource=resource, full_url=entry.full_url)
    return created, patches


def _answer(
    ctx: Context, entry: Entry, done: Mapping[Any, Written], contents: Mapping[str, tuple[Content, str]]
) -> Resource:
    if entry.role == "content":
        response = {"status": "201 Created", "location": OURS + contents[entry.full_url][1]}
        return {"response": response | {"lastModified": instant(ctx.now)}}
    written = done[entry.target if entry.role == "patch" else id(entry)]
    return {
        "response": {
            "status": "201 Created" if written.status == "created" else "200 OK",
            "location": f"{written.type}/{written.id}/_history/{written.version}",
            "etag": f'W/"{written.version}"',
            "lastModified": instant(ctx.now),
        }
    }


# -- changing -------------------------------------------------------------------------------------------


async def change_document(
    ctx: Context, document: str, change: Change, if_match: int | None = None
) -> Resource:
    """Changes status, securityLabel or the archived mark of a document; gives the new version.

    A citizen may hide (MASQUE_PS), show and archive any document of their own record; the platform then
    writes in their name. Errors: Problem `method` for any other element, `forbidden` for a token that may
    not change documents or a visibility that is not the holder's, `not-found`, `precondition`.
    """
    require(ctx.actor, "DocumentReference", "patch")
    store, what, allowed = ctx.store, f"DocumentReference/{document}", only_permitted(change)
    if ctx.actor.kind == "citizen":
        held = await ctx.store.read("DocumentReference", document)
        if patient_id(held, ctx.store.local) == ctx.actor.patient and held.get("status") == allowed(held).get(
            "status"
        ):
            store, allowed = ctx.store.as_system("record"), _by_holder(allowed)
            what += f", asked by {ctx.actor.reference}"
    intent = Intent("patch", "DocumentReference", document, if_match=if_match, change=allowed)
    await store.write([intent], action="patch", what=what)
    return await ctx.store.read("DocumentReference", document)


def _by_holder(change: Change) -> Change:
    """The same change, refused when it touches what is not the holder's to decide."""

    def checked(before: Resource) -> Resource:
        after = change(before)
        if not only_holders(before, after) or before.get("status") != after.get("status"):
            raise problem(
                "forbidden",
                "The holder of a record hides and shows documents with MASQUE_PS only",
                "Le titulaire d'un dossier masque et démasque un document par MASQUE_PS seulement",
                at="DocumentReference.securityLabel",
                rule="DMP TD3.3a",
            )
        return after

    return checked


# -- reading --------------------------------------------------------------------------------------------


async def open_document(ctx: Context, document: Resource, place: int = 0) -> Opened:
    """The content of a DocumentReference that this actor has just read, its attachment number `place`.

    Errors: Problem `not-found` when the document has no such attachment or its content is not here.
    """
    found = list(attachments(document))
    if place >= len(found):
        raise not_found("The content", "Le contenu")
    at, attachment = found[place]
    content = await _bytes(ctx, document, attachment, at)
    return Opened(
        content,
        str(attachment.get("contentType") or "application/octet-stream"),
        display_title(document),
        fingerprint(content)["hash"],
        content_name(attachment.get("url")),
        str(document.get("id", "")),
    )


async def _bytes(ctx: Context, document: Resource, attachment: Resource, at: str) -> bytes:
    if attachment.get("data"):
        return decoded(attachment["data"], f"{at}.data")
    url = str(attachment.get("url") or "")
    if name := content_name(url):
        return await ctx.store.content(patient_id(document, ctx.store.local), name)
    if url.startswith(OURS):
        binary = await ctx.store.read("Binary", url.removeprefix(OURS))
        return decoded(binary.get("data") or "", "Binary.data")
    raise not_found("The content", "Le contenu")


async def open_content(ctx: Context, name: str) -> Opened:
    """ITI-68: the content of that name, through the document of this actor's sight that names it.

    Errors: Problem `not-found` when no document that this actor may read names it.
    """
    if not content_name(OURS + name):
        raise not_found(f"Binary/{name}")
    found = await ctx.store.search("DocumentReference", [("location", OURS + name), ("_count", "1")])
    for document in found.resources:
        for place, (_, attachment) in enumerate(attachments(document)):
            if content_name(attachment.get("url")) == name:
                return await open_document(ctx, document, place)
    raise not_found(f"Binary/{name}")


def is_cda(media_type: str, content: bytes) -> bool:
    """True when a content says it is XML and holds a ClinicalDocument."""
    return media_type.partition(";")[0] in (MEDIA_TYPE, "text/xml") and b"ClinicalDocument" in content
