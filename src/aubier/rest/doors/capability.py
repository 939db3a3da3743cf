"""The CapabilityStatement of a door, made from the row that routes its requests."""

from __future__ import annotations

from aubier.ground.rows import Asked, Door, Offer, Resource
from aubier.rest.formats.negotiation import MEDIA_TYPES
from aubier.search.parameters import Registry


def statement(door: Door, base: str, *, registry: Registry, version: str, published: str) -> Resource:
    """The statement of `door` served at `base`; `published` is a FHIR date."""
    told: Resource = {
        "resourceType": "CapabilityStatement",
        "url": f"{base}/metadata",
        "version": version,
        "name": f"Aubier{door.name.title()}",
        "title": door.title["fr"],
        "status": "active",
        "date": published,
        "publisher": "Aubier",
        "description": f"{door.title['en']} ({door.rule})",
        "kind": "instance",
        "instantiates": list(door.follows),
        "software": {"name": "Aubier", "version": version},
        "implementation": {"description": door.title["en"], "url": base},
        "fhirVersion": "4.0.1",
        "format": [f for name in door.formats for f in (MEDIA_TYPES[name].partition(";")[0], name)],
        "patchFormat": list(door.patch_formats),
        "rest": [_rest(door, registry)],
    }
    return _filled(told)


def _rest(door: Door, registry: Registry) -> Resource:
    kinds = dict.fromkeys([*(o.type for o in door.offers), *(w.type for w in door.ways if w.type)])
    system = dict.fromkeys(w.interaction for w in door.ways if w.interaction and not w.type)
    return _filled(
        {
            "mode": "server",
            "documentation": door.about,
            "security": {"cors": True, "description": _who(door)},
            "resource": [_resource(door, kind, registry) for kind in sorted(kinds)],
            "interaction": [{"code": code} for code in system],
        }
    )


def _who(door: Door) -> str:
    keyed = f" or an application's key in the header {door.key}" if door.key else ""
    bound = f" At most {door.calls} calls a second from one application." if door.calls else ""
    return f"A bearer token{keyed}; deny by default.{bound}"


def _resource(door: Door, kind: str, registry: Registry) -> Resource:
    offer = door.offer(kind) or Offer(kind, ())
    own = [w.interaction for w in door.ways if w.type == kind and w.interaction]
    return _filled(
        {
            "type": kind,
            "profile": offer.profile,
            "supportedProfile": list(offer.supported),
            "documentation": offer.about,
            "interaction": [{"code": code} for code in dict.fromkeys([*offer.interactions, *own])],
            "searchInclude": list(offer.includes),
            "searchRevInclude": list(offer.revincludes),
            "searchParam": [_parameter(a, kind, registry) for a in offer.asked if "." not in a.code],
        }
    )


def _parameter(asked: Asked, kind: str, registry: Registry) -> Resource:
    known = registry.get(kind, asked.code)
    if known is None:
        raise LookupError(f"{kind} has no search parameter {asked.code}")
    words = []
    if asked.modifiers is not None:
        words.append("Modifiers: " + (", ".join(asked.modifiers) or "none"))
    if asked.prefixes is not None:
        words.append("Prefixes: " + ", ".join(asked.prefixes))
    if asked.days:
        words.append(f"Reaches back {asked.days} days")
    row = {
        "name": asked.code,
        "type": known.type,
        "definition": known.url,
        "documentation": ". ".join(words),
    }
    return _filled(row)


def _filled(row: Resource) -> Resource:
    """Without what is empty: FHIR has no empty element."""
    return {name: value for name, value in row.items() if value not in ("", [], {})}
