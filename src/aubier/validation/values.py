"""What is checked inside a value beyond its structure: required bindings, references, extension URLs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from aubier.fhir.definitions import Binding, definitions
from aubier.fhir.references import Reference
from aubier.validation.drafts import Draft, no_such_type, not_bound, shown, urn_form

_of_type = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?").fullmatch
_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+", re.ASCII).fullmatch

_LITERAL = "FHIR R4 4.0.1 references.html#literal"
_token = r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+"
_SHAPES = {
    "http://hl7.org/fhir/ValueSet/currencies": re.compile(r"[A-Z]{3}").fullmatch,
    "http://hl7.org/fhir/ValueSet/mimetypes": re.compile(
        rf"xml|json|ttl|html|{_token}/{_token}(?: ?;.*)?", re.ASCII
    ).fullmatch,
}
"""ISO 4217 letters; BCP 13 media types (without their parameters) and the short forms of http.html."""


@dataclass(slots=True)
class State:
    """What a checker must know of what is around.

    `contained`: the resources that `#id` names here, id to type; `#` alone names the one that contains them.
    `transaction`: whether a transaction is being read, where conditional references are allowed.
    """

    contained: dict[str, str] = field(default_factory=dict)
    transaction: bool = False


Checker = Callable[[Any, State], list[Draft] | None]
"""Checks a value; gives the faults with paths below it, or None."""


def bound(binding: Binding | None, type: str) -> Checker | None:
    """The checker of a required binding on a value of this type, or None when there is nothing to hold.

    Rule: FHIR R4 4.0.1, terminologies.html#required.
    """
    if binding is None or binding.strength != "required":
        return None
    pairs = definitions().value_set(binding.value_set)
    if pairs is None:
        return _shaped(binding.value_set) if type == "code" else None
    if type in ("Coding", "Quantity"):
        return lambda value, state: _coding(value, pairs, binding.value_set)
    if type == "CodeableConcept":
        return lambda value, state: _concept(value, pairs, binding.value_set)
    codes = frozenset(code for _, code in pairs)
    return lambda value, state: None if value in codes else [not_bound(shown(value), binding.value_set)]


def _shaped(value_set: str) -> Checker | None:
    """The checker of a code whose value set has a grammar instead of a list."""
    shape = _SHAPES.get(value_set)
    if shape is None:
        return None
    return lambda value, state: None if shape(value) else [not_bound(shown(value), value_set)]


def _coding(value: dict[str, Any], pairs: frozenset[tuple[str, str]], url: str) -> list[Draft] | None:
    """A Coding (or the unit of a Quantity) outside the value set."""
    pair = value.get("system"), value.get("code")
    if pair in pairs or (pair[1] is None and ("extension" in value or "_code" in value)):
        return None
    return [not_bound(_named(value), url)]


def _concept(value: dict[str, Any], pairs: frozenset[tuple[str, str]], url: str) -> list[Draft] | None:
    """A CodeableConcept none of whose codings is in the value set."""
    codings = value.get("coding")
    if codings is None:
        return None if "extension" in value else [not_bound("A text alone", url)]
    if any((c.get("system"), c.get("code")) in pairs or "_code" in c for c in codings):
        return None
    return [not_bound(", ".join(_named(c) for c in codings), url)]


def _named(coding: dict[str, Any]) -> str:
    """`system|code` as given."""
    return f"{coding.get('system', '')}|{coding.get('code', '')}"[:120]


def refers(targets: tuple[str, ...]) -> Checker:
    """The checker of what a Reference says, given the types it may name (none or `Resource`: any).

    Rule: FHIR R4 4.0.1, references.html#literal; ref-1.
    """
    known = definitions().types
    allowed = frozenset(t for t in targets if t in known)
    if "Resource" in allowed or len(allowed) < len(targets):
        allowed = frozenset()

    def check(value: Any, state: State) -> list[Draft] | None:
        text = value.get("reference")
        stated = value.get("type", "")
        kind = ""
        if text is not None:
            reference = Reference.parse(text)
            if fault := _literal(reference, state):
                return [fault]
            kind = state.contained.get(reference.id, "") if reference.form == "fragment" else reference.type
        if kind and stated in definitions().resource_types and kind != stated:
            return [_mismatch(kind, stated)]
        kind = kind or (stated if stated in known else "")
        if allowed and kind and kind not in allowed:
            return [_wrong_target(kind, allowed)]
        return None

    return check


def _literal(reference: Reference, state: State) -> Draft | None:
    """What is wrong with the text of a reference by itself."""
    form = reference.form
    if form == "fragment":
        if reference.id == "" or reference.id in state.contained:
            return None
        return Draft(
            "not-found",
            f"No contained resource has the id {reference.id}",
            f"Aucune ressource contenue (contained) ne porte l'id {reference.id}",
            ".reference",
            rule="FHIR R4 4.0.1 ref-1",
        )
    if form == "invalid" and (of := _of_type(reference.text)):
        return replace(no_such_type(of[1], ".reference"), kind="value", rule=_LITERAL)
    if form == "invalid" and reference.text.startswith(("urn:uuid:", "urn:oid:")):
        return Draft("value", *urn_form(reference.text), ".reference", rule=_LITERAL)
    if form == "invalid" or (form == "conditional" and not state.transaction):
        return Draft(
            "value",
            f"{shown(reference.text)} is not a reference: use Type/id, an absolute URL, urn:uuid:... or #id",
            f"{shown(reference.text)} n'est pas une référence : mettez Type/id, une URL absolue,"
            " urn:uuid:... ou #id",
            ".reference",
            rule=_LITERAL,
        )
    return None


def _mismatch(kind: str, stated: str) -> Draft:
    return Draft(
        "value",
        f"reference names a {kind}, type says {stated}: make them agree",
        f"reference désigne un {kind}, type dit {stated} : accordez-les",
        ".type",
    )


def _wrong_target(kind: str, allowed: frozenset[str]) -> Draft:
    names = ", ".join(sorted(allowed))
    return Draft(
        "value",
        f"{kind} may not stand here; allowed: {names}",
        f"{kind} n'est pas permis ici ; permis : {names}",
        ".reference",
    )


def absolute_url(value: Any, state: State) -> list[Draft] | None:
    """The `url` of an extension that is not inside another must be absolute.

    Rule: FHIR R4 4.0.1, extensibility.html#Extension.
    """
    url = value.get("url")
    if url is None or _absolute(url):
        return None
    return [
        Draft(
            "value",
            f"The url of an extension must be absolute: {shown(url)} is not",
            f"L'url d'une extension doit être absolue : {shown(url)} ne l'est pas",
            ".url",
        )
    ]
