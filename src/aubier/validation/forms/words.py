"""What a form refuses, in words: the place, what is wrong, the mend, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aubier.ground.problem import Issue, Kind
from aubier.validation.drafts import shown

RULE = "FHIR R4 4.0.1 questionnaireresponse.html"
_FORM = "FHIR R4 4.0.1 questionnaire.html"


def _issue(at: str, kind: Kind, text: str, fr: str, rule: str = RULE) -> Issue:
    return Issue(kind, text, fr, (at,), rule=rule)


def seen(value: Any) -> str:
    """A value as a person may recognise it."""
    if isinstance(value, dict):
        if "value" in value:
            return f"{value['value']} {value.get('unit') or value.get('code') or ''}".strip()[:60]
        if "code" in value or "reference" in value:
            return str(value.get("reference") or f"{value.get('system', '')}|{value['code']}")[:120]
    return shown(value)


def _list(values: Sequence[Any]) -> str:
    some = ", ".join(seen(v) for v in values[:8])
    return some if len(values) <= 8 else f"{some}..."


def no_such_question(at: str, link: str) -> Issue:
    """A condition that names no item."""
    return _issue(
        at,
        "not-found",
        f"No item has the linkId {link[:80]}: name one of this form",
        f"Aucun élément n'a le linkId {link[:80]} : nommez-en un de ce formulaire",
        _FORM,
    )


def inner_question(at: str, link: str) -> Issue:
    """A condition on the item itself or on what is below it."""
    return _issue(
        at,
        "business-rule",
        f"The condition depends on {link[:80]}, which is this item or inside it: name one outside",
        f"La condition dépend de {link[:80]}, qui est cet élément ou dedans : nommez-en un dehors",
        _FORM,
    )


def unknown_link(at: str, link: str, *, elsewhere: bool) -> Issue:
    """An item that the form does not have, or not here."""
    if elsewhere:
        return _issue(
            at,
            "structure",
            f"The form has the item {link[:80]} elsewhere: put it where the form has it",
            f"Le formulaire a l'élément {link[:80]} ailleurs : placez-le comme dans le formulaire",
        )
    return _issue(
        at,
        "not-found",
        f"The form has no item {link[:80]}: take it out or correct its linkId",
        f"Le formulaire n'a pas d'élément {link[:80]} : retirez-le ou corrigez son linkId",
    )


def not_enabled(at: str, item: dict[str, Any]) -> Issue:
    """Answers to an item whose conditions do not hold."""
    link = str(item.get("linkId", ""))[:80]
    return _issue(
        at,
        "business-rule",
        f"The item {link} is answered although its conditions do not enable it: take it out",
        f"L'élément {link} est rempli alors que ses conditions ne l'activent pas : retirez-le",
    )


def untold_condition(at: str, link: str) -> Issue:
    """An expression that enables an item and cannot be evaluated here."""
    text = f"What enables the item {link[:80]} cannot be told here: that it must be answered was not checked"
    fr = f"On ne peut dire ici ce qui active l'élément {link[:80]} : s'il doit être rempli n'est pas vérifié"
    return Issue("not-supported", text, fr, (at,), "information", RULE)


def once_only(at: str, link: str) -> Issue:
    """A second item for one that comes once; a question that repeats has several answers in one item."""
    return _issue(
        at,
        "structure",
        f"The item {link[:80]} may come once here; several answers stand in one item",
        f"L'élément {link[:80]} ne vient qu'une fois ici ; plusieurs réponses tiennent en un élément",
    )


def missing_answer(at: str, link: str, *, group: bool) -> Issue:
    """A mandatory item without answer in a finished response."""
    what, fr = ("group", "le groupe") if group else ("question", "la question")
    return _issue(
        at,
        "required",
        f"The {what} {link[:80]} must be answered before the response is completed",
        f"Il faut répondre avant de terminer : {fr} {link[:80]} est obligatoire",
    )


def no_answer_here(at: str, kind: str) -> Issue:
    """An answer to what is no question."""
    return _issue(
        at,
        "structure",
        f"An item of type {kind} takes no answer: take it out",
        f"Un élément de type {kind} ne prend pas de réponse : retirez-la",
    )


def misplaced_items(at: str, link: str) -> Issue:
    """Items below a question beside its answers."""
    return _issue(
        at,
        "structure",
        f"What is asked below the question {link[:80]} stands inside its answer: move it to answer.item",
        f"Ce qui est demandé sous la question {link[:80]} va dans sa réponse : placez-le dans answer.item",
    )


def too_few(at: str, count: int, least: int) -> Issue:
    """Fewer answers than asked."""
    return _issue(
        at,
        "required",
        f"{count} answer(s), at least {least} needed",
        f"{count} réponse(s), {least} exigée(s)",
    )


def too_many(at: str, count: int, most: int) -> Issue:
    """More answers than allowed."""
    return _issue(
        at,
        "structure",
        f"{count} answers, at most {most} allowed: take some out",
        f"{count} réponses, au plus {most} : retirez-en",
    )


def not_alone(at: str, value: Any) -> Issue:
    """An option that excludes all others, beside others."""
    return _issue(
        at,
        "business-rule",
        f"{seen(value)} excludes every other answer: keep it alone or take it out",
        f"{seen(value)} exclut toute autre réponse : gardez-la seule ou retirez-la",
    )


def wrong_type(at: str, kind: str, allowed: Sequence[str]) -> Issue:
    """An answer of a type that the question does not take."""
    types = ", ".join(allowed) or "-"
    return _issue(
        at,
        "structure",
        f"The question takes {types}, not {kind}",
        f"La question prend {types}, non {kind}",
    )


def not_an_option(at: str, value: Any, allowed: Sequence[Any]) -> Issue:
    """A value that is not among those offered."""
    return _issue(
        at,
        "value",
        f"{seen(value)} is not offered here; there are {_list(allowed)}",
        f"{seen(value)} n'est pas proposé ici ; il y a {_list(allowed)}",
    )


def beyond(at: str, value: Any, edge: Any, *, low: bool) -> Issue:
    """A value below the minimum or above the maximum."""
    side, fr = ("below the least", "sous le minimum") if low else ("above the most", "au-dessus du maximum")
    return _issue(
        at,
        "value",
        f"{seen(value)} is {side} that the form allows, {seen(edge)}",
        f"{seen(value)} est {fr} du formulaire, {seen(edge)}",
    )


def cannot_compare(at: str, value: Any, edge: Any) -> Issue:
    """A quantity whose unit cannot be compared with that of the edge."""
    return _issue(
        at,
        "value",
        f"{seen(value)} cannot be compared with {seen(edge)}: give both a UCUM code of the same kind",
        f"{seen(value)} ne se compare pas à {seen(edge)} : donnez aux deux un code UCUM de même nature",
    )


def too_precise(at: str, digits: int, most: int) -> Issue:
    """A decimal with too many digits after the point."""
    return _issue(
        at,
        "value",
        f"{digits} decimal places, at most {most} allowed: round it",
        f"{digits} décimales, au plus {most} : arrondissez",
    )


def too_short(at: str, length: int, least: int) -> Issue:
    """A text shorter than the form asks."""
    return _issue(
        at,
        "value",
        f"{length} characters, at least {least} needed",
        f"{length} caractères, au moins {least} exigés",
    )


def too_long(at: str, length: int, most: int) -> Issue:
    """A text longer than the form allows."""
    return _issue(
        at,
        "value",
        f"{length} characters, at most {most} allowed: shorten it",
        f"{length} caractères, au plus {most} permis : abrégez",
    )


def not_in_form(at: str, regex: str, like: Any) -> Issue:
    """A text that does not match the expression of its question."""
    example = f", such as {shown(like)}" if isinstance(like, str) else ""
    exemple = f", comme {shown(like)}" if isinstance(like, str) else ""
    return _issue(
        at,
        "value",
        f"The text does not have the form that is asked{example}: {regex[:120]}",
        f"Le texte n'a pas la forme demandée{exemple} : {regex[:120]}",
    )


def unread_pattern(at: str, regex: str) -> Issue:
    """An expression of the form that cannot be run here."""
    text = f"The expression {regex[:120]} of the form cannot be read here: the text was not checked"
    fr = f"L'expression {regex[:120]} du formulaire n'est pas lisible ici : texte non vérifié"
    return Issue("not-supported", text, fr, (at,), "information", RULE)


def too_large(at: str, size: int, most: Any) -> Issue:
    """An attachment larger than the form allows."""
    return _issue(
        at,
        "value",
        f"{size} bytes, at most {most} MB allowed",
        f"{size} octets, au plus {most} Mo permis",
    )


def no_form(at: str, canonical: str, kind: str) -> Issue:
    """A canonical URL that is one of something else than a form."""
    text = f"{canonical[:200]} is a {kind}: name the Questionnaire that this answers"
    fr = f"{canonical[:200]} est un {kind} : nommez le Questionnaire auquel ceci répond"
    return Issue("value", text, fr, (f"{at}.questionnaire",), rule=RULE)


def absent_form(at: str, canonical: str) -> Issue:
    """A form that is not here: what could not be checked is said."""
    text = f"The Questionnaire {canonical[:200]} is not here: the answers were not checked against it"
    fr = f"Le Questionnaire {canonical[:200]} n'est pas ici : les réponses n'ont pas été comparées"
    return Issue("not-found", text, fr, (f"{at}.questionnaire",), "information", RULE)
