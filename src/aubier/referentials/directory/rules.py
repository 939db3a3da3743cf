"""The national identifiers of professionals and structures: prefixes and keys.

Pure. A check gives issues; whether they refuse or warn is the endpoint's `Policy`: strict where identities
are created or the directory is loaded, a warning where documents are received.

Rule: Annuaire Santé 1.2.0 (identifier slices); CI-SIS, TRE_G08 (IDNPS prefixes) and TRE_G07 (IDNST prefixes).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aubier.access.labels import IDNPS, IDNST
from aubier.ground.problem import Issue
from aubier.ground.rows import Resource

RPPS = "https://rpps.esante.gouv.fr"
FINESS = "https://finess.esante.gouv.fr"
SIRENE = "https://sirene.fr"
RPPS_RANG = "https://rppsrang.esante.gouv.fr"
TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"

IDNPS_RULE = "CI-SIS, TRE_G08: IDNPS = prefix + number"
IDNST_RULE = "CI-SIS, TRE_G07: IDNST = prefix + number"
KEY_RULE = "Luhn key of RPPS, FINESS, SIREN and SIRET"

Policy = Literal["strict", "warn"]
"""Whether a false identifier refuses (`strict`) or only warns (`warn`)."""

_FINESS = re.compile(r"(?:\d{2}|2[AB])\d{7}", re.ASCII)
_ADELI = re.compile(r"(?:\d{2}|2[AB])[0-9A-Z]{7}", re.ASCII)
_LOCAL = re.compile(r"[^\s/]+/\S+")
_LA_POSTE = "356000000"


@dataclass(frozen=True, slots=True)
class Idnps:
    """A professional's national identifier taken apart: `kind` (RPPS, ADELI, or whose local one), `number`,
    `local`.

    `local` is what follows the slash of an employer-local identifier.
    """

    kind: str
    number: str
    local: str = ""


@dataclass(frozen=True, slots=True)
class Idnst:
    """A structure's national identifier taken apart: `kind` (FINESS, SIRET, RPPS-RANG...) and `number`."""

    kind: str
    number: str


_PS_KINDS = {
    "0": "ADELI",
    "1": "ADELI-CABINET",
    "3": "FINESS",
    "4": "SIREN",
    "5": "SIRET",
    "6": "RPPS-CABINET",
    "8": "RPPS",
}
_ST_KINDS = {"0": "ADELI-RANG", "1": "FINESS", "2": "SIREN", "3": "SIRET", "4": "RPPS-RANG"}


def luhn(digits: str) -> bool:
    """Whether `digits` (ASCII digits only) end with their Luhn key."""
    if not (digits.isascii() and digits.isdecimal()):
        return False
    odd, even = digits[-1::-2], digits[-2::-2]
    return (sum(map(int, odd)) + sum(_DOUBLED[d] for d in even)) % 10 == 0


_DOUBLED = {str(d): d * 2 - 9 * (d > 4) for d in range(10)}


def luhn_key(digits: str) -> str:
    """The digit that makes `digits` followed by it pass the Luhn check."""
    return next(key for key in "0123456789" if luhn(digits + key))


def is_rpps(value: str) -> bool:
    """Eleven digits with their key."""
    return len(value) == 11 and luhn(value)


def is_adeli(value: str) -> bool:
    """Nine characters beginning with a department; ADELI has no published key."""
    return _ADELI.fullmatch(value) is not None


def is_finess(value: str) -> bool:
    """Nine characters with their key; the key of a Corsican number (2A, 2B) is not checked."""
    return _FINESS.fullmatch(value) is not None and (not value.isdecimal() or luhn(value))


def is_siren(value: str) -> bool:
    """Nine digits with their key."""
    return len(value) == 9 and luhn(value)


def is_siret(value: str) -> bool:
    """Fourteen digits with their key.

    Rule: INSEE: the establishments of La Poste (356 000 000) sum to a multiple of five instead.
    """
    if len(value) != 14 or not (value.isascii() and value.isdecimal()):
        return False
    return luhn(value) or (value.startswith(_LA_POSTE) and sum(map(int, value)) % 5 == 0)


def parse_idnps(value: str) -> Idnps | None:
    """An IDNPS taken apart, or None when its prefix is unknown. Says nothing of its key."""
    kind = _PS_KINDS.get(value[:1])
    if kind is None:
        return None
    number, _, local = value[1:].partition("/")
    return Idnps(kind, number, local)


def parse_idnst(value: str) -> Idnst | None:
    """An IDNST taken apart, or None when its prefix is unknown. Says nothing of its key."""
    kind = _ST_KINDS.get(value[:1])
    return Idnst(kind, value[1:]) if kind else None


_PS_CHECKS: dict[str, Callable[[str], bool]] = {
    "ADELI": is_adeli,
    "RPPS": is_rpps,
    "FINESS": is_finess,
    "SIREN": is_siren,
    "SIRET": is_siret,
}
_ST_CHECKS: dict[str, Callable[[str], bool]] = {"FINESS": is_finess, "SIREN": is_siren, "SIRET": is_siret}


def idnps_is_right(value: str) -> bool:
    """Whether an IDNPS has a known prefix and the number that goes with it, key included.

    Rule: 8 + RPPS (11 digits), 0 + ADELI (9), 1, 3, 4, 5, 6 + employer number + `/` + local identifier.
    """
    found = parse_idnps(value)
    if found is None:
        return False
    local = found.kind not in ("ADELI", "RPPS")
    if local != bool(_LOCAL.fullmatch(value[1:])):
        return False
    return _PS_CHECKS.get(found.kind, bool)(found.number)


def idnst_is_right(value: str) -> bool:
    """Whether an IDNST has a known prefix and the number that goes with it, key included.

    Rule: 0 ADELI rang, 1 FINESS, 2 SIREN, 3 SIRET, 4 RPPS rang or technical identifier.
    """
    found = parse_idnst(value)
    return found is not None and _ST_CHECKS.get(found.kind, bool)(found.number)


_BY_TYPE: dict[str, tuple[Callable[[str], bool], str, str]] = {
    "IDNPS": (idnps_is_right, "prefix (8 + RPPS, 0 + ADELI...) and number", IDNPS_RULE),
    "IDNST": (idnst_is_right, "prefix (1 + FINESS, 3 + SIRET...) and number", IDNST_RULE),
    "RPPS": (is_rpps, "11 digits with key", KEY_RULE),
    "ADELI": (is_adeli, "9 characters", KEY_RULE),
    "FINEG": (is_finess, "9 characters with key", KEY_RULE),
    "FINEJ": (is_finess, "9 characters with key", KEY_RULE),
    "SIREN": (is_siren, "9 digits with key", KEY_RULE),
    "SIRET": (is_siret, "14 digits with key", KEY_RULE),
}
_FR_SHAPES = {
    "IDNPS": "préfixe (8 + RPPS, 0 + ADELI...) et numéro",
    "IDNST": "préfixe (1 + FINESS, 3 + SIRET...) et numéro",
    "RPPS": "11 chiffres avec clé",
    "ADELI": "9 caractères",
    "FINEG": "9 caractères avec clé",
    "FINEJ": "9 caractères avec clé",
    "SIREN": "9 chiffres avec clé",
    "SIRET": "14 chiffres avec clé",
}


def check(identifier: Resource, policy: Policy, *, at: str = "identifier") -> list[Issue]:
    """What is false in a national identifier of a professional or structure; empty when nothing, or none of
    ours.

    The severity is `error` under the strict policy and `warning` under the other.
    Rule: prefixes of IDNPS and IDNST, keys of RPPS, FINESS, SIREN, SIRET.
    """
    kind, value = kind_of(identifier), identifier.get("value") or ""
    if kind not in _BY_TYPE or not value:
        return []
    right, shape, rule = _BY_TYPE[kind]
    if right(value):
        return []
    severity: Literal["error", "warning"] = "error" if policy == "strict" else "warning"
    text = f"{value[:40]} is not a right {kind}: {shape}"
    fr = f"{value[:40]} n'est pas un {kind} juste : {_FR_SHAPES[kind]}"
    return [Issue("value", text, fr, (f"{at}.value",), severity, rule)]


def kind_of(identifier: Resource) -> str:
    """The kind of a national identifier (IDNPS, RPPS, FINEG...), from its system and type; empty when none
    of ours.

    On `https://rpps.esante.gouv.fr` only a typed RPPS counts: situations bear the same system.
    """
    system = identifier.get("system") or ""
    codes = [c.get("code") or "" for c in (identifier.get("type") or {}).get("coding", ())]
    if system in (IDNPS, IDNST):
        return "IDNPS" if system == IDNPS else "IDNST"
    typed = next((code for code in codes if code in _SYSTEM_KINDS.get(system, ())), "")
    if typed or system not in (FINESS, SIRENE):
        return typed
    if system == FINESS:
        return "FINEG"
    return "SIRET" if len(identifier.get("value") or "") == 14 else "SIREN"


_SYSTEM_KINDS = {RPPS: ("RPPS",), FINESS: ("FINEJ", "FINEG"), SIRENE: ("SIREN", "SIRET")}
