"""Who looked, when, why: audit lines turned into sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aubier.access.labels import IDNST
from aubier.ground.rows import Resource
from aubier.portals.frame.dates import PARIS, partial, say_day, say_hour
from aubier.portals.frame.texts import Texts, sentence
from aubier.portals.reading.concepts import first_words
from aubier.portals.reading.people import tidy_name


@dataclass(frozen=True, slots=True)
class Look:
    """One audit line: who (FHIR reference and name), when (instant), on what (`Type/id`), why (code)."""

    at: datetime
    who: str
    login: str
    name: str
    role: str
    place: str
    purpose: str
    basis: str
    action: str
    targets: tuple[str, ...]
    refused: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """What one person did in the record on one day, in words."""

    who: str
    name: str
    role: str
    day: str
    hours: str
    what: str
    why: str
    tone: str
    mine: bool
    refused: bool
    service: bool


@dataclass(frozen=True, slots=True)
class VisitDay:
    """The visits of one day, newest day first."""

    day: str
    visits: tuple[Visit, ...]


def look(event: Resource) -> Look | None:
    """Reads an AuditEvent; None when it has no time."""
    found = partial(event.get("recorded", ""))
    if found is None or found.at is None:
        return None
    agent = _requestor(event.get("agent", []))
    who = agent.get("who", {})
    organization: Resource = next((a.get("who", {}) for a in event.get("agent", []) if _is_place(a)), {})
    purposes = agent.get("purposeOfUse", []) or event.get("purposeOfEvent", [])
    return Look(
        at=found.at,
        who=str(who.get("reference") or agent.get("altId") or ""),
        login=str(agent.get("altId") or ""),
        name=str(who.get("display") or agent.get("name") or ""),
        role=first_words(agent.get("role", [])),
        place=str(organization.get("display", "")).strip("0123456789"),
        purpose=next((c.get("code", "") for p in purposes for c in p.get("coding", [])), ""),
        basis=next((str(p["text"]) for p in purposes if p.get("text")), ""),
        action=event.get("action", "R"),
        targets=tuple(t for e in event.get("entity", []) if (t := _target(e.get("what", {})))),
        refused=event.get("outcome", "0") not in ("0", ""),
    )


def _target(what: Resource) -> str:
    """`Type/id`, or the type alone for a list that was read."""
    return str(what.get("reference") or what.get("type") or "")


def _requestor(agents: Sequence[Resource]) -> Resource:
    return next((a for a in agents if a.get("requestor") and not _is_place(a)), agents[0] if agents else {})


def _is_place(agent: Resource) -> bool:
    who = agent.get("who", {})
    known = who.get("identifier", {}).get("system", "") == IDNST
    return known or str(who.get("reference", "")).startswith("Organization/")


def read_looks(events: Iterable[Resource]) -> list[Look]:
    """The audit lines of AuditEvents, newest first."""
    return sorted((found for e in events if (found := look(e))), key=lambda x: x.at, reverse=True)


def visits(looks: Sequence[Look], own: Collection[str], now: datetime, texts: Texts) -> list[VisitDay]:
    """Lines grouped per day and person, newest first. `own` are the reader's names, shown as « vous »."""
    days: dict[str, dict[str, list[Look]]] = {}
    for one in looks:
        person = f"{one.who}|{one.purpose == 'ETREAT'}|{one.refused}"
        days.setdefault(one.at.astimezone(PARIS).date().isoformat(), {}).setdefault(person, []).append(one)
    return [
        VisitDay(
            sentence(say_day(day, now, texts)),
            tuple(_visit(group, own, now, texts) for group in people.values()),
        )
        for day, people in days.items()
    ]


def _visit(group: list[Look], own: Collection[str], now: datetime, texts: Texts) -> Visit:
    last, first = group[0], group[-1]
    mine = last.who in own or last.login in own
    emergency = last.purpose in ("ETREAT", "BTG")
    return Visit(
        who=last.who,
        name=_name(last, mine, texts),
        role=", ".join(p for p in (last.role, last.place) if p),
        day=say_day(last.at.isoformat(), now, texts),
        hours=_hours(first.at, last.at, texts),
        what=what_words(group, texts),
        why=_why(last, texts),
        tone="rose" if emergency else "amber" if last.refused else "",
        mine=mine,
        refused=last.refused,
        service=last.basis == "system",
    )


def _name(found: Look, mine: bool, texts: Texts) -> str:
    if mine:
        return texts("look.you")
    return texts("look.system") if found.basis == "system" else tidy_name(found.name) or texts("look.unknown")


def _why(found: Look, texts: Texts) -> str:
    """What founds the access, else its purpose, in words."""
    known = texts.has(f"basis.{found.basis}")
    return (
        texts(f"basis.{found.basis}")
        if known
        else texts.one_of(f"purpose.{found.purpose}", "purpose.unknown")
    )


def _hours(first: datetime, last: datetime, texts: Texts) -> str:
    a, b = say_hour(first.astimezone(PARIS), texts), say_hour(last.astimezone(PARIS), texts)
    return a if a == b else texts("look.between", first=a, last=b)


_SAID = (
    "DocumentReference",
    "MedicationRequest",
    "Observation",
    "AllergyIntolerance",
    "Condition",
    "Immunization",
)


def what_words(group: Sequence[Look], texts: Texts) -> str:
    """`3 documents, vos traitements`: what was looked at, written or refused, without repeating."""
    if any(one.refused for one in group):
        return texts("look.refused")
    wrote = any(one.action in ("C", "U") for one in group)
    targets = {t for one in group for t in one.targets}
    kinds = {t.split("/")[0] for t in targets}
    said = [_kind_words(k, targets, texts) for k in _SAID if k in kinds]
    if not said:
        said = [texts("look.what.identity" if kinds <= {"Patient", ""} else "look.what.other")]
    return texts("look.wrote" if wrote else "look.read", what=texts.enumerate(said))


def _kind_words(kind: str, targets: set[str], texts: Texts) -> str:
    if kind != "DocumentReference":
        return texts(f"look.what.{kind}")
    named = sum(1 for t in targets if t.startswith(f"{kind}/"))
    return texts.many("look.what.documents", named) if named else texts("look.what.list")
