"""Nobody signs with another's name: what a citizen writes is said by a citizen, never by a professional.

A scope decides which types a citizen writes; this rule stands behind it for whatever type comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from aubier.access.actor import Context
from aubier.access.labels import IDNPS, IDNST
from aubier.ground.problem import problem
from aubier.ground.rows import Resource
from aubier.ground.text import fold_name

SIGNED = "CSP L1111-14 and R1111-46: what the holder adds is told apart from what professionals write"

TYPES = (
    "AllergyIntolerance",
    "CarePlan",
    "ClinicalImpression",
    "Communication",
    "Composition",
    "Condition",
    "DeviceRequest",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "Encounter",
    "FamilyMemberHistory",
    "Flag",
    "ImagingStudy",
    "Immunization",
    "List",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "NutritionOrder",
    "Observation",
    "Procedure",
    "Provenance",
    "QuestionnaireResponse",
    "RequestGroup",
    "RiskAssessment",
    "ServiceRequest",
    "Task",
    "VisionPrescription",
)
"""The types that say who asked, did, wrote or signed."""

_ELEMENTS = (
    "agent",
    "asserter",
    "attester",
    "authenticator",
    "author",
    "informationSource",
    "orderer",
    "performer",
    "prescriber",
    "recorder",
    "requester",
    "sender",
    "source",
)
_KINDS = ("Patient", "RelatedPerson")
_WHO = ("actor", "who", "party", "onBehalfOf")
_PERSON = re.compile(r"(?:https?://[^\s?#]{1,200}/)?(?:Patient|RelatedPerson)/[A-Za-z0-9.-]{1,64}", re.ASCII)


async def sign_as_oneself(ctx: Context, resource: Resource, before: Resource | None) -> Resource:
    """Before a citizen writes: who asked, did, wrote or signed can only be a Patient or a RelatedPerson.

    What the present version says already may stay. A display beside the reference goes unless it is the
    citizen's own name: it would be shown for the author's. Problem `forbidden` that names the element.
    """
    if ctx.actor.kind != "citizen":
        return resource
    own = frozenset(fold_name(ctx.actor.name).split())
    changed = dict(resource)
    for element in _ELEMENTS:
        if element in resource and resource[element] != (before or {}).get(element):
            changed[element] = _checked(resource, element, own)
    return changed


def _checked(resource: Resource, element: str, own: frozenset[str]) -> Any:
    value = resource[element]
    items = value if isinstance(value, list) else [value]
    kept = [_item(item, resource, element, own) for item in items]
    return kept if isinstance(value, list) else kept[0]


def _item(item: Any, resource: Resource, element: str, own: frozenset[str]) -> Any:
    if not isinstance(item, dict):
        return item
    inner = {name: item[name] for name in _WHO if isinstance(item.get(name), dict)}
    if inner:
        return item | {name: _reference(who, resource, element, own) for name, who in inner.items()}
    return _reference(item, resource, element, own)


def _reference(who: Resource, resource: Resource, element: str, own: frozenset[str]) -> Resource:
    target = str(who.get("reference") or "")
    fits = _inside(target, resource, own) if target.startswith("#") else _literal(target)
    if not fits or _professional([who.get("identifier")]) or who.get("type", "Patient") not in _KINDS:
        raise problem(
            "forbidden",
            "What you add is signed by you: a professional signs with their own access",
            "Ce que vous ajoutez est signé de vous : un professionnel signe avec son propre accès",
            at=f"{resource['resourceType']}.{element}",
            rule=SIGNED,
        )
    named = _words([str(who.get("display", ""))])
    return who if named <= own else {k: v for k, v in who.items() if k != "display"}


def _literal(target: str) -> bool:
    return _PERSON.fullmatch(target) is not None


def _inside(target: str, resource: Resource, own: frozenset[str]) -> bool:
    """Whether a contained resource is a citizen's own: of the right type, with no other name than theirs."""
    found = [c for c in resource.get("contained") or [] if f"#{c.get('id')}" == target]
    return all(
        c.get("resourceType") in _KINDS and not _professional(c.get("identifier") or []) and _names(c) <= own
        for c in found
    ) and bool(found)


def _names(person: Resource) -> frozenset[str]:
    names = [n for n in person.get("name") or [] if isinstance(n, dict)]
    texts = [str(n.get(part, "")) for n in names for part in ("text", "family")]
    return _words(
        [*texts, *(str(g) for n in names for p in ("given", "prefix", "suffix") for g in n.get(p) or [])]
    )


def _words(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in fold_name(text).split())


def _professional(identifiers: Any) -> bool:
    return any(isinstance(i, dict) and i.get("system") in (IDNPS, IDNST) for i in identifiers)
