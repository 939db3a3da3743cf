"""FHIR values to index terms: one function per pair of parameter type and FHIR type.

Each takes the Terms under construction, the parameter's code and a value of the right JSON class, and
adds what can be searched. Data that cannot be read adds nothing and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aubier.fhir.fhirpath.types import is_resource
from aubier.search.model import MAX_NUMBER, MIN_NUMBER, Terms
from aubier.search.terms.brief import unit_code
from aubier.search.terms.dates import date_range, period_range, timing_range
from aubier.search.terms.numbers import implied, with_comparator

Adder = Callable[[Terms, str, Any], None]

CURRENCIES = "urn:iso:std:iso:4217"
_LOCAL_VERSION = re.compile(r"\A([A-Z][A-Za-z]*/[A-Za-z0-9\-.]{1,64})/_history/.*")
_NAME_PARTS = ("given", "prefix", "suffix")
_ADDRESS_PARTS = ("text", "city", "district", "state", "postalCode", "country")


def text_token(terms: Terms, param: str, value: str) -> None:
    """A code, id, string or uri as a token without system."""
    if value:
        terms.tokens.append((param, "", value))
        terms.present.add(param)


def boolean_token(terms: Terms, param: str, value: bool) -> None:
    """`true` or `false`."""
    terms.tokens.append((param, "", "true" if value else "false"))
    terms.present.add(param)


def number_token(terms: Terms, param: str, value: Any) -> None:
    """A number where a token is due: its digits."""
    text_token(terms, param, str(value))


def coding(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A Coding: system and code; its display is searched with `:text`."""
    system, code = value.get("system"), value.get("code")
    if code.__class__ is not str:
        code = ""
    if system.__class__ is not str:
        system = ""
    if code or system:
        terms.tokens.append((param, system, code))
        terms.present.add(param)
    display = value.get("display")
    if display.__class__ is str:
        terms.strings.append((param + ":text", display))
        terms.present.add(param)


def concept(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A CodeableConcept: its codings; its text is searched with `:text`."""
    codings = value.get("coding")
    if codings.__class__ is list:
        for each in codings:
            if each.__class__ is dict:
                coding(terms, param, each)
    text = value.get("text")
    if text.__class__ is str:
        terms.strings.append((param + ":text", text))
        terms.present.add(param)


def identifier(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """An Identifier: system and value, kept exact; without a value there is nothing to find.

    With the codes of its type it stands under `<param>:of-type`, with its words under `<param>:text`.
    """
    system, text, type = value.get("system"), value.get("value"), value.get("type")
    if text.__class__ is str and text:
        terms.identifiers.append((param, system if system.__class__ is str else "", text))
        terms.present.add(param)
        if type.__class__ is dict:
            _identifier_type(terms, param, type, text)


def _identifier_type(terms: Terms, param: str, type: dict[str, Any], value: str) -> None:
    words, codings = type.get("text"), type.get("coding")
    if words.__class__ is str:
        terms.strings.append((param + ":text", words))
    for each in codings if codings.__class__ is list else ():
        if each.__class__ is dict and (code := each.get("code")).__class__ is str:
            system = each.get("system")
            found = (param + ":of-type", system if system.__class__ is str else "", f"{code}|{value}")
            terms.identifiers.append(found)


def contact_token(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A ContactPoint: its value, without system."""
    text = value.get("value")
    if text.__class__ is str:
        text_token(terms, param, text)


def reference(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A Reference: what it names, here or `inside`; its `identifier` under `<param>:identifier`."""
    text = value.get("reference")
    if text.__class__ is str and text:
        terms.present.add(param)
        if text[0] == "#":
            terms.inside.append((param, text))
        else:
            terms.references.append(
                (param, _LOCAL_VERSION.sub(r"\1", text) if "/_history/" in text else text)
            )
    logical = value.get("identifier")
    if logical.__class__ is dict:
        _logical(terms, param, logical)
    if value.get("display").__class__ is str:
        terms.present.add(param)


def _logical(terms: Terms, param: str, logical: dict[str, Any]) -> None:
    system, text = logical.get("system"), logical.get("value")
    if text.__class__ is str and text:
        terms.identifiers.append((param + ":identifier", system if system.__class__ is str else "", text))
        terms.present.add(param)


def uri_reference(terms: Terms, param: str, value: str) -> None:
    """A canonical (with its version) or uri where a reference is due."""
    if value and value[0] != "#":
        terms.references.append((param, value))
        terms.present.add(param)


def resource_reference(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A resource written inside, in a Bundle: its type and id."""
    kind, id = value.get("resourceType"), value.get("id")
    if kind.__class__ is str and id.__class__ is str:
        terms.references.append((param, f"{kind}/{id}"))
        terms.inside.append((param, f"{kind}/{id}"))
        terms.present.add(param)


def text(terms: Terms, param: str, value: str) -> None:
    """A string or markdown as written."""
    if value and not value.isspace():
        terms.strings.append((param, value))
        terms.present.add(param)


def human_name(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A HumanName: text, family, given names, prefixes and suffixes, each on its own."""
    for each in (value.get("text"), value.get("family")):
        if each.__class__ is str:
            text(terms, param, each)
    _texts(terms, param, value, _NAME_PARTS)


def address(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """An Address: text, lines, city, district, state, postal code and country, each on its own."""
    for part in _ADDRESS_PARTS:
        each = value.get(part)
        if each.__class__ is str:
            text(terms, param, each)
    _texts(terms, param, value, ("line",))


def _texts(terms: Terms, param: str, value: dict[str, Any], parts: tuple[str, ...]) -> None:
    for part in parts:
        several = value.get(part)
        if several.__class__ is list:
            for each in several:
                if each.__class__ is str:
                    text(terms, param, each)


def uri(terms: Terms, param: str, value: str) -> None:
    """A uri, url, oid, uuid or canonical as written."""
    if value:
        terms.uris.append((param, value))
        terms.present.add(param)


def moment(terms: Terms, param: str, value: str) -> None:
    """A date, dateTime or instant: the range of its precision."""
    found = date_range(value)
    if found is not None:
        terms.dates.append((param, *found))
        terms.present.add(param)


def period(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A Period; a missing end is open."""
    found = period_range(value)
    if found is not None:
        terms.dates.append((param, *found))
        terms.present.add(param)


def timing(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A Timing: the outer limits of its events and bounds; without any it is only present."""
    if value.get("event") or value.get("repeat"):
        terms.present.add(param)
    found = timing_range(value)
    if found is not None:
        terms.dates.append((param, *found))
        terms.present.add(param)


def number(terms: Terms, param: str, value: Any) -> None:
    """An integer or decimal with its implied range."""
    found = implied(value)
    if found is not None:
        terms.numbers.append((param, *found))
        terms.present.add(param)


def number_range(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A Range where a number is due, whatever its unit."""
    found = _range(value)
    if found is not None:
        terms.numbers.append((param, *found[2]))
        terms.present.add(param)


def quantity(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A Quantity, Age, Duration, Count or Distance: unit, value, implied range; the comparator counts."""
    found = implied(value.get("value"))
    if found is not None:
        comparator = value.get("comparator")
        if comparator is not None:
            found = with_comparator(found, comparator)
        terms.quantities.append((param, *_unit(value), *found))
        terms.present.add(param)


def money(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A Money: the currency is the code, in the system of ISO 4217."""
    found, currency = implied(value.get("value")), value.get("currency")
    if found is not None:
        unit = (CURRENCIES, currency) if currency.__class__ is str else ("", "")
        terms.quantities.append((param, *unit, *found))
        terms.present.add(param)


def quantity_range(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A Range: from its low to its high end, a missing one open; the value is the lowest that is there."""
    found = _range(value)
    if found is not None:
        terms.quantities.append((param, *found[:2], *found[2]))
        terms.present.add(param)


def sampled(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """A SampledData: from its lowest sample, its value, to its highest, in the unit of its origin."""
    origin, data = value.get("origin"), value.get("data")
    if not isinstance(origin, dict) or not isinstance(data, str):
        return
    zero = implied(origin.get("value"))
    if zero is None:
        return
    factor = (implied(value.get("factor")) or (Decimal(1),))[0]
    points = [Decimal(p) * factor + zero[0] for p in data.split()[:100_000] if _PLAIN.fullmatch(p)]
    if points:
        terms.quantities.append((param, *_unit(origin), min(points), min(points), max(points)))
        terms.present.add(param)


def position(terms: Terms, param: str, value: dict[str, Any]) -> None:
    """The position of a Location; one that is not on the globe adds nothing."""
    found = implied(value.get("latitude")), implied(value.get("longitude"))
    if found[0] and found[1] and abs(found[0][0]) <= 90 and abs(found[1][0]) <= 180:
        terms.places.append((param, found[0][0], found[1][0]))
        terms.present.add(param)


_PLAIN = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?")


def _unit(value: dict[str, Any]) -> tuple[str, str]:
    """System and code, as they are kept; a unit without code stands for the code, without system."""
    code, system, unit = value.get("code"), value.get("system"), value.get("unit")
    stated = unit if unit.__class__ is str else ""
    if code.__class__ is str and code:
        return (system if system.__class__ is str else ""), unit_code(code, stated)
    return "", stated


def _range(value: dict[str, Any]) -> tuple[str, str, tuple[Decimal, Decimal, Decimal]] | None:
    ends = [e if e.__class__ is dict else {} for e in (value.get("low"), value.get("high"))]
    low, high = (implied(e.get("value")) for e in ends)
    unit = _unit(ends[0] if low else ends[1])
    if low and high:
        # Both ends are exact; one that is no wider than a number is one.
        return (*unit, low if low[0] == high[0] else (low[0], low[0], high[0]))
    if low:
        return (*unit, (low[0], low[1], MAX_NUMBER))
    return (*unit, (high[0], MIN_NUMBER, high[2])) if high else None


_TEXTS = ("string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid")
_QUANTITIES = ("Quantity", "Age", "Duration", "Count", "Distance")
_NUMBERS = ("integer", "positiveInt", "unsignedInt", "decimal", "System.Integer", "System.Decimal")

ADDERS: dict[tuple[str, str], Adder] = {
    **{("token", kind): text_token for kind in (*_TEXTS, "System.String")},
    **{("token", kind): boolean_token for kind in ("boolean", "System.Boolean")},
    **{("token", kind): number_token for kind in _NUMBERS},
    ("token", "Coding"): coding,
    ("token", "CodeableConcept"): concept,
    ("token", "Identifier"): identifier,
    ("token", "ContactPoint"): contact_token,
    ("reference", "Reference"): reference,
    **{("reference", kind): uri_reference for kind in ("canonical", "uri", "url", "oid", "uuid")},
    **{("string", kind): text for kind in (*_TEXTS, "System.String")},
    ("string", "HumanName"): human_name,
    ("string", "Address"): address,
    **{("uri", kind): uri for kind in ("uri", "url", "canonical", "oid", "uuid", "string", "id")},
    **{("date", kind): moment for kind in ("date", "dateTime", "instant")},
    ("date", "Period"): period,
    ("date", "Timing"): timing,
    **{("number", kind): number for kind in _NUMBERS},
    ("number", "Range"): number_range,
    **{("quantity", kind): quantity for kind in _QUANTITIES},
    ("quantity", "Money"): money,
    ("quantity", "Range"): quantity_range,
    ("quantity", "SampledData"): sampled,
    ("special", "Location.position"): position,
}
"""(parameter type, FHIR type) to the function; pairs not named are not searched."""


def _identifier_token(terms: Terms, param: str, value: dict[str, Any]) -> None:
    system, text = value.get("system"), value.get("value")
    if text.__class__ is str and text:
        terms.tokens.append((param, system if system.__class__ is str else "", text))
        terms.present.add(param)


def _any_version(adder: Adder) -> Adder:
    """Adds a canonical URL as written, and without its version: by either it is found."""

    def add(terms: Terms, param: str, value: str) -> None:
        for each in dict.fromkeys((value, value.partition("|")[0])):
            adder(terms, param, each)

    return add


_OPEN: dict[tuple[str, str], Adder] = {
    ("token", "Identifier"): _identifier_token,
    ("reference", "canonical"): _any_version(uri_reference),
    ("uri", "canonical"): _any_version(uri),
}
"""What is kept in another way where no question can know that such a value may be there."""


def add_open(terms: Terms, param: str, type: str, value: Any, kind: str) -> None:
    """Adds a value whose FHIR type `kind` only the data tells."""
    adder = _OPEN.get((type, kind)) or ADDERS.get((type, kind))
    if value is None:
        return
    if adder is not None:
        adder(terms, param, value)
    elif type == "reference" and is_resource(kind):
        resource_reference(terms, param, value)
