"""$validate. Rule: FHIR R4 4.0.1, resource-operation-validate.html."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aubier.ground.problem import Issue, Problem, problem
from aubier.ground.rows import Resource
from aubier.store.aside import by_length
from aubier.validation.profiles.questions import DISPLAY
from aubier.validation.resource import validate
from aubier.validation.service.answers import Asking
from aubier.validation.service.forms import form_issues
from aubier.validation.service.measures import report_issues
from aubier.validation.service.outcome import outcome
from aubier.validation.service.shelf import Shelf, named_in, shelf_of, wanted_by
from aubier.validation.service.targets import Stored
from aubier.validation.snapshots import Snapshots
from aubier.validation.walks import validated
from aubier.validation.walks.words import unknown_profile

MODES = frozenset({"create", "update", "delete", "profile"})
_MOST_PROFILES = 50


def apart(parameters: Resource) -> tuple[Resource, str]:
    """What a client sent, and the id of the instance: `rest` puts that, and the language asked, beside it."""
    sent = {key: value for key, value in parameters.items() if key not in ("_id", "_language")}
    return sent, str(parameters.get("_id", ""))


async def check_resource(ctx: Any, kind: str, parameters: Resource) -> Resource:
    """The answer of $validate on a type or an instance: always an OperationOutcome for what can be read.

    The resource comes by itself, in `resource`, or (instance) from the store. `profile` may repeat; what
    meta.profile names counts too. A request that asks for strict handling is told of every definition that is
    not here as of an error. Problem: nothing to validate, an unknown mode, an instance not visible.
    """
    asked, logical = apart(parameters)
    resource, mode, profiles = _given(asked, kind)
    if resource is None and logical:
        resource = await ctx.store.read(kind, logical)
    if mode == "delete":
        return outcome([], ctx.language)
    if resource is None:
        raise problem(
            "required",
            "Nothing to validate: send a resource, or Parameters with a parameter named resource",
            "Rien à valider : envoyez une ressource, ou Parameters avec un paramètre nommé resource",
            at="Parameters.parameter",
        )
    issues = await issues_of(ctx, resource, profiles, kind, forms=True)
    if ctx.store.strict:
        issues = [_doubted(i) for i in issues]
    return outcome([*issues, *_identity(resource, mode, logical)], ctx.language)


def _doubted(issue: Issue) -> Issue:
    """For whoever wants every doubt refused: what is not here could not be checked, and that is an error.

    So is a display that is none of its code.
    """
    untold = (issue.kind, issue.severity) == ("not-found", "information")
    return replace(issue, severity="error") if untold or issue.rule == DISPLAY else issue


async def issues_of(
    ctx: Any, resource: Resource, profiles: list[str], kind: str = "", *, forms: bool = False
) -> list[Issue]:
    """Every issue of a resource (of the type `kind` when given) under the profiles asked and declared.

    `forms`: responses are held against the Questionnaire that they answer, reports against their Measure and
    profiles against their base, too.
    """
    base = await by_length(lambda given: validate(given, expected_type=kind or None), resource)
    wrong = [i for i in base if i.severity == "error"]
    if wrong:
        return wrong
    view = ctx.store.as_system("validation")
    shelf = await shelf_of(view)
    await shelf.bring(view, [*(("StructureDefinition", p) for p in profiles), *named_in(resource)])
    absent = [p for p in profiles if _absent(shelf.library, p)]
    asking = Asking(view)
    here = [p for p in profiles if p not in absent]
    targets = Stored(ctx.store) if forms else None
    issues = await validated(
        resource, here, shelf.library, asking, vital=forms, targets=targets, base=base, now=ctx.now
    )
    if forms:
        issues += await form_issues(ctx.store, resource, asking)
        issues += await report_issues(ctx.store, resource)
        issues += await _unmakeable(view, shelf, resource)
    # Whoever asks for a profile wants a verdict: that it is not here is an error, not an information.
    return [*(unknown_profile(str(resource["resourceType"]), p, "error") for p in absent), *issues]


async def _unmakeable(view: Any, shelf: Shelf, resource: Resource) -> list[Issue]:
    """Why a definition that was sent cannot be laid on its base; a base that is not here is information."""
    if resource.get("resourceType") != "StructureDefinition" or "differential" not in resource:
        return []
    await shelf.bring(view, wanted_by(resource))
    try:
        Snapshots(shelf.profile).made(resource)
    except Problem as refusal:
        return [
            replace(i, severity="information" if i.kind == "not-found" else "error") for i in refusal.issues
        ]
    return []


def _absent(library: Any, canonical: str) -> bool:
    try:
        return library.profile(canonical) is None
    except Problem:
        return False


def _given(asked: Resource, kind: str) -> tuple[Resource | None, str, list[str]]:
    """Resource, mode and profiles, whether sent as Parameters or as the resource itself."""
    if asked.get("resourceType") != "Parameters":
        return asked, "", []
    if _is_content(asked, kind):
        rows = rows_of(asked)
        beside = [row for row in rows if _is_beside(row)]
        content = {**asked, "parameter": [row for row in rows if not _is_beside(row)]}
        if not content["parameter"]:
            del content["parameter"]
        return content, *_given({**asked, "parameter": beside}, "")[1:]
    resource: Resource | None = None
    mode, profiles = "", list[str]()
    for row in rows_of(asked):
        name = row.get("name")
        value = next((v for k, v in row.items() if k.startswith("value")), "") if name else ""
        if name == "resource" and isinstance(row.get("resource"), dict):
            resource = row["resource"]
        elif name == "mode":
            mode = str(value)
        elif name == "profile":
            profiles.append(str(value))
        else:
            raise _unknown(str(name))
    if mode and mode not in MODES:
        raise _unknown(f"mode={mode}")
    if len(profiles) > _MOST_PROFILES:
        raise problem("too-costly", "Too many profiles at once", "Trop de profils à la fois", at="Parameters")
    return resource, mode, profiles


def _is_content(asked: Resource, kind: str) -> bool:
    """Parameters that are themselves what is to be validated: none of theirs is one of ours.

    Where Parameters are what is asked about, all are, unless one is a `resource`.
    """
    rows = rows_of(asked)
    if kind == "Parameters":
        return not any(r.get("name") == "resource" and "resource" in r for r in rows)
    names = {str(r.get("name")) for r in rows}
    return bool(names) and not names & {"resource", "mode", "profile"}


def _is_beside(row: Resource) -> bool:
    """Whether a parameter came in the URL, beside Parameters that are themselves asked about."""
    return row.get("name") in ("profile", "mode") and "valueString" in row


def rows_of(asked: Resource) -> list[Resource]:
    """The parameters. Problem when they are no list of objects."""
    rows = asked.get("parameter", [])
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise problem(
            "structure",
            "parameter must be an array of objects",
            "parameter doit être un tableau d'objets",
            at="Parameters.parameter",
        )
    return rows


def _unknown(name: str) -> Problem:
    modes = ", ".join(sorted(MODES))
    return problem(
        "invalid",
        f"{name[:64]} means nothing here; there are resource, profile, mode ({modes})",
        f"{name[:64]} n'a pas de sens ici ; il y a resource, profile, mode ({modes})",
        at="Parameters.parameter",
    )


def _identity(resource: Resource, mode: str, logical: str) -> list[Issue]:
    """What the mode adds: an update names the id that it updates."""
    own = resource.get("id")
    if mode == "update" and logical and own != logical:
        text = f"An update of {logical} must hold the id {logical}, not {own}"
        fr = f"Une mise à jour de {logical} doit porter l'id {logical}, non {own}"
        return [Issue("value", text, fr, (f"{resource.get('resourceType')}.id",))]
    return []
