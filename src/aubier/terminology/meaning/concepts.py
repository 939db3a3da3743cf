"""Code systems and their concepts, as every source gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aubier.ground.text import fold

_WORD, _WORDS = 100, 2_000
"""The longest word kept, in characters, and the most words of a concept."""

_OFF = frozenset({"retired", "inactive"})


@dataclass(frozen=True, slots=True)
class System:
    """A code system. `key` is its number in the tables; None for those shipped, -1 for one unknown here.

    `supplements` are the numbers of those that add to it. `language` is that of its displays; `standing` is
    what makes it less than in force: draft, experimental, deprecated, withdrawn, retired. `grammar`: its
    codes are known by their shape; `open` when they have no end, `closed` when they are listed too. `mark` is
    that which the `place` of its URL bore when it was found in the tables.
    """

    url: str
    version: str = ""
    content: str = "complete"
    case_sensitive: bool = True
    title: str = ""
    name: str = ""
    key: int | None = None
    size: int = 0
    supplements: tuple[int, ...] = ()
    language: str = ""
    standing: tuple[str, ...] = ()
    grammar: str = ""
    place: int = field(default=0, compare=False)
    mark: int = field(default=0, compare=False)

    @property
    def known(self) -> bool:
        """Whether its concepts are here."""
        return self.key != -1

    @property
    def partial(self) -> bool:
        """Whether a code that is not here may still exist."""
        return not self.known or self.content in ("fragment", "example")

    @property
    def endless(self) -> bool:
        """Whether a list of its concepts is never all of them."""
        return self.partial or self.grammar == "open"

    @property
    def canonical(self) -> str:
        """`url|version`."""
        return f"{self.url}|{self.version}" if self.version else self.url


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a concept: its code, the `value[x]` it is written with, the value."""

    code: str
    kind: str
    value: Any

    @property
    def text(self) -> str:
        """The value as filters compare it: the code of a Coding, `true` for a boolean."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return str(self.value.get("code", "")) if isinstance(self.value, Mapping) else str(self.value)


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept. `lineage` holds its own code and every code above it; `designations` are FHIR JSON."""

    code: str
    display: str = ""
    definition: str = ""
    parents: tuple[str, ...] = ()
    lineage: frozenset[str] = frozenset()
    properties: tuple[Property, ...] = ()
    designations: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def abstract(self) -> bool:
        """Whether it only groups others. Rule: FHIR R4, concept-properties, notSelectable."""
        return any(p.code in ("notSelectable", "abstract") and p.text == "true" for p in self.properties)

    @property
    def inactive(self) -> bool:
        """Whether it is no longer to be used. Rule: FHIR R4, concept-properties, inactive and status."""
        return any(
            (p.code == "inactive" and p.text == "true") or (p.code == "status" and p.text in _OFF)
            for p in self.properties
        )

    @property
    def status(self) -> str:
        """What its status is said to be, or nothing."""
        said = (p.text for p in self.properties if p.code in ("status", "standards-status"))
        return next(said, "")

    def as_active(self) -> Concept:
        """The same concept as if it were in use."""
        kept = tuple(p for p in self.properties if p.code not in ("inactive", "status"))
        return replace(self, properties=kept)

    def texts(self, name: str) -> list[str]:
        """The values of a property as filters compare them; `code`, `display` and the like are properties."""
        match name:
            case "code" | "concept":
                return [self.code]
            case "display":
                return [self.display] if self.display else []
            case "parent" | "subsumedBy":
                return list(self.parents)
            case "inactive":
                return ["true" if self.inactive else "false"]
        return [p.text for p in self.properties if p.code == name]

    def said(self, languages: Iterable[str]) -> str:
        """The text in the first of these languages that has one, else the display."""
        return in_language(self.designations, languages) or self.display

    def names(self) -> Iterator[str]:
        """Everything it is called."""
        if self.display:
            yield self.display
        yield from (str(d["value"]) for d in self.designations if d.get("value"))


def in_language(designations: Iterable[Mapping[str, Any]], languages: Iterable[str]) -> str:
    """The first designation in the first of these languages that has one: `fr` is served by `fr-FR`."""
    every = list(designations)
    for wanted in languages:
        for one in every:
            have = str(one.get("language", "")).lower()
            if have and (have == wanted or have.split("-")[0] == wanted.split("-")[0]):
                return str(one.get("value", ""))
    return ""


def languages(text: str) -> tuple[str, ...]:
    """The languages of `displayLanguage`, written as Accept-Language is, best first."""
    ranked = []
    for part in text[:200].lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        digits = quality.replace(".", "", 1)
        weight = float(quality) if digits.isascii() and digits.isdigit() else 1.0
        if tag and weight > 0:
            ranked.append((-weight, tag))
    return tuple(tag for _, tag in sorted(ranked, key=lambda pair: pair[0]))


def words(*texts: str) -> list[str]:
    """The words of texts, folded: what a text filter is compared with."""
    letters = "".join(c if c.isalnum() else " " for c in fold(" ".join(texts)))
    return list(dict.fromkeys(word[:_WORD] for word in letters.split()[:_WORDS]))


def named(concept: Concept, asked: list[str]) -> bool:
    """Whether each asked word begins a word of what the concept is called, or of its code."""
    have = words(concept.code, *concept.names())
    return all(any(word.startswith(start) for word in have) for start in asked)
