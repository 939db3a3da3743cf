"""`Composition/[id]/$document`: a Composition and what it names, as one document.

Rule: HL7 FHIR R4 4.0.1, Composition-operation-document, documents.html.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.fhir.references import Reference, iter_references
from aubier.ground.clock import instant
from aubier.ground.problem import Problem, problem
from aubier.ground.rows import Resource
from aubier.rest.exchange import Answer, Call, Limits, of_version
from aubier.rest.operations.standard import given, only
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.intent import Intent
from aubier.store.reading import Row

_SYSTEM = "urn:ietf:rfc:3986"
_MOST = 1_000
"""Resources that one document may bring."""


async def document(call: Call, view: View, _: Limits) -> Answer:
    """The document: the Composition first, then what it names, in that order, each once, as it is now.

    With `persist=true` it is stored as a Bundle (201), or is the one stored of the same versions (200).
    Problem: what is named is not to be seen, or elsewhere; a document with a part left out would look whole.
    """
    persist = dict(given(call, "persist")).get("persist", "false")
    if persist not in ("true", "false"):
        raise problem("invalid", "persist is true or false", "persist est true ou false", at="http.persist")
    if persist == "true" and call.method == "HEAD":
        raise only(call.method, "GET", "POST")
    first = await view.read_row(call.path[0], call.path[1])
    named = _named(fhir_json.parse(first.raw), call.base)
    rows = [first, *[await _read(view, one) for one in named]]
    made = _bundle(call.base, rows, instant(view.now))
    if persist == "false":
        return Answer(200, fhir_json.dumps(made))
    asked = [("identifier", f"{_SYSTEM}|{made['identifier']['value']}")]
    condition = parse("Bundle", asked, registry=registry())
    written = (await view.write([Intent("create", "Bundle", resource=made, condition=condition)]))[0]
    row = Row(written.type, written.id, written.version, written.updated, written.raw)
    place = f"{call.base}/Bundle/{written.id}/_history/{written.version}"
    status = 201 if written.status == "created" else 200
    return Answer(status, written.raw, {**of_version(row), "Location": place})


def _named(composition: Resource, base: str) -> list[Reference]:
    """What a Composition names, but other documents. Problem: elsewhere, or by criteria; too many."""
    found: dict[str, Reference] = {}
    for place in iter_references(composition):
        one = Reference.parse(place.text)
        if not place.text or one.form == "fragment" or ".relatesTo" in place.path:
            continue
        if one.form != "relative" and (one.form, one.base) != ("absolute", f"{base}/"):
            raise problem(
                "not-supported",
                f"{place.text[:200]} is not on this server, and a document holds all that it names",
                f"{place.text[:200]} n'est pas sur ce serveur, et un document contient tout ce qu'il désigne",
                at=place.path,
            )
        found.setdefault(f"{one.local}/{one.version}", one)
    if len(found) > _MOST:
        raise problem(
            "too-costly",
            f"This Composition names more than {_MOST} resources",
            f"Cette Composition désigne plus de {_MOST} ressources",
            at="Composition",
        )
    return list(found.values())


async def _read(view: View, one: Reference) -> Row:
    try:
        if one.version.isdecimal():
            return await view.vread_row(one.type, one.id, int(one.version))
        return await view.read_row(one.type, one.id)
    except Problem as refusal:
        if refusal.kind not in ("not-found", "deleted"):
            raise
        raise problem(
            "business-rule",
            f"{one.text[:200]} is not here, and a document holds all that it names",
            f"{one.text[:200]} n'est pas ici, et un document contient tout ce qu'il désigne",
            at="Composition",
        ) from None


def _bundle(base: str, rows: list[Row], now: str) -> Resource:
    """The document of these versions. Of the same versions it has the same identifier."""
    versions = [f"{base}/{row.type}/{row.id}/_history/{row.version}" for row in rows]
    return {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": _SYSTEM, "value": f"urn:uuid:{uuid5(NAMESPACE_URL, ' '.join(versions))}"},
        "timestamp": now,
        "entry": [
            {"fullUrl": f"{base}/{row.type}/{row.id}", "resource": fhir_json.parse(row.raw)} for row in rows
        ],
    }
