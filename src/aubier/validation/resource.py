"""The way in: a resource, its issues."""

from __future__ import annotations

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.validation import structure
from aubier.validation.drafts import LIMIT, Draft
from aubier.validation.telling import and_more
from aubier.validation.values import State


def validate(resource: Resource, *, expected_type: str | None = None) -> list[Issue]:
    """Everything that is wrong with a resource against the base specification; empty when nothing is.

    Each issue has a FHIRPath expression (`Patient.contact[0].name.given[1]`). At most 200 issues, then one
    that says so. `expected_type` adds the demand that `resourceType` be that one. Never raises.
    """
    drafts = structure.resource(resource, State()) or []
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    if expected_type is not None and name != expected_type:
        drafts.insert(0, _unexpected(name, expected_type))
    top = name if isinstance(name, str) and name in definitions().resource_types else expected_type or "$this"
    issues = []
    for draft in drafts[:LIMIT]:
        draft.path = top + draft.path
        issues.append(draft.issue())
    if len(drafts) > LIMIT:
        issues.append(and_more())
    return issues


def check(resource: Resource, *, expected_type: str | None = None) -> None:
    """Raises Problem with every error of `validate`; warnings alone do not refuse."""
    issues = validate(resource, expected_type=expected_type)
    if any(i.severity in ("error", "fatal") for i in issues):
        raise Problem(tuple(issues))


def _unexpected(name: object, expected: str) -> Draft:
    return Draft(
        "structure",
        f"{expected} belongs here, resourceType says {str(name)[:64]}",
        f"Il faut ici une ressource {expected}, resourceType dit {str(name)[:64]}",
        ".resourceType",
    )
