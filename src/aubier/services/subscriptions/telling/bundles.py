"""What is sent: notification Bundles, messages, and the status of a subscription as Parameters. Pure.

Rule: Subscriptions R5 Backport 1.1.0, backport-subscription-notification-r4, backport-subscription-status-r4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aubier.fhir import json as fhir_json
from aubier.fhir import xml as fhir_xml
from aubier.ground.chance import Ids, random_ids
from aubier.ground.clock import instant, moment_of
from aubier.ground.rows import Resource
from aubier.services.subscriptions.asking.plan import BACKPORT, Plan

MEDIA = {"json": "application/fhir+json", "xml": "application/fhir+xml"}
_METHODS = {"create": ("POST", "201"), "update": ("PUT", "200"), "delete": ("DELETE", "204")}
_ERRORS = "http://terminology.hl7.org/CodeSystem/subscription-error"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its number, the version it is about, when. `content` is that version where it is shown."""

    number: int
    type: str
    id: str
    version: int
    op: str
    at: int
    content: Resource | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any], content: Resource | None = None) -> Event:
        """The event of a row."""
        focus = (row["type"], row["focus"], row["ver"], row["op"], row["at"])
        return cls(row["no"], *focus, content)

    @property
    def focus(self) -> str:
        """`Type/id` of what it is about."""
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscription stands: its status as the resource says it, its count of events, its gaps."""

    id: str
    topic: str
    status: str
    events: int
    gaps: Sequence[tuple[int, int]] = ()
    error: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any], plan: Plan, gaps: Sequence[Mapping[str, Any]] = ()) -> Standing:
        """The standing of a row; `refused` is `error` to others."""
        status = "error" if row["status"] == "refused" else row["status"]
        spans = [(g["first"], g["last"]) for g in gaps]
        return cls(row["id"], plan.topic, status, row["events"], spans, row["error"])


def status_of(
    base: str, standing: Standing, kind: str, events: Sequence[Event] = (), *, shows: bool
) -> Resource:
    """The SubscriptionStatus as Parameters. `shows`: events name what they are about.

    Each gap, a span of events that could not be told, is an `error` that says how to fetch them.
    """
    told = [
        {"name": "subscription", "valueReference": {"reference": f"{base}/Subscription/{standing.id}"}},
        *([{"name": "topic", "valueCanonical": standing.topic}] if standing.topic else []),
        {"name": "status", "valueCode": standing.status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(standing.events)},
        *(_event(base, e, shows=shows) for e in events),
        *(_gap(base, standing.id, first, last) for first, last in standing.gaps),
    ]
    if standing.error:
        told.append({"name": "error", "valueCodeableConcept": {"text": standing.error}})
    profile = f"{BACKPORT}/backport-subscription-status-r4"
    return {"resourceType": "Parameters", "meta": {"profile": [profile]}, "parameter": told}


def _event(base: str, event: Event, *, shows: bool) -> Resource:
    part: list[Resource] = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": instant(moment_of(event.at))},
    ]
    if shows:
        part.append({"name": "focus", "valueReference": {"reference": f"{base}/{event.focus}"}})
    return {"name": "notification-event", "part": part}


def _gap(base: str, id: str, first: int, last: int) -> Resource:
    where = f"{base}/Subscription/{id}/$events?eventsSinceNumber={first}&eventsUntilNumber={last}"
    return {
        "name": "error",
        "valueCodeableConcept": {
            "coding": [{"system": _ERRORS, "code": "no-response"}],
            "text": f"Events {first} to {last} could not be delivered; fetch them: GET {where}",
        },
    }


def notification(
    base: str,
    standing: Standing,
    kind: str,
    content: str,
    events: Sequence[Event] = (),
    *,
    ids: Ids = random_ids,
) -> Resource:
    """A notification Bundle: the status, then the events' resources as `content` says."""
    status = status_of(base, standing, kind, events, shows=content != "empty")
    bundle: Resource = {
        "resourceType": "Bundle",
        "meta": {"profile": [f"{BACKPORT}/backport-subscription-notification-r4"]},
        "type": "history",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{ids()}",
                "resource": status,
                "request": {"method": "GET", "url": f"{base}/Subscription/{standing.id}/$status"},
                "response": {"status": "200"},
            }
        ],
    }
    if content != "empty":
        bundle["entry"] += [_entry(base, e, shows=content == "full-resource") for e in _latest(events)]
    return bundle


def _latest(events: Sequence[Event]) -> list[Event]:
    """Each version once: a Bundle holds none twice."""
    return list({(e.focus, e.version): e for e in events}.values())


def _entry(base: str, event: Event, *, shows: bool) -> Resource:
    method, status = _METHODS[event.op]
    url = event.type if method == "POST" else event.focus
    entry: Resource = {"fullUrl": f"{base}/{event.focus}"}
    if shows and event.content is not None:
        entry["resource"] = event.content
    return {**entry, "request": {"method": method, "url": url}, "response": {"status": status}}


def message(
    base: str, standing: Standing, body: Resource | None, at: int, *, ids: Ids = random_ids
) -> Resource:
    """A message Bundle for `$process-message`: its header, and what it is about. Rule: FHIR R4 Messaging."""
    header: Resource = {
        "resourceType": "MessageHeader",
        "id": ids(),
        "eventUri": standing.topic or "http://hl7.org/fhir/StructureDefinition/Subscription",
        "source": {"name": "Aubier", "endpoint": base},
        "reason": {"text": f"{base}/Subscription/{standing.id}"},
    }
    entries = [{"fullUrl": f"urn:uuid:{header['id']}", "resource": header}]
    if body is not None:
        where = f"{base}/{body['resourceType']}/{body['id']}" if body.get("id") else f"urn:uuid:{ids()}"
        header["focus"] = [{"reference": where}]
        entries.append({"fullUrl": where, "resource": body})
    return {
        "resourceType": "Bundle",
        "id": ids(),
        "type": "message",
        "timestamp": instant(moment_of(at)),
        "entry": entries,
    }


def written(resource: Resource, mime: str) -> bytes:
    """The bytes of a resource in `json` or `xml`."""
    return fhir_xml.dumps(resource) if mime == "xml" else fhir_json.dumps(resource)
