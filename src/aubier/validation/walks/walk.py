"""A profile walked over a value. Pure: issues and terminology questions come out, nothing is looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.fhir.fhirpath.patterns import pattern
from aubier.ground.problem import Issue, Problem
from aubier.validation.profiles.comparing import edge, fits, from_now, order, same
from aubier.validation.profiles.items import Item, children, named_type
from aubier.validation.profiles.library import Library, Profile
from aubier.validation.profiles.questions import Question, among, codings
from aubier.validation.profiles.shapes import Bound, Rule, Shape, Slice
from aubier.validation.snapshots.base import BASE
from aubier.validation.snapshots.tree import MALFORMED, malformed
from aubier.validation.telling import Telling
from aubier.validation.walks import words
from aubier.validation.walks.around.invariants import holds, orphans
from aubier.validation.walks.around.resolving import WORK, Surroundings, TooMuch
from aubier.validation.walks.rules.narrated import unnarrated, unspoken
from aubier.validation.walks.slices.discriminate import Test, tests_of

MOST = 400_000
"""Items looked at in one validation, at most."""
MAX_DEPTH = 100
TESTS = 4
"""Slices held against an item that cost as much as one item looked at."""
STEPS = 10
"""Steps of FHIRPath that cost as much as one item looked at."""
PAUSE = 200
"""Items looked at, some 3 ms, after which a walk pauses, so that others can be served."""

_DATED = frozenset({"date", "dateTime", "instant"})
"""Types whose edges may be told by a duration from now."""

Parts = Iterator[None]
"""A walk under way: it ends of itself, and pauses on the way."""


@dataclass(slots=True)
class Spent:
    """What a walk and the quiet walks it starts share: work done, verdicts, what did not compile.

    `granted` are the verdicts that were reached while another was being told, and may rest on it. `tests` are
    those of slices, made once; each is kept with its slice, by whose identity it is found. `turn` is what was
    left, steps of FHIRPath among it, at the last pause.
    """

    left: int = MOST
    turn: int = MOST + WORK // STEPS
    depth: int = 0
    verdicts: dict[tuple[int, str], bool] = field(default_factory=dict)
    granted: list[tuple[int, str]] = field(default_factory=list)
    unevaluated: Counter[str] = field(default_factory=Counter)
    tests: dict[int, tuple[Slice, list[Test] | None]] = field(default_factory=dict)


class Walk:
    """One validation under way. `quiet` walks only want to know whether there is an error."""

    def __init__(self, library: Library, around: Surroundings, spent: Spent, *, quiet: bool = False) -> None:
        self.library, self.around, self.spent, self.quiet = library, around, spent, quiet
        self.telling = Telling()
        self.questions: list[Question] = []

    # -- what others ask ----------------------------------------------------------------------------

    def resolve(self, reference: Item) -> Item | None:
        """What a reference names here."""
        return self.around.resolve(reference)

    def conforms(self, item: Item, canonical: str) -> bool:
        """Whether an item conforms to a profile; true for one that is not here."""
        key, spent = (id(item.value), canonical), self.spent
        if key not in spent.verdicts:
            spent.verdicts[key] = True  # asked again while it is being told
            before = len(spent.granted)
            quiet = Walk(self.library, self.around, spent, quiet=True)
            for _ in quiet.profile(item, canonical):
                pass  # whoever asks needs the verdict at once
            if quiet.refused:  # what was granted meanwhile may have gone by the opposite: it is told anew
                for other in spent.granted[before:]:
                    del spent.verdicts[other]
                del spent.granted[before:]
                spent.verdicts[key] = False
            else:
                spent.granted.append(key)
        return spent.verdicts[key]

    def judged(self, item: Item, canonical: str) -> bool | None:
        """Whether an item conforms to a profile; None for one that is not here or cannot be made."""
        try:
            here = self.library.profile(canonical) is not None
        except Problem:
            return None
        return self.conforms(item, canonical) if here else None

    @property
    def refused(self) -> bool:
        """Whether an error was found."""
        return self.telling.refused

    def say(self, issue: Issue) -> None:
        """Adds an issue."""
        self.telling.add(issue)

    def due(self) -> bool:
        """Whether so much was done since the last pause that it is time for another."""
        left = self.spent.left + self.around.tally.left // STEPS
        if self.spent.turn - left < PAUSE:
            return False
        self.spent.turn = left
        return True

    # -- walking ------------------------------------------------------------------------------------

    def profile(self, item: Item, canonical: str) -> Parts:
        """Walks a profile over an item, which must be of its type."""
        try:
            found = self.library.profile(canonical)
        except Problem as refusal:
            self._unmade(item, canonical, refusal)
            return
        if found is None:
            self.say(words.unknown_profile(item, canonical))
        elif found.type and not _is_a(item.type, found.type) and item.value is not None:
            text = (
                f"{canonical} is a profile of {found.type}, this is a {item.type}",
                f"{canonical} est un profil de {found.type}, ceci est un {item.type}",
            )
            self.say(words.issue(item, "structure", text, rule=canonical))
        else:
            yield from self.under(item, found)

    def under(self, item: Item, profile: Profile) -> Parts:
        """Checks an item against a profile that is here; a malformed one is told, never a crash."""
        depth = self.spent.depth
        try:
            yield from self.against(item, profile.shape)
        except MALFORMED:
            self.spent.depth = depth
            self._unmade(item, profile.canonical, malformed(profile.canonical))

    def _unmade(self, item: Item, canonical: str, refusal: Problem) -> None:
        for one in refusal.issues:
            text = (one.text, one.fr)
            self.say(words.issue(item, "processing", text, rule=canonical, severity="warning"))

    def against(self, item: Item, shape: Shape, *, inside: bool = False) -> Parts:
        """Checks what a shape demands of one item and of all below it. `inside`: as an element of another."""
        self.spent.left -= 1
        if self.spent.left < 0 or self.spent.depth > MAX_DEPTH:
            raise TooMuch
        self.spent.depth += 1
        self._value(item, shape)
        if shape.bound:
            self._bound(item, shape.bound, shape)
        named = shape.profiles.get(item.type) or (
            shape.profiles.get("Resource") if item.resource is item else ()
        )
        if named:
            yield from self._profiles(item, named, shape)
        if (shape.targets or shape.modes) and item.type == "Reference":
            self._target(item, shape)
        if shape.rules:
            yield from self.rules(item, shape.rules, shape.id, inside=inside)
        for name, child in shape.children.items():
            yield from self._several(item, name, children(item, name), child)
        self.spent.depth -= 1

    def rules(self, item: Item, rules: tuple[Rule, ...], source: str, *, inside: bool = False) -> Parts:
        """Evaluates invariants on an item; `inside`: they are said of it as an element of another.

        `source` names the element of a profile that states them; it is empty where the specification does.
        """
        for rule in rules:
            if self.due():
                yield
            verdict = holds(rule.expression, item, self.around, published=not source)
            if verdict is False and inside and item.resource is item:
                # A resource as an element: `%resource` is the one that holds it. A profile's own root may
                # have been laid here too, where it is the resource itself: either will do.
                verdict = holds(rule.expression, item, self.around, outer=True)
            at = [item]
            if verdict is False and rule.key == "dom-3":
                left = unnarrated(item)
                verdict = holds(rule.expression, left, self.around)
                at = orphans(rule.expression, item, left, self.around) or at
            if verdict is None:
                self.spent.unevaluated[rule.key] += 1
            for one in at if verdict is False else ():
                self.say(words.broken(one, rule, source))

    # -- one value ----------------------------------------------------------------------------------

    def _value(self, item: Item, shape: Shape) -> None:
        if shape.value is not None:
            kind, wanted = shape.value
            if not (same if kind == "fixed" else fits)(item.value, wanted):
                self.say(words.not_value(item, shape))
        if shape.length is not None and isinstance(item.value, str) and len(item.value) > shape.length:
            self.say(words.too_long(item, shape))
        if shape.shortest and isinstance(item.value, str) and len(item.value) < shape.shortest:
            self.say(words.too_short(item, shape))
        for regex in shape.regexes:
            self._formed(item, regex, shape)
        if item.value is None and (shape.valued or shape.instead):
            self._absent(item, shape)
        if shape.languages and item.type == "Narrative" and item.value.__class__ is dict:
            for faulty in unspoken(item, shape.languages):
                self.say(words.other_languages(item, faulty, shape))
        for said, side in ((shape.low, -1), (shape.high, 1)):
            if said.__class__ is dict and item.type in _DATED:
                said = from_now(said, self.around.now, side)
            if said is not None and order(item.value, said) == side:
                self.say(words.beyond(item, shape, edge(said), low=side < 0))

    def _formed(self, item: Item, regex: str, shape: Shape) -> None:
        """The text of a primitive matches an expression whole. Rule: extension regex."""
        value = item.value
        text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else None
        text = str(value) if isinstance(value, int | Decimal) and text is None else text
        if text is None:
            return
        try:
            fits = pattern(regex).matches(text, whole=True, charge=self._charge)
        except Problem:
            self.say(words.unread_regex(item, regex, shape))
        else:
            if not fits:
                self.say(words.not_in_form(item, regex, shape))

    def _charge(self, steps: int) -> None:
        self.around.tally.left -= steps
        if self.around.tally.left < 0:
            raise TooMuch

    def _absent(self, item: Item, shape: Shape) -> None:
        """A primitive without value: what may stand for it is told by the profile."""
        urls = {str(x.value.get("url")) for x in children(item, "extension") if x.value.__class__ is dict}
        if shape.valued or not urls & set(shape.instead):
            self.say(words.no_value(item, shape))

    def _bound(self, item: Item, bound: Bound, shape: Shape) -> None:
        """Leaves the codes to terminology. A quiet walk has nobody to ask: it goes by codes that are told."""
        found = codings(item.value, item.type)
        if found is None:
            return
        if self.quiet:
            told = self.library.value_set(bound.value_set) if bound.strength == "required" else None
            if told is not None and not among(found, told):
                self.say(words.not_bound(item, shape))
            return
        if bound.strength in ("required", "extensible", "preferred"):
            strength: Any = bound.strength
            self.questions.append(Question(item.path, strength, bound.value_set, found, shape.id))
        for most in bound.most:
            self.questions.append(Question(item.path, "maximum", most, found, shape.id))

    def _profiles(self, item: Item, named: tuple[str, ...], shape: Shape) -> Parts:
        """A value must follow one of the profiles of its type."""
        if item.type == "Extension" and not self.quiet:
            return  # every extension is walked against its own definition
        if len(named) == 1:
            yield from self.profile(item, named[0])
        elif not any(self.conforms(item, p) for p in named):
            self.say(words.no_profile_fits(item, ", ".join(named), shape))

    def _target(self, item: Item, shape: Shape) -> None:
        """A reference names one of the types, where it may be; its target, when here, follows a profile."""
        if item.value.__class__ is not dict:
            return
        if shape.modes and shape.modes.isdisjoint(self.around.modes(item)):
            self.say(words.not_with_it(item, shape))
        if not shape.targets:
            return
        profiled = any(t.removeprefix(BASE) not in definitions().types for t in shape.targets)
        found = self.resolve(item) if profiled else self.around.resolve(item, inside=True)
        kind = found.type if found else named_type(item)
        types = {t: self.library.type_of(t) for t in shape.targets}
        allowed = ", ".join(shape.targets)
        if kind and all(types.values()) and not {kind, "Resource"} & set(types.values()):
            self.say(words.wrong_target(item, kind, allowed, shape))
        elif found is not None:
            fitting = [t for t, k in types.items() if k in (kind, "", "Resource")]
            if not any(self.conforms(found, t) for t in fitting):
                self.say(words.target_off(item, allowed, shape))

    # -- several values -----------------------------------------------------------------------------

    def _several(self, parent: Item, name: str, items: list[Item], shape: Shape) -> Parts:
        self._count(parent, name, items, shape)
        for item in items:
            if self.due():
                yield
            if shape.types and item.type not in shape.types:
                self.say(words.wrong_type(item, shape))
                continue
            yield from self.against(item, shape, inside=True)
        if shape.slices:
            yield from self._sliced(parent, name, items, shape)

    def _count(self, parent: Item, name: str, items: list[Item], shape: Shape) -> None:
        if len(items) < shape.min:
            self.say(words.too_few(parent, name, len(items), shape))
        if shape.max is not None and len(items) > shape.max:
            self.say(words.too_many(parent, name, len(items), shape))

    def _sliced(self, parent: Item, name: str, items: list[Item], shape: Shape) -> Parts:
        """Each item to its slice, then each slice as an element of its own.

        All slices are gone through for each item, and once more for the element that holds none.
        """
        decided: list[tuple[Slice, list[Test] | None]] = []
        for each in shape.slices:
            decided.append((each, self._tests(parent, name, each, shape)))
            if self.due():
                yield
        self._weighed(len(decided))
        found: list[int | None] = []
        mine: dict[int | None, list[Item]] = {}
        for item in items:
            self._weighed(len(decided))
            found.append(at := self._slice_of(item, decided))
            mine.setdefault(at, []).append(item)
            if self.due():
                yield
        for place, (each, tests) in enumerate(decided):
            if place % PAUSE == PAUSE - 1:
                yield
            if tests is not None:
                yield from self._several(parent, name, mine.get(place, []), each.shape)
            elif len(items) < each.shape.min:  # however they are told apart, there are too few
                self.say(words.too_few(parent, name, len(items), each.shape))
        if all(tests is not None for _, tests in decided):
            self._unsliced(items, found, shape)

    def _weighed(self, slices: int) -> None:
        """Counts slices held against an item. Raises when that is too much."""
        self.spent.left -= slices // TESTS
        if self.spent.left < 0:
            raise TooMuch

    @staticmethod
    def _cut(shape: Shape) -> tuple[list[dict[str, str]], str, bool]:
        row = shape.slicing or {}
        return list(row.get("discriminator", ())), str(row.get("rules", "open")), bool(row.get("ordered"))

    def _tests(self, parent: Item, name: str, slice: Slice, shape: Shape) -> list[Test] | None:
        rows = self._cut(shape)[0]
        known = self.spent.tests
        if id(slice) not in known:
            self.spent.left -= 1
            known[id(slice)] = slice, tests_of(self.library, slice, rows, self._charge) if rows else None
        tests = known[id(slice)][1]
        if tests is None and not self.quiet and (slice.shape.min or self._cut(shape)[1] == "closed"):
            self.say(words.undecidable(parent, name, slice.shape))
        return tests

    def _slice_of(self, item: Item, decided: list[tuple[Slice, list[Test] | None]]) -> int | None:
        for place, (_, tests) in enumerate(decided):
            if tests is not None and all(test(self, item) for test in tests):
                return place
        return None

    def _unsliced(self, items: list[Item], found: list[int | None], shape: Shape) -> None:
        _, rules, ordered = self._cut(shape)
        last, ended = -1, False
        for item, at in zip(items, found, strict=True):
            if at is None:
                ended = True
                if rules == "closed":
                    self.say(words.not_in_slices(item, shape))
                continue
            if (ordered and at < last) or (rules == "openAtEnd" and ended):
                self.say(words.out_of_order(item, shape, shape.slices[at].name))
            last = max(last, at)


def _is_a(type: str, wanted: str) -> bool:
    """Whether a type is the wanted one, or what a resource of that type is too (`DomainResource`)."""
    return type == wanted or (
        wanted in ("Resource", "DomainResource")
        and type in definitions().resource_types
        and wanted in definitions().type(type).bases
    )


def resources_in(item: Item) -> Iterator[Item]:
    """A resource, those it contains and those of its entries and parameters, in parts of these too."""
    yield item
    for one in children(item, "contained"):
        yield from resources_in(one)
    pending = [*children(item, "entry"), *children(item, "parameter")][::-1]
    while pending:
        below = pending.pop()
        for one in children(below, "resource"):
            yield from resources_in(one)
        pending += children(below, "part")[::-1]
