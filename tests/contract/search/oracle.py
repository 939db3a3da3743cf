"""A search by the book: every resource is looked at, every rule is written out, nothing is fast.

It shares no code with the server. Rule: HL7 FHIR R4 (4.0.1), search.html.
"""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any

from tests.contract.search.corpus import BROADER, CODE_SETS

Resource = dict[str, Any]
Reader = Callable[[Resource], list[Any]]
Span = tuple[int, int]

FIRST, LAST = -(10**17), 10**17
CLINICAL_DATES = ("date", "onset-date")
"""What a record is ordered by: the beginning counts, whichever way."""
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


# -- what a resource holds under each parameter ------------------------------------------------------


def at(resource: Any, path: str) -> list[Any]:
    """Everything at a dotted path, lists opened."""
    found = [resource]
    for step in path.split("."):
        inner = [f.get(step) for f in found if isinstance(f, dict)]
        found = [v for i in inner if i is not None for v in (i if isinstance(i, list) else [i])]
    return found


def _paths(*paths: str) -> Reader:
    return lambda resource: [v for p in paths for v in at(resource, p)]


def tokens(*paths: str) -> tuple[str, Reader]:
    """(system, code) pairs of codes, Codings, CodeableConcepts, Identifiers and ContactPoints."""

    def read(resource: Resource) -> list[Any]:
        pairs = [pair for value in _paths(*paths)(resource) for pair in _pairs(value)]
        return [pair for pair in pairs if pair[0] or pair[1]]

    return "token", read


def _pairs(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, bool):
        return [("", "true" if value else "false")]
    if isinstance(value, str):
        return [("", value)]
    if isinstance(value.get("value"), str):
        # A ContactPoint's system says phone or email: no namespace, so no system to search.
        system = value.get("system", "")
        return [("" if system in ("phone", "email") else system, value["value"])]
    codings = value.get("coding", [] if "text" in value else [value])
    return [(c.get("system", ""), c.get("code", "")) for c in codings]


def words(*paths: str) -> tuple[str, Reader]:
    """The words beside the codes: displays and texts."""
    return "string", lambda r: [t for v in _paths(*paths)(r) for t in at(v, "text") + at(v, "coding.display")]


def types(path: str) -> tuple[str, Reader]:
    """(system of the type, its code, value) of identifiers."""

    def read(resource: Resource) -> list[Any]:
        return [
            [(c.get("system", ""), c["code"], i["value"]) for c in at(i, "type.coding")]
            for i in at(resource, path)
        ]

    return "typed", read


def strings(*paths: str) -> tuple[str, Reader]:
    return "string", _paths(*paths)


def uris(*paths: str) -> tuple[str, Reader]:
    return "uri", _paths(*paths)


def references(*paths: str, only: str = "") -> tuple[str, Reader]:
    def read(resource: Resource) -> list[Any]:
        found = [v["reference"] for v in _paths(*paths)(resource)]
        inside = {f"#{c['id']}": f"{c['resourceType']}/" for c in resource.get("contained", [])}
        return [f for f in found if inside.get(f, f).startswith(only)]

    return "reference", read


def dates(*paths: str) -> tuple[str, Reader]:
    return "date", lambda r: [_extent(v) for v in _paths(*paths)(r)]


def quantities(*paths: str) -> tuple[str, Reader]:
    return "quantity", _paths(*paths)


def numbers(*paths: str) -> tuple[str, Reader]:
    return "number", lambda r: [{"value": v} for v in _paths(*paths)(r)]


def places(path: str) -> tuple[str, Reader]:
    return "special", lambda r: [(float(p["latitude"]), float(p["longitude"])) for p in at(r, path)]


def composite(path: str, *parts: tuple[str, Reader]) -> tuple[str, Reader]:
    """For each element at `path` (empty: the resource) that has all parts: the type and values of each."""

    def read(resource: Resource) -> list[Any]:
        elements = at(resource, path) if path else [resource]
        found = [[(sort, values(e)) for sort, values in parts] for e in elements]
        return [element for element in found if all(values for _, values in element)]

    return "composite", read


def either(*several: tuple[str, Reader]) -> tuple[str, Reader]:
    """What any of several readers of one type finds."""
    return several[0][0], lambda r: [v for _, read in several for v in read(r)]


def _deceased(resource: Resource) -> list[Any]:
    return [("", "true" if "deceasedDateTime" in resource or resource.get("deceasedBoolean") else "false")]


_EVERY = {
    "_id": tokens("id"),
    "_tag": tokens("meta.tag"),
    "_security": tokens("meta.security"),
    "_profile": uris("meta.profile"),
    "_source": uris("meta.source"),
    "_lastUpdated": dates("meta.lastUpdated"),
}
_NAMED = strings("name.family", "name.given")
_PATIENT = {"patient": references("subject", only="Patient/"), "subject": references("subject")}
_CODE_QUANTITY = (tokens("code"), quantities("valueQuantity"))
_CODE_CONCEPT = (tokens("code"), tokens("valueCodeableConcept"))
_VALUE, _PART = "valueQuantity", "component.valueQuantity"

TABLE: dict[str, dict[str, tuple[str, Reader]]] = {
    "Organization": {
        "identifier": tokens("identifier"),
        "active": tokens("active"),
        "name": strings("name", "alias"),
        "address-city": strings("address.city"),
        "identifier:text": strings("identifier.type.text"),
        "partof": references("partOf"),
    },
    "Practitioner": {
        "identifier": tokens("identifier"),
        "active": tokens("active"),
        "name": _NAMED,
        "family": strings("name.family"),
        "gender": tokens("gender"),
    },
    "PractitionerRole": {
        "practitioner": references("practitioner"),
        "organization": references("organization"),
        "role": tokens("code"),
        "role:text": words("code"),
        "date": dates("period"),
    },
    "Patient": {
        "identifier": tokens("identifier"),
        "active": tokens("active"),
        "name": _NAMED,
        "family": strings("name.family"),
        "given": strings("name.given"),
        "identifier:of-type": types("identifier"),
        "identifier:text": strings("identifier.type.text"),
        "telecom": tokens("telecom"),
        "gender": tokens("gender"),
        "birthdate": dates("birthDate"),
        "death-date": dates("deceasedDateTime"),
        "deceased": ("token", _deceased),
        "address": strings("address.city", "address.postalCode"),
        "address-city": strings("address.city"),
        "address-postalcode": strings("address.postalCode"),
        "general-practitioner": references("generalPractitioner"),
        "organization": references("managingOrganization"),
    },
    "Encounter": {
        **_PATIENT,
        "identifier": tokens("identifier"),
        "identifier:of-type": types("identifier"),
        "status": tokens("status"),
        "class": tokens("class"),
        "practitioner": references("participant.individual", only="Practitioner/"),
        "date": dates("period"),
        "length": quantities("length"),
        "service-provider": references("serviceProvider"),
    },
    "Observation": {
        **_PATIENT,
        "identifier": tokens("identifier"),
        "status": tokens("status"),
        "category": tokens("category"),
        "code": tokens("code"),
        "code:text": words("code"),
        "combo-code": tokens("code", "component.code"),
        "component-code": tokens("component.code"),
        "encounter": references("encounter"),
        "performer": references("performer"),
        "date": dates("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
        "value-quantity": quantities(_VALUE),
        "component-value-quantity": quantities(_PART),
        "combo-value-quantity": quantities(_VALUE, _PART),
        "value-concept": tokens("valueCodeableConcept"),
        "value-string": strings("valueString", "valueCodeableConcept.text"),
        "code-value-quantity": composite("", *_CODE_QUANTITY),
        "component-code-value-quantity": composite("component", *_CODE_QUANTITY),
        "combo-code-value-quantity": either(
            composite("", *_CODE_QUANTITY), composite("component", *_CODE_QUANTITY)
        ),
        "code-value-concept": composite("", *_CODE_CONCEPT),
        "code-value-date": composite("", tokens("code"), dates("valueDateTime", "valuePeriod")),
        "code-value-string": composite("", tokens("code"), strings("valueString")),
    },
    "Condition": {
        **_PATIENT,
        "clinical-status": tokens("clinicalStatus"),
        "code": tokens("code"),
        "code:text": words("code"),
        "encounter": references("encounter"),
        "asserter": references("asserter"),
        "onset-date": dates("onsetDateTime", "onsetPeriod"),
        "onset-age": quantities("onsetAge"),
        "onset-info": strings("onsetString"),
        "recorded-date": dates("recordedDate"),
    },
    "DocumentReference": {
        **_PATIENT,
        "identifier": tokens("identifier"),
        "status": tokens("status"),
        "type": tokens("type"),
        "category": tokens("category"),
        "author": references("author"),
        "date": dates("date"),
        "period": dates("context.period"),
        "description": strings("description"),
        "contenttype": tokens("content.attachment.contentType"),
        "location": uris("content.attachment.url"),
        "relatesto": references("relatesTo.target"),
        "relation": tokens("relatesTo.code"),
        "relationship": composite("relatesTo", references("target"), tokens("code")),
    },
    "RiskAssessment": {
        **_PATIENT,
        "probability": numbers("prediction.probabilityDecimal"),
        "date": dates("occurrenceDateTime"),
    },
    "Location": {
        "name": strings("name", "alias"),
        "status": tokens("status"),
        "near": places("position"),
    },
    "ValueSet": {
        "url": uris("url"),
        "version": tokens("version"),
        "name": strings("name"),
        "title": strings("title"),
        "status": tokens("status"),
        "date": dates("date"),
        "description": strings("description"),
    },
}
"""The search parameters that the questions use, by type."""


def parameter(kind: str, name: str) -> tuple[str, Reader]:
    """The type of a parameter and how its values are read."""
    return _EVERY.get(name) or TABLE[kind][name]


# -- dates and numbers -------------------------------------------------------------------------------


def span(text: str) -> Span:
    """The milliseconds that a date of any precision covers, UTC where it names no zone."""
    if len(text) == 4:
        return _ms(datetime(int(text), 1, 1, tzinfo=UTC)), _ms(datetime(int(text) + 1, 1, 1, tzinfo=UTC))
    if len(text) == 7:
        year, month = int(text[:4]), int(text[5:])
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        return _ms(datetime(year, month, 1, tzinfo=UTC)), _ms(after)
    moment = datetime.fromisoformat(text)
    start = _ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    clock = text[11:].replace("Z", "").partition("+")[0].partition("-")[0]
    if not clock:
        return start, start + 86_400_000
    return start, start + (60_000 if len(clock) == 5 else 1 if "." in clock else 1000)


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _extent(value: Any) -> Span:
    if isinstance(value, str):
        return span(value)
    start, end = value.get("start"), value.get("end")
    return span(start)[0] if start else FIRST, span(end)[1] if end else LAST


def implied(number: Decimal) -> tuple[Decimal, Decimal]:
    """Half a unit of the last written digit on each side."""
    half = Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)
    return number - half, number + half


def _prefixed(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def date_matches(stored: Span, prefix: str, asked: Span, now: int) -> bool:
    """How a stored extent stands to the asked one."""
    lo, hi = stored
    low, high = asked
    inside = low <= lo and hi <= high
    if prefix == "ap":
        gap = abs(now - (low + high) // 2) // 10
        return lo < high + gap and hi > low - gap
    return {
        "eq": inside,
        "ne": not inside,
        "gt": hi > high,
        "lt": lo < low,
        "ge": hi > low,
        "le": lo < high,
        "sa": lo >= high,
        "eb": hi <= low,
    }[prefix]


def number_matches(stored: Resource, prefix: str, asked: Decimal) -> bool:
    """A stored number as the point it is; one with a comparator as all that it may be."""
    value, sign = Decimal(stored["value"]), stored.get("comparator", "")
    low, high = implied(value)
    if sign[:1] == "<":
        low, high = Decimal("-Infinity"), value if sign == "<" else high
    if sign[:1] == ">":
        low, high = value if sign == ">" else low, Decimal("Infinity")
    first, last = implied(asked)
    same = not sign and first <= value < last
    gap = abs(asked) / 10
    return {
        "eq": same,
        "ne": not same,
        "gt": value > asked or sign[:1] == ">",
        "lt": value < asked or sign[:1] == "<",
        "ge": value >= asked or sign[:1] == ">",
        "le": value <= asked or sign[:1] == "<",
        "sa": low >= asked if sign else value > asked,
        "eb": high <= asked if sign else value < asked,
        "ap": high > asked - gap and low < asked + gap,
    }[prefix]


# -- matching ----------------------------------------------------------------------------------------


def fold(text: str) -> str:
    """As people compare: no case, no accents, ligatures opened, one space."""
    opened = text.casefold().replace("œ", "oe").replace("æ", "ae").replace("’", "'")
    bare = "".join(c for c in unicodedata.normalize("NFKD", opened) if not unicodedata.combining(c))
    said = {c for c in bare if not unicodedata.category(c).startswith("P") or c in "%&@#/\\*_"}
    spaced = "".join(c if c in said else " " for c in bare)
    return " ".join(spaced.split()) or " ".join(bare.split())


def _split(text: str, mark: str) -> list[str]:
    parts, escaped = [""], False
    for c in text:
        if c == mark and not escaped:
            parts.append("")
        else:
            parts[-1] += c
        escaped = c == "\\" and not escaped
    return parts


def _bare(text: str) -> str:
    for c in ",|$":
        text = text.replace("\\" + c, c)
    return text


def _token(pair: tuple[str, str], text: str) -> bool:
    parts = [_bare(p) for p in _split(text, "|")]
    system, code = (None, parts[0]) if len(parts) == 1 else parts
    return (system is None or system == pair[0]) and (not code or code == pair[1])


def kinds_of(pair: tuple[str, str]) -> list[tuple[str, str]]:
    """A code and all that it is a kind of."""
    found = [pair]
    while found[-1] in BROADER:
        found.append(BROADER[found[-1]])
    return found


def _in_set(pair: tuple[str, str], text: str, modifier: str) -> bool:
    if modifier in ("in", "not-in"):
        # An element of type code says no system.
        return pair in CODE_SETS[text] or (not pair[0] and any(pair[1] == c for _, c in CODE_SETS[text]))
    system, code = (_bare(p) for p in _split(text, "|"))
    asked = (system, code)
    return asked in kinds_of(pair) if modifier == "below" else pair in kinds_of(asked)


def _quantity(stored: Resource, text: str) -> bool:
    number, system, code = (*text.split("|"), "", "")[:3]
    prefix, digits = _prefixed(number)
    units = {stored.get("code") or stored.get("unit", "")}
    units |= set() if system else {stored.get("unit", "")}
    fits = (not system or stored.get("system") == system) and (not code or code in units)
    return fits and number_matches(stored, prefix, Decimal(digits))


def _string(stored: str, text: str, modifier: str) -> bool:
    if modifier == "exact":
        return stored == _bare(text)
    return (
        fold(_bare(text)) in fold(stored)
        if modifier == "contains"
        else fold(stored).startswith(fold(_bare(text)))
    )


def _uri(stored: str, text: str, modifier: str) -> bool:
    if modifier == "below":
        return stored.startswith(text)
    return text.startswith(stored) if modifier == "above" else stored == text


_UNITS = {"": 1.0, "km": 1.0, "m": 0.001, "[mi_i]": 1.609344, "mi": 1.609344, "[nmi_i]": 1.852}


def _near(stored: tuple[float, float], text: str) -> bool:
    """The angle between two places as seen from the middle of the Earth."""
    lat, lon, reach, unit = (*text.split("|"), "", "")[:4]
    a, b = (
        (cos(radians(y)) * cos(radians(x)), cos(radians(y)) * sin(radians(x)), sin(radians(y)))
        for y, x in (stored, (float(lat), float(lon)))
    )
    chord = sqrt(sum((i - j) ** 2 for i, j in zip(a, b, strict=True)))
    return 2 * asin(min(1.0, chord / 2)) * 6371.0088 <= float(reach or 25) * _UNITS[unit]


def _reference(stored: str, text: str, modifier: str) -> bool:
    kind = modifier if modifier[:1].isupper() else ""
    if kind:
        return stored == (text if "/" in text else f"{kind}/{text}")
    return stored == text or ("/" not in text and "://" not in stored and stored.endswith(f"/{text}"))


@dataclass(frozen=True)
class Compared:
    """`name operator value` of a filter."""

    name: str
    operator: str
    value: str

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"')
        bare = self.value and not any(c in self.value for c in ' "()[]\\')
        return f"{self.name} {self.operator} " + (self.value if bare else f'"{quoted}"')


@dataclass(frozen=True)
class Joined:
    """Parts of a filter joined by and, or; or the negation (not) of one."""

    operator: str
    parts: tuple["Compared | Joined", ...]

    def __str__(self) -> str:
        if self.operator == "not":
            return f"not({self.parts[0]})"
        return f" {self.operator} ".join(f"({p})" if isinstance(p, Joined) else str(p) for p in self.parts)


class Filter(str):
    """A filter as it is written, that remembers what was meant."""

    tree: Compared | Joined

    @classmethod
    def of(cls, tree: Compared | Joined) -> "Filter":
        made = cls(str(tree))
        made.tree = tree
        return made


@dataclass
class Oracle:
    """Resources as one reader sees them, and the searches over them. `now` in ms."""

    resources: list[Resource]
    now: int

    def __post_init__(self) -> None:
        self.named = {f"{r['resourceType']}/{r['id']}": r for r in self.resources}
        self.holders = {id(c): r for r in self.resources for c in r.get("contained", [])}

    def of(self, kind: str) -> list[Resource]:
        return [r for r in self.resources if r["resourceType"] == kind]

    def search(self, kind: str, pairs: Iterable[tuple[str, str]]) -> list[Resource]:
        """The resources of a type that meet every pair."""
        asked = list(pairs)
        return [r for r in self.of(kind) if all(self.meets(r, name, value) for name, value in asked)]

    def meets(self, resource: Resource, name: str, value: str) -> bool:
        """Whether one resource meets `name=value`, chains and reverse chains followed."""
        if isinstance(value, Filter):
            return self._filtered(resource, value.tree)
        if name.startswith("_has:"):
            _, kind, through, rest = name.split(":", 3)
            me = f"{resource['resourceType']}/{resource['id']}"
            _, read = parameter(kind, through)
            return any(me in read(o) and self.meets(o, rest, value) for o in self.of(kind))
        if "." in name:
            head, _, rest = name.partition(".")
            code, _, only = head.partition(":")
            _, read = parameter(resource["resourceType"], code)
            named = [t for name in read(resource) for t in self._named(resource, name)]
            named = [t for t in named if only in ("", t["resourceType"]) and self._has_parameter(t, rest)]
            return any(self.meets(t, rest, value) for t in named)
        return self._plain(resource, name, value)

    def _named(self, resource: Resource, name: str) -> list[Resource]:
        """What a reference of a resource names: another that is here, or one that stands in the same."""
        inside = self.holders.get(id(resource), resource).get("contained", [])
        if name.startswith("#"):
            return [c for c in inside if c["id"] == name[1:]]
        return [self.named[name]] if name in self.named else []

    def _filtered(self, resource: Resource, tree: Compared | Joined) -> bool:
        if isinstance(tree, Joined):
            found = (self._filtered(resource, part) for part in tree.parts)
            return any(found) if tree.operator == "or" else all(found) != (tree.operator == "not")
        sort, read = parameter(resource["resourceType"], tree.name)
        stored = read(resource)
        if tree.operator == "pr":
            return bool(stored) == (tree.value == "true")
        if tree.operator == "ne" and sort not in ("date", "number", "quantity"):
            return bool(stored) and not any(self._compared(sort, s, "eq", tree.value) for s in stored)
        return any(self._compared(sort, s, tree.operator, tree.value) for s in stored)

    def _compared(self, sort: str, stored: Any, operator: str, value: str) -> bool:
        if sort == "string":
            one, other = fold(stored), fold(value)
            return {
                "eq": one == other,
                "co": other in one,
                "sw": one.startswith(other),
                "ew": one.endswith(other),
            }[operator]
        if sort == "date" and operator == "po":
            low, high = span(value)
            return bool(stored[0] < high and stored[1] > low)
        if sort in ("date", "number", "quantity"):
            return self._one(sort, stored, ("" if operator == "eq" else operator) + value, "")
        if sort == "uri" and operator == "sw":
            return bool(stored.startswith(value))
        return self._one(sort, stored, value.replace(",", "\\,") if sort == "token" else value, "")

    @staticmethod
    def _has_parameter(resource: Resource, name: str) -> bool:
        code = name.partition(".")[0].partition(":")[0]
        return code == "_has" or code in _EVERY or code in TABLE[resource["resourceType"]]

    def _plain(self, resource: Resource, name: str, value: str) -> bool:
        kind = resource["resourceType"]
        code, _, modifier = name.partition(":")
        if modifier in ("text", "of-type"):
            code, modifier = name, ""
        sort, read = parameter(kind, code)
        # What is contained has no id of its own among all others.
        stored = [] if code == "_id" and id(resource) in self.holders else read(resource)
        if modifier == "missing":
            return (value == "true") == (not stored)
        met = any(
            self._one(sort, s, alternative, modifier) for s in stored for alternative in _split(value, ",")
        )
        return not met if modifier in ("not", "not-in") else met

    def _one(self, sort: str, stored: Any, text: str, modifier: str) -> bool:
        if sort == "date":
            prefix, asked = _prefixed(text)
            return date_matches(stored, prefix, span(asked), self.now)
        if sort in ("quantity", "number"):
            return _quantity(stored, text)
        if modifier in ("in", "not-in", "above", "below") and sort == "token":
            return _in_set(stored, text, modifier)
        if sort == "typed":
            system, code, value = text.split("|")
            return (system, code, value) in stored
        if sort == "token":
            return _token(stored, text)
        if sort == "composite":
            return all(
                any(self._one(part, s, asked, "") for s in values)
                for (part, values), asked in zip(stored, _split(text, "$"), strict=True)
            )
        if sort == "special":
            return _near(stored, text)
        return {"string": _string, "uri": _uri, "reference": _reference}[sort](stored, text, modifier)

    @staticmethod
    def _in_words(resource: Resource, code: str, stored: list[tuple[str, str]]) -> list[str]:
        """Codes of other systems go by the words beside them, all else by itself."""
        spoken = {
            "code": "code",
            "category": "category",
            "value-concept": "valueCodeableConcept",
            "type": "type",
            "class": "none",
            "role": "code",
        }
        if code in spoken:
            return [fold(t) for t in words(spoken[code])[1](resource)]
        return [c for _, c in stored]

    def sort_key(self, resource: Resource, code: str, *, down: bool) -> Any:
        """What a resource is ordered by; None, which comes last, when it has no value."""
        if code == "_id":
            return resource["id"]
        sort, read = parameter(resource["resourceType"], code)
        stored = read(resource)
        if sort == "token":
            stored = self._in_words(resource, code, stored)
        if not stored:
            return None
        best = max if down else min
        if sort == "date":
            end = 1 if down and code not in CLINICAL_DATES else 0
            return best(s[end] for s in stored)
        if sort in ("quantity", "number"):
            return best(Decimal(s["value"]) for s in stored)
        if sort == "token":
            return best(stored)
        return best(fold(s) for s in stored) if sort == "string" else best(stored)
