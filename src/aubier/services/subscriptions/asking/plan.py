"""A Subscription read: what it asks, how it is to be told, or everything that is wrong with it.

Rule: HL7 FHIR R4 Subscription; Subscriptions R5 Backport 1.1.0, backport-subscription.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from aubier.access.actor import Context
from aubier.access.decide import require
from aubier.fhir.definitions import definitions
from aubier.ground.clock import milliseconds
from aubier.ground.problem import Issue, Kind, Problem, problem
from aubier.ground.rows import Resource
from aubier.search.model import Condition, Criterion
from aubier.search.sql.references import reference_targets
from aubier.services.subscriptions.asking.endpoint import Reach
from aubier.services.subscriptions.asking.topics import Topic, find_topic
from aubier.services.subscriptions.asking.triggers import Trigger, pairs_of

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
CRITERIA, CHANNEL = "Subscription.criteria", "Subscription.channel"
CONTENTS = ("empty", "id-only", "full-resource")
_CHANNELS = ("rest-hook", "websocket", "message")
_MIMES = {
    **dict.fromkeys(("application/fhir+json", "application/json", "json"), "json"),
    **dict.fromkeys(("application/fhir+xml", "application/xml", "xml"), "xml"),
}
_MOST_FILTERS = 20
_LONGEST_TIMEOUT, _TIMEOUT = 20, 10
_SHORTEST_BEAT, _LONGEST_BEAT = 5, 86_400
_SHOWN = frozenset({"_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_page"})


@dataclass(frozen=True, slots=True)
class Plan:
    """How a subscription is told. `topic` is empty for a subscription by criteria alone.

    `content` is empty, id-only or full-resource; `mime` json, xml or empty (no body at all), `media` the
    media type that was asked for it, if one was. Seconds: `beat` between heartbeats (0: none), `timeout` that
    an endpoint may take.
    """

    channel: str
    endpoint: str = ""
    topic: str = ""
    content: str = "full-resource"
    mime: str = "json"
    beat: int = 0
    timeout: int = _TIMEOUT
    media: str = ""

    @property
    def text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self))


_FIELDS = frozenset(each.name for each in fields(Plan))


def read_plan(text: str) -> Plan:
    """The plan that was kept. Problem (transient): one of a newer release, whose processes tell it."""
    kept = json.loads(text)
    if kept.keys() <= _FIELDS:
        return Plan(**kept)
    raise problem(
        "transient",
        "This subscription was asked of a newer release of the server, which is being put in place;"
        " try again in a while",
        "Cet abonnement a été demandé à une version plus récente du serveur, en cours d'installation ;"
        " réessayez dans un moment",
    )


async def planned(ctx: Context, subscription: Resource) -> tuple[Plan, list[Trigger], int]:
    """What a Subscription asks: how, on what, and until when (ms, 0 for ever).

    Problem for criteria or a topic that is unknown, cannot be searched or is closed to this actor; for a
    channel or endpoint that is not served; for an end that is past.
    """
    criteria = str(subscription.get("criteria", "")).strip()
    canonical = criteria if "://" in criteria.partition("?")[0] else ""
    _refuse_other_filters(subscription, canonical)
    plan = _channel(ctx, subscription, canonical)
    triggers = list(_of_topic(ctx, subscription, canonical) if canonical else [_of_criteria(criteria)])
    for trigger in triggers:
        await _check(ctx, trigger)
    return plan, triggers, _end(ctx, subscription)


def patients_named(ctx: Context, trigger: Trigger) -> list[str]:
    """The ids of the Patients one of whom every event of a trigger names; none when others may be events."""
    needed = [trigger.filters] if trigger.filters else []
    if trigger.current and not trigger.previous and "delete" not in trigger.ops:
        needed.append(trigger.current)
    for query in needed:
        for criterion in ctx.store.query(trigger.type, _decoded(query)).criteria:
            if found := _patients(criterion, trigger.type):
                return found
    return []


def _patients(criterion: Condition, kind: str) -> list[str]:
    if not isinstance(criterion, Criterion) or criterion.modifier or criterion.chain:
        return []
    if criterion.parameter.code == "_id":
        return [v.text or v.code for v in criterion.values] if kind == "Patient" else []
    if criterion.parameter.type != "reference":
        return []
    targets = reference_targets(criterion)
    found = [t.removeprefix("Patient/") for t in targets if t.startswith("Patient/")]
    return found if len(found) == len(targets) else []


def extension(element: Any, name: str) -> Any:
    """The value of an extension of the backport guide on an element, or None."""
    return next(iter(_extensions(element, name)), None)


def _extensions(element: Any, name: str) -> list[Any]:
    rows = (element or {}).get("extension") or [] if isinstance(element, dict) else []
    return [
        next((v for k, v in row.items() if k.startswith("value")), None)
        for row in rows
        if isinstance(row, dict) and row.get("url") == f"{BACKPORT}/{name}"
    ]


# -- what ---------------------------------------------------------------------------------------------


def _of_criteria(criteria: str) -> Trigger:
    kind, _, query = criteria.partition("?")
    if kind not in definitions().resource_types:
        raise problem(
            "value",
            f"{kind[:60]!r} is no type: criteria is a search like Observation?code=…, or a topic's canonical",
            f"{kind[:60]!r} n'est pas un type : criteria est une recherche comme Observation?code=…, ou l'URL"
            " d'un sujet",
            at=CRITERIA,
            rule="FHIR R4 Subscription.criteria",
        )
    return Trigger(kind, current=query)


def _of_topic(ctx: Context, subscription: Resource, canonical: str) -> Iterator[Trigger]:
    topic = find_topic(canonical, str(ctx.settings.subscription_topics))
    if topic is None:
        raise problem(
            "not-found",
            f"No topic is called {canonical[:200]}; /fhir/metadata names those there are",
            f"Aucun sujet ne s'appelle {canonical[:200]} ; /fhir/metadata nomme ceux qui existent",
            at=CRITERIA,
        )
    filters = _filters(topic, _extensions(subscription.get("_criteria"), "backport-filter-criteria"))
    for t in topic.triggers:
        if not filters or t.type in filters:
            yield Trigger(
                t.type, t.ops, t.current, t.previous, t.both,
                on_create=t.on_create, on_delete=t.on_delete, fhirpath=t.fhirpath,
                filters=filters.get(t.type, ""),
            )  # fmt: skip


def _refuse_other_filters(subscription: Resource, topic: str) -> None:
    """Problem for an extension of `criteria` that is not held: whoever sent it would be told of more."""
    element = subscription.get("_criteria") or {}
    urls = [str(row.get("url")) for row in element.get("extension") or [] if isinstance(row, dict)]
    taken = [f"{BACKPORT}/backport-filter-criteria"] if topic else []
    other = next((url for url in urls if url not in taken), "")
    if other:
        raise problem(
            "not-supported",
            f"{other[:200]} means nothing here: filters are backport-filter-criteria, of a topic",
            f"{other[:200]} n'a pas de sens ici : un filtre est un backport-filter-criteria, d'un sujet",
            at=f"{CRITERIA}.extension",
            rule="Subscriptions R5 Backport 1.1.0, backport-filter-criteria",
        )


def _filters(topic: Topic, given: list[Any]) -> dict[str, str]:
    """The query string of the filters, by type. Problem for one that the topic does not offer."""
    if len(given) > _MOST_FILTERS:
        raise problem(
            "too-costly",
            "At most 20 filters; ask for several subscriptions",
            "Au plus 20 filtres ; demandez plusieurs abonnements",
            at=CRITERIA,
        )
    found: dict[str, str] = {}
    for text in map(str, given):
        kind, _, query = text.partition("?")
        kind = kind.rpartition("/")[2]
        if kind not in {t.type for t in topic.triggers} or not query:
            raise _no_filter(text, topic, kind)
        for name, _ in _decoded(query):
            if name.partition(":")[0].partition(".")[0] not in topic.filter_names(kind):
                raise _no_filter(text, topic, kind)
        found[kind] = "&".join(q for q in (found.get(kind, ""), query) if q)
    return found


def _no_filter(text: str, topic: Topic, kind: str) -> Problem:
    offered = ", ".join(f"{t}?{n}=" for t, n in topic.filters) or "-"
    return problem(
        "not-supported",
        f"This topic cannot be filtered by {text[:200]!r}; it offers {offered}",
        f"Ce sujet ne se filtre pas par {text[:200]!r} ; il offre {offered}",
        at=f"{CRITERIA}.extension",
    )


async def _check(ctx: Context, trigger: Trigger) -> None:
    """Problem when the actor may not search that type, or its queries cannot be asked."""
    for interaction in ("search", "read"):
        try:
            require(ctx.actor, trigger.type, interaction, limited=True)
        except Problem as refusal:
            raise _at_criteria(refusal) from None
    try:
        asked = [(ctx.store.query(trigger.type, _decoded(q)), False) for q in trigger.queries]
        await ctx.store.meets(trigger.type, "", 0, asked)
    except Problem as refusal:
        raise _at_criteria(refusal) from None
    shown = [name for q in trigger.queries for name, _ in _decoded(q) if name.partition(":")[0] in _SHOWN]
    if shown:
        raise problem(
            "not-supported",
            f"{shown[0]} tells how to show a search, which criteria are not; leave it out",
            f"{shown[0]} dit comment montrer une recherche, ce que des critères ne sont pas ; retirez-le",
            at=CRITERIA,
        )


def _decoded(query: str) -> tuple[tuple[str, str], ...]:
    try:
        return pairs_of(query)
    except (UnicodeDecodeError, ValueError):
        raise problem(
            "invalid",
            "The criteria cannot be read: percent-encode them in UTF-8, at most 200 parameters",
            "Les critères sont illisibles : encodez-les en UTF-8, 200 paramètres au plus",
            at=CRITERIA,
        ) from None


def _at_criteria(refusal: Problem) -> Problem:
    return Problem(
        tuple(Issue(i.kind, i.text, i.fr, (CRITERIA, *i.at), i.severity, i.rule) for i in refusal.issues)
    )


# -- how ----------------------------------------------------------------------------------------------


def _channel(ctx: Context, subscription: Resource, topic: str) -> Plan:
    channel = subscription.get("channel") or {}
    kind = str(channel.get("type", ""))
    if kind not in _CHANNELS or extension(channel.get("_type"), "backport-channel-type") is not None:
        raise _refused(
            "not-supported",
            f"type: this server tells by {', '.join(_CHANNELS)}",
            f"type : ce serveur prévient par {', '.join(_CHANNELS)}",
        )
    endpoint = str(channel.get("endpoint", ""))
    if kind != "websocket":
        Reach.of(ctx.settings).check(endpoint)
    return Plan(
        kind,
        endpoint if kind != "websocket" else "",
        topic,
        _content(channel, topic),
        _mime(channel, topic, kind),
        _number(channel, "backport-heartbeat-period", _SHORTEST_BEAT, _LONGEST_BEAT, 0) if topic else 0,
        _number(channel, "backport-timeout", 1, _LONGEST_TIMEOUT, _TIMEOUT),
        _payload(channel) if "/" in _payload(channel) else "",
    )


def _payload(channel: Resource) -> str:
    return str(channel.get("payload", "")).partition(";")[0].strip()


def _mime(channel: Resource, topic: str, kind: str) -> str:
    payload = _payload(channel)
    if not payload:
        return "json" if topic or kind == "message" else ""
    if payload not in _MIMES:
        raise _refused(
            "not-supported",
            "payload: application/fhir+json, application/fhir+xml or none",
            "payload : application/fhir+json, application/fhir+xml ou rien",
        )
    return _MIMES[payload]


def _content(channel: Resource, topic: str) -> str:
    if not topic:
        return "full-resource" if channel.get("payload") else "empty"
    content = extension(channel.get("_payload"), "backport-payload-content") or "empty"
    if content not in CONTENTS:
        raise _refused(
            "code-invalid",
            f"backport-payload-content: one of {', '.join(CONTENTS)}",
            f"backport-payload-content : {', '.join(CONTENTS)}",
        )
    return str(content)


def _number(channel: Resource, name: str, low: int, high: int, otherwise: int) -> int:
    value = extension(channel, name)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _refused("value", f"{name}: {low} to {high} seconds", f"{name} : de {low} à {high} secondes")
    return value


def _refused(kind: Kind, english: str, french: str) -> Problem:
    return problem(kind, english, french, at=CHANNEL)


def _end(ctx: Context, subscription: Resource) -> int:
    given = subscription.get("end")
    if given is None:
        return 0
    try:
        end = milliseconds(datetime.fromisoformat(str(given)))
    except (ValueError, OverflowError):
        end = 0
    if end <= milliseconds(ctx.now):
        raise problem(
            "value",
            "This end is past; give a later one",
            "Cette fin est passée ; donnez-en une à venir",
            at="Subscription.end",
        )
    return end
