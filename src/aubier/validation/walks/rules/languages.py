"""Languages: a binding that is only preferred, and has a maximum value set: every tag there is."""

from __future__ import annotations

from collections.abc import Sequence

from aubier.terminology.grammars import concept
from aubier.validation.profiles.items import Item
from aubier.validation.profiles.questions import Coded
from aubier.validation.walks.walk import Walk
from aubier.validation.walks.words import issue

LANGUAGES = "http://hl7.org/fhir/ValueSet/languages"
_TAGS = "urn:ietf:bcp:47"


def spoken(walk: Walk, item: Item, found: Sequence[Coded]) -> None:
    """A code of a language, of no other system, is a tag of BCP 47. Countries have systems of their own.

    Rule: FHIR R4 4.0.1, resource-definitions.html#Resource.language, elementdefinition-maxValueSet.
    """
    tags = [one.code for one in found if one.system in (None, "", _TAGS)]
    if tags and len(tags) == len(found) and not any(concept(_TAGS, tag) for tag in tags):
        code = found[0].code[:80]
        text = (
            f"{code} is no language of BCP 47, the maximum value set here: write a tag such as fr or fr-CA",
            f"{code} n'est pas une langue de BCP 47, jeu de valeurs maximal ici : écrivez fr ou fr-CA",
        )
        walk.say(issue(item, "code-invalid", text, rule="FHIR R4 4.0.1 valueset-all-languages.html"))
