"""Finding a patient: the two forms, what is wrong with them, and what is sent to the search."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aubier.ground.rows import Resource
from aubier.portals.frame.dates import partial
from aubier.portals.frame.forms import Form
from aubier.portals.frame.house import parameters

_INS = re.compile(r"\d{5}(?:\d\d|2[AB])\d{6}(?:\d\d)")
TRAITS = ("family", "given", "birthdate", "gender", "birthplace")
"""The five strict traits. Rule: RNIV 1 v2.0 §3.2."""

REASONS = (
    "consultation",
    "hospital",
    "pharmacy",
    "nursing",
    "emergency-visit",
    "telecare",
    "coordination",
    "other",
)
"""Why a professional cares for a patient: keys of the catalogue and codes of the declaration."""

TERMS = {"P1D": 1, "P3M": 91, "P1Y": 365}
"""For how long a relationship is stated: ISO 8601 duration -> days."""


def clean_ins(text: str) -> str:
    """The number without spaces, dots or hyphens, in capitals."""
    return re.sub(r"[\s.\-\u00a0\u202f]", "", text).upper()


def find_errors(form: Form) -> Mapping[str, str]:
    """What is wrong in the form of the `by` chosen (`ins` or `traits`): field -> key of the message."""
    if form.get("by") == "ins":
        return {} if _INS.fullmatch(clean_ins(form.get("ins"))) else {"ins": "error.ins"}
    errors = {name: f"error.trait.{name}" for name in TRAITS if not form.get(name)}
    born = partial(form.get("birthdate"))
    if form.get("birthdate") and not (born and born.day):
        errors["birthdate"] = "error.date"
    if form.get("birthplace") and not re.fullmatch(r"\d[\dABab]\d{3}", form.get("birthplace")):
        errors["birthplace"] = "error.birthplace"
    return errors


def find_parameters(form: Form, *, sandbox: bool) -> Resource:
    """The Parameters of the search for the form of the `by` chosen; test numbers only in the sandbox."""
    if form.get("by") == "ins":
        oid = "urn:oid:1.2.250.1.213.1.4.10" if sandbox else "urn:oid:1.2.250.1.213.1.4.8"
        return parameters(ins=("valueString", clean_ins(form.get("ins"))), oid=("valueString", oid))
    return parameters(
        family=("valueString", form.get("family")),
        given=("valueString", form.get("given")),
        birthdate=("valueDate", form.get("birthdate")),
        gender=("valueCode", form.get("gender")),
        birthplace=("valueString", form.get("birthplace").upper()),
    )


def relation_errors(form: Form) -> Mapping[str, str]:
    """What is missing to state a relationship."""
    errors = {}
    if form.get("reason") not in REASONS:
        errors["reason"] = "error.reason"
    if form.get("term") not in TERMS:
        errors["term"] = "error.term"
    return errors
