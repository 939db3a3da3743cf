"""The patient's page: banner, since the last visit, line of time, treatments, history, one curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aubier.ground.rows import Resource
from aubier.portals.frame.dates import days_until, partial, say_day, say_month, today
from aubier.portals.frame.texts import Texts
from aubier.portals.reading.concepts import concept_words, first_words
from aubier.portals.reading.medicines import Medicine, medicine_name, medicines
from aubier.portals.reading.papers import papers
from aubier.portals.reading.people import Strip, strip
from aubier.portals.reading.plot import Plot, plot

OPEN_MONTHS = 3
"""Months of the line of time shown open; the others are folded by year."""


@dataclass(frozen=True, slots=True)
class Allergy:
    """One allergy in words; `severe` when it is of high criticality."""

    text: str
    severe: bool


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the line of time. `tone` colours its dot: alert, document or care."""

    date: str
    day: str
    title: str
    text: str
    href: str = ""
    tone: str = "care"
    tags: tuple[tuple[str, str], ...] = ()
    new: bool = False


@dataclass(frozen=True, slots=True)
class Month:
    """The events of one month."""

    title: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Year:
    """The older months of one year, shown folded with their count."""

    title: str
    months: tuple[Month, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Since:
    """What is new since the professional last saw this patient: lines of count, words and tone."""

    title: str
    day: str
    lines: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class ChartFacts:
    """The FHIR resources a patient's page is made of. `me` is the reader's reference.

    `narrowed` leaves the line of time to the documents found.
    """

    patient: Resource
    me: str = ""
    allergies: Sequence[Resource] = ()
    requests: Sequence[Resource] = ()
    documents: Sequence[Resource] = ()
    conditions: Sequence[Resource] = ()
    encounters: Sequence[Resource] = ()
    dispenses: Sequence[Resource] = ()
    immunizations: Sequence[Resource] = ()
    measures: Sequence[Resource] = ()
    narrowed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What the patient's page shows."""

    who: Strip
    allergies: tuple[Allergy, ...]
    since: Since
    months: tuple[Month, ...]
    years: tuple[Year, ...]
    medicines: tuple[Medicine, ...]
    history: tuple[tuple[str, str], ...]
    plot: Plot | None


def chart(facts: ChartFacts, now: datetime, texts: Texts) -> Chart:
    """The patient's page made of `facts`."""
    start, visited = last_visit(facts, now)
    taken = medicines(facts.requests, now, texts)
    events = timeline(facts, start, now, texts)
    months, years = by_month(events, texts)
    return Chart(
        who=strip(facts.patient, now, texts),
        allergies=allergies(facts.allergies),
        since=_since(facts, events, (start, visited), now=now, texts=texts),
        months=months,
        years=years,
        medicines=tuple(taken),
        history=_history(facts.conditions, texts),
        plot=plot(facts.measures, now, texts),
    )


def banner(
    patient: Resource, found: Sequence[Resource], now: datetime, texts: Texts
) -> tuple[Strip, tuple[Allergy, ...]]:
    """The banner of the other pages of this patient: identity and allergies."""
    return strip(patient, now, texts), allergies(found)


def allergies(found: Sequence[Resource]) -> tuple[Allergy, ...]:
    """Active allergies, severe ones first: substance, reaction, year of onset."""
    active = [a for a in found if _status(a, "clinicalStatus") not in ("inactive", "resolved")]
    said = [Allergy(_allergy_words(a), a.get("criticality") == "high") for a in active]
    return tuple(sorted(said, key=lambda a: (not a.severe, a.text)))


def _allergy_words(allergy: Resource) -> str:
    reactions = [concept_words(m) for r in allergy.get("reaction", []) for m in r.get("manifestation", [])]
    year = str(allergy.get("onsetDateTime") or allergy.get("recordedDate") or "")[:4]
    more = ", ".join(p for p in (*reactions[:1], year) if p)
    what = concept_words(allergy.get("code", {}))
    return f"{what} ({more})" if more else what


def _status(resource: Resource, name: str) -> str:
    return next((str(c.get("code", "")) for c in resource.get(name, {}).get("coding", [])), "")


def last_visit(facts: ChartFacts, now: datetime) -> tuple[str, bool]:
    """The day of the reader's last encounter with this patient; else 30 days ago, and False."""
    mine = [
        _start(e)[:10]
        for e in facts.encounters
        if any(p.get("individual", {}).get("reference") == facts.me for p in e.get("participant", []))
    ]
    past = [d for d in mine if d and d < today(now).isoformat()]
    return (max(past), True) if past else ((today(now) - timedelta(days=30)).isoformat(), False)


def _start(resource: Resource) -> str:
    return str(resource.get("period", {}).get("start", ""))


def timeline(facts: ChartFacts, start: str, now: datetime, texts: Texts) -> list[Event]:
    """Everything dated, newest first; what happened after `start` is said to be new."""
    patient = facts.patient.get("id", "")
    events = [
        *_documents(facts.documents, patient, now=now, texts=texts),
        *(_stay(e, now, texts) for e in facts.encounters if not facts.narrowed),
        *_dispensed(facts.dispenses, now, texts),
        *(_vaccine(i, now, texts) for i in facts.immunizations),
    ]
    marked = [replace(e, new=e.date[:10] > start) for e in events if e.date]
    return sorted(marked, key=lambda e: e.date[:10], reverse=True)


def _documents(found: Sequence[Resource], patient: str, *, now: datetime, texts: Texts) -> list[Event]:
    events = []
    for p in papers(found, now, texts):
        tags = [("amber", texts("paper.unseen"))] if p.unseen else []
        tags += [("", texts.many("paper.versions", p.versions))] if p.versions > 1 else []
        text = ". ".join(x for x in (p.kind if p.kind != p.title else "", p.source) if x)
        href = f"/pro/patients/{patient}/documents/{p.id}"
        events.append(Event(p.date, p.short, p.title, text, href, tone="document", tags=tuple(tags)))
    return events


def _stay(encounter: Resource, now: datetime, texts: Texts) -> Event:
    inside = encounter.get("class", {}).get("code") in ("IMP", "ACUTE", "EMER")
    start, end = _start(encounter), str(encounter.get("period", {}).get("end", ""))
    title = first_words(encounter.get("type", [])) or texts("event.stay" if inside else "event.visit")
    reason = first_words(encounter.get("reasonCode", []))
    place = encounter.get("serviceProvider", {}).get("display", "")
    who = next(
        (
            p["individual"]["display"]
            for p in encounter.get("participant", [])
            if "display" in p.get("individual", {})
        ),
        "",
    )
    first, last = partial(start), partial(end)
    days = (last.first - first.first).days if inside and first and last else 0
    spent = texts.many("event.days", days) if days else ""
    text = ". ".join(
        x for x in (", ".join(x for x in (place, who) if x), ", ".join(x for x in (reason, spent) if x)) if x
    )
    day = say_day(start, now, texts, short=True)
    return Event(start, day, title, text, tone="alert" if inside else "care")


def _dispensed(found: Sequence[Resource], now: datetime, texts: Texts) -> list[Event]:
    days: dict[tuple[str, str], list[str]] = {}
    for one in found:
        day = str(one.get("whenHandedOver") or one.get("whenPrepared") or "")[:10]
        place = next((str(p.get("actor", {}).get("display", "")) for p in one.get("performer", [])), "")
        days.setdefault((day, place), []).append(medicine_name(one))
    return [
        Event(
            day, say_day(day, now, texts, short=True), texts("event.dispensed", what=", ".join(names)), place
        )
        for (day, place), names in days.items()
        if day
    ]


def _vaccine(found: Resource, now: datetime, texts: Texts) -> Event:
    day = str(found.get("occurrenceDateTime", ""))
    who = next((str(p.get("actor", {}).get("display", "")) for p in found.get("performer", [])), "")
    title = texts("event.vaccine", what=concept_words(found.get("vaccineCode", {})))
    return Event(day, say_day(day, now, texts, short=True), title, who)


def by_month(events: Sequence[Event], texts: Texts) -> tuple[tuple[Month, ...], tuple[Year, ...]]:
    """The first three months that have something, then the older ones by year; newest first."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.date[:7], []).append(event)
    months = [(key, Month(say_month(key, texts), tuple(of))) for key, of in found.items()]
    years: dict[str, list[Month]] = {}
    for key, month in months[OPEN_MONTHS:]:
        years.setdefault(key[:4], []).append(month)
    folded = tuple(Year(y, tuple(of), sum(len(m.events) for m in of)) for y, of in years.items())
    return tuple(month for _, month in months[:OPEN_MONTHS]), folded


def _since(
    facts: ChartFacts, events: Sequence[Event], visit: tuple[str, bool], *, now: datetime, texts: Texts
) -> Since:
    start, visited = visit
    fresh = [e for e in events if e.new]
    stays = sum(1 for e in fresh if e.tone == "alert")
    changed = [m for m in facts.requests if str(m.get("authoredOn", ""))[:10] > start]
    lines = [
        (str(stays), texts.many("since.stays", stays), "rose"),
        (str(len(changed)), texts.many("since.changes", len(changed), names=_few(changed, texts)), "sky"),
        (str(n := sum(1 for e in fresh if e.tone == "document")), texts.many("since.documents", n), ""),
    ]
    span = texts.many("event.days" if visited else "since.days", -(days_until(start, now) or 0))
    day = f"{say_day(start, now, texts)}, {span}" if visited else span
    return Since(
        texts("since.visit" if visited else "since.month"), day, tuple(x for x in lines if x[0] != "0")
    )


def _few(requests: Sequence[Resource], texts: Texts) -> str:
    names = sorted({medicine_name(r) for r in requests})
    return texts.enumerate(names) if len(names) < 3 else ", ".join(names[:2]) + "…"


def _history(conditions: Sequence[Resource], texts: Texts) -> tuple[tuple[str, str], ...]:
    """Known conditions, the newest first: words and year."""
    said = {
        concept_words(c.get("code", {})): str(c.get("onsetDateTime") or c.get("recordedDate") or "")[:4]
        for c in conditions
        if _status(c, "verificationStatus") not in ("refuted", "entered-in-error")
    }
    return tuple(sorted(((k, v) for k, v in said.items() if k), key=lambda p: p[1], reverse=True))
