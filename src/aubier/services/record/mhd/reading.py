"""What a DocumentReference or a List says, read without surprise."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from aubier.access.labels import MASKS
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.services.record.mhd import LIST_TYPES

OURS = "Binary/"


def listed(value: Any) -> list[Resource]:
    """The objects of a repeating element, whatever else may be there."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def list_kind(resource: Resource) -> str:
    """`submissionset` or `folder`, or an empty string for another List."""
    codings = listed((resource.get("code") or {}).get("coding"))
    return next((str(c.get("code")) for c in codings if c.get("system") == LIST_TYPES), "")


def attachments(document: Resource) -> Iterator[tuple[str, Resource]]:
    """Each attachment of a DocumentReference with its FHIRPath place."""
    for place, content in enumerate(listed(document.get("content"))):
        attachment = content.get("attachment")
        if isinstance(attachment, dict):
            yield f"DocumentReference.content[{place}].attachment", attachment


def replaced(document: Resource) -> list[tuple[str, Resource]]:
    """The targets of `relatesTo` with code replaces, each with its FHIRPath place."""
    return [
        (f"DocumentReference.relatesTo[{place}].target", relation.get("target") or {})
        for place, relation in enumerate(listed(document.get("relatesTo")))
        if relation.get("code") == "replaces"
    ]


def subject_of(resource: Resource) -> str:
    """The text of `subject.reference`, or an empty string."""
    return str((resource.get("subject") or {}).get("reference") or "")


def patient_id(document: Resource, local: Callable[[str], str]) -> str:
    """The logical id of the Patient that the resource is about, or an empty string. `local` gives `Type/id`
    for an absolute URL of this server.
    """
    reference = local(subject_of(document))
    return reference.removeprefix("Patient/") if reference.startswith("Patient/") else ""


def content_name(url: Any) -> str:
    """The name of one of our own contents in `Binary/<64 hexadecimal digits>`, or an empty string."""
    name = url.removeprefix(OURS) if isinstance(url, str) and url.startswith(OURS) else ""
    return name if len(name) == 64 and set(name) <= set("0123456789abcdef") else ""


def masks(labelled: Any) -> list[Resource]:
    """The visibility codings (TRE_A07) of a document's securityLabel or a meta's security, in order."""
    held = labelled if isinstance(labelled, dict) else {}
    codings = listed(held.get("security"))
    codings += [c for label in listed(held.get("securityLabel")) for c in listed(label.get("coding"))]
    return [c for c in codings if c.get("code") in MASKS]


def decoded(data: Any, at: str) -> bytes:
    """The bytes of a base64Binary. Errors: Problem `value` at `at`."""
    try:
        return base64.b64decode("".join(str(data).split()), validate=True)
    except (binascii.Error, ValueError):
        raise problem("value", "This is not base64", "Ce n'est pas du base64", at=at) from None


def display_title(document: Resource) -> str:
    """A title for people: the attachment's, else the description, else the type's label."""
    found = next((a.get("title") for _, a in attachments(document) if a.get("title")), "")
    codings = listed((document.get("type") or {}).get("coding"))
    label = next((c.get("display") for c in codings if c.get("display")), "")
    return str(found or document.get("description") or label or "document")
