"""From a value set to the code systems it draws on, with one condition for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aubier.ground.problem import Issue, Problem, problem
from aubier.terminology.grammars import canonical_unit
from aubier.terminology.meaning import regex
from aubier.terminology.meaning.concepts import System
from aubier.terminology.meaning.predicates import (
    ACTIVE,
    EVERYTHING,
    LISTED,
    All,
    Among,
    AnyOf,
    Below,
    Has,
    Like,
    Not,
    Predicate,
    listing,
)
from aubier.terminology.meaning.value_set import Filter, Include, Listed, ValueSet, unusable
from aubier.terminology.meaning.versions import fits, is_pattern, numbers
from aubier.terminology.shelves.library import Library, parted

DEEPEST, MOST = 20, 1_000
"""How deep value sets may take from each other, and how many includes one answer may follow."""

_CODES = ("concept", "code")


@dataclass(slots=True)
class Part:
    """What a value set takes of one system: the condition, and what it says itself of codes it lists.

    `said` is the version that it, or the call, names; empty when that was left open.
    """

    system: System
    predicate: Predicate
    listed: dict[str, Listed] = field(default_factory=dict)
    said: str = ""
    letters: dict[str, list[str]] | None = None

    def written(self, code: str) -> Sequence[str]:
        """How the list that a value set takes writes a code, where case means nothing; nothing elsewhere."""
        if self.letters is None:
            self.letters = {}
            for one in () if self.system.case_sensitive else listing(self.predicate) or ():
                self.letters.setdefault(one.lower(), []).append(one)
        return self.letters.get(code.lower(), ())


_Parts = dict[tuple[str, str], Part]


@dataclass(slots=True)
class Resolver:
    """Follows includes, filters and imports. `only` keeps to one system, when one code is asked about.

    By URL, as `$expand` says: `versions` chooses the version of a system that a value set leaves open,
    `forced` overrules it, `checked` demands it, `without` leaves systems out; `sets` chooses the version of a
    value set that another leaves open, `wished` is the version that the code asked about says. With `only`, a
    version that is not the one demanded is told in `unmet` instead. Afterwards `systems`, `used` (value sets,
    with what makes them less than in force) and `supplements` say what was taken from; `merged` whether
    versions of a system were taken together, `across` whether one was taken away from another. `work` is what
    all patterns together may cost. Problem
    `not-found` for a value set that is not here, `processing` when value sets go in circles, `business-rule`
    for a version that is not the one demanded, `too-costly` beyond the bounds.
    """

    library: Library
    only: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    forced: Mapping[str, str] = field(default_factory=dict)
    checked: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    wished: str = ""
    inner: dict[str, ValueSet] = field(default_factory=dict)
    followed: int = 0
    used: dict[str, tuple[str, ...]] = field(default_factory=dict)
    supplements: dict[str, None] = field(default_factory=dict)
    systems: dict[str, None] = field(default_factory=dict)
    merged: bool | None = None
    across: bool = False
    unmet: list[Issue] = field(default_factory=list)
    work: regex.Work = field(default_factory=regex.Work)

    async def parts(self, value_set: ValueSet) -> list[Part]:
        """The parts of a value set, systems in the order in which they are first named."""
        return list((await self._parts(value_set, ())).values())

    async def _parts(self, value_set: ValueSet, road: tuple[str, ...]) -> _Parts:
        self.inner |= value_set.inner
        await self._supplements(value_set)
        found = await self._united(value_set.includes, road)
        out = await self._united(value_set.excludes, road)
        if not road:
            self._option(value_set)
        for key, part in found.items():
            for taken in _excluded(out, key, found, apart=self.merged is False):
                self.across = self.across or taken.system.version != part.system.version
                part.predicate = All((part.predicate, Not(await self._taken(taken, part))))
            if not value_set.inactive:
                part.predicate = All((part.predicate, ACTIVE))
        if self.merged and not road:
            await self._merge(list(found.values()))
        return found

    def _option(self, value_set: ValueSet) -> None:
        """Whether versions of one system are taken together (`versionsMatch`), when anybody says so."""
        said = value_set.options.get("versionsMatch")
        if self.merged is None and said:
            self.merged = said == "true"

    async def _merge(self, parts: list[Part]) -> None:
        """Of several versions of a system, a code is taken from the newest that has it."""
        for n, part in enumerate(newest := newest_first(parts)):
            for newer in (p for p in newest[:n] if p.system.url == part.system.url):
                part.predicate = All((part.predicate, Not(await self._taken(newer, part))))

    async def _taken(self, taken: Part, part: Part) -> Predicate:
        """What an exclusion says of the concepts of a part; of another version of a system, its codes."""
        if listing(taken.predicate) is not None:
            return taken.predicate
        same = taken.system.version == part.system.version
        if same and (taken.system.known or taken.predicate == EVERYTHING):
            return taken.predicate
        if not taken.system.known:
            raise unknown_system(taken.system.canonical)
        found = await self.library.page(taken.system, taken.predicate, [], offset=0, limit=LISTED + 1)
        if len(found) > LISTED:
            raise problem(
                "too-costly",
                f"At most {LISTED} codes of another version can be excluded",
                f"Au plus {LISTED} codes d'une autre version peuvent être exclus",
                at="ValueSet.compose.exclude",
            )
        return Among({concept.code: None for concept in found})

    async def _united(self, includes: Sequence[Include], road: tuple[str, ...]) -> _Parts:
        """Concepts that are in one of the includes."""
        choices: dict[tuple[str, str], list[Part]] = {}
        for one in includes:
            self._count()
            for key, part in (await self._include(one, road)).items():
                choices.setdefault(key, []).append(part)
        return {key: _either(parts) for key, parts in choices.items()}

    async def _supplements(self, value_set: ValueSet) -> None:
        """Problem `not-found` when a supplement that a value set cannot do without is not here."""
        for canonical in value_set.supplements:
            named = await self.library.supplement(canonical)
            if not named:
                raise unknown_supplement(canonical)
            self.supplements[named] = None

    def _count(self) -> None:
        self.followed += 1
        if self.followed > MOST:
            raise problem(
                "too-costly",
                f"This value set takes from more than {MOST} places",
                f"Ce jeu de valeurs puise à plus de {MOST} endroits",
                at="ValueSet.compose",
            )

    async def _include(self, one: Include, road: tuple[str, ...]) -> _Parts:
        if one.system and (one.system in self.without or (self.only and self.only != one.system)):
            return {}
        imported = [await self._imported(url, one.at, road) for url in one.value_sets]
        if not one.system:
            return _common(imported)
        system, said = await self._system(one)
        self.systems[system.canonical] = None
        key = system.url, system.version
        conditions = [await self._condition(f, system) for f in one.filters]
        if one.listed is not None:
            conditions.insert(0, Among(one.listed))
        both = [_same(found, key) for found in imported]
        conditions += [other.predicate if other is not None else AnyOf() for other in both]
        return {key: Part(system, _all(conditions), dict(one.listed or {}), said)}

    async def _system(self, one: Include) -> tuple[System, str]:
        """The system that an include takes from, and the version that was named."""
        checked = self.checked.get(one.system, "")
        version = self.forced.get(one.system) or one.version or self.versions.get(one.system, "") or checked
        said = version
        if is_pattern(version) and self.wished and fits(self.wished, version):
            version = self.wished
        found = await self.library.system(one.system, version)
        if found.known and not fits(found.version, checked):
            refusal = _other_version(found, checked, f"{one.at}.version")
            if not self.only:
                raise refusal
            told = (replace(issue, kind="exception", at=("version",)) for issue in refusal.issues)
            self.unmet += (issue for issue in told if issue not in self.unmet)
        return found, said

    async def _imported(self, canonical: str, at: str, road: tuple[str, ...]) -> _Parts:
        url, version = parted(canonical)
        found = self.inner.get(canonical) or await self.library.value_set(
            url, version or self.sets.get(url, "")
        )
        if found is None:
            raise problem(
                "not-found",
                f"The value set {canonical[:200]} is not here; load it first",
                f"Le jeu de valeurs {canonical[:200]} n'est pas ici ; chargez-le d'abord",
                at=f"{at}.valueSet",
                reason="not-found",
            )
        if found.canonical in road or len(road) >= DEEPEST:
            raise problem(
                "processing",
                f"Value sets take from each other in a circle: {' > '.join([*road, found.canonical])[:400]}",
                f"Des jeux de valeurs puisent en rond l'un dans l'autre : "
                f"{' > '.join([*road, found.canonical])[:400]}",
                at=f"{at}.valueSet",
                reason="vs-invalid",
            )
        self.used[found.canonical] = found.standing
        return await self._parts(found, (*road, found.canonical))

    async def _condition(self, row: Filter, system: System) -> Predicate:
        """A filter as a condition on concepts. Rule: FHIR R4, valueset-filter-operator."""
        values = tuple(part.strip() for part in row.value.split(",") if part.strip())
        match row.op, row.property:
            case (("is-a" | "descendent-of"), _):
                self._hierarchy(row)
                return Below(row.value, row.op == "is-a")
            case "child-of", _:
                self._hierarchy(row)
                return Has("parent", (row.value,))
            case "is-not-a", _:
                self._hierarchy(row)
                return Not(Below(row.value))
            case "generalizes", _:
                self._hierarchy(row)
                found = await self.library.concepts(system, [row.value])
                return Among({code: None for one in found.values() for code in sorted(one.lineage)})
            case "=", "child":
                found = await self.library.concepts(system, [row.value])
                return Among({code: None for one in found.values() for code in one.parents})
            case "=", name if name in _CODES:
                return Among({row.value: None})
            case "=", "canonical" if system.grammar:
                return Has("canonical", (canonical_unit(system.url, row.value),))
            case "=", name:
                return Has(name, (row.value,))
            case "in", name:
                return Among(dict.fromkeys(values)) if name in _CODES else Has(name, values or ("",))
            case "not-in", name:
                return Not(Has(name, values or ("",)))
            case "exists", name:
                return Has(name) if row.value == "true" else Not(Has(name))
            case "regex", name:
                return Like(name, regex.parse(row.value, row.at), self.work)
        raise unusable(row)

    @staticmethod
    def _hierarchy(row: Filter) -> None:
        if row.property not in _CODES:
            raise unusable(row)


def _same(parts: _Parts, key: tuple[str, str]) -> Part | None:
    """The part of the same system: of the same version if there is one, else of any."""
    return parts.get(key) or next((p for (url, _), p in parts.items() if url == key[0]), None)


def _excluded(out: _Parts, key: tuple[str, str], found: _Parts, *, apart: bool) -> list[Part]:
    """What is taken away from a part: of its version, and of others of its system unless they stand `apart`.

    Codes that are listed of one version, which the value set takes from too, are taken from that one alone.
    """
    own = [out[key]] if key in out else []
    others = [part for at, part in out.items() if at[0] == key[0] and at != key]
    return own if apart else own + [p for p in others if not p.listed or _key(p) not in found]


def _key(part: Part) -> tuple[str, str]:
    return part.system.url, part.system.version


def _all(conditions: Sequence[Predicate]) -> Predicate:
    return conditions[0] if len(conditions) == 1 else All(tuple(conditions))


def _either(parts: list[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    listed = {code: one for part in reversed(parts) for code, one in part.listed.items()}
    return Part(parts[0].system, AnyOf(tuple(p.predicate for p in parts)), listed, parts[0].said)


def _common(found: Sequence[_Parts]) -> _Parts:
    """Concepts that are in all of several value sets."""
    common: _Parts = {}
    for key, part in found[0].items() if found else ():
        others = [_same(parts, key) for parts in found[1:]]
        conditions = [part.predicate, *(other.predicate for other in others if other is not None)]
        if len(conditions) == len(found):
            common[key] = Part(part.system, _all(conditions), part.listed, part.said)
    return common


def newest_first(parts: Sequence[Part]) -> list[Part]:
    """The parts, systems in their order, of each the newest version first."""
    order = {url: n for n, url in enumerate(dict.fromkeys(p.system.url for p in parts))}
    newest = sorted(parts, key=lambda p: numbers(p.system.version), reverse=True)
    return sorted(newest, key=lambda p: order[p.system.url])


def _other_version(found: System, demanded: str, at: str) -> Problem:
    return problem(
        "business-rule",
        f"The value set takes from {found.canonical}, not from version {demanded[:60]}, which is demanded",
        f"Le jeu de valeurs puise dans {found.canonical}, pas dans la version {demanded[:60]}, exigée",
        at=at,
        reason="version-error",
    )


def unknown_system(url: str, at: str = "") -> Problem:
    """The refusal of a question on a code system that is not here."""
    return problem(
        "not-found",
        f"The code system {url[:200] or '(none)'} is not here; load it, or check its address",
        f"Le système de codes {url[:200] or '(aucun)'} n'est pas ici ; chargez-le, ou vérifiez son adresse",
        at=at or (),
        reason="not-found",
    )


def unknown_supplement(canonical: str) -> Problem:
    """The refusal of a question that needs a supplement that is not here."""
    return problem(
        "not-found",
        f"The code system supplement {canonical[:200]} is not here; load it first",
        f"Le supplément {canonical[:200]} n'est pas ici ; chargez-le d'abord",
        at="ValueSet.extension",
        reason="not-found",
    )


def unknown_value_set(canonical: str, at: str = "") -> Problem:
    """The refusal of a question on a value set that is not here."""
    url, version = parted(canonical)
    which = f"{url[:200]}{f' ({version[:60]})' if version else ''}"
    return problem(
        "not-found",
        f"The value set {which} is not here; load it, or check its address",
        f"Le jeu de valeurs {which} n'est pas ici ; chargez-le, ou vérifiez son adresse",
        at=at or (),
        reason="not-found",
    )
