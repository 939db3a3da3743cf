"""A patch as it is sent: by its media type, or as the entry of a Bundle. Rule: FHIR R4, http.html#patch."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import replace

from aubier.fhir import json as fhir_json
from aubier.fhir.patch import Change, fhirpath_patch, json_patch
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import Call
from aubier.rest.formats.negotiation import FORMATS, media_type_of
from aubier.rest.outcome import placed

JSON_PATCH = "application/json-patch+json"
PATCH_FORMATS = [JSON_PATCH, "application/fhir+json", "application/fhir+xml"]
"""What a PATCH may bring: a JSON Patch, or Parameters that are a FHIRPath Patch."""


def sent_patch(call: Call) -> Change:
    """The change that the body of a PATCH asks for. Problem: media-type, structure."""
    kind = media_type_of(call.headers)
    if kind == JSON_PATCH:
        return _json_patch(call.body)
    if kind not in FORMATS:
        refusal = problem(
            "media-type",
            f"Send {JSON_PATCH}, or Parameters as application/fhir+json or application/fhir+xml",
            f"Envoyez {JSON_PATCH}, ou des Parameters en application/fhir+json ou application/fhir+xml",
            at="http.Content-Type",
        )
        refusal.headers["Accept-Patch"] = ", ".join(PATCH_FORMATS)  # Rule: RFC 5789 §2.2
        raise refusal
    if call.body.lstrip().startswith(b"["):
        raise _unnamed()
    return fhirpath_patch(call.resource())


def _unnamed() -> Problem:
    """The refusal of a list of operations that is not said to be a JSON Patch."""
    return problem(
        "media-type",
        f"A list of operations is a JSON Patch: send it as {JSON_PATCH}",
        f"Une liste d'opérations est un JSON Patch : envoyez-la en {JSON_PATCH}",
        at="http.Content-Type",
    )


def patch_of(resource: Resource | None) -> Change:
    """The change that an entry asks for: a Binary holds a JSON Patch, Parameters a FHIRPath Patch."""
    if resource and resource.get("resourceType") == "Parameters":
        return fhirpath_patch(resource)
    kind, body = binary(resource)
    if kind != JSON_PATCH:
        raise problem(
            "value",
            f"A PATCH is a Binary of contentType {JSON_PATCH}, or Parameters",
            f"Un PATCH est un Binary de contentType {JSON_PATCH}, ou des Parameters",
            at="Binary.contentType",
        )
    try:
        return _json_patch(body)
    except Problem as refusal:
        raise Problem(tuple(replace(i, at=("Binary.data",)) for i in refusal.issues)) from None


def binary(resource: Resource | None) -> tuple[str, bytes]:
    """The content of a Binary and its type; nothing for any other resource. Problem: it is no base64."""
    if not resource or resource.get("resourceType") != "Binary":
        return "", b""
    try:
        content = b64decode("".join(str(resource.get("data", "")).split()), validate=True)
    except binascii.Error:
        raise problem("value", "data is no base64", "data n'est pas du base64", at="Binary.data") from None
    return str(resource.get("contentType", "")), content


def _json_patch(body: bytes) -> Change:
    try:
        return json_patch(fhir_json.parse_list(body))
    except Problem as refusal:
        raise placed(refusal, "http.body") from None


def in_its_entry(change: Change, number: int) -> Change:
    """The same change; what it refuses names the entry of the Bundle, and in Parameters the part."""
    entry = f"Bundle.entry[{number}].resource"

    def placed_change(before: Resource) -> Resource:
        try:
            return change(before)
        except Problem as refusal:
            issues = tuple(replace(i, at=tuple(map(_inside, i.at)) or (entry,)) for i in refusal.issues)
            raise Problem(issues, refusal.headers) from None

    def _inside(at: str) -> str:
        return entry + at.removeprefix("Parameters") if at.startswith("Parameters.") else entry

    return placed_change
