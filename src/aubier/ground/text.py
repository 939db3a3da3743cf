"""Text: one way to compare what people type, one way to set what they read in French."""

from __future__ import annotations

import re
import unicodedata

_NARROW, _FIXED = "\u202f", "\u00a0"
_SPACE = {":": _FIXED}
_CLOSING = re.compile(r" ([:;?!»%])(?!\w)")
_OPENING = re.compile("« ")
_ACCENTS = re.compile("[\u0300-\u034e\u0350-\u036f]+")
"""The marks of Latin, Greek and Cyrillic letters: what combines of that block of Unicode."""
_LIGATURES = str.maketrans(
    {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "’": "'", "‘": "'"}
)
_LIGATED = re.compile(f"[{''.join(map(chr, _LIGATURES))}]")


def fold(text: str) -> str:
    """Lower case, without accents, ligatures opened, white space single: `Œuvré ` gives `oeuvre`."""
    if text.isascii():
        return " ".join(text.lower().split())
    lowered = text.casefold()
    if _LIGATED.search(lowered):
        lowered = lowered.translate(_LIGATURES)
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", lowered))
    if not bare.isascii():  # signs and scripts whose marks are elsewhere
        bare = "".join(c for c in bare if not unicodedata.combining(c))
    return " ".join(bare.split())


def fold_name(name: str) -> str:
    """A name as identity compares it: folded, hyphens and apostrophes as spaces.

    Rule: RNIV 1 v2.0 (Dec 2024): comparison ignores case, accents, hyphen and apostrophe.
    """
    return " ".join(fold(name).replace("-", " ").replace("'", " ").split())


def typography(text: str) -> str:
    """French spaces that do not break: before `: ; ? ! » %`, after `«`, so that no sign is left alone.

    What is quoted stays as it is where a sign begins a word of its own (`%resource`, `:in`).
    """
    return _OPENING.sub(f"«{_NARROW}", _CLOSING.sub(lambda m: _SPACE.get(m[1], _NARROW) + m[1], text))
