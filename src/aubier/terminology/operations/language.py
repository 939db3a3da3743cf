"""In which languages a call wants what codes are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aubier.ground.problem import problem
from aubier.terminology.meaning.concepts import Concept, System, in_language, languages
from aubier.terminology.meaning.value_set import ValueSet
from aubier.terminology.operations.parameters import Asked

_ONE = r"(?:[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}|\*)(?:\s*;\s*q\s*=\s*[0-9](?:\.[0-9]{1,3})?)?"
_LIST = re.compile(rf"\s*{_ONE}(?:\s*,\s*{_ONE}){{0,30}}\s*")
_OTHERS = re.compile(r"(?:^|,)\s*\*\s*;\s*q\s*=\s*0(?:\.0+)?\s*(?:,|$)")


def asked_language(call: Asked, value_set: ValueSet | None = None) -> str:
    """The languages of a call, written as Accept-Language is, or nothing.

    `displayLanguage` first; then what the value set sets for its expansions, the header of the request, the
    language of the value set. Problem `processing` for a `displayLanguage` that is none.
    Rule: FHIR R4, ValueSet/$expand, displayLanguage; http.html#language.
    """
    text = call.text("displayLanguage")
    if text:
        if not _LIST.fullmatch(text):
            raise problem(
                "processing",
                f"'{text[:60]}' is no language; write e.g. fr, or fr-CH,fr;q=0.9",
                f"« {text[:60]} » n'est pas une langue ; écrivez p. ex. fr, ou fr-CH,fr;q=0.9",
                at="Parameters.parameter.where(name='displayLanguage')",
                reason="invalid-display",
            )
        return text
    own = (value_set.options.get("displayLanguage", ""), call.language) if value_set else (call.language,)
    said = next((one for one in own if one and _LIST.fullmatch(one[:400])), "")
    return said or (str(value_set.head.get("language", "")) if value_set else "")


def spoken(text: str) -> tuple[str, ...]:
    """The languages themselves, best first."""
    return tuple(tag for tag in languages(text.replace(" ", "")) if tag != "*")


def no_other(text: str) -> bool:
    """Whether a name in any other language is not wanted at all (`*; q=0`)."""
    return bool(_OTHERS.search(text))


def shown(concept: Concept, system: System | None, wanted: Sequence[str], default: str = "") -> str:
    """What the concept is called in the first of these languages that has a name, else `default`."""
    own = system.language if system is not None else ""
    names = ({"language": own, "value": default or concept.display}, *concept.designations)
    return in_language(names, wanted) or default or concept.display
