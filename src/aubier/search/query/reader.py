"""A query string, already split and URL-decoded, to a `Query`.

Rule: HL7 FHIR R4 4.0.1, search. What cannot be read is refused, all faults at once, each at
`http.<parameter>`; under `lenient` (Prefer: handling=lenient) unknown parameters are left out and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast
from weakref import WeakKeyDictionary

from aubier.fhir.definitions import definitions
from aubier.ground.memory import Memory
from aubier.ground.problem import Issue, Problem
from aubier.search.model import Condition, Criterion, Has, Include, Parameter, Query, Sort, Value
from aubier.search.parameters import Registry, is_indexed
from aubier.search.query.criteria import Criteria, UnknownParameter, known, known_type, unknown
from aubier.search.query.filters import filter_of
from aubier.search.query.values import MAX_LENGTH, MAX_LIST, alternatives, refused, too_long
from aubier.search.terms.words import UNWORDED

MAX_PARAMETERS = 200
MAX_SORT_KEYS = 8

_FORMAT = frozenset({"_format", "_pretty"})
_TOTALS = ("none", "estimate", "accurate")
_SUMMARIES = ("true", "text", "data", "count", "false")
_UNSUPPORTED = frozenset({"_query", "_contained", "_containedType", "_type", "_score"})
_AS_IT_IS = ("_contained", "false")
_ITERATE = frozenset({"iterate", "recurse"})
_WHOLE = frozenset({"_include", "_revinclude", "_list", "_text", "_content", "_filter"})
"""What takes no list of values, beside what shapes a page."""


def parse(
    type: str,
    pairs: Iterable[tuple[str, str]],
    *,
    registry: Registry,
    lenient: bool = False,
    blank: bool = False,
    max_count: int = 1000,
    default_count: int = 20,
) -> Query:
    """The search on `type` that the (name, value) pairs ask for.

    `blank`: a parameter without a value is left out and named, as searches do (R4 search, 3.1.1.3).
    Problem with every fault: `not-supported` for an unknown parameter, modifier or include, `invalid`
    for a value that cannot be read or is empty, `too-long` and `too-costly` beyond the bounds (200
    parameters, 4,000 characters, 500 values in a list, 8 steps in a chain). `_count` above `max_count`
    is `max_count`; `_count=0` asks for the count alone.
    """
    known_type(type, name="type")
    reader = _Reader(type, registry, max_count, Found(count=min(default_count, max_count)))
    for number, (name, value) in enumerate(pairs):
        if number >= MAX_PARAMETERS:
            text, fr = f"more than {MAX_PARAMETERS} parameters", f"plus de {MAX_PARAMETERS} paramètres"
            raise refused(name, text, fr, "too-costly")
        if blank and name and not value.strip():
            reader.found.ignored.append((name, value))
            continue
        try:
            reader.take(name, value)
        except UnknownParameter as refusal:
            if lenient:
                reader.found.ignored.append((name, value))
            else:
                reader.issues += refusal.issues
        except Problem as refusal:
            reader.issues += refusal.issues
            reader.headers |= refusal.headers
    if reader.issues:
        raise Problem(tuple(reader.issues), reader.headers)
    return reader.found.query(type)


@dataclass(slots=True)
class Found:
    """What has been read of a query so far."""

    count: int
    criteria: list[Condition] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    sort: list[Sort] = field(default_factory=list)
    total: Any = "none"
    summary: str = ""
    elements: list[str] = field(default_factory=list)
    cursor: str = ""
    applied: list[tuple[str, str]] = field(default_factory=list)
    form: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)

    def query(self, type: str) -> Query:
        """The finished query."""
        return Query(
            type,
            criteria=tuple(self.criteria),
            includes=tuple(dict.fromkeys(self.includes)),
            sort=tuple(self.sort),
            count=self.count,
            total=self.total,
            summary=self.summary,
            elements=tuple(dict.fromkeys(self.elements)),
            cursor=self.cursor,
            applied=tuple(self.applied),
            form=tuple(self.form),
            ignored=tuple(self.ignored),
        )


_Criteria = Memory[tuple[str, str, str], Criterion | Has]
_READ: WeakKeyDictionary[Registry, _Criteria] = WeakKeyDictionary()
"""What was read lately, by the parameters it was read for: most of what an application asks it asks again."""
_BYTES = 4_000_000


def _criterion(registry: Registry, type: str, name: str, value: str) -> Criterion | Has:
    """The criterion `name=value` on `type`, read once. Problem as `Criteria.read`."""
    read = _READ.get(registry)
    if read is None:
        read = _READ[registry] = _Criteria(_BYTES)
    key = type, name, value
    found: Criterion | Has | None = read.get(key)
    if found is None:
        found = Criteria(registry, name).read(type, name, value)
        read.keep(key, found, 2_000 + 100 * (len(name) + len(value)))
    return found


class _Reader:
    def __init__(self, type: str, registry: Registry, max_count: int, found: Found) -> None:
        self._type = type
        self._registry = registry
        self._max_count = max_count
        self._seen: set[str] = set()
        self.found = found
        self.issues: list[Issue] = []
        self.headers: dict[str, str] = {}

    def take(self, name: str, value: str) -> None:
        """Reads one pair."""
        if name in _FORMAT:
            self.found.form += [(name, value)] if value else []
            return
        base, _, modifier = name.partition(":")
        longest = MAX_LENGTH if base in _RESULT or base in _WHOLE else MAX_LIST
        if len(name) > MAX_LENGTH or len(value) > longest:
            raise too_long(name, longest)
        if not name:
            text, fr = (
                "a parameter has no name: write name=value",
                "un paramètre n'a pas de nom : écrivez nom=valeur",
            )
            raise refused("query", text, fr)
        if not value.strip():
            raise refused(
                name,
                f"{name[:100]} has no value; give one or leave it out",
                f"{name[:100]} n'a pas de valeur ; donnez-en une ou retirez-le",
            )
        if "\0" in name or "\0" in value:
            raise refused(
                name,
                "a null character is no text; leave it out",
                "un caractère nul n'est pas du texte ; retirez-le",
            )
        if base in ("_include", "_revinclude"):
            self._include(name, value, modifier, reverse=base == "_revinclude")
        elif name in _RESULT:
            self._once(name)
            _RESULT[name](self, value)
        elif name == "_list":
            self.found.criteria.append(self._list(value))
        elif name in ("_text", "_content"):
            self.found.criteria.append(self._words(name, value))
        elif name == "_filter":
            self.found.criteria.append(filter_of(self._registry, self._type, value))
        elif base in _UNSUPPORTED and (name, value) != _AS_IT_IS:
            raise unknown(name, f"{base} is not supported", f"{base} n'est pas pris en charge")
        elif base not in _UNSUPPORTED:
            self.found.criteria.append(_criterion(self._registry, self._type, name, value))
        self.found.applied.append((name, value))

    def _words(self, name: str, value: str) -> Criterion:
        """Words in the narrative, or anywhere in the resource."""
        if self._type in UNWORDED:
            raise unknown(
                name,
                f"{self._type} is not searched by its words: use its parameters",
                f"{self._type} ne se cherche pas par ses mots : prenez ses paramètres",
            )
        parameter = Parameter(self._type, name, "special", "", "")
        return Criterion(self._type, parameter, values=(Value(text=value),))

    def _list(self, value: str) -> Has:
        """What a List names: `_has:List:item:_id`."""
        if value.lstrip().startswith("$"):
            raise refused(
                "_list",
                "lists like $current-problems are not kept; give the id of a List",
                "les listes comme $current-problems ne sont pas tenues ; donnez l'id d'une List",
                "not-supported",
            )
        found = Criteria(self._registry, "_list").read(self._type, "_has:List:item:_id", value)
        return cast(Has, found)

    def _once(self, name: str) -> None:
        if name in self._seen:
            raise refused(name, f"{name} is given twice", f"{name} est donné deux fois")
        self._seen.add(name)

    def _count(self, value: str) -> None:
        if not (value.isascii() and value.isdigit()):
            raise refused(
                "_count",
                f"_count is a number, not {value[:60]!r}",
                f"_count est un nombre, pas {value[:60]!r}",
            )
        self.found.count = min(int(value), self._max_count)
        if self.found.count == 0:
            self.found.summary = "count"

    def _sort(self, value: str) -> None:
        keys = alternatives(value, name="_sort")
        if len(keys) > MAX_SORT_KEYS:
            raise refused(
                "_sort",
                f"_sort has more than {MAX_SORT_KEYS} keys",
                f"_sort a plus de {MAX_SORT_KEYS} clés",
                "too-costly",
            )
        self.found.sort = [self._sort_key(key.strip()) for key in keys]

    def _sort_key(self, key: str) -> Sort:
        parameter = known(self._registry, self._type, key.removeprefix("-"), name="_sort")
        return Sort(parameter, descending=key.startswith("-"))

    def _total(self, value: str) -> None:
        self.found.total = _one_of("_total", value, _TOTALS)

    def _summary(self, value: str) -> None:
        chosen = _one_of("_summary", value, _SUMMARIES)
        if self.found.summary != "count":
            self.found.summary = "" if chosen == "false" else chosen

    def _page(self, value: str) -> None:
        self.found.cursor = value

    def _elements(self, value: str) -> None:
        for part in alternatives(value, name="_elements"):
            name = part.strip().removeprefix(f"{self._type}.")
            owner, dot, element = name.rpartition(".")
            names = element_names(known_type(owner, name="_elements") if dot else self._type)
            if element not in names:
                raise refused(
                    "_elements",
                    f"{owner or self._type} has no element {element[:60]!r}",
                    f"{owner or self._type} n'a pas d'élément {element[:60]!r}",
                )
            self.found.elements.append(name)

    def _include(self, name: str, value: str, modifier: str, *, reverse: bool) -> None:
        if modifier and modifier not in _ITERATE:
            raise refused(
                name,
                f"{name[:100]} takes no modifier but iterate",
                f"{name[:100]} n'accepte que le modificateur iterate",
                "not-supported",
            )
        iterate = bool(modifier)
        parts = value.strip().split(":")
        if len(parts) > 3 or not all(parts) or (len(parts) == 1 and value != "*"):
            raise refused(
                name,
                f"{name[:100]} is written Type:parameter or Type:parameter:Target",
                f"{name[:100]} s'écrit Type:paramètre ou Type:paramètre:Cible",
            )
        if parts == ["*"] and reverse:
            self._include_all_that_refer(name, iterate=iterate)
            return
        if parts == ["*"]:
            parts = [self._type, "*"]
        source = known_type(parts[0], name=name)
        target = known_type(parts[2], name=name) if len(parts) == 3 else ""
        self._check_ends(name, source, reverse=reverse, iterate=iterate)
        for parameter in self._includable(name, source, parts[1]):
            wanted = target or (self._type if reverse and not iterate else "")
            if wanted and parameter.targets and wanted not in parameter.targets:
                if parts[1] == "*":
                    continue
                raise refused(
                    name,
                    f"{source}:{parameter.name} never names a {wanted}",
                    f"{source}:{parameter.name} ne désigne jamais {wanted}",
                )
            self.found.includes.append(Include(source, parameter, target, reverse, iterate))

    def _include_all_that_refer(self, name: str, *, iterate: bool) -> None:
        """Whatever names a match, by any parameter of any type; a page bounds what comes of it."""
        if iterate:
            raise refused(
                name,
                "_revinclude:iterate=* has no end: name the type, as in Provenance:target",
                "_revinclude:iterate=* n'a pas de fin : nommez le type, comme Provenance:target",
                "too-costly",
            )
        for source in sorted(definitions().resource_types):
            for parameter in self._includable(name, source, "*"):
                if not parameter.targets or self._type in parameter.targets:
                    self.found.includes.append(Include(source, parameter, "", reverse=True))

    def _check_ends(self, name: str, source: str, *, reverse: bool, iterate: bool) -> None:
        if not reverse and not iterate and source != self._type:
            raise refused(
                name,
                f"the search is on {self._type}: write {self._type}:..., or _include:iterate={source}:...",
                f"la recherche porte sur {self._type} : écrivez {self._type}:... ou "
                f"_include:iterate={source}:...",
            )

    def _includable(self, name: str, source: str, code: str) -> list[Any]:
        if code == "*":
            return [p for p in self._registry.of(source) if p.type == "reference" and is_indexed(p)]
        try:
            parameter = known(self._registry, source, code, name=name)
        except UnknownParameter as refusal:
            raise Problem(refusal.issues) from None
        if parameter.type != "reference":
            raise refused(
                name, f"{source}:{code} is no reference", f"{source}:{code} n'est pas une référence"
            )
        return [parameter]


_RESULT: dict[str, Callable[[_Reader, str], None]] = {
    "_count": _Reader._count,
    "_sort": _Reader._sort,
    "_total": _Reader._total,
    "_summary": _Reader._summary,
    "_elements": _Reader._elements,
    "_page": _Reader._page,
}


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        listed = ", ".join(allowed)
        raise refused(name, f"{name} is one of {listed}", f"{name} est l'un de {listed}")
    return value


@lru_cache(maxsize=512)
def element_names(type: str) -> frozenset[str]:
    """What `_elements` may ask of a type: `value`, and `valueQuantity` of those who know which it is."""
    told = definitions().type(type)
    return frozenset(name.removesuffix("[x]") for name in told.elements) | frozenset(told.properties)
