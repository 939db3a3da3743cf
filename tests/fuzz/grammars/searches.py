"""Searches that can be asked: criteria with their modifiers, chains, reverse chains, results; filters.

Rule: FHIR R4 4.0.1, search.html and search_filter.html.
"""

from __future__ import annotations

from functools import cache
from random import Random
from urllib.parse import quote

from aubier.search.extract import value_types
from aubier.search.model import Parameter
from aubier.search.parameters import is_indexed, registry
from aubier.search.query.criteria import modifiers

KINDS = ("Patient", "Observation", "Encounter", "MedicationRequest", "DocumentReference", "Location", "Task")
_PREFIXES = ("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_WORDS = ("a", "Le Goff", "é", "a\\,b", "a\\|b", "a\\$b", "a\\\\", "x" * 40, "0")
_SETS = ("in", "not-in", "above", "below")


@cache
def parameters(kind: str) -> tuple[Parameter, ...]:
    """The parameters of a type that have values of their own."""
    return tuple(p for p in registry().of(kind) if is_indexed(p) and p.type not in ("composite", "special"))


def query(random: Random, kind: str) -> str:
    """A query string for a type."""
    pairs = [criterion(random, kind) for _ in range(random.randint(1, 4))]
    pairs += [one(random, kind) for one in (_count, _sort, _include) if random.random() < 0.3]
    random.shuffle(pairs)
    return "&".join(f"{quote(name, safe=':._-')}={quote(value, safe='')}" for name, value in pairs)


def criterion(random: Random, kind: str, depth: int = 0) -> tuple[str, str]:
    """A parameter and its value: plain, chained or reversed."""
    if depth < 2 and random.random() < 0.25:
        name, value = criterion(random, kind, depth + 1)
        if name.startswith("_has:") or depth == 0:
            turned = _reversed(random, kind, depth)
            return turned if turned else (name, value)
    parameter = random.choice(parameters(kind))
    if parameter.type == "reference" and depth < 2 and random.random() < 0.4:
        targets = [t for t in parameter.targets if t in KINDS]
        if targets:
            target = random.choice(targets)
            name, value = criterion(random, target, depth + 1)
            return f"{parameter.name}:{target}.{name}", value
    return _plain(random, parameter)


def _reversed(random: Random, kind: str, depth: int) -> tuple[str, str] | None:
    source = random.choice(KINDS)
    naming = [p for p in parameters(source) if p.type == "reference" and kind in p.targets]
    if not naming:
        return None
    name, value = criterion(random, source, depth + 1)
    return f"_has:{source}:{random.choice(naming).name}:{name}", value


def _plain(random: Random, parameter: Parameter) -> tuple[str, str]:
    if random.random() < 0.1 and "missing" in modifiers(parameter):
        return f"{parameter.name}:missing", random.choice(("true", "false"))
    allowed = sorted(modifiers(parameter) - {"missing"})
    modifier = random.choice(allowed) if allowed and random.random() < 0.4 else ""
    count = 1 if modifier in _SETS else random.choice((1, 1, 2, 4))
    values = ",".join(_value(random, parameter, modifier) for _ in range(count))
    return (f"{parameter.name}:{modifier}" if modifier else parameter.name), values


def _value(random: Random, parameter: Parameter, modifier: str) -> str:
    if parameter.name == "_id":
        return "1"
    if parameter.type == "token" and value_types(parameter) & {"boolean", "System.Boolean"}:
        return random.choice(("true", "false"))
    if modifier in ("above", "below"):
        return "http://a|b" if parameter.type == "token" else "http://a/b"
    if modifier in ("in", "not-in"):
        return "http://example.org/v"
    if modifier == "of-type":
        return "http://a|MR|446"
    if modifier == "identifier":
        return "urn:oid:1.2|a"
    match parameter.type:
        case "token":
            return random.choice(("a", "http://a|b", "|b", "http://a|"))
        case "date":
            moment = random.choice(("2020", "2020-02", "2020-02-29", "2020-02-29T10:00:00+02:00"))
            return random.choice(_PREFIXES) + moment
        case "number":
            return random.choice(_PREFIXES) + random.choice(("0", "-1.50", "1e3", "5.40"))
        case "quantity":
            unit = random.choice(("", "|http://unitsofmeasure.org|mg", "||mg"))
            return random.choice(_PREFIXES) + random.choice(("5.4", "-2", "1e-3")) + unit
        case "reference":
            target = random.choice(parameter.targets or ("Patient",))
            return random.choice((f"{target}/1", f"https://a.example/fhir/{target}/1"))
        case "uri":
            return "http://example.org/a"
    return random.choice(_WORDS)


def _count(random: Random, kind: str) -> tuple[str, str]:
    return random.choice((("_count", "5"), ("_total", "accurate"), ("_summary", "true"), ("_elements", "id")))


def _sort(random: Random, kind: str) -> tuple[str, str]:
    sortable = [p.name for p in parameters(kind) if p.type in ("date", "string", "number")]
    return "_sort", ("-" if random.random() < 0.5 else "") + random.choice(sortable or ["_lastUpdated"])


def _include(random: Random, kind: str) -> tuple[str, str]:
    references = [p.name for p in parameters(kind) if p.type == "reference"]
    return "_include", f"{kind}:{random.choice(references)}" if references else f"{kind}:*"


_COMPARED = {
    "string": ("eq", "co", "sw", "ew", "ne"),
    "token": ("eq", "ne"),
    "date": ("eq", "gt", "le", "po", "ne"),
    "number": ("eq", "ge", "lt"),
    "quantity": ("eq", "gt"),
    "reference": ("eq", "re", "ne"),
    "uri": ("eq", "sw", "ss"),
}


def filtered(random: Random, kind: str, depth: int = 0) -> str:
    """A filter on a type."""
    if depth < 3 and random.random() < 0.4:
        word = random.choice((" and ", " or "))
        return word.join(f"({filtered(random, kind, depth + 1)})" for _ in range(random.randint(2, 3)))
    if depth < 3 and random.random() < 0.15:
        return f"not ({filtered(random, kind, depth + 1)})"
    parameter = random.choice(parameters(kind))
    if random.random() < 0.1:
        return f"{parameter.name} pr true"
    value = _value(random, parameter, "")
    for prefix in _PREFIXES[1:]:
        value = value.removeprefix(prefix) if parameter.type in ("date", "number", "quantity") else value
    written = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{parameter.name} {random.choice(_COMPARED[parameter.type])} "{written}"'
