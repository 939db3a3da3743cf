"""Expressions that stand in resources: FHIRPath that can be read, parameters that are declared.

Rule: FHIR R4 4.0.1, metadatatypes.html#Expression; extension cqf-expression.
"""

from __future__ import annotations

from aubier.fhir.fhirpath import parse
from aubier.fhir.fhirpath.grammar.lexer import Word
from aubier.fhir.fhirpath.grammar.lexer import words as words_of
from aubier.ground.problem import Problem
from aubier.validation.profiles.items import Item, children
from aubier.validation.walks import words
from aubier.validation.walks.walk import Walk

FHIRPATH = "text/fhirpath"
_RULE = "FHIR R4 4.0.1 metadatatypes.html#Expression"
_WORKED_OUT = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
_PARAMETER = "http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter"
_GIVEN = frozenset({"context", "resource", "rootResource", "ucum", "sct", "loinc"})
"""What every FHIRPath may name, whoever asks."""


def readable(walk: Walk, item: Item) -> None:
    """An Expression in FHIRPath is FHIRPath; one that is too long to be read here is left alone."""
    if item.value.__class__ is dict and item.value.get("language") == FHIRPATH:
        is_read(walk, item, _RULE)


def is_read(walk: Walk, item: Item, rule: str) -> None:
    """What stands as the `expression` of an item is FHIRPath; nothing is said of one too long to be read."""
    text = item.value.get("expression") if item.value.__class__ is dict else None
    if not isinstance(text, str):
        return
    try:
        parse(text)
    except Problem as refusal:
        for one in refusal.issues:
            if one.kind == "invalid":
                walk.say(words.issue(f"{item.path}.expression", "invalid", (one.text, one.fr), rule=rule))


def worked_out(walk: Walk, value_set: Item, row: Item) -> None:
    """The value of a filter that is worked out: by FHIRPath, from parameters that the value set declares."""
    for value in children(row, "value"):
        for extension in children(value, "extension"):
            held = extension.value.get("valueExpression") if extension.value.__class__ is dict else None
            if isinstance(held, dict) and extension.value.get("url") == _WORKED_OUT:
                _asked(walk, value_set, f"{extension.path}.value.ofType(Expression)", held)


def _asked(walk: Walk, value_set: Item, at: str, held: dict[str, object]) -> None:
    language = str(held.get("language", ""))
    if language != FHIRPATH:
        text = (
            f"What a filter asks for is worked out in {FHIRPATH}, not in {language[:80]}",
            f"Ce qu'un filtre demande se calcule en {FHIRPATH}, pas en {language[:80]}",
        )
        walk.say(words.issue(f"{at}.language", "value", text, rule=_RULE))
        return
    declared = _declared(value_set)
    for name in dict.fromkeys(_named(str(held.get("expression", "")))):
        if declared and name not in _GIVEN | declared:
            text = (
                f"%{name[:80]} is no parameter of this value set: declare it or name one that it has",
                f"%{name[:80]} n'est pas un paramètre de ce jeu de valeurs : déclarez-le ou nommez-en un",
            )
            walk.say(words.issue(f"{at}.expression", "not-found", text, rule=_RULE))


def _declared(value_set: Item) -> set[str]:
    """The parameters that a value set says that it takes."""
    rows = [e for e in children(value_set, "extension") if e.value.get("url") == _PARAMETER]
    parts = [p.value for row in rows for p in children(row, "extension")]
    return {str(p.get("valueCode") or p.get("valueString")) for p in parts if p.get("url") == "name"}


def _named(expression: str) -> list[str]:
    """What an expression names by `%`; of one that cannot be read, nothing.

    `%p-inactive` is read as one name where a sign joins words without a space: parameters are codes.
    """
    try:
        found = words_of(expression)
    except Problem:
        return []
    names: list[str] = []
    for n, word in enumerate(found):
        if (word.kind, word.text) == ("symbol", "%"):
            names.append(_joined(found[n + 1 :]))
    return [name for name in names if name]


def _joined(following: tuple[Word, ...]) -> str:
    """The name at the start: identifiers joined by `-` without a space."""
    name, end = "", -1
    for word in following:
        apart = name and word.at != end
        if apart or not (word.kind.startswith("identifier") or (word.text == "-" and name)):
            break
        name, end = name + word.text, word.at + len(word.text)
    return name
