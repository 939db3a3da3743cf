"""Treatments in plain words: what, how much, when, by whom, until when."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from aubier.ground.rows import Resource
from aubier.portals.frame.dates import days_until, placed, say_day
from aubier.portals.frame.texts import Texts, sentence
from aubier.portals.reading.concepts import concept_words


@dataclass(frozen=True, slots=True)
class Medicine:
    """One treatment: `left` says how long it still runs, `tag` what changed, both maybe empty."""

    id: str
    name: str
    dose: str
    short: str
    by: str
    since: str
    left: str
    days: int | None
    reason: str
    tag: str
    owed: str = ""


def with_tasks(
    found: Sequence[Medicine], tasks: Sequence[Resource], now: datetime, texts: Texts
) -> list[Medicine]:
    """The same treatments, saying what a pharmacy still owes: open Tasks whose focus is the prescription."""
    owed = {
        str(t.get("focus", {}).get("reference", "")).split("/")[-1]: _owed(t, now, texts)
        for t in tasks
        if t.get("status") in ("accepted", "in-progress", "on-hold")
        and "MedicationRequest" in str(t.get("focus"))
    }
    return [replace(m, owed=owed.get(m.id, "")) for m in found]


def _owed(task: Resource, now: datetime, texts: Texts) -> str:
    said = str(task.get("description", "")).split(" : ")[-1]
    day = placed("on", task.get("restriction", {}).get("period", {}).get("end", ""), now, texts, short=True)
    return texts("medicine.owed", what=sentence(said), day=day) if day else said


def medicines(requests: Sequence[Resource], now: datetime, texts: Texts) -> list[Medicine]:
    """The treatments of MedicationRequests or MedicationStatements, by name; the newest of each kept."""
    kept: dict[str, Resource] = {}
    for request in sorted(requests, key=_since):
        kept[medicine_name(request).casefold()] = request
    return [medicine(kept[name], now, texts) for name in sorted(kept)]


def medicine(request: Resource, now: datetime, texts: Texts) -> Medicine:
    """One treatment in words."""
    until = request.get("dispenseRequest", {}).get("validityPeriod", {}).get("end", "") or request.get(
        "effectivePeriod", {}
    ).get("end", "")
    days = days_until(until, now) if until else None
    since = _since(request)
    return Medicine(
        id=request.get("id", ""),
        name=medicine_name(request),
        dose=dose(request, texts),
        short=short_dose(request) or dose(request, texts),
        by=request.get("requester", {}).get("display", "")
        or request.get("informationSource", {}).get("display", ""),
        since=say_day(since, now, texts, short=True),
        left=texts.many("medicine.left", days) if days is not None and days >= 0 else "",
        days=days,
        reason=next((r.get("text", "") for r in request.get("reasonCode", [])), ""),
        tag=_change(request, since, now, texts),
    )


def _since(request: Resource) -> str:
    period = request.get("effectivePeriod", {})
    return str(request.get("authoredOn") or period.get("start") or request.get("effectiveDateTime") or "")


def _change(request: Resource, since: str, now: datetime, texts: Texts) -> str:
    """A prescription that replaces another, less than 30 days ago, has changed."""
    ago = days_until(since, now)
    if request.get("priorPrescription") and ago is not None and -30 <= ago <= 0:
        return texts("medicine.changed", day=placed("on", since, now, texts, short=True))
    return ""


def medicine_name(request: Resource) -> str:
    """The medicine's name, figures and units kept on one line."""
    return re.sub(r"(\d) (?=[a-zµ%])", "\\1\u00a0", _medicine_text(request))


def _medicine_text(request: Resource) -> str:
    """From the concept, the contained Medication or the reference's display."""
    concept = request.get("medicationCodeableConcept")
    if concept is None:
        reference = request.get("medicationReference", {})
        found = [m for m in request.get("contained", []) if f"#{m.get('id')}" == reference.get("reference")]
        if not found:
            return str(reference.get("display", ""))
        concept = found[0].get("code", {})
    return concept_words(concept)


def _instructions(request: Resource) -> list[Resource]:
    return list(request.get("dosageInstruction") or request.get("dosage") or [])


def dose(request: Resource, texts: Texts) -> str:
    """How to take it: the prescriber's own words when there are, else said from the structured dosage."""
    said = [_one_dose(i, texts) for i in _instructions(request)]
    return "; ".join(s for s in said if s)


def _one_dose(instruction: Resource, texts: Texts) -> str:
    own = instruction.get("patientInstruction") or instruction.get("text")
    if own:
        return str(own).rstrip(".")
    parts = [_quantity(instruction, texts), _rhythm(instruction.get("timing", {}).get("repeat", {}), texts)]
    return " ".join(p for p in parts if p)


def _quantity(instruction: Resource, texts: Texts) -> str:
    quantity = _dose_quantity(instruction)
    if "value" not in quantity:
        return ""
    value = Decimal(str(quantity["value"]))
    unit = str(quantity.get("unit") or quantity.get("code") or "")
    plural = texts.language == "fr" and value >= 2 and unit in texts.items("medicine.units")
    return f"{texts.number(quantity['value'])}\u00a0{unit}{'s' if plural else ''}".strip()


def _dose_quantity(instruction: Resource) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(
        (d["doseQuantity"] for d in instruction.get("doseAndRate", []) if "doseQuantity" in d), {}
    )
    return found


def _rhythm(repeat: Resource, texts: Texts) -> str:
    moments = [texts(f"medicine.when.{w}") for w in repeat.get("when", []) if texts.has(f"medicine.when.{w}")]
    if moments:
        return texts.enumerate(moments)
    frequency, unit = repeat.get("frequency"), repeat.get("periodUnit", "")
    key = f"medicine.every.{unit}"
    if not frequency or not texts.has(key):
        return ""
    period = Decimal(str(repeat.get("period", 1)))
    every = texts(key) if period == 1 else texts(f"{key}s", n=texts.number(period))
    return f"{texts.many('medicine.times', int(frequency))} {every}"


_PLACES = {"MORN": 0, "CM": 0, "ACM": 0, "PCM": 0, "NOON": 1, "CD": 1, "ACD": 1, "PCD": 1}
_EVENING = {"EVE": 2, "CV": 2, "ACV": 2, "PCV": 2, "HS": 2, "NIGHT": 2}


def short_dose(request: Resource) -> str:
    """`1 - 0 - 1` (morning, noon, evening), as professionals read it; empty when moments are not given."""
    taken = ["0", "0", "0"]
    found = False
    for instruction in _instructions(request):
        value = str(_dose_quantity(instruction).get("value", ""))
        for moment in instruction.get("timing", {}).get("repeat", {}).get("when", []):
            place = {**_PLACES, **_EVENING}.get(moment)
            if place is not None and value:
                taken[place], found = value.replace(".", ","), True
    return "\u00a0-\u00a0".join(taken) if found else ""
