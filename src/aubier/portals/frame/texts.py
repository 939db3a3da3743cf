"""The words of the pages: one catalogue per language, as data beside this file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from aubier.ground.text import fold, typography

LANGUAGES = ("fr", "en")
"""The languages there are, the first being the default."""

_FOLDER = Path(__file__).parent / "texts"
_NARROW = "\u202f"


class _Prepositions(Formatter):
    """Fills `{name:de}` and `{name:à}` with the name after its French preposition."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """`de Yann`, `d'Inès`, `du Dr Morvan`; `à Yann`, `au Dr Morvan`."""
        if format_spec not in _CONTRACTED:
            return str(super().format_field(value, format_spec))
        if value.startswith(("Dr ", "Pr ")):
            return f"{_CONTRACTED[format_spec]} {value}"
        elided = format_spec == "de" and fold(value).startswith(("a", "e", "i", "o", "u", "h"))
        return f"d'{value}" if elided else f"{format_spec} {value}"


_CONTRACTED = {"de": "du", "à": "au"}
_FILL = _Prepositions()


@dataclass(frozen=True, slots=True)
class Texts:
    """The catalogue of one language. Calling it with a key gives the text, `{name}` filled in.

    A missing key or value raises KeyError: a page never shows a key instead of words.
    """

    language: str
    catalogue: Mapping[str, Any]

    def __call__(self, key: str, **values: Any) -> str:
        text: str = self.catalogue[key]
        return _FILL.format(text, **values) if values else text

    def has(self, key: str) -> bool:
        """Whether the catalogue knows `key`."""
        return key in self.catalogue

    def one_of(self, key: str, fallback: str) -> str:
        """The text of `key`, or that of `fallback` where the catalogue has none for a code."""
        return self(key) if self.has(key) else self(fallback)

    def many(self, key: str, count: int, **values: Any) -> str:
        """The text for `count` things: key.none (if any), key.one or key.many; `{n}` is the count."""
        single = count < 2 if self.language == "fr" else count == 1
        form = "one" if single else "many"
        if count == 0 and self.has(f"{key}.none"):
            form = "none"
        return self(f"{key}.{form}", n=self.number(count), **values)

    def items(self, key: str) -> Sequence[str]:
        """A list of the catalogue: months, days of the week."""
        found: Sequence[str] = self.catalogue[key]
        return found

    def number(self, value: Decimal | int | str) -> str:
        """A number as people write it: `1 234,5` in French, `1,234.5` in English; digits kept."""
        whole, _, rest = str(value).partition(".")
        grouped = f"{int(whole):,}" if whole.lstrip("-").isdecimal() and whole.isascii() else whole
        if whole == "-0":
            grouped = "-0"
        if self.language == "fr":
            return grouped.replace(",", _NARROW) + (f",{rest}" if rest else "")
        return grouped + (f".{rest}" if rest else "")

    def enumerate(self, words: Sequence[str]) -> str:
        """`a, b et c`."""
        if len(words) < 2:
            return "".join(words)
        return f"{', '.join(words[:-1])} {self('word.and')} {words[-1]}"


@cache
def texts(language: str) -> Texts:
    """The catalogue of `language` (`fr` unless `en`), read once."""
    chosen = language if language in LANGUAGES else LANGUAGES[0]
    raw = json.loads((_FOLDER / f"{chosen}.json").read_text(encoding="utf-8"))
    flat = dict(_flatten("", raw))
    return Texts(chosen, {k: _fix(v) for k, v in flat.items()} if chosen == "fr" else flat)


def _flatten(prefix: str, node: Mapping[str, Any]) -> Any:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flatten(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _fix(value: Any) -> Any:
    return [typography(v) for v in value] if isinstance(value, list) else typography(value)


def sentence(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def preferred(accept: str) -> str:
    """The language of an `Accept-Language` header: `en` only when it ranks before `fr`."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        code = tag.split("-")[0].lower()
        if code in LANGUAGES:
            ranked.append((-_weight(weight), place, code))
    return min(ranked)[2] if ranked else LANGUAGES[0]


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
