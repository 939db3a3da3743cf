"""What holds between the entries of a Bundle.

Rule: FHIR R4 4.0.1, bundle.html#bundle-unique (fullUrl), bundle.html#references.
"""

from __future__ import annotations

from aubier.fhir.references import Reference, iter_references
from aubier.validation.profiles.items import Item, children
from aubier.validation.walks import words
from aubier.validation.walks.walk import Walk

_NAMED = frozenset({"document", "message", "collection", "searchset"})
"""Bundles whose entries must have a fullUrl; elsewhere some entries have no identity yet, or no resource."""
_CLOSED = frozenset({"document", "message", "collection", "transaction", "batch"})
"""Bundles in which `urn:uuid:` can only name an entry."""


def bundle_rules(walk: Walk, bundle: Item) -> None:
    """Full URLs agree with ids; what names an entry by `urn:` finds it."""
    if bundle.type != "Bundle":
        return
    closed = bundle.value.get("type") in _CLOSED
    known = {e.get("fullUrl") for e in bundle.value.get("entry", ()) if isinstance(e, dict)}
    for entry in children(bundle, "entry"):
        _full_url(walk, entry)
        if bundle.value.get("type") in _NAMED and "fullUrl" not in entry.value and "resource" in entry.value:
            _nameless(walk, entry)
        for resource in children(entry, "resource") if closed else ():
            for place in iter_references(resource.value):
                if place.text.startswith("urn:") and place.text not in known:
                    _missing(walk, resource, place.path, place.text)


def _full_url(walk: Walk, entry: Item) -> None:
    url, resource = entry.value.get("fullUrl"), entry.value.get("resource")
    if not isinstance(url, str) or not isinstance(resource, dict):
        return
    found, kind, own = Reference.parse(url), resource.get("resourceType"), resource.get("id")
    named = f"{kind}/{own}"
    if found.form == "relative":
        text = (
            f"fullUrl must be absolute or urn:uuid:...; {url[:80]} is not",
            f"fullUrl doit être absolu ou urn:uuid:... ; {url[:80]} ne l'est pas",
        )
    elif found.form == "absolute" and found.local != named:
        text = (
            f"fullUrl says {found.local}, the resource is {named}: make them agree",
            f"fullUrl dit {found.local}, la ressource est {named} : accordez-les",
        )
    else:
        return
    walk.say(
        words.issue(f"{entry.path}.fullUrl", "value", text, rule="FHIR R4 4.0.1 bundle.html#bundle-unique")
    )


def _nameless(walk: Walk, entry: Item) -> None:
    text = (
        "This entry has no fullUrl: give it one, urn:uuid:... when it has no address",
        "Cette entrée n'a pas de fullUrl : donnez-en un, urn:uuid:... si elle n'a pas d'adresse",
    )
    walk.say(
        words.issue(f"{entry.path}.fullUrl", "required", text, rule="FHIR R4 4.0.1 bundle.html#bundle-unique")
    )


def _missing(walk: Walk, resource: Item, path: str, text: str) -> None:
    told = (
        f"No entry of this Bundle has the fullUrl {text[:80]}: add it or mend the reference",
        f"Aucune entrée de ce Bundle n'a le fullUrl {text[:80]} : ajoutez-la ou corrigez la référence",
    )
    at = f"{resource.path}{path.removeprefix(resource.type)}.reference"
    walk.say(words.issue(at, "not-found", told, rule="FHIR R4 4.0.1 bundle.html#references"))
