"""`X-Provenance`: who did what is written, sent beside it and stored with it, in one transaction.

Rule: HL7 FHIR R4 4.0.1, provenance.html#header: a Provenance as JSON without target, which the server names.
"""

from __future__ import annotations

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Problem, problem
from aubier.rest.exchange import Call
from aubier.rest.outcome import placed
from aubier.store.intent import Intent

_NAME = "x-provenance"
_PLACE = "http.X-Provenance"
_ITS_OWN = "urn:uuid:00000000-0000-4000-8000-000000000001"
"""What is written, as its Provenance names it until it has an id."""


def with_provenance(call: Call, intent: Intent) -> list[Intent]:
    """A write, and the Provenance that its header brings, if any.

    Problem: the header holds no Provenance, or one that says its target; or what is sent may not be written.
    """
    text = call.headers.get(_NAME)
    if text is None:
        return [intent]
    if intent.op == "create" and intent.condition is not None:
        raise _refused(
            "If-None-Exist may find what was written before: send the Provenance apart",
            "If-None-Exist peut trouver ce qui a été écrit avant : envoyez la Provenance à part",
        )
    try:
        provenance = fhir_json.parse(text.encode("latin-1"))
    except Problem as refusal:
        raise placed(refusal, _PLACE) from None
    if provenance.get("resourceType") != "Provenance" or not provenance.keys().isdisjoint(("id", "target")):
        raise _refused(
            "Send a Provenance as JSON, without id and target: the target is what you write",
            "Envoyez une Provenance en JSON, sans id ni target : la cible est ce que vous écrivez",
        )
    intent.full_url = _ITS_OWN
    beside = {**provenance, "target": [{"reference": _ITS_OWN}]}
    return [intent, Intent("create", "Provenance", resource=beside)]


def refuse_provenance(call: Call) -> None:
    """Problem where nothing would come of the header: its sender would believe it kept."""
    if _NAME in call.headers and call.method not in ("GET", "HEAD"):
        raise _refused(
            "X-Provenance goes with a create, an update or a patch; a Bundle has it as an entry",
            "X-Provenance va avec une création, une mise à jour ou un patch ; un Bundle l'a pour entrée",
        )


def _refused(text: str, fr: str) -> Problem:
    return problem("not-supported", text, fr, at=_PLACE)
