"""The table of contents of validation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.ground.rows import Operation, Resource, Service
from aubier.validation.service.marks import STATEMENTS
from aubier.validation.service.operations import check_resource
from aubier.validation.service.snapshot import snapshot

_TITLE = {"fr": "Valider une ressource", "en": "Validate a resource"}
_RULE = "FHIR R4 4.0.1, resource-operation-validate"


def _on(kind: str) -> Callable[[Any, Resource], Awaitable[Resource]]:
    async def run(ctx: Any, parameters: Resource) -> Resource:
        return await check_resource(ctx, kind, parameters)

    return run


SERVICE = Service(
    name="validation",
    title={"fr": "Validation", "en": "Validation"},
    about={
        "fr": "Une ressource confrontée à la spécification et aux profils : chaque défaut avec sa place, sa "
        "règle et le remède.",
        "en": "A resource held against the specification and profiles: every fault with its place, its rule "
        "and the mend.",
    },
    operations=(
        *(
            Operation("validate", kind, _on(kind), _TITLE, _RULE, either=True)
            # On the server itself (""), too: R4 has it on types alone, other servers let clients ask there.
            for kind in ("", *sorted(definitions().resource_types))
        ),
        Operation(
            "snapshot",
            "StructureDefinition",
            snapshot,
            {"fr": "Produire le snapshot d'un profil", "en": "Make the snapshot of a profile"},
            "FHIR R4 4.0.1, structuredefinition-operation-snapshot",
            either=True,
        ),
    ),
    statements=STATEMENTS,
)
