"""Adding a document: what the form must say, and the DocumentReference made of it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from aubier.access.actor import Actor
from aubier.access.labels import CONFIDENTIALITY, VISIBILITY
from aubier.ground.clock import instant
from aubier.ground.rows import Resource
from aubier.portals.frame.dates import partial, today
from aubier.portals.frame.forms import MAX_FILE, Form
from aubier.portals.frame.texts import Texts

CHOICES = ("normal", "INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX")
"""Confidentiality of a new document: shown, held until announced, hidden from legal representatives."""

_SIGNS = {
    b"%PDF-": "application/pdf",
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"<?xml": "text/xml",
    b"\xef\xbb\xbf<?xml": "text/xml",
    b"<ClinicalDocument": "text/xml",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of document one may add: code, code system, name by language."""

    code: str
    system: str
    names: Mapping[str, str]


@cache
def kinds() -> tuple[Kind, ...]:
    """The types offered, the most used first. Data: `kinds.json`, a choice among JDV_J07."""
    raw = json.loads((Path(__file__).parent / "kinds.json").read_text(encoding="utf-8"))
    return tuple(
        Kind(k["code"], raw["systems"][k["system"]], {"fr": k["fr"], "en": k["en"]}) for k in raw["kinds"]
    )


def options(texts: Texts) -> list[tuple[str, str]]:
    """The types as choices of a list."""
    return [(k.code, k.names[texts.language]) for k in kinds()]


def media_type(data: bytes) -> str:
    """The type of a file by its first bytes, whatever its name says; empty when not one we take."""
    return next((kind for sign, kind in _SIGNS.items() if data.lstrip()[: len(sign)] == sign), "")


def add_errors(form: Form, now: datetime) -> Mapping[str, str]:
    """What is wrong in the form: field -> key of the message."""
    errors = {}
    if form.get("type") not in {k.code for k in kinds()}:
        errors["type"] = "error.type"
    if not form.get("title"):
        errors["title"] = "error.title"
    day = partial(form.get("date"))
    if not (day and day.day):
        errors["date"] = "error.date"
    elif day.first > today(now):
        errors["date"] = "error.future"
    if form.get("confidentiality") not in CHOICES:
        errors["confidentiality"] = "error.confidentiality"
    return {**errors, **_content_errors(form)}


def _content_errors(form: Form) -> Mapping[str, str]:
    upload = form.uploads.get("file")
    if upload is None:
        return {} if form.get("text") else {"file": "error.no_content"}
    if form.get("text"):
        return {"file": "error.both"}
    if len(upload.data) > MAX_FILE:
        return {"file": "error.too_large"}
    return {} if media_type(upload.data) else {"file": "error.file_type"}


def content_of(form: Form) -> tuple[bytes, str]:
    """The bytes to deposit and their type: the file, else the text typed."""
    upload = form.uploads.get("file")
    if upload is not None:
        return upload.data, media_type(upload.data)
    return form.get("text").encode("utf-8"), "text/plain; charset=utf-8"


def document(form: Form, patient: str, actor: Actor, *, now: datetime, language: str) -> Resource:
    """The DocumentReference of a form without errors; sending it twice is harmless.

    Rule: PDSm 3.1.1, simplified publish: title, size and SHA-1 of the attachment, type, author, label.
    """
    data, kind = content_of(form)
    chosen = next(k for k in kinds() if k.code == form.get("type"))
    return {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": submission(form)},
        "status": "current",
        "type": {"coding": [{"system": chosen.system, "code": chosen.code, "display": chosen.names["fr"]}]},
        "subject": {"reference": f"Patient/{patient}"},
        "date": instant(now),
        "author": [{"reference": actor.reference, "display": actor.name}],
        "description": form.get("title"),
        "securityLabel": labels(form.get("confidentiality")),
        "content": [
            {
                "attachment": {
                    "contentType": kind,
                    "language": "fr-FR" if language == "fr" else "en",
                    "size": len(data),
                    "hash": b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode(),
                    "title": form.get("title"),
                    "creation": form.get("date"),
                }
            }
        ],
        "context": {"period": {"start": form.get("date")}},
    }


def submission(form: Form) -> str:
    """The identifier of this one deposit, the same however many times the form is sent."""
    return f"urn:uuid:{form.get('submission')}"


def labels(choice: str) -> list[Resource]:
    """The security labels of a choice of confidentiality: always N, and the visibility when restricted."""
    found = [{"coding": [{"system": CONFIDENTIALITY, "code": "N"}]}]
    if choice != "normal":
        found.append({"coding": [{"system": VISIBILITY, "code": choice}]})
    return found
