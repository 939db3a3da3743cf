"""Profiles on writes, where the setting `validate_profiles` or the request itself asks it.

`declared`: what meta.profile names and is here must hold. `required`: every resource that is not a definition
or a directory entry declares one that is here. A request that asks for strict handling is held to what it
declares, and to nothing less: a profile that is not here cannot hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import BeforeWrite, Resource
from aubier.store.keys import DIRECTORY
from aubier.validation.profiles import Library
from aubier.validation.service.operations import issues_of
from aubier.validation.service.shelf import shelf_of

_RULE = "FHIR R4 4.0.1 resource.html#Meta.profile"


def on_write(mode: str) -> tuple[BeforeWrite, ...]:
    """The content rule of a mode (`off`, `declared`, `required`); none when it is off."""
    if mode == "off":
        return ()
    types = tuple(sorted(definitions().resource_types))
    run = _declared if mode == "declared" else _required
    return (BeforeWrite("validation-profiles", types, run, _RULE),)


def when_strict() -> BeforeWrite:
    """The content rule of a write that asks to be held to the profiles it declares."""
    return BeforeWrite("validation-strict", ("Resource",), _strict, _RULE)


async def _strict(ctx: Any, resource: Resource, before: Resource | None) -> Resource:
    """Refuses a resource that breaks a profile it declares, or declares one that is not here."""
    if named := _named(resource):
        _refuse(await issues_of(ctx, resource, named))
    return resource


async def _declared(ctx: Any, resource: Resource, before: Resource | None) -> Resource:
    """Refuses a resource that breaks a profile it declares."""
    if _named(resource):
        _refuse(await issues_of(ctx, resource, []))
    return resource


def _refuse(issues: Sequence[Issue]) -> None:
    errors = [i for i in issues if i.severity in ("error", "fatal")]
    if errors:
        raise Problem(tuple(errors))


async def _required(ctx: Any, resource: Resource, before: Resource | None) -> Resource:
    """As `_declared`, and one profile at least is declared and here."""
    await _declared(ctx, resource, before)
    if resource["resourceType"] in DIRECTORY:
        return resource
    view, named = ctx.store.as_system("validation"), _named(resource)
    shelf = await shelf_of(view)  # perhaps another one by now
    await shelf.bring(view, [("StructureDefinition", canonical) for canonical in named])
    if not any(_here(shelf.library, canonical) for canonical in named):
        kind = resource["resourceType"]
        text = f"{kind}.meta.profile must name a profile that is here: this server demands one"
        fr = f"{kind}.meta.profile doit nommer un profil présent ici : ce serveur en exige un"
        raise Problem((Issue("required", text, fr, (f"{kind}.meta.profile",), rule=_RULE),))
    return resource


def _named(resource: Resource) -> list[str]:
    named = (resource.get("meta") or {}).get("profile")
    return [p for p in named if isinstance(p, str)] if isinstance(named, list) else []


def _here(library: Library, canonical: str) -> bool:
    try:
        return library.profile(canonical) is not None
    except Problem:
        return False
