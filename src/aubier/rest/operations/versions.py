"""`$versions`: which versions of FHIR are spoken. Rule: FHIR R5, CapabilityStatement-operation-versions."""

from __future__ import annotations

from aubier.access.view import View
from aubier.fhir import json as fhir_json
from aubier.rest.exchange import Answer, Call, Limits
from aubier.rest.operations.standard import given

_VERSION = "4.0"


async def fhir_versions(call: Call, _: View, limits: Limits) -> Answer:
    """The one version, which is also the one that is answered when nobody names any."""
    given(call)
    told = [{"name": name, "valueCode": _VERSION} for name in ("version", "default")]
    return Answer(200, fhir_json.dumps({"resourceType": "Parameters", "parameter": told}))
