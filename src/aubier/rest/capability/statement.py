"""The CapabilityStatement, made from the same rows as the routes. Rule: FHIR R4, capabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from aubier.fhir.definitions import definitions
from aubier.ground.rows import Operation, Resource
from aubier.rest.operations.rows import OPERATIONS
from aubier.rest.operations.standard import Standard
from aubier.rest.writing.patches import PATCH_FORMATS
from aubier.search.model import Parameter
from aubier.search.parameters import Registry, is_indexed, registry

_INSTANCE = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
_BULK = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
_OAUTH = frozenset({"authorize", "token", "register", "manage"})
"""What the extension `oauth-uris` has a place for; `.well-known/smart-configuration` tells the rest."""
_OWN_IDS = (
    "The platform's own applications (system/ scopes) may write under ids of their choosing; to all others an"
    " id that is not here is not there (404). A page includes at most 5,000 resources."
)
_EVERYWHERE: tuple[tuple[str, str, str], ...] = (
    ("_id", "token", "Resource-id"),
    ("_lastUpdated", "date", "Resource-lastUpdated"),
    ("_profile", "uri", "Resource-profile"),
    ("_security", "token", "Resource-security"),
    ("_source", "uri", "Resource-source"),
    ("_tag", "token", "Resource-tag"),
    ("_content", "string", "Resource-content"),
    ("_text", "string", "DomainResource-text"),
    ("_filter", "special", "filter"),
    ("_has", "special", ""),
    ("_list", "special", ""),
    ("_type", "special", ""),
)
"""What may be asked of any type: name, type, id of the standard's SearchParameter where it has one."""


def capability(
    base: str,
    version: str,
    published: str,
    operations: Mapping[tuple[str, str], Operation],
    oauth: Mapping[str, str],
    *,
    known: Registry | None = None,
    declared: Mapping[str, Resource] = MappingProxyType({}),
) -> Resource:
    """The statement of the FHIR base at `base`. `published` is a FHIR date, `known` what can be searched.

    `oauth` are the paths of the OpenID provider by the names that SMART gives them: authorize, token...
    `declared` are elements that rooms add by type, to the server itself under an empty name.
    """
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": published,
        "publisher": "Aubier",
        "kind": "instance",
        "instantiates": [_BULK],
        "software": {"name": "Aubier", "version": version},
        "implementation": {"description": "Aubier, FHIR R4", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json", "application/fhir+xml", "xml"],
        "patchFormat": PATCH_FORMATS,
        "rest": [_rest(base, operations, oauth, known or registry(), declared)],
    }


def _rest(
    base: str,
    operations: Mapping[tuple[str, str], Operation],
    oauth: Mapping[str, str],
    known: Registry,
    declared: Mapping[str, Resource],
) -> Resource:
    back = _reverse_includes(known)
    row: Resource = {
        **declared.get("", {}),
        "mode": "server",
        "documentation": _OWN_IDS,
        "compartment": [
            f"http://hl7.org/fhir/CompartmentDefinition/{kind.lower()}" for kind in definitions().compartments
        ],
        "security": _security(base.removesuffix("/fhir"), oauth),
        "resource": [
            {**declared.get(kind, {}), **_resource(kind, operations, known, back.get(kind, []))}
            for kind in sorted(definitions().resource_types)
        ],
        "interaction": [{"code": c} for c in ("transaction", "batch", "search-system", "history-system")],
        "searchParam": [_everywhere(*named) for named in _EVERYWHERE],
    }
    own = [_operation(o) for (on, _), o in operations.items() if not on]
    own += [_standard(o) for o in OPERATIONS if not o.on]
    return {**row, "operation": own} if own else row


def _everywhere(name: str, type: str, logical: str) -> Resource:
    url = {"definition": f"http://hl7.org/fhir/SearchParameter/{logical}"} if logical else {}
    return {"name": name, **url, "type": type}


def _reverse_includes(known: Registry) -> dict[str, list[str]]:
    """By type, the parameters that may name a resource of it, as `_revinclude` writes them."""
    found: dict[str, list[str]] = {}
    everything = sorted(definitions().resource_types)
    for kind in everything:
        for parameter in known.of(kind):
            if parameter.type == "reference" and is_indexed(parameter):
                for target in parameter.targets or everything:
                    found.setdefault(target, []).append(f"{kind}:{parameter.name}")
    return found


def _security(origin: str, oauth: Mapping[str, str]) -> Resource:
    return {
        "cors": True,
        "service": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                        "code": "SMART-on-FHIR",
                    }
                ]
            }
        ],
        "description": f"Bearer tokens of the OpenID provider of {origin}; deny by default.",
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [
                    {"url": name, "valueUri": origin + path} for name, path in oauth.items() if name in _OAUTH
                ],
            }
        ],
    }


def _resource(
    kind: str, operations: Mapping[tuple[str, str], Operation], known: Registry, back: Sequence[str]
) -> Resource:
    parameters = [p for p in known.of(kind) if is_indexed(p)]
    row: Resource = {
        "type": kind,
        "interaction": [{"code": code} for code in _INSTANCE],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "local", "logical"],
        "searchInclude": _includes(kind, parameters),
        "searchRevInclude": ["*", *back] if back else [],
        "searchParam": [{"name": p.name, "type": p.type, "definition": p.url} for p in parameters],
    }
    own = [_operation(o) for (on, _), o in operations.items() if on == kind]
    own += [_standard(o) for o in OPERATIONS if o.on in (kind, "Resource")]
    if own:
        row["operation"] = own
    return {k: v for k, v in row.items() if v != []}


def _includes(kind: str, parameters: Sequence[Parameter]) -> list[str]:
    named = [f"{kind}:{p.name}" for p in parameters if p.type == "reference"]
    return ["*", f"{kind}:*", *named] if named else []


def _operation(operation: Operation) -> Resource:
    return {
        "name": operation.name,
        "definition": operation.definition or _definition(operation.on, operation.name),
        "documentation": f"{operation.title['en']} ({operation.rule})",
    }


@lru_cache(maxsize=512)
def _definition(on: str, name: str) -> str:
    """The canonical of an operation: the standard's own where it has one of that name for that type."""
    for known in definitions().operations:
        if known.code == name and (known.system if not on else {on, "Resource"} & set(known.resources)):
            return known.url
    return f"https://aubier.example/OperationDefinition/{on or 'Resource'}-{name}"


def _standard(operation: Standard) -> Resource:
    return {
        "name": operation.name,
        "definition": operation.definition,
        "documentation": f"{operation.title['en']} ({operation.rule})",
    }
