"""Every way out: the requests that could tell a hidden resource from one that is not there."""

from collections.abc import Callable
from typing import Any

from tests.contract.privacy.world import Resource, binary, bundle, condition, document, entry

Request = tuple[Any, ...]
THROUGH = {
    "Patient": "Condition?subject:Patient._id={id}",
    "Encounter": "Condition?encounter:Encounter._id={id}",
    "Condition": "Encounter?diagnosis:Condition._id={id}",
    "DocumentReference": "DocumentReference?relatesto._id={id}",
    "Binary": "",
}
"""A chain that ends in the resource."""
BACK = {
    "Patient": "Patient?_has:Patient:link:_id={id}",
    "Encounter": "Patient?_has:Encounter:subject:_id={id}",
    "Condition": "Patient?_has:Condition:subject:_id={id}",
    "DocumentReference": "Patient?_has:DocumentReference:subject:_id={id}",
    "Binary": "",
}
"""A reverse chain through the resource."""
BODY: dict[str, Callable[[], Resource]] = {
    "Patient": lambda: {"resourceType": "Patient", "name": [{"family": "X"}]},
    "Encounter": lambda: {
        "resourceType": "Encounter",
        "status": "planned",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/own"},
    },
    "Condition": lambda: condition("own"),
    "DocumentReference": lambda: document("own"),
    "Binary": lambda: {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="},
}
"""What one could write of each kind in a record of one's own."""


def reads(kind: str, one: str) -> dict[str, Request]:
    """Those that only ask."""
    name = f"{kind}/{one}"
    searches = {
        "search": f"{kind}?_id={one}",
        "total": f"{kind}?_id={one}&_total=accurate",
        "count": f"{kind}?_id={one}&_summary=count",
        "include": f"{kind}?_id={one}&_include={kind}:*" if kind != "Binary" else "",
        "revinclude": f"{kind}?_id={one}&_revinclude=Provenance:target",
        "sort": f"{kind}?_id={one},none&_sort=-_lastUpdated,_id&_total=accurate",
        "chain": THROUGH[kind].format(id=one),
        "has": BACK[kind].format(id=one),
    }
    if kind in ("Patient", "Encounter"):
        searches |= {
            "everything": f"{name}/$everything",
            "everything of none": f"{name}/$everything?_type=Basic",
        }
    searches["base"] = f"?_type={kind},Basic&_id={one}&_total=accurate"
    if kind == "Patient":
        searches |= {
            "compartment": f"Patient/{one}/Condition?_total=accurate",
            "whole compartment": f"Patient/{one}/*",
            "of the patient": f"Condition?patient={one}&_total=accurate",
        }
    found: dict[str, Request] = {way: ("GET", path) for way, path in searches.items() if path}
    nothing = {"if_none_match": 'W/"1"'}
    return found | {
        "read": ("GET", name),
        "head": ("HEAD", name),
        "read if changed": ("GET", name, None, nothing),
        "read if since": ("GET", name, None, {"if_modified_since": "Fri, 01 Jan 2038 00:00:00 GMT"}),
        "vread": ("GET", f"{name}/_history/1"),
        "vread of none": ("GET", f"{name}/_history/7"),
        "history": ("GET", f"{name}/_history"),
        "search by POST": (
            "POST",
            f"{kind}/_search",
            f"_id={one}".encode(),
            {"content_type": "application/x-www-form-urlencoded"},
        ),
        "batch": ("POST", "", bundle("batch", entry("GET", name), entry("GET", f"{kind}?_id={one}"))),
        "transaction": (
            "POST",
            "",
            bundle("transaction", entry("GET", name), entry("GET", f"{name}/_history/1")),
        ),
    }


def _patch(kind: str) -> Resource:
    """One that fits no resource: what it says of a hidden one must not tell that there is one."""
    parts = [{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": f"{kind}.language"}]
    parts.append({"name": "value", "valueCode": "fr"})
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def writes(kind: str, one: str) -> dict[str, Request]:
    """Those that try to change it, or to learn of it by writing something else."""
    name, body = f"{kind}/{one}", BODY[kind]()
    put = {**body, "id": one}
    new = condition("own")
    found: dict[str, Request] = {
        "put": ("PUT", name, put),
        "put if match": ("PUT", name, put, {"if_match": 'W/"1"'}),
        "put if none": ("PUT", name, put, {"if_none_match": "*"}),
        "patch": ("PATCH", name, _patch(kind)),
        "patch if match": ("PATCH", name, _patch(kind), {"if_match": 'W/"9"'}),
        "conditional patch": ("PATCH", f"{kind}?_id={one}", _patch(kind)),
        "patch in a transaction": ("POST", "", bundle("transaction", entry("PATCH", name, _patch(kind)))),
        "delete": ("DELETE", name),
        "delete if match": ("DELETE", name, None, {"if_match": 'W/"9"'}),
        "conditional delete": ("DELETE", f"{kind}?_id={one}"),
        "put in a transaction": (
            "POST",
            "",
            bundle("transaction", entry("PUT", name, put), entry("POST", "Condition", new)),
        ),
        "delete in a transaction": ("POST", "", bundle("transaction", entry("DELETE", name))),
        "write beside a read": (
            "POST",
            "",
            bundle("transaction", entry("POST", "Condition", new), entry("GET", name)),
        ),
    }
    if kind != "Patient":
        found |= {
            "conditional create": ("POST", kind, body, {"if_none_exist": f"_id={one}"}),
            "conditional create in a transaction": (
                "POST",
                "",
                bundle("transaction", entry("POST", kind, body, ifNoneExist=f"_id={one}")),
            ),
            "conditional update": ("PUT", f"{kind}?_id={one}", body),
            "conditional update of a chosen id": ("PUT", f"{kind}?_id=none", put),
        }
    return found | {way: ("POST", r["resourceType"], r) for way, r in _naming(kind, name).items()}


def _naming(kind: str, name: str) -> dict[str, Resource]:
    """New resources that name the hidden one where it could matter."""
    named = {"reference": name}
    found: dict[str, Resource] = {}
    if kind == "Patient":
        found["subject"] = condition("own") | {"subject": named}
        found["second patient"] = {
            "resourceType": "Appointment",
            "status": "booked",
            "participant": [{"actor": {"reference": x}, "status": "accepted"} for x in ("Patient/own", name)],
        }
    else:
        found["reference in one's own"] = condition("own") | {"evidence": [{"detail": [named]}]}
        found["provenance"] = {
            "resourceType": "Provenance",
            "target": [named],
            "recorded": "2026-11-22T12:00:00Z",
            "agent": [{"who": {"display": "x"}}],
        }
        found["task"] = {"resourceType": "Task", "status": "requested", "intent": "order", "focus": named}
    if kind == "DocumentReference":
        found["security context"] = binary(name.partition("/")[2])
    return found
