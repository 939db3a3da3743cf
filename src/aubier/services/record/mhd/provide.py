"""ITI-65, Provide Document Bundle: what a transaction asks for, checked whole before anything is done.

Rule: IHE MHD 4.2.4 §2:3.65; PDSm 3.1.1 flows 1 and 2; PDSm4DMP 0.1.0 TD2, TD2.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Issue, Kind, Problem, problem
from aubier.ground.rows import Resource
from aubier.services.record.cda.document import fingerprint
from aubier.services.record.mhd import PDSM
from aubier.services.record.mhd.reading import attachments, decoded, list_kind, listed, subject_of

_RULE = "IHE MHD 4.2.4 §2:3.65; PDSm 3.1.1"
Role = Literal["submissionset", "folder", "document", "content", "patch"]
MAX_ENTRIES = 200
_CONDITIONS = ("ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince")
_PDSM_REQUIRED = {
    "masterIdentifier": "identifiant unique",
    "type": "type",
    "category": "classe",
    "date": "date",
    "author": "auteur",
    "securityLabel": "confidentialité",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the bundle: its role, its fullUrl, its resource, and for a patch the id of its target."""

    role: Role
    full_url: str
    resource: Resource
    target: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a document in the bundle and the media type told with them."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Provided:
    """A provide bundle understood: entries in order, contents by fullUrl, the one subject reference."""

    entries: tuple[Entry, ...]
    contents: dict[str, Content] = field(default_factory=dict)
    subject: str = ""

    def of(self, role: Role) -> list[Entry]:
        """The entries of a role, in order."""
        return [e for e in self.entries if e.role == role]


def _issue(kind: Kind, text: str, fr: str, at: str) -> Issue:
    return Issue(kind, text, fr, (at,), rule=_RULE)


def _entry(place: int, entry: Resource) -> Entry:
    """The role of one entry. Errors: Problem for one that has none here."""
    at = f"Bundle.entry[{place}]"
    resource, request = entry.get("resource"), entry.get("request")
    if not isinstance(resource, dict) or not isinstance(request, dict):
        raise problem(
            "required",
            "Each entry needs a resource and a request",
            "Chaque entrée doit avoir une ressource et une requête",
            at=at,
        )
    if held := next((name for name in _CONDITIONS if name in request), ""):
        raise problem(
            "not-supported",
            f"{held} is not taken in this transaction; leave it out",
            f"{held} n'est pas accepté dans cette transaction ; retirez-le",
            at=f"{at}.request.{held}",
            rule=_RULE,
        )
    method, url = str(request.get("method", "")), str(request.get("url", ""))
    kind, full_url = str(resource.get("resourceType", "")), str(entry.get("fullUrl") or "")
    if (method, kind) == ("PATCH", "Parameters") and url.startswith("DocumentReference/"):
        return Entry("patch", full_url, resource, url.removeprefix("DocumentReference/"))
    roles: dict[str, Role] = {"DocumentReference": "document", "Binary": "content", "Bundle": "content"}
    role = roles.get(kind) or (_list_role(resource) if kind == "List" else None)
    if method == "POST" and role:
        return Entry(role, full_url, resource)
    raise problem(
        "not-supported",
        f"{method} {kind} has no place in this transaction",
        f"{method} {kind} n'a pas sa place dans cette transaction",
        at=f"{at}.request",
        rule=_RULE,
    )


def _list_role(resource: Resource) -> Role | None:
    kind = list_kind(resource)
    return "submissionset" if kind == "submissionset" else "folder" if kind == "folder" else None


def _entries(bundle: Resource) -> tuple[list[Entry], list[Issue]]:
    found: list[Entry] = []
    issues: list[Issue] = []
    for place, entry in enumerate(listed(bundle.get("entry"))):
        try:
            found.append(_entry(place, entry))
        except Problem as refusal:
            issues += refusal.issues
    return found, issues


def _shape(bundle: Resource, entries: list[Entry]) -> Iterator[Issue]:
    """One submission set, at least one document or patch, each fullUrl once."""
    if len(listed(bundle.get("entry"))) > MAX_ENTRIES:
        text = f"A submission holds at most {MAX_ENTRIES} entries"
        yield _issue("too-costly", text, f"Un lot tient en {MAX_ENTRIES} entrées au plus", "Bundle.entry")
    sets = sum(e.role == "submissionset" for e in entries)
    if sets != 1:
        text = f"The bundle must hold one submission set List (code submissionset), it holds {sets}"
        fr = f"Le lot doit contenir une seule List de soumission (code submissionset), il en a {sets}"
        yield _issue("required", text, fr, "Bundle.entry")
    if not any(e.role in ("document", "patch") for e in entries):
        text, fr = "The bundle holds no DocumentReference", "Le lot ne contient pas de DocumentReference"
        yield _issue("required", text, fr, "Bundle.entry")
    urls = [e.full_url for e in entries if e.full_url]
    if len(urls) != len(set(urls)):
        text, fr = "Two entries have the same fullUrl", "Deux entrées ont le même fullUrl"
        yield _issue("duplicate", text, fr, "Bundle.entry.fullUrl")


def _content(entry: Entry) -> Content:
    """The bytes of a Binary, or of a FHIR document Bundle written as JSON."""
    if entry.resource["resourceType"] == "Bundle":
        return Content("application/fhir+json", fhir_json.dumps(entry.resource))
    return Content(
        str(entry.resource.get("contentType") or "application/octet-stream"),
        decoded(entry.resource.get("data") or "", "Binary.data"),
    )


def check_attachment(attachment: Resource, content: Content, at: str, *, required: bool) -> list[Issue]:
    """What of an attachment's type, size and hash is not its content's; missing ones too if required."""
    issues = []
    told = str(attachment.get("contentType") or "")
    if told.partition(";")[0] != content.media_type.partition(";")[0]:
        text = f"contentType says '{told}', the content is '{content.media_type}'"
        fr = f"contentType dit « {told} », le contenu est « {content.media_type} »"
        issues.append(_issue("invariant", text, fr, f"{at}.contentType"))
    for name, value in fingerprint(content.data).items():
        if name not in attachment:
            if required:
                text, fr = f"{name} is required", f"{name} est obligatoire"
                issues.append(_issue("invariant", text, fr, f"{at}.{name}"))
        elif attachment[name] != value:
            text = f"{name} is not that of the content, which is {value}"
            fr = f"{name} n'est pas celle du contenu, qui est {value}"
            issues.append(_issue("invariant", text, fr, f"{at}.{name}"))
    return issues


def _claims_pdsm(document: Resource) -> bool:
    profiles = (document.get("meta") or {}).get("profile") or []
    return f"{PDSM}/StructureDefinition/pdsm-comprehensive-document-reference" in profiles


def check_document(document: Resource) -> list[Issue]:
    """What a DocumentReference lacks to be shared: a subject, the status current, what its profile asks.

    Only those that claim the PDSm comprehensive profile owe the elements that PDSm adds to MHD.
    """
    issues = []
    if document.get("status") != "current":
        text, fr = "A new document is current", "Un nouveau document a le statut current"
        issues.append(_issue("business-rule", text, fr, "DocumentReference.status"))
    if not subject_of(document) and not (document.get("subject") or {}).get("identifier"):
        text, fr = "The patient is required (subject)", "Le patient est obligatoire (subject)"
        issues.append(_issue("business-rule", text, fr, "DocumentReference.subject"))
    if _claims_pdsm(document):
        for name, label in _PDSM_REQUIRED.items():
            if not document.get(name):
                fr = f"Élément obligatoire manquant : {label} ({name})"
                issues.append(_issue("business-rule", f"{name} is required", fr, f"DocumentReference.{name}"))
    return issues


def _document_issues(entry: Entry, contents: dict[str, Content]) -> Iterator[Issue]:
    yield from check_document(entry.resource)
    found = list(attachments(entry.resource))
    if not found:
        text, fr = "The document has no content", "Le document n'a pas de contenu"
        yield _issue("business-rule", text, fr, "DocumentReference.content")
    for at, attachment in found:
        content = contents.get(str(attachment.get("url") or ""))
        if content is None:
            text = "The content must be a Binary of this bundle, named by its fullUrl"
            fr = "Le contenu doit être un Binary du lot, désigné par son fullUrl"
            yield _issue("business-rule", text, fr, f"{at}.url")
        else:
            yield from check_attachment(attachment, content, at, required=True)


def _contents(entries: list[Entry], issues: list[Issue]) -> dict[str, Content]:
    found = {}
    for entry in entries:
        if entry.role == "content":
            try:
                found[entry.full_url] = _content(entry)
            except Problem as refusal:
                issues += refusal.issues
    return found


def _unused(entries: list[Entry], contents: dict[str, Content]) -> Iterator[Issue]:
    named = {a.get("url") for e in entries if e.role == "document" for _, a in attachments(e.resource)}
    for url in contents:
        if url not in named:
            text, fr = "No document names this content", "Aucun document ne désigne ce contenu"
            yield _issue("business-rule", text, fr, f"Bundle.entry.where(fullUrl='{url}')")


def _subject(entries: list[Entry], issues: list[Issue]) -> str:
    """The one patient of every document and list of the bundle."""
    told = [subject_of(e.resource) for e in entries if e.role in ("submissionset", "folder", "document")]
    named = list(dict.fromkeys(t for t in told if t))
    if len(named) > 1:
        text = "Every document and list of a submission is about the same patient"
        fr = "Tous les documents et listes d'un lot concernent le même patient"
        issues.append(_issue("business-rule", text, fr, "Bundle.entry.resource.subject"))
    return named[0] if named else ""


def read_provide(bundle: Resource) -> Provided:
    """A provide-document bundle, checked: roles, one submission set, one patient, contents that match.

    Errors: Problem with every issue found: `not-supported`, `required` (400) for the shape;
    `business-rule`, `invariant` (422) for documents that do not fit their content or their profile.
    """
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise problem(
            "invalid",
            "Send a Bundle of type transaction",
            "Envoyez un Bundle de type transaction",
            at="Bundle.type",
            rule=_RULE,
        )
    entries, issues = _entries(bundle)
    issues += [] if issues else _shape(bundle, entries)
    contents = _contents(entries, issues)
    for entry in entries:
        if entry.role == "document":
            issues += _document_issues(entry, contents)
    issues += _unused(entries, contents)
    subject = _subject(entries, issues)
    if issues:
        raise Problem(tuple(issues))
    return Provided(tuple(entries), contents, subject)


def read_simplified(document: Resource) -> tuple[Resource, Content]:
    """ITI-105: a DocumentReference whose content is inside, and that content; size and hash are completed.

    Errors: Problem `structure` for another type; `business-rule`, `invariant` (422) for what it lacks.
    Rule: PDSm 3.1.1 pdsm-simplified-publish (data 1..1, url 0..0, subject 1..1, title 1..1).
    """
    if document.get("resourceType") != "DocumentReference":
        raise problem("structure", "Send a DocumentReference", "Envoyez un DocumentReference", at="$this")
    issues = check_document(document)
    found = list(attachments(document))
    if len(found) != 1 or len(listed(document.get("content"))) != 1:
        text, fr = "One content, with its attachment", "Un seul contenu, avec sa pièce jointe"
        raise Problem((*issues, _issue("business-rule", text, fr, "DocumentReference.content")))
    at, attachment = found[0]
    issues += _simplified_issues(attachment, at)
    if issues:
        raise Problem(tuple(issues))
    content = Content(str(attachment["contentType"]), decoded(attachment["data"], f"{at}.data"))
    issues = check_attachment(attachment, content, at, required=False)
    if issues:
        raise Problem(tuple(issues))
    return document, content


def _simplified_issues(attachment: Resource, at: str) -> Iterator[Issue]:
    for name in ("contentType", "data", "title"):
        if not attachment.get(name):
            yield _issue("business-rule", f"{name} is required", f"{name} est obligatoire", f"{at}.{name}")
    if "url" in attachment:
        text, fr = "The content is inside: no url", "Le contenu est à l'intérieur : pas d'url"
        yield _issue("business-rule", text, fr, f"{at}.url")
