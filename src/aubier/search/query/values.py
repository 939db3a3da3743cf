"""The values of a criterion: from the text after `=` to typed values."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Kind, Problem, problem
from aubier.search.extract import is_text, value_types
from aubier.search.model import Parameter, Value
from aubier.search.parameters import bound_codes
from aubier.search.terms.dates import date_range
from aubier.search.terms.numbers import number_written

MAX_VALUES = 500
"""The most values in an OR list."""
MAX_LENGTH = 4_000
"""The longest name or value, in characters."""
MAX_LIST = 32_000
"""The longest OR list, in characters: that of `MAX_VALUES` references by UUID, and of most identifiers."""
PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LOCAL = re.compile(r"([A-Z][A-Za-z]*)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s]+")
_PREFIXED = re.compile(r"([A-Za-z]{2})(?=[-+.0-9])")
_ESCAPABLE = ",|$\\"
CODED = frozenset({"CodeableConcept", "Coding"})
"""The types of values that are codes of a system, with words beside them."""
BOOLEANS = frozenset({"boolean", "System.Boolean"})
"""The types of values that are true or false."""


def refused(name: str, text: str, fr: str, kind: Kind = "invalid") -> Problem:
    """A Problem about the query parameter `name`."""
    return problem(kind, text, fr, at=f"http.{name[:100]}")


def split(text: str, separator: str, *, name: str) -> list[str]:
    """The parts of `text` between unescaped separators, their escapes kept."""
    if "\\" not in text:
        return text.split(separator)
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
            if at == len(text) or text[at] not in _ESCAPABLE:
                raise refused(
                    name,
                    f"a backslash stands only before , | $ or \\ in {_shown(text)}",
                    f"une barre oblique inversée ne précède que , | $ ou \\ dans {_shown(text)}",
                )
        elif text[at] == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def alternatives(text: str, *, name: str) -> list[str]:
    """The values of an OR list, escapes kept; Problem when one is empty or there are too many."""
    parts = split(text, ",", name=name)
    if len(parts) > MAX_VALUES:
        raise refused(
            name,
            f"{name[:100]} has more than {MAX_VALUES} values; ask several times",
            f"{name[:100]} a plus de {MAX_VALUES} valeurs ; demandez en plusieurs fois",
            "too-costly",
        )
    if not all(p.strip() for p in parts):
        raise refused(
            name, f"{name} has an empty value; take it out", f"{name} a une valeur vide ; retirez-la"
        )
    if any(len(p) > MAX_LENGTH for p in parts):
        raise too_long(name, MAX_LENGTH)
    return parts


def too_long(name: str, most: int) -> Problem:
    """The refusal of a value, or of a list of values, of more than so many characters."""
    text = f"longer than {most} characters; ask for fewer values at once"
    return refused(name, text, f"plus de {most} caractères ; demandez moins de valeurs à la fois", "too-long")


def typed_values(parameter: Parameter, modifier: str, text: str, *, name: str) -> tuple[Value, ...]:
    """The values of `text` as the parameter's type (or the modifier) reads them; Problem otherwise."""
    read = _MODIFIED.get((parameter.type, modifier)) or _READERS[parameter.type]
    return tuple(read(part, parameter, name) for part in alternatives(text, name=name))


def truth(text: str, *, name: str) -> bool:
    """`true` or `false`; Problem otherwise."""
    if text not in ("true", "false"):
        raise refused(
            name,
            f"{name} is true or false, not {_shown(text)}",
            f"{name} vaut true ou false, pas {_shown(text)}",
        )
    return text == "true"


def of_type(value: Value, type: str, *, name: str) -> Value:
    """A reference value under the modifier `:type`: a bare id becomes `type/id`."""
    if value.code:
        return Value(text=f"{type}/{value.code}")
    if not value.text.startswith(f"{type}/") and _LOCAL.fullmatch(value.text):
        raise refused(name, f"{value.text} is no {type}", f"{value.text} n'est pas de type {type}")
    return value


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _bad(name: str, what: str, fr: str, text: str) -> Problem:
    return refused(name, f"{_shown(text)} is not {what}", f"{_shown(text)} n'est pas {fr}")


def _plain(text: str) -> str:
    """Without escapes."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if "\\" in text else text


def _token(text: str, parameter: Parameter, name: str) -> Value:
    parts = [_plain(p).strip() for p in split(text, "|", name=name)]
    if len(parts) > 2 or not any(parts):
        raise _bad(
            name,
            "a token (code, system|code, |code or system|)",
            "un code (code, système|code, |code ou système|)",
            text,
        )
    value = Value(code=parts[-1], system=parts[0] if len(parts) == 2 else None)
    if parameter.code == "_id" and (value.system or not _ID.fullmatch(value.code)):
        raise _bad(name, "an id", "un identifiant technique", text)
    if parameter.type == "token" and value_types(parameter) <= BOOLEANS:
        truth(value.code, name=name)
    if parameter.type == "token" and is_text(parameter):
        return replace(value, code=value.code.casefold())
    return value


def _code(text: str, parameter: Parameter, name: str) -> Value:
    """A token; of an element that is a code, whose list says the system, the code decides.

    Rule: FHIR R4 4.0.1, search 3.1.1.4.10: the system of a `code` is implicit.
    """
    value = _token(text, parameter, name)
    implied = value.system and (value.system, value.code) in bound_codes(parameter)
    return replace(value, system=None) if implied else value


def _reference(text: str, parameter: Parameter, name: str) -> Value:
    plain = _plain(text).strip()
    local = _LOCAL.fullmatch(plain)
    if local:
        if local[1] not in definitions().resource_types:
            raise _bad(name, "a reference to a resource type", "une référence à un type de ressource", text)
        return Value(text=f"{local[1]}/{local[2]}")
    if _ID.fullmatch(plain):
        return Value(code=plain)
    if _ABSOLUTE.fullmatch(plain):
        return Value(text=plain)
    raise _bad(name, "a reference (id, Type/id or URL)", "une référence (id, Type/id ou URL)", text)


def _string(text: str, parameter: Parameter, name: str) -> Value:
    return Value(text=_plain(text))


def _uri(text: str, parameter: Parameter, name: str) -> Value:
    plain = _plain(text).strip()
    if any(c.isspace() for c in plain):
        raise _bad(name, "a URI", "une URI", text)
    return Value(text=plain)


def _prefixed(text: str, name: str) -> tuple[str, str]:
    """The prefix (`eq` when none is written) and the rest."""
    plain = _plain(text).strip()
    match = _PREFIXED.match(plain)
    if match is None:
        return "eq", plain
    prefix = match[1]
    if prefix not in PREFIXES:
        raise refused(
            name,
            f"{_shown(prefix)} is no prefix; known: {', '.join(sorted(PREFIXES))}",
            f"{_shown(prefix)} n'est pas un préfixe ; connus : {', '.join(sorted(PREFIXES))}",
        )
    return prefix, plain[2:]


def _date(text: str, parameter: Parameter, name: str) -> Value:
    prefix, rest = _prefixed(text, name)
    # A `+` that nobody encoded arrives as a space.
    found = date_range(rest.replace(" ", "+") if len(rest) > 16 else rest)
    if found is None:
        raise _bad(
            name,
            "a date (2020, 2020-05, 2020-05-31, 2020-05-31T10:00:00Z)",
            "une date (2020, 2020-05, 2020-05-31, 2020-05-31T10:00:00Z)",
            text,
        )
    return Value(prefix=prefix, lo=found[0], hi=found[1])


def _number(text: str, parameter: Parameter, name: str) -> Value:
    prefix, rest = _prefixed(text, name)
    found = number_written(rest)
    if found is None:
        raise _bad(name, "a number (5, 5.4, 1e3)", "un nombre (5, 5.4, 1e3)", text)
    return Value(prefix=prefix, number=found[0], low=found[1], high=found[2])


def _quantity(text: str, parameter: Parameter, name: str) -> Value:
    number, *unit = split(text, "|", name=name)
    if len(unit) not in (0, 2):
        raise _bad(
            name,
            "a quantity (5.4 or 5.4|system|code or 5.4||code)",
            "une quantité (5.4, 5.4|système|code ou 5.4||code)",
            text,
        )
    value = _number(number, parameter, name)
    system, code = (_plain(u).strip() for u in unit) if unit else ("", "")
    return Value(
        prefix=value.prefix,
        number=value.number,
        low=value.low,
        high=value.high,
        system=system or None,
        code=code,
    )


def _composite(text: str, parameter: Parameter, name: str) -> Value:
    group = parameter.groups[0]
    parts = group.written
    written = split(text, "$", name=name)
    if len(written) != len(parts):
        shown = "$".join(p.parameter.name for p in parts)
        raise refused(
            name,
            f"{_shown(text)} has {len(written)} parts; {name[:100]} is written {shown}",
            f"{_shown(text)} a {len(written)} parties ; {name[:100]} s'écrit {shown}",
        )
    values = [_READERS[p.parameter.type](t, p.parameter, name) for p, t in zip(parts, written, strict=True)]
    codes = [v for v, p in zip(values, parts, strict=True) if p.parameter.type == "token"]
    if not all(v.code for v in codes):
        raise _bad(
            name,
            "a code beside a value: a system alone is not enough",
            "un code auprès d'une valeur : un système seul ne suffit pas",
            text,
        )
    values.insert(0, values.pop(group.before))
    return Value(parts=tuple(values))


_KILOMETRES = {
    "km": Decimal(1),
    "m": Decimal("0.001"),
    "cm": Decimal("0.00001"),
    "mm": Decimal("0.000001"),
    **dict.fromkeys(("mi", "[mi_i]"), Decimal("1.609344")),
    **dict.fromkeys(("nmi", "[nmi_i]"), Decimal("1.852")),
    **dict.fromkeys(("ft", "[ft_i]"), Decimal("0.0003048")),
    **dict.fromkeys(("yd", "[yd_i]"), Decimal("0.0009144")),
}
"""Units of `near`, in UCUM and as people write them."""
_NEAR_KM = Decimal(25)
"""How far `near` reaches when it does not say."""
_FARTHEST_KM = Decimal(20_100)
"""Half around the globe: farther is nothing."""


def _near(text: str, parameter: Parameter, name: str) -> Value:
    """Rule: FHIR R4, Location, `near`: latitude|longitude|distance|units, in kilometres without units."""
    written = [_plain(p).strip() for p in split(text, "|", name=name)]
    north, east, distance, unit, *more = [*written, "", "", "", ""]
    lat, lon = number_written(north), number_written(east)
    reach = number_written(distance) if distance else (_NEAR_KM,)
    factor = _KILOMETRES.get(unit or "km")
    if any(more) or not lat or not lon or not reach or abs(lat[0]) > 90 or abs(lon[0]) > 180:
        raise _bad(
            name,
            "a place: latitude|longitude|distance|unit",
            "un lieu : latitude|longitude|distance|unité",
            text,
        )
    if factor is None or reach[0] < 0:
        units = ", ".join(_KILOMETRES)
        raise _bad(name, f"a distance (units: {units})", f"une distance (unités : {units})", text)
    return Value(number=lat[0], low=lon[0], high=min(reach[0] * factor, _FARTHEST_KM))


_READERS: dict[str, Callable[[str, Parameter, str], Value]] = {
    "token": _code,
    "reference": _reference,
    "string": _string,
    "uri": _uri,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
    "composite": _composite,
    "special": _near,
}


def _of_type(text: str, parameter: Parameter, name: str) -> Value:
    parts = [_plain(p).strip() for p in split(text, "|", name=name)]
    if len(parts) != 3 or not all(parts):
        raise _bad(
            name,
            "system|code|value, of a type and an identifier",
            "système|code|valeur, d'un type et d'un identifiant",
            text,
        )
    return Value(system=parts[0], code=f"{parts[1]}|{parts[2]}")


def _subsuming(text: str, parameter: Parameter, name: str) -> Value:
    value = _token(text, parameter, name)
    if not value.system or not value.code:
        raise _bad(
            name,
            "system|code: a code stands in the hierarchy of its system",
            "système|code : un code a sa place dans la hiérarchie de son système",
            text,
        )
    return value


_MODIFIED: dict[tuple[str, str], Callable[[str, Parameter, str], Value]] = {
    ("reference", "identifier"): _token,
    ("token", "of-type"): _of_type,
    **{("token", modifier): _uri for modifier in ("in", "not-in")},
    **{("token", modifier): _subsuming for modifier in ("above", "below")},
}
"""Where the modifier changes what a value is."""
