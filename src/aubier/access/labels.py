"""The exact labels that access decides on, taken from a resource when it is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aubier.access.actor import Actor
from aubier.ground.rows import Resource

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
)
IDNPS = "urn:oid:1.2.250.1.71.4.2.1"
"""The system of professionals' national identifiers (8 + RPPS)."""
IDNST = "urn:oid:1.2.250.1.71.4.2.2"
"""The system of structures' national identifiers (1 + FINESS, 3 + SIRET)."""

MASKS = {
    "MASQUE_PS": "mask:ps",
    "INVISIBLE_PATIENT": "mask:patient",
    "INVISIBLE_REP_LEGAUX": "mask:rep",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "mask:rep",
    "CONNEXION_SECRETE": "mask:rep",
}
"""The codes that hide, and the label that each gives. We write the first three; others write the last two."""
_AUTHORS = ("author", "performer", "recorder", "requester")


def labels_of(resource: Resource, actor: Actor) -> list[str]:
    """Every label of a resource that `actor` writes.

    `kind:<type>`, `type:<code>` (DocumentReference.type, Composition.type), `category:<code>`,
    `conf:<code>`, `mask:ps|patient|rep`, `author:<key>`, `org:<IDNST>`, `security:<system>|<code>` for the
    rest of meta.security. The author is who wrote it. Whom the resource itself names as author counts only
    when a system actor wrote it: otherwise naming oneself, or a colleague, would open what was hidden. A
    Consent is also read by those it is about.
    Rule: DMP confidentiality codes, TRE_A07 (CI-SIS).
    """
    kind = resource["resourceType"]
    labels = {f"kind:{kind}", *(f"author:{key}" for key in actor.keys[:1])}
    for element in ("type", "category"):
        if element in resource:
            labels |= {f"{element}:{c}" for c in _codes(resource[element])}
    securities = [*_codings(resource.get("securityLabel")), *(resource.get("meta", {}).get("security") or [])]
    labels |= {_security(c) for c in securities if isinstance(c, dict)}
    if actor.kind == "system":
        labels |= declared_authors(resource)
    if kind == "Consent":
        labels |= {f"author:ps:{i}" for i in _identified(_parties(resource), _contained(resource), IDNPS)}
    if "custodian" in resource:
        labels |= {f"org:{i}" for i in _identified(resource["custodian"], _contained(resource), IDNST)}
    return sorted(labels)


def declared_authors(resource: Resource) -> set[str]:
    """The `author:<key>` labels of those whom a resource itself names as author, performer or requester."""
    named = [resource[element] for element in _AUTHORS if element in resource]
    contained = _contained(resource) if named else {}
    return {f"author:{key}" for value in named for key in _who(value, contained)}


def _contained(resource: Resource) -> dict[str, Any]:
    """The contained resources by what they are referred to as."""
    return {f"#{c.get('id')}": c for c in resource.get("contained") or [] if isinstance(c, dict)}


def _parties(consent: Resource) -> list[Any]:
    """Those a Consent is about: they read it as its authors do."""
    actors = (consent.get("provision") or {}).get("actor") or []
    return [a["reference"] for a in actors if isinstance(a, dict) and isinstance(a.get("reference"), dict)]


def _security(coding: dict[str, Any]) -> str:
    code, system = str(coding.get("code", "")), str(coding.get("system", ""))
    if code in MASKS:
        return MASKS[code]
    return f"conf:{code}" if system == CONFIDENTIALITY else f"security:{system}|{code}"


def _codings(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    concepts = value if isinstance(value, list) else [value]
    return [c for concept in concepts if isinstance(concept, dict) for c in concept.get("coding") or []]


def _codes(value: Any) -> set[str]:
    return {str(c["code"]) for c in _codings(value) if isinstance(c, dict) and c.get("code")}


def _who(value: Any, contained: dict[str, Any]) -> Iterable[str]:
    if value is None:
        return
    yield from (f"ps:{i}" for i in _identified(value, contained, IDNPS))
    for reference in _list(value):
        target = str(reference.get("reference", ""))
        if target.startswith("Patient/"):
            yield f"person:{target.removeprefix('Patient/')}"


def _list(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else [value]
    out = []
    for item in items:
        if isinstance(item, dict):
            actor = item.get("actor")
            out.append(actor if isinstance(actor, dict) else item)
    return out


def _identified(value: Any, contained: dict[str, Any], system: str) -> Iterable[str]:
    for reference in _list(value) if value is not None else ():
        yield from _of_system([reference.get("identifier")], system)
        inside = contained.get(str(reference.get("reference", "")))
        if inside:
            yield from _of_system(inside.get("identifier"), system)
            yield from _identified(inside.get("practitioner"), contained, system)
            yield from _identified(inside.get("organization"), contained, system)


def _of_system(identifiers: Any, system: str) -> Iterable[str]:
    for identifier in identifiers if isinstance(identifiers, list) else [identifiers]:
        if isinstance(identifier, dict) and identifier.get("system") == system and identifier.get("value"):
            yield str(identifier["value"])
