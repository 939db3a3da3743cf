"""Two letters for a face."""

from __future__ import annotations

_TITLES = {"dr", "pr", "m", "mme", "mlle", "mr", "mrs", "ms", "le", "la", "les", "du", "de", "des"}


def initials(name: str) -> str:
    """Two letters for a face: `AM` for `Dr Anne Morvan`."""
    words = [w for w in name.replace("-", " ").split() if w.lower().strip(".") not in _TITLES]
    letters = [w[0] for w in words if w[0].isalpha()]
    return "".join(letters[:1] + letters[-1:] if len(letters) > 1 else letters).upper()
