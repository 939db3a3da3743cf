"""Audit lines as the holder reads them: AuditEvents. Rule: FHIR R4 AuditEvent; IHE BALP 1.1."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from aubier.access.labels import IDNST
from aubier.ground.clock import instant, moment_of
from aubier.ground.rows import Resource

_ACTION = {
    "create": "C",
    "update": "U",
    "patch": "U",
    "delete": "D",
    "transaction": "E",
    "grant": "E",
    "revoke": "E",
}
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_KIND = re.compile(r"[A-Z][A-Za-z]+(?![A-Za-z ])")
_TARGET = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(?:/_history/[0-9]+)?)(?:/_history)?")
_PURPOSE = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


def audit_event(line: Mapping[str, Any]) -> Resource:
    """The AuditEvent of a line of the audit table: who, when, from where, why, on what, and the outcome."""
    at = instant(moment_of(line["at"]))
    event: Resource = {
        "resourceType": "AuditEvent",
        "id": f"{line['pat']}-{line['aid']}",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": _RESTFUL, "code": line["action"]}],
        "action": _ACTION.get(line["action"], "R"),
        "recorded": at,
        "outcome": "0" if line["outcome"] == "ok" else "4",
        "agent": _agents(line),
        "source": {"observer": {"display": "Aubier"}},
        "entity": _entities(line),
    }
    if line["outcome"] != "ok":
        event["outcomeDesc"] = line["outcome"]
    return event


def line_number(id: str) -> int:
    """The number of the line that the AuditEvent of this id tells of."""
    return int(id.rpartition("-")[2])


def _agents(line: Mapping[str, Any]) -> list[Resource]:
    who: Resource = {"display": line["name"]}
    if "/" in line["actor"]:
        who["reference"] = line["actor"]
    agent: Resource = {"who": who, "altId": line["actor"], "name": line["name"], "requestor": True}
    if line["purpose"]:
        agent["purposeOfUse"] = [
            {"coding": [{"system": _PURPOSE, "code": line["purpose"]}], "text": line["basis"]}
        ]
    agents = [agent]
    if line["org"]:
        number, _, name = str(line["org"]).partition(" ")
        place = {
            "identifier": {"system": IDNST, "value": number},
            "display": name or number,
        }
        agents.append({"who": place, "requestor": False})
    return agents


def _entities(line: Mapping[str, Any]) -> list[Resource]:
    """What was looked at: each resource by its reference, or the question as it was asked."""
    targets = [_resource(part) for part in str(line["what"]).split(", ")]
    if all(targets):
        return [{"what": {"reference": target}} for target in targets]
    what = str(line["what"]).strip() or "*"
    row: Resource = {"query": b64encode(what.encode()).decode()}
    kind = _KIND.match(what)
    if kind is not None:
        row["what"] = {"type": kind[0]}
    if line["hits"] is not None:
        row["detail"] = [{"type": "hits", "valueString": str(line["hits"])}]
    return [row]


def _resource(text: str) -> str:
    """The reference of a resource or one of its versions; empty for anything else."""
    found = _TARGET.fullmatch(text)
    return found[1] if found else ""
