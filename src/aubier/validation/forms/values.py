"""One answer held against its question: type, options, edges, units, size."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from aubier.fhir.fhirpath.patterns import pattern
from aubier.fhir.references import Reference
from aubier.ground.problem import Issue, Problem
from aubier.validation.forms import words
from aubier.validation.forms.enabling import Answer, Charge, ordered, same, value_of
from aubier.validation.forms.form import CORE, SDC, Node, first, rows, told
from aubier.validation.profiles.questions import Question, codings

_TYPES = {
    "boolean": ("boolean",),
    "decimal": ("decimal",),
    "integer": ("integer",),
    "date": ("date",),
    "dateTime": ("dateTime",),
    "time": ("time",),
    "string": ("string",),
    "text": ("string",),
    "url": ("uri",),
    "choice": ("Coding", "string", "integer", "date", "time", "Reference"),
    "open-choice": ("Coding", "string", "integer", "date", "time", "Reference"),
    "attachment": ("Attachment",),
    "reference": ("Reference",),
    "quantity": ("Quantity",),
}
MEGABYTE = 1_000_000


def answer_faults(item: Node, answer: Answer, at: str, charge: Charge) -> Iterator[Issue]:
    """Everything wrong with a value as an answer to a question."""
    kind, value = answer
    allowed = _types(item)
    if kind not in allowed:
        yield words.wrong_type(at, kind, allowed)
        return
    yield from _options(item, answer, at, charge)
    yield from _edges(item, answer, at)
    if isinstance(value, str):
        yield from _text(item, value, at, charge)
    elif kind == "decimal":
        most, digits = first(item, f"{CORE}maxDecimalPlaces"), _places(value)
        if isinstance(most, int) and digits > most:
            yield words.too_precise(at, digits, most)
    elif kind == "Quantity":
        yield from _unit(item, value, at)
    elif kind == "Attachment":
        yield from _attachment(item, value, at)
    elif kind == "Reference":
        yield from _reference(item, value, at)


def questions(item: Node, answer: Answer, at: str) -> Iterator[Question]:
    """What terminology must be asked of an answer: its code, its unit."""
    kind, value = answer
    value_set = item.get("answerValueSet")
    unit_set = first(item, f"{CORE}questionnaire-unitValueSet")
    for canonical, type in ((value_set, "Coding"), (unit_set, "Quantity")):
        if kind == type and isinstance(canonical, str) and not canonical.startswith("#"):
            yield Question(at, "required", canonical, codings(value, type) or (), words.RULE)


def _types(item: Node) -> tuple[str, ...]:
    """The types that may answer: a choice without text takes what its options are."""
    kind = str(item.get("type", ""))
    allowed = _TYPES.get(kind, ())
    if kind not in ("choice", "open-choice"):
        return allowed
    offered = {found[0] for o in rows(item, "answerOption") if (found := value_of(o)) is not None}
    extra = {"string"} if kind == "open-choice" else set()
    return tuple(t for t in allowed if t in (offered or {"Coding"}) | extra)


def _options(item: Node, answer: Answer, at: str, charge: Charge) -> Iterator[Issue]:
    options = [found for o in rows(item, "answerOption") if (found := value_of(o)) is not None]
    charge(len(options))
    free = item.get("type") == "open-choice" and answer[0] == "string"
    if options and not free and not any(same(answer, o) for o in options):
        yield words.not_an_option(at, answer[1], [o[1] for o in options])


def _edges(item: Node, answer: Answer, at: str) -> Iterator[Issue]:
    quantity = answer[0] == "Quantity"
    for low, url in ((True, "min"), (False, "max")):
        urls = (f"{SDC}{url}Quantity", f"{CORE}{url}Value") if quantity else (f"{CORE}{url}Value",)
        for edge in told(item, *urls):
            way = ordered(answer, (answer[0], edge))
            unlike = quantity and (way is None or not _formal(answer[1], edge))
            if unlike:
                yield words.cannot_compare(at, answer[1], edge)
            elif way is not None and (way < 0 if low else way > 0):
                yield words.beyond(at, answer[1], edge, low=low)


def _formal(*quantities: Any) -> bool:
    """Whether each has a unit by code: units by their words alone cannot be compared."""
    return all(isinstance(q, dict) and ("code" in q or "unit" not in q) for q in quantities)


def _text(item: Node, value: str, at: str, charge: Charge) -> Iterator[Issue]:
    least, most = first(item, f"{CORE}minLength"), item.get("maxLength")
    if isinstance(least, int) and len(value) < least:
        yield words.too_short(at, len(value), least)
    if isinstance(most, int) and len(value) > most:
        yield words.too_long(at, len(value), most)
    wanted = first(item, f"{CORE}regex")
    if isinstance(wanted, str):
        try:
            fits = pattern(wanted).matches(value, whole=True, charge=charge)
        except Problem:
            yield words.unread_pattern(at, wanted)
            return
        if not fits:
            yield words.not_in_form(at, wanted, first(item, f"{CORE}entryFormat"))


def _places(value: Any) -> int:
    if not isinstance(value, Decimal):
        return 0
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _unit(item: Node, value: Any, at: str) -> Iterator[Issue]:
    allowed = [u for u in told(item, f"{CORE}questionnaire-unitOption") if isinstance(u, dict)]
    if (
        allowed
        and isinstance(value, dict)
        and not any(same(("Coding", value), ("Coding", u)) for u in allowed)
    ):
        yield words.not_an_option(at, value.get("code", value.get("unit")), [u.get("code") for u in allowed])


def _attachment(item: Node, value: Any, at: str) -> Iterator[Issue]:
    if not isinstance(value, dict):
        return
    types, kind = told(item, f"{CORE}mimeType"), str(value.get("contentType", "")).partition(";")[0]
    if types and kind not in types:
        yield words.not_an_option(f"{at}.contentType", kind, types)
    most, data, size = first(item, f"{CORE}maxSize"), value.get("data"), value.get("size")
    held = len(data) * 3 // 4 if isinstance(data, str) else size if isinstance(size, int) else 0
    if isinstance(most, int | Decimal) and held > most * MEGABYTE:
        yield words.too_large(at, held, most)


def _reference(item: Node, value: Any, at: str) -> Iterator[Issue]:
    allowed = [t for t in told(item, f"{CORE}questionnaire-referenceResource") if isinstance(t, str)]
    text = value.get("reference") if isinstance(value, dict) else None
    kind = Reference.parse(text).type if isinstance(text, str) else ""
    kind = kind or (str(value.get("type", "")) if isinstance(value, dict) else "")
    if allowed and kind and kind not in allowed:
        yield words.not_an_option(at, kind, allowed)
