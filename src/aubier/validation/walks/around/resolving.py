"""What a reference names inside what is validated: contained resources and the entries of a Bundle.

Rule: FHIR R4 4.0.1, references.html#contained, bundle.html#references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from aubier.fhir.fhirpath import Tally
from aubier.fhir.references import Reference
from aubier.ground.rows import Resource
from aubier.validation.profiles.items import Item, children, root

ValueSets = Callable[[str], frozenset[tuple[str, str]] | None]
"""The (system, code) pairs of a value set that can be told code by code, or None."""


_MODES = frozenset({"contained", "bundled", "referenced"})
_ARRIVING = frozenset({"transaction", "batch"})
"""Bundles whose relative references name what is in the store, when no entry bears the name."""


WORK = 4_000_000
"""What FHIRPath may spend in one validation, some four seconds; an evaluation alone, half of it."""


class TooMuch(Exception):
    """The bound of work is reached."""


class Surroundings:
    """Finds the targets of references; contained resources and the entries of a Bundle are indexed once.

    `value_set` tells the value sets that invariants ask for. `stored` are resources by `Type/id` that were
    read from elsewhere, `own` is what is validated; `wanted` becomes the names that were looked for in vain,
    to be read before the next walk, `reached` what expressions find in a resource (see `invariants.reaches`).
    `now` is the moment of the validation; without one, rules that ask for it are not evaluated. `judge` is
    asked whether a resource conforms to a profile; it knows none before a walk takes its place.
    """

    def __init__(
        self,
        value_set: ValueSets = lambda url: None,
        stored: Mapping[str, Resource] | None = None,
        own: Item | None = None,
        now: datetime | None = None,
    ) -> None:
        self._value_set, self.now = value_set, now
        self._stored = {name: root(found) for name, found in (stored or {}).items()}
        if own is not None and isinstance(own.value.get("id"), str):
            self._stored[f"{own.type}/{own.value['id']}"] = own
        self.tally = Tally(WORK)
        self.wanted: set[str] = set()
        self.reached: dict[tuple[str, int], dict[Any, Any] | None] = {}
        self._indexes: dict[int, dict[str, Item]] = {}
        self._inside: dict[int, dict[str, Item]] = {}
        self._told: dict[int, dict[str, list[str]]] = {}
        self._holders: dict[int, dict[int, Item]] = {}
        self._near: dict[int, dict[int, Item]] = {}
        self.judge: Callable[[Item, str], bool | None] = lambda item, canonical: None

    def moments(self, expression: str) -> tuple[datetime | None, ...]:
        """When an expression is evaluated: a rule on the day holds where it holds somewhere on earth."""
        if self.now is None or not ("today" in expression or "timeOfDay" in expression):
            return (self.now,)
        return tuple(self.now + timedelta(hours=hours) for hours in (0, 14, -12))

    def holder(self, reference: Any, resource: Item) -> Item:
        """The resource that a Reference found in this one stands in: in a Bundle, that of an entry."""
        if resource.type != "Bundle" or reference.__class__ is not dict:
            return resource
        if id(resource.value) not in self._holders:
            self._holders[id(resource.value)] = dict(_held(resource))
        return self._holders[id(resource.value)].get(id(reference), resource)

    def conforms(self, value: Any, canonical: str, resource: Item) -> bool | None:
        """Whether a resource in this one, or named in it, conforms to a profile; None where nobody knows."""
        key = id(resource.value)
        if key not in self._near:
            self._near[key] = {id(one.value): one for one in _within(resource)}
        found = self._near[key].get(id(value))
        if found is None:
            found = next((one for one in self._stored.values() if one.value is value), None)
        return self.judge(found, canonical) if found is not None else None

    def resolve(self, reference: Item, *, inside: bool = False) -> Item | None:
        """The item of the resource that a Reference (or a uri) names here, or None.

        `inside`: only what is validated is looked through.
        """
        value = reference.value
        text = value.get("reference") if value.__class__ is dict else value
        if not isinstance(text, str) or reference.resource is None:
            return None
        holder = container(reference.resource)
        if text.startswith("#"):
            return self._contained(holder, text[1:])
        bundle = _bundle_of(holder)
        if bundle is None and inside:
            return None
        if bundle is None or (not inside and bundle.value.get("type") in _ARRIVING):
            found = self._elsewhere(Reference.parse(text))
            if found is not None or bundle is None:
                return found
        index = self._index(bundle)
        bare = text.partition("#")[0].partition("/_history/")[0]
        return index.get(_absolute(holder, bare)) or index.get(bare)

    def modes(self, reference: Item) -> frozenset[str]:
        """How what a Reference names is with it: contained, bundled, referenced; all where nothing tells.

        A resource by itself does not tell whether a Bundle will hold it.
        Rule: FHIR R4 4.0.1, codesystem-resource-aggregation-mode.html.
        """
        text = reference.value.get("reference")
        if not isinstance(text, str) or reference.resource is None:
            return _MODES
        if text.startswith("#"):
            return frozenset({"contained"})
        outside = _bundle_of(container(reference.resource)) is not None and not self.resolve(
            reference, inside=True
        )
        return frozenset({"referenced"}) if outside else _MODES - {"contained"}

    def enclosed(self, reference: Item) -> int:
        """How many entries of its Bundle a literal reference names by the fullUrl, as documents must.

        A relative one is read from the fullUrl of its own entry, which a `urn:uuid:` does not allow. One that
        names a version means the entry of that version, or one that does not say its own.
        Rule: FHIR R4 4.0.1, bundle.html#references.
        """
        holder = container(reference.resource) if reference.resource is not None else reference
        bundle = _bundle_of(holder)
        if bundle is None:
            return 0
        text, _, version = str(reference.value.get("reference")).partition("#")[0].partition("/_history/")
        url = _absolute(holder, text)
        versions = self._versions(bundle).get(url, ()) if ":" in url else ()
        return sum(not version or own in ("", version) for own in versions)

    def _versions(self, bundle: Item) -> dict[str, list[str]]:
        """The versions of the entries by fullUrl; empty where an entry does not say its own."""
        found = self._told.get(id(bundle.value))
        if found is None:
            found = self._told[id(bundle.value)] = {}
            for entry in children(bundle, "entry"):
                meta = (entry.value.get("resource") or {}).get("meta") or {}
                found.setdefault(str(entry.value.get("fullUrl")), []).append(str(meta.get("versionId", "")))
        return found

    def _elsewhere(self, named: Reference) -> Item | None:
        """What is validated by its own name, or one that was read; else its name is wanted."""
        if named.form != "relative":
            return None
        if named.local not in self._stored:
            self.wanted.add(named.local)
        return self._stored.get(named.local)

    def member_of(self, value: Any, url: str) -> bool | None:
        """Whether a code, Coding or CodeableConcept is in a value set; None when that cannot be told."""
        pairs = self._value_set(url)
        if pairs is None:
            return None
        if value.__class__ is str:
            return any(code == value for _, code in pairs)
        rows = value.get("coding", ()) if "code" not in value else (value,)
        return any((row.get("system"), row.get("code")) in pairs for row in rows)

    def _contained(self, holder: Item, id_: str) -> Item | None:
        if not id_:
            return holder
        found = self._inside.get(id(holder.value))
        if found is None:
            found = self._inside[id(holder.value)] = _by_id(children(holder, "contained"))
        return found.get(id_)

    def _index(self, bundle: Item) -> dict[str, Item]:
        found = self._indexes.get(id(bundle.value))
        if found is None:
            found = self._indexes[id(bundle.value)] = _indexed(bundle)
        return found


def container(resource: Item) -> Item:
    """The resource that stands by itself around one: itself, or the one it is contained in."""
    above = resource.parent
    return above.resource if resource.name == "contained" and above and above.resource else resource


def _within(resource: Item) -> Iterator[Item]:
    """A resource, those that it contains and those of its entries or parameters."""
    yield resource
    for name in ("contained", "entry", "parameter"):
        for one in children(resource, name):
            yield from [one] if one.resource is one else children(one, "resource")


def _held(bundle: Item) -> Iterator[tuple[int, Item]]:
    """The References of the entries of a Bundle by identity, each with the resource of its entry."""
    for entry in children(bundle, "entry"):
        for resource in children(entry, "resource"):
            if resource.type == "Bundle":
                yield from _held(resource)
                continue
            pending: list[Any] = [resource.value]
            while pending:
                node = pending.pop()
                if node.__class__ is dict and node.get("reference").__class__ is str:
                    yield id(node), resource
                pending += node.values() if node.__class__ is dict else node if node.__class__ is list else ()


def _by_id(resources: Iterable[Item]) -> dict[str, Item]:
    """Resources by id; the first of an id counts."""
    found: dict[str, Item] = {}
    for one in resources:
        if isinstance(own := one.value.get("id"), str):
            found.setdefault(own, one)
    return found


def _bundle_of(resource: Item) -> Item | None:
    """The Bundle of which a resource is an entry."""
    entry = resource.parent
    return entry.parent if entry is not None and entry.type == "Bundle.entry" else None


def _indexed(bundle: Item) -> dict[str, Item]:
    """Entries by fullUrl and, where no fullUrl says it, by `Type/id`. The first of a name counts."""
    found: dict[str, Item] = {}
    local: dict[str, Item] = {}
    for entry in children(bundle, "entry"):
        for resource in children(entry, "resource"):
            url = entry.value.get("fullUrl")
            if isinstance(url, str):
                found.setdefault(url, resource)
            local.setdefault(f"{resource.type}/{resource.value.get('id')}", resource)
    return local | found


def _absolute(resource: Item, text: str) -> str:
    """A relative reference as a URL, by the fullUrl of the entry it stands in."""
    entry: Any = resource.parent.value if resource.parent else {}
    url = entry.get("fullUrl")
    if not isinstance(url, str):
        return text
    own = Reference.parse(url)
    if Reference.parse(text).form == "relative" and own.local and url.endswith(f"/{own.local}"):
        return url.removesuffix(own.local) + text
    return text
