"""What the public directory tells of a resource: nothing but the elements its profiles keep. Pure.

Rule: Annuaire Santé 1.2.0, the public profiles (as-dp-*): what they forbid is not told, and of an inactive
resource only its id, its identifiers and that it is inactive.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aubier.ground.rows import Resource
from aubier.referentials.directory.resources import EMAIL_TYPE, is_mailbox

_AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
_ALWAYS = ("resourceType", "id", "meta", "language")
_INACTIVE = ("resourceType", "id", "meta", "identifier", "active")
_TOLD = {
    "Practitioner": "extension identifier active name telecom qualification",
    "PractitionerRole": "extension identifier active practitioner organization code telecom",
    "Organization": "extension identifier active type name alias telecom address partOf",
    "HealthcareService": "extension identifier active providedBy category type specialty characteristic",
    "Device": "extension identifier status manufacturer deviceName modelNumber type owner",
}
_EXTENSION_NAMES = (
    "authorization data-trace installation organization-authorization-deadline organization-budget-type"
    " organization-closing-type organization-pharmacy-licence organization-pricing-model patient-type"
    " practitionerrole-contracted practitionerrole-hascas practitionerrole-vitale-accepted smartcard"
    " supported-capacity"
)
_EXTENSIONS = {f"{_AS}as-ext-{name}" for name in _EXTENSION_NAMES.split()} | {
    "http://hl7.org/fhir/StructureDefinition/organization-period"
}
_METADATA = _AS + "as-ext-mailbox-mss-metadata"
_WITHHELD = {_AS + "as-ext-smartcard": ("oppositionDate",), _METADATA: ("listeRouge", "phone", "responsible")}
_PARTS = {"identifier": ("period", "assigner"), "name": ("period",), "qualification": ("period", "issuer")}


def told(resource: Resource) -> Resource:
    """The resource as the public directory tells it; what is not named here is not told."""
    kind = resource["resourceType"]
    if resource.get("active") is False:
        return {name: _element(kind, name, resource[name]) for name in _INACTIVE if name in resource}
    kept = {*_ALWAYS, *_TOLD[kind].split()}
    made = {name: _element(kind, name, value) for name, value in resource.items() if name in kept}
    return {name: value for name, value in made.items() if value not in ([], {})}


def _element(kind: str, name: str, value: Any) -> Any:
    if name == "meta":
        return _meta(value)
    if name == "telecom":
        return [t for each in value if (t := _contact(kind, each))]
    if name == "extension":
        return [_extension(each) for each in value if each.get("url") in _EXTENSIONS]
    if name in _PARTS and isinstance(value, list):
        return [_without(each, _PARTS[name]) for each in value]
    return value


def _meta(meta: Resource) -> Resource:
    profiles = [p for p in meta.get("profile", ()) if not p.startswith(_AS + "as-dr-")]
    rest = {k: v for k, v in meta.items() if k != "profile"}
    return rest | ({"profile": profiles} if profiles else {})


def _contact(kind: str, contact: Resource) -> Resource | None:
    """A contact point that is public: a structure's own, or a secure mailbox that is not on the red list."""
    contact = _without(contact, ("period",))
    if not _is_mailbox(contact):
        return contact if kind == "Organization" else None
    metadata = [e for e in contact.get("extension", ()) if e.get("url") == _METADATA]
    if any(part.get("valueBoolean") for e in metadata for part in _inside(e) if part["url"] == "listeRouge"):
        return None
    extensions = [_extension(e) for e in contact.get("extension", ()) if e["url"] in (_METADATA, EMAIL_TYPE)]
    return _without(contact, ("extension",)) | ({"extension": extensions} if extensions else {})


def _is_mailbox(contact: Resource) -> bool:
    return contact.get("system") == "email" and is_mailbox(contact.get("value") or "")


def _inside(extension: Resource) -> list[Resource]:
    found: list[Resource] = extension.get("extension") or []
    return found


def _extension(extension: Resource) -> Resource:
    withheld = _WITHHELD.get(extension["url"], ())
    if not withheld or not _inside(extension):
        return extension
    return {**extension, "extension": [part for part in _inside(extension) if part["url"] not in withheld]}


def _without(element: Resource, names: Iterable[str]) -> Resource:
    """Without these members, and without what stands beside a primitive of that name."""
    gone = {*names, *(f"_{name}" for name in names)}
    return {name: value for name, value in element.items() if name not in gone}
