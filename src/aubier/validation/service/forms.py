"""The forms that responses answer, read from the store, and the responses held against them."""

from __future__ import annotations

from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Issue
from aubier.ground.rows import Resource
from aubier.store.aside import by_length
from aubier.validation.forms import form_faults, held, wanted_forms
from aubier.validation.forms.words import absent_form, no_form
from aubier.validation.profiles.questions import Answers, settled
from aubier.validation.service.named import read_named


async def form_issues(store: Any, resource: Resource, answers: Answers) -> list[Issue]:
    """What is wrong with the responses in a resource as answers to their forms, or with a form itself.

    `store` is the view of whoever asks: a form that they may not see is not here.
    """
    if resource.get("resourceType") == "Questionnaire":
        return form_faults(resource)
    responses = await by_length(wanted_forms, resource)
    if not responses:
        return []
    named = [str(r.get("questionnaire", "")) for _, r in responses]
    forms = await read_named(store, "Questionnaire", [n for n in named if n and not n.startswith("#")])
    issues: list[Issue] = []
    for (place, response), canonical in zip(responses, named, strict=True):
        if not canonical:
            continue
        form = _contained(response, canonical) or forms.find(canonical)
        if form is None:
            other = _other_type(canonical)
            issues.append(no_form(place, canonical, other) if other else absent_form(place, canonical))
            continue
        found = held(response, form, place)
        issues += [*found.issues, *await settled(found.questions, answers)]
    return issues


def _other_type(canonical: str) -> str:
    """The type that a canonical URL of the specification says, where it is no form; else nothing."""
    kind = canonical.removeprefix("http://hl7.org/fhir/").partition("/")[0]
    is_core = canonical.startswith("http://hl7.org/fhir/") and kind in definitions().resource_types
    return kind if is_core and kind != "Questionnaire" else ""


def _contained(response: Resource, canonical: str) -> Resource | None:
    rows = response.get("contained") if canonical.startswith("#") else None
    found = (r for r in rows or () if isinstance(r, dict) and r.get("id") == canonical[1:])
    return next((r for r in found if r.get("resourceType") == "Questionnaire"), None)
