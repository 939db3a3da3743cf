"""Codes that carry a check digit: a slip of the hand shows without the code system being here.

Rule: SNOMED CT Release File Specifications, SNOMED CT identifiers (check digit of Verhoeff; the two digits
before it say what is identified); LOINC Users' Guide, the check digit; FHIR R4 4.0.1, snomedct.html and
loinc.html.
"""

from __future__ import annotations

import re

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"

_identifier = re.compile(r"[1-9][0-9]{5,17}").fullmatch
_expression = re.compile(r"[\s:+={}|()<#\"]").search
_number = re.compile(r"([0-9]{1,7})-([0-9])").fullmatch
_other = re.compile(r"[A-Z]{2,6}[0-9]+(-[0-9])?").fullmatch
"""Parts, answers and their lists, groups: their check digits are not looked at."""

_CONCEPTS = ("00", "10")
"""What a concept has before its check digit, in the international release and in those of countries."""

_PRODUCTS = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_TURNS = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)
"""The products of the group of ten, and how far digits are turned by their place."""


def impossible(system: str, code: str) -> tuple[str, str] | None:
    """Why a text cannot be a code of a system, in English and French; None when it may be one.

    Nothing is said of an expression of SNOMED CT, nor of any other system.
    """
    if system == SNOMED:
        return _no_concept(code)
    return _no_loinc(code) if system == LOINC else None


def _no_concept(code: str) -> tuple[str, str] | None:
    if _expression(code):
        return None
    if not _identifier(code):
        return ("SNOMED CT has numbers of 6 to 18 digits", "SNOMED CT a des nombres de 6 à 18 chiffres")
    if _verhoeff(code):
        return ("the check digit, the last one, is wrong", "la clé, son dernier chiffre, est fausse")
    if code[-3:-1] not in _CONCEPTS:
        return ("it identifies no concept of SNOMED CT", "il n'identifie pas un concept de SNOMED CT")
    return None


def _verhoeff(digits: str) -> int:
    """0 when the check digit at the end is right."""
    sum = 0
    for n, digit in enumerate(reversed(digits)):
        sum = int(_PRODUCTS[sum][int(_TURNS[n % 8][int(digit)])])
    return sum


def _no_loinc(code: str) -> tuple[str, str] | None:
    found = _number(code)
    if found is None:
        if _other(code):
            return None
        return (
            "LOINC has numbers, a hyphen and a check digit",
            "LOINC a des nombres, un tiret et une clé",
        )
    doubled = [str(2 * int(digit)) for digit in found[1][::-2]]
    total = sum(map(int, "".join(doubled))) + sum(map(int, found[1][-2::-2]))
    if (total + int(found[2])) % 10:
        return ("the check digit, the last one, is wrong", "la clé, son dernier chiffre, est fausse")
    return None
