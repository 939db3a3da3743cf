"""Documents in plain words: what it is, who wrote it, when, of which family, hidden or not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from aubier.access.labels import MASKS
from aubier.ground.rows import Resource
from aubier.portals.frame.dates import days_until, say_day
from aubier.portals.frame.texts import Texts
from aubier.portals.reading.people import caregiver_name, tidy_name

NEW_DAYS = 7
"""A document added less than this many days ago is said to be new."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of document types as people sort them: its key, icon, tone and type codes."""

    key: str
    icon: str
    tone: str
    codes: tuple[str, ...]


@cache
def families() -> tuple[Family, ...]:
    """The families, in the order shown. Data: `families.json`, over the codes of JDV_J07."""
    raw = json.loads((Path(__file__).parent / "families.json").read_text(encoding="utf-8"))
    return tuple(Family(f["key"], f["icon"], f["tone"], tuple(f["codes"])) for f in raw["families"])


@cache
def _by_code() -> Mapping[str, Family]:
    return {code: f for f in families() for code in f.codes}


def family(key: str) -> Family | None:
    """The family of that key, if there is one."""
    return next((f for f in families() if f.key == key), None)


OTHER = Family("other", "paper", "sky", ())
"""Where a type no family names goes."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as a line of a list. `versions` counts the provisional versions folded into it.

    `depositor` says who deposited it when that is not whom it names as author.
    """

    id: str
    title: str
    kind: str
    family: str
    icon: str
    tone: str
    date: str
    day: str
    short: str
    author: str
    place: str
    source: str
    new: bool
    masked: bool
    unseen: bool
    versions: int = 1
    depositor: str = ""


def paper(document: Resource, now: datetime, texts: Texts) -> Paper:
    """One DocumentReference in words."""
    found = _family(document)
    date = document_date(document)
    hidden = hidden_from(document)
    author, place = _author(document), document.get("custodian", {}).get("display", "")
    depositor = _depositor(document, texts)
    added = days_until(document.get("meta", {}).get("lastUpdated", "")[:10] or date[:10], now)
    return Paper(
        id=document.get("id", ""),
        title=_title(document) or texts("paper.untitled"),
        kind=_kind(document) or texts(f"family.{found.key}"),
        family=found.key,
        icon=found.icon,
        tone=found.tone,
        date=date,
        day=say_day(date, now, texts),
        short=say_day(date, now, texts, short=True),
        author=author,
        place=place if place != author else "",
        source=", ".join(keep_together(p) for p in dict.fromkeys((place, author, depositor)) if p),
        new=added is not None and -NEW_DAYS < added <= 0 and _recent(date, now),
        masked="ps" in hidden,
        unseen="patient" in hidden,
        depositor=depositor,
    )


def keep_together(name: str) -> str:
    """A short name whose words stay on one line; a long one may break."""
    return name.replace(" ", "\u00a0") if len(name) < 24 else name


def _recent(date: str, now: datetime) -> bool:
    """An old document loaded yesterday is not news."""
    ago = days_until(date[:10], now)
    return ago is None or ago > -60


def papers(documents: Sequence[Resource], now: datetime, texts: Texts) -> list[Paper]:
    """Documents in words, the versions of one report folded: same type, author and day of the event."""
    folded: dict[tuple[str, ...], Paper] = {}
    for document in documents:
        line = paper(document, now, texts)
        key = _event(document, line)
        if key in folded:
            folded[key] = _merged(folded[key], line)
        else:
            folded[key] = line
    return list(folded.values())


def _event(document: Resource, line: Paper) -> tuple[str, ...]:
    """Only biology is folded: provisional results follow one another under one same title."""
    if line.family != "biology":
        return (line.id,)
    return (line.kind, line.author or line.place, line.title, line.date[:10])


def _merged(first: Paper, second: Paper) -> Paper:
    newest = first if first.date >= second.date else second
    return replace(newest, versions=first.versions + second.versions)


def document_date(document: Resource) -> str:
    """When it happened: the start of the episode, else the attachment's date, else the deposit's."""
    period = document.get("context", {}).get("period", {})
    content: Resource = next((c.get("attachment", {}) for c in document.get("content", [])), {})
    return str(period.get("start") or content.get("creation") or document.get("date") or "")


def hidden_from(document: Resource) -> frozenset[str]:
    """From whom its visibility codes hide it: `ps` professionals, `patient`, `rep` legal representatives."""
    codes = {c.get("code") for label in document.get("securityLabel", []) for c in label.get("coding", [])}
    return frozenset(label.removeprefix("mask:") for code, label in MASKS.items() if code in codes)


def attachment(document: Resource) -> Resource:
    """Its first attachment, or an empty one."""
    return next((dict(c.get("attachment", {})) for c in document.get("content", [])), {})


def _title(document: Resource) -> str:
    return str(attachment(document).get("title") or document.get("description") or _kind(document))


def _kind(document: Resource) -> str:
    kind = document.get("type", {})
    coded = next((c.get("display", "") for c in kind.get("coding", []) if c.get("display")), "")
    return str(coded or kind.get("text") or "")


def _family(document: Resource) -> Family:
    codes = [c.get("code", "") for c in document.get("type", {}).get("coding", [])]
    return next((_by_code()[c] for c in codes if c in _by_code()), OTHER)


def _author(document: Resource) -> str:
    """The first author named: on the reference, or in the contained resource it points to."""
    contained = {f"#{c.get('id')}": c for c in document.get("contained", [])}
    for author in document.get("author", []):
        if author.get("display"):
            return str(author["display"])
        inside = contained.get(author.get("reference", ""))
        if inside is not None and (said := _contained_name(inside)):
            return said
    return ""


def _depositor(document: Resource, texts: Texts) -> str:
    """`déposé par Dr Claire Petit`, when the platform noted that the author named is someone else."""
    noted = (e for e in document.get("extension", []) if e.get("url") == "urn:aubier:deposited-by")
    name = next((e.get("valueReference", {}).get("display", "") for e in noted), "")
    return texts("paper.deposited_by", name=tidy_name(name)) if name else ""


def _contained_name(resource: Resource) -> str:
    said = caregiver_name(resource)
    return said or str(resource.get("practitioner", {}).get("display", ""))


def size_words(size: int, texts: Texts) -> str:
    """`214 ko`, `1,2 Mo`; empty when not known."""
    if size <= 0:
        return ""
    if size < 1_000_000:
        return texts("size.kilo", n=texts.number(max(1, round(size / 1000))))
    return texts("size.mega", n=texts.number(f"{size / 1_000_000:.1f}"))
