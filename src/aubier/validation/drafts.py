"""What is wrong, in words: one function per kind of fault. Texts say how to mend it, in both languages."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from aubier.fhir.definitions import definitions, nearest_type
from aubier.ground.problem import Issue, Kind, Severity

LIMIT = 200
"""Issues reported at most for one resource."""

_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


@dataclass(slots=True)
class Draft:
    """An issue whose `path` still lacks the steps above it."""

    kind: Kind
    text: str
    fr: str
    path: str = ""
    severity: Severity = "error"
    rule: str = ""

    def issue(self) -> Issue:
        """The finished issue; the path is complete."""
        return Issue(self.kind, self.text, self.fr, (self.path,), self.severity, self.rule)


def below(step: str, drafts: list[Draft]) -> list[Draft]:
    """The drafts with `step` (`.name`, `.name[0]`) put before their paths."""
    for draft in drafts:
        draft.path = step + draft.path
    return drafts


def shown(value: Any) -> str:
    """A value as a person may recognise it: JSON, 40 characters at most."""
    if isinstance(value, dict):
        return "{...}"
    if isinstance(value, list):
        return "[...]"
    text = f'"{value}"' if isinstance(value, str) else _ENCODER.encode(value).decode()
    return text if len(text) <= 40 else text[:37] + "..."


def unknown_element(key: str, known: Collection[str]) -> Draft:
    """A property that the type does not have; names the nearest one it has."""
    near = difflib.get_close_matches(key[:64], known, 1, 0.75)
    english = f"; did you mean {near[0]}?" if near else "; take it out or use an extension"
    french = f" ; vouliez-vous dire {near[0]} ?" if near else " ; retirez-le ou utilisez une extension"
    name = key[:64]
    # A place is told in FHIRPath, which has no `_name`: it is that of the element.
    step = name.removeprefix("_") if key.removeprefix("_") in known else name
    return Draft(
        "structure", f"Unknown element {name}{english}", f"Élément inconnu {name}{french}", f".{step}"
    )


def no_such_type(name: Any, path: str) -> Draft:
    """A type of resource that FHIR R4 does not have; names the nearest one it has."""
    near = nearest_type(str(name))
    return Draft(
        "structure",
        f"{shown(name)} is not a resource type of FHIR R4" + (f"; did you mean {near}?" if near else ""),
        f"{shown(name)} n'est pas un type de ressource de FHIR R4" + (f" ; est-ce {near} ?" if near else ""),
        path,
    )


def urn_form(text: str) -> tuple[str, str]:
    """Why a `urn:uuid:` is no UUID, or a `urn:oid:` no OID, in English and French."""
    if text.startswith("urn:oid:"):
        return (
            f"{text[:80]} is no OID: urn:oid: and numbers with points between, the first 0, 1 or 2",
            f"{text[:80]} n'est pas un OID : urn:oid: et des nombres séparés de points, le premier 0, 1 ou 2",
        )
    return (
        f"{text[:80]} is no UUID: urn:uuid: and 32 hexadecimal digits in groups of 8-4-4-4-12",
        f"{text[:80]} n'est pas un UUID : urn:uuid: et 32 chiffres hexadécimaux par groupes 8-4-4-4-12",
    )


def no_sibling(key: str) -> Draft:
    """An id or extensions beside a value that has none."""
    return Draft(
        "structure",
        f"{key} has neither id nor extensions: take _{key} out",
        f"{key} n'a ni id ni extension : retirez _{key}",
        f".{key}",
    )


def missing(name: str) -> Draft:
    """A mandatory element (by defined name) that is not there."""
    step = "." + name.removesuffix("[x]")
    return Draft(
        "required", f"{name} is missing: it is mandatory", f"{name} manque : il est obligatoire", step
    )


def too_few(count: int, least: int) -> Draft:
    """Fewer repetitions than the minimum."""
    return Draft(
        "required", f"{count} given, at least {least} needed", f"{count} donné(s), au moins {least} exigé(s)"
    )


def too_many(count: int, most: int) -> Draft:
    """More repetitions than the maximum."""
    return Draft(
        "structure", f"{count} given, at most {most} allowed", f"{count} donné(s), au plus {most} permis"
    )


def two_choices(name: str, given: list[str]) -> Draft:
    """Two types of one choice element."""
    names = ", ".join(given)
    return Draft(
        "structure", f"Only one of {names} may be given", f"Un seul de {names} peut être donné", f".{name}"
    )


def need_array() -> Draft:
    """One value where JSON wants an array."""
    return Draft(
        "structure",
        "This element repeats: write it as an array [ ]",
        "Élément répétable : mettez un tableau [ ]",
    )


def no_array() -> Draft:
    """An array where JSON wants one value."""
    return Draft(
        "structure", "Write one value here, not an array", "Mettez ici une seule valeur, pas un tableau"
    )


def need_object(value: Any) -> Draft:
    """Something else where an object belongs."""
    if value is None:
        return null()
    if isinstance(value, list):
        return no_array()
    return Draft(
        "structure",
        f"{shown(value)} is here, an object {{ }} belongs here",
        f"{shown(value)} au lieu d'un objet {{ }}",
    )


def null() -> Draft:
    """A null outside a primitive array with extensions."""
    return Draft(
        "structure",
        "null is not allowed: leave the element out",
        "null est interdit : ne mettez pas cet élément",
    )


def lone_null() -> Draft:
    """A null in a primitive array whose sibling has nothing at that place."""
    return Draft(
        "structure",
        "null is only allowed where the sibling array with _ has an extension or id at the same place",
        "null n'est permis que si le tableau jumeau en _ porte une extension ou un id à la même place",
    )


def only_null(step: str) -> Draft:
    """A sibling array that holds nothing but null."""
    return Draft(
        "structure",
        "Only null here: leave the element out",
        "Rien que null : ne mettez pas cet élément",
        step,
    )


def empty(what: str, fr: str) -> Draft:
    """An empty object, array or text."""
    return Draft(
        "structure", f"Empty {what}: leave the element out", f"{fr} vide : ne mettez pas cet élément"
    )


def only_id() -> Draft:
    """An element with an id and nothing else."""
    return Draft(
        "invariant",
        "This element has an id and nothing more: give it a value or an extension, or leave it out",
        "Cet élément n'a qu'un id : donnez-lui une valeur ou une extension, ou retirez-le",
        rule="FHIR R4 4.0.1 ele-1",
    )


def contained_deeper() -> Draft:
    """A resource contained in one that is itself contained."""
    return Draft(
        "invariant",
        "What is contained contains no other resource: put it beside, in the resource around both",
        "Une ressource contenue n'en contient pas d'autre : placez-la à côté, dans celle qui les entoure",
        ".contained",
        rule="FHIR R4 4.0.1 dom-2",
    )


def contained_twice(index: int, own: str) -> Draft:
    """A contained resource whose id another one has."""
    return Draft(
        "value",
        f"Two contained resources have the id {own[:64]}, so #{own[:64]} names neither: give one another id",
        f"Deux ressources contenues portent l'id {own[:64]}, #{own[:64]} est ambigu : changez l'un des deux",
        f".contained[{index}].id",
        rule="FHIR R4 4.0.1 references.html#contained",
    )


def sibling_length(values: int, siblings: int) -> Draft:
    """A primitive array and its sibling of different lengths."""
    return Draft(
        "structure",
        f"The array has {values} items and its sibling with _ has {siblings}: fill the shorter one with null",
        f"Le tableau a {values} éléments, son jumeau en _ en a {siblings} : complétez le plus court par null",
    )


def wrong_form(type: str, value: Any) -> Draft:
    """A value that does not have the form of its primitive type."""
    if value is None:
        return null()
    if value == "":
        return empty("text", "Texte")
    if isinstance(value, list):
        return no_array()
    english, french = _FORMS[type]
    if isinstance(value, str) and type in _NUMERIC:
        english, french = f"{english}, without quotes", f"{french}, sans guillemets"
    elif not isinstance(value, str) and _FORMS[type] is _TEXT:
        english, french = "a text: put it in quotes", "un texte : mettez-le entre guillemets"
    return Draft("value", f"{shown(value)} is not {english}", f"{shown(value)} n'est pas {french}")


def not_bound(value: Any, value_set: str) -> Draft:
    """A code outside the value set of a required binding, with the codes that could be meant."""
    meant, only = _allowed(value, value_set)
    english = f"; {'use one of' if only else 'did you mean'} {meant}" if meant else "; use one of its codes"
    french = f" ; prenez l'un de {meant}" if only else f" ; peut-être {meant}"
    return Draft(
        "code-invalid",
        f"{value} is not in the required value set {value_set}{english}{'' if only or not meant else '?'}",
        f"{value} n'est pas dans le jeu de valeurs obligatoire {value_set}"
        f"{french if meant else ' ; prenez un de ses codes'}{'' if only or not meant else ' ?'}",
    )


def _allowed(value: Any, value_set: str) -> tuple[str, bool]:
    """The codes of a short value set, or those most like the value; and whether they are all."""
    codes = sorted({code for _, code in definitions().value_set(value_set) or ()})
    if 0 < len(codes) <= _SHORT:
        return ", ".join(codes), True
    near = difflib.get_close_matches(str(value)[:40].strip('"'), codes, n=3) if len(codes) <= _LONG else []
    return ", ".join(near), False


_SHORT, _LONG = 12, 300
"""Codes that are all named; codes that are looked through for those like it."""


_NUMERIC = frozenset({"boolean", "integer", "positiveInt", "unsignedInt", "decimal"})
_TIME = (
    "with seconds and a time zone (2026-11-22T08:30:00+01:00)",
    "avec secondes et fuseau (2026-11-22T08:30:00+01:00)",
)
_URI = ("a URI: at least one character, no white space", "une URI : au moins un caractère, sans espace")
_TEXT = ("a text without NUL, VT and FF, of 1 MB at most", "un texte sans NUL, VT ni FF, de 1 Mo au plus")
_FORMS = {
    "base64Binary": ("base64 (RFC 4648, padded with =)", "du base64 (RFC 4648, complété par =)"),
    "boolean": ("true or false", "true ou false"),
    "canonical": _URI,
    "code": (
        "a code: no spaces at its ends, single spaces inside",
        "un code : sans espace aux bords ni espace double",
    ),
    "date": (
        "a date of the calendar: YYYY, YYYY-MM or YYYY-MM-DD",
        "une date du calendrier : AAAA, AAAA-MM ou AAAA-MM-JJ",
    ),
    "dateTime": (
        f"a date of the calendar, or date and time {_TIME[0]}",
        f"une date du calendrier, ou date et heure {_TIME[1]}",
    ),
    "decimal": ("a number", "un nombre"),
    "id": ("an id: 1 to 64 of A-Z a-z 0-9 - .", "un id : 1 à 64 caractères parmi A-Z a-z 0-9 - ."),
    "instant": (f"a date and time {_TIME[0]}", f"une date et heure {_TIME[1]}"),
    "integer": ("a whole number of 32 bits", "un nombre entier de 32 bits"),
    "markdown": _TEXT,
    "oid": ("an OID such as urn:oid:1.2.250", "un OID tel que urn:oid:1.2.250"),
    "positiveInt": ("a whole number from 1 to 2147483647", "un nombre entier de 1 à 2147483647"),
    "string": _TEXT,
    "time": ("a time HH:MM:SS without time zone", "une heure HH:MM:SS sans fuseau"),
    "unsignedInt": ("a whole number from 0 to 2147483647", "un nombre entier de 0 à 2147483647"),
    "uri": _URI,
    "url": _URI,
    "uuid": ("a lower-case urn:uuid:", "un urn:uuid: en minuscules"),
    "xhtml": ("an XHTML text of 1 MB at most", "un texte XHTML de 1 Mo au plus"),
}
