"""What holds between the entries of a Bundle.

Rule: FHIR R4 4.0.1, bundle.html#bundle-unique (fullUrl), bundle.html#references.
"""

from __future__ import annotations

from aubier.fhir.references import Place, Reference, iter_references
from aubier.validation.profiles.items import Item, children
from aubier.validation.walks import words
from aubier.validation.walks.walk import Walk

_NAMED = frozenset({"document", "message", "collection", "searchset", "history"})
"""Bundles whose entries must have a fullUrl; elsewhere some entries have no identity yet, or no resource."""
_CLOSED = frozenset({"document", "message", "collection", "transaction", "batch"})
"""Bundles in which `urn:uuid:` can only name an entry."""


def bundle_rules(walk: Walk, bundle: Item) -> None:
    """Full URLs agree with ids; what names an entry by `urn:` finds it."""
    if bundle.type != "Bundle":
        return
    closed = bundle.value.get("type") in _CLOSED
    _links(walk, bundle)
    if bundle.value.get("type") == "searchset":
        for entry in children(bundle, "entry"):
            _found(walk, entry)
    if bundle.value.get("type") == "document":
        _document(walk, bundle)
    known = _types(bundle)
    for entry in children(bundle, "entry"):
        _full_url(walk, entry)
        if bundle.value.get("type") in _NAMED and "fullUrl" not in entry.value and "resource" in entry.value:
            _nameless(walk, entry)
        for resource in children(entry, "resource") if closed else ():
            # What a Bundle within names is an entry of that one, which is looked at by itself.
            for place in iter_references(resource.value) if resource.type != "Bundle" else ():
                if place.text.startswith("urn:") and place.text not in known:
                    _missing(walk, resource, place.path, place.text)
                _same_type(walk, resource, place, known)


def _types(bundle: Item) -> dict[str, str]:
    """The type of each entry by its fullUrl; empty where it holds no resource."""
    entries = [e for e in bundle.value.get("entry", ()) if isinstance(e, dict)]
    return {str(e.get("fullUrl")): str((e.get("resource") or {}).get("resourceType", "")) for e in entries}


def _same_type(walk: Walk, resource: Item, place: Place, known: dict[str, str]) -> None:
    """A relative reference whose id is the UUID of an entry names what that entry holds.

    Rule: FHIR R4 4.0.1, bundle.html#references.
    """
    named = Reference.parse(place.text)
    held = known.get(f"urn:uuid:{named.id}", "") if named.form == "relative" else ""
    if held and held != named.type:
        text = (
            f"The entry of that UUID holds a {held[:64]}, the reference names a {named.type}",
            f"L'entrée de cet UUID porte un {held[:64]}, la référence nomme un {named.type}",
        )
        at = f"{resource.path}{place.path.removeprefix(resource.type)}.reference"
        walk.say(words.issue(at, "value", text, rule="FHIR R4 4.0.1 bundle.html#references"))


_ONCE = frozenset({"self", "first", "previous", "prev", "next", "last"})
"""Relations of which a page has one."""


def _links(walk: Walk, bundle: Item) -> None:
    """A page has one address of each kind. Rule: FHIR R4 4.0.1, http.html#paging."""
    seen: set[str] = set()
    for link in children(bundle, "link"):
        relation = str(link.value.get("relation", "")) if link.value.__class__ is dict else ""
        if relation in seen & _ONCE:
            text = (
                f"The link '{relation}' comes twice; keep one",
                f"Le lien « {relation} » vient deux fois ; gardez-en un",
            )
            at, rule = f"{link.path}.relation", "FHIR R4 4.0.1 http.html#paging"
            walk.say(words.issue(at, "value", text, rule=rule))
        seen.add(relation)


def _found(walk: Walk, entry: Item) -> None:
    """What a search found has an id; what it says of itself is an OperationOutcome, and nothing else is.

    Rule: FHIR R4 4.0.1, bundle.html#searchset and search-entry-mode.
    """
    resource, search = entry.value.get("resource"), entry.value.get("search")
    if not isinstance(resource, dict):
        return
    mode = search.get("mode", "") if isinstance(search, dict) else ""
    kind, rule = str(resource.get("resourceType", "")), "FHIR R4 4.0.1 search.html#entries"
    if mode == "outcome" and kind != "OperationOutcome":
        text = (
            f"An entry of mode outcome holds an OperationOutcome, not a {kind[:64]}",
            f"Une entrée de mode outcome porte un OperationOutcome, pas un {kind[:64]}",
        )
        walk.say(words.issue(f"{entry.path}.search.mode", "value", text, rule=rule))
    elif mode != "outcome" and kind != "OperationOutcome" and not resource.get("id"):
        text = (
            "What a search found has an id; give it one",
            "Ce qu'une recherche a trouvé a un id ; donnez-le",
        )
        walk.say(words.issue(f"{entry.path}.resource.id", "required", text, rule=rule))


def _document(walk: Walk, bundle: Item) -> None:
    """What the Composition of a document names is in the document. Rule: FHIR R4 4.0.1, documents.html."""
    for composition in [r for e in children(bundle, "entry")[:1] for r in children(e, "resource")]:
        pending: list[tuple[Item, tuple[str, ...]]] = [(composition, steps) for steps in _DOCUMENTED]
        while pending:
            item, steps = pending.pop()
            name, rest = steps[0], steps[1:]
            for below in children(item, name):
                if rest:
                    pending.append((below, rest))
                elif name == "section":
                    pending += [(below, ("entry",)), (below, ("section",))]
                elif _is_literal(below):
                    _held(walk, composition, below)


_DOCUMENTED: tuple[tuple[str, ...], ...] = (
    *(("subject",), ("encounter",), ("author",), ("custodian",), ("section",)),
    *(("attester", "party"), ("event", "detail")),
)


def _is_literal(reference: Item) -> bool:
    """Whether a reference names by text something that is not told elsewhere."""
    text = reference.value.get("reference") if reference.value.__class__ is dict else None
    return isinstance(text, str) and text[:1] != "#" and text[:4] != "urn:"


def _held(walk: Walk, composition: Item, reference: Item) -> None:
    """One entry is what a reference of the document names."""
    entries = walk.around.enclosed(reference)
    if entries == 0:
        path = reference.path.removeprefix(composition.path)
        _missing(walk, composition, path, reference.value["reference"])
    elif entries > 1:
        text = (
            f"{entries} entries have the fullUrl of this reference: say the version (/_history/...)",
            f"{entries} entrées ont le fullUrl de cette référence : dites la version (/_history/...)",
        )
        at, rule = f"{reference.path}.reference", "FHIR R4 4.0.1 bundle.html#references"
        walk.say(words.issue(at, "multiple-matches", text, rule=rule))


def _full_url(walk: Walk, entry: Item) -> None:
    url, resource = entry.value.get("fullUrl"), entry.value.get("resource")
    if not isinstance(url, str) or not isinstance(resource, dict):
        return
    found, kind, own = Reference.parse(url), resource.get("resourceType"), resource.get("id")
    named = f"{kind}/{own}"
    if ":" not in url:
        text = (
            f"fullUrl must be absolute or urn:uuid:...; {url[:80]} is not",
            f"fullUrl doit être absolu ou urn:uuid:... ; {url[:80]} ne l'est pas",
        )
    elif found.form == "absolute" and found.local != named:
        english, french = (f"is {named}", f"est {named}") if own else ("has no id", "n'a pas d'id")
        text = (
            f"fullUrl says {found.local}, the resource {english}: make them agree",
            f"fullUrl dit {found.local}, la ressource {french} : accordez-les",
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
