"""Text: one way to compare what people type, one way to set what they read in French."""

from __future__ import annotations

import unicodedata

_NARROW, _FIXED = "\u202f", "\u00a0"
_LIGATURES = str.maketrans(
    {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "’": "'", "‘": "'"}
)


def fold(text: str) -> str:
    """Lower case, without accents, ligatures opened, white space single: `Œuvré ` gives `oeuvre`."""
    if text.isascii():
        return " ".join(text.lower().split())
    lowered = unicodedata.normalize("NFKD", text.casefold().translate(_LIGATURES))
    return " ".join("".join(c for c in lowered if not unicodedata.combining(c)).split())


def fold_name(name: str) -> str:
    """A name as identity compares it: folded, hyphens and apostrophes as spaces.

    Rule: RNIV 1 v2.0 (Dec 2024): comparison ignores case, accents, hyphen and apostrophe.
    """
    return " ".join(fold(name).replace("-", " ").replace("'", " ").split())


def typography(text: str) -> str:
    """French spaces that do not break: before `: ; ? ! » %`, after `«`, so that no sign is left alone."""
    for sign in ";?!»%":
        text = text.replace(f" {sign}", f"{_NARROW}{sign}")
    return text.replace(" :", f"{_FIXED}:").replace("« ", f"«{_NARROW}")
