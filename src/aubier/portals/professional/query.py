"""What a professional types in one box: `ordonnance Morvan`, `bnp`, `mars 2024`."""

from __future__ import annotations

import calendar
import re
from dataclasses import replace

from aubier.ground.text import fold
from aubier.portals.frame.texts import texts
from aubier.portals.reading.listing import Filters

_KINDS = {
    "ordonnance": "prescriptions",
    "ordonnances": "prescriptions",
    "prescription": "prescriptions",
    "prescriptions": "prescriptions",
    "biologie": "biology",
    "bio": "biology",
    "labo": "biology",
    "imagerie": "imaging",
    "radio": "imaging",
    "imaging": "imaging",
    "vaccin": "vaccines",
    "vaccins": "vaccines",
    "vaccine": "vaccines",
    "synthese": "summaries",
    "vsm": "summaries",
    "courrier": "reports",
    "cr": "reports",
    "compte-rendu": "reports",
    "certificat": "certificates",
}


def read_query(text: str, kind: str = "", page: str = "") -> Filters:
    """The filters meant: a family word, a month and a year are taken out, the rest are words of the title."""
    words = text[:100].split()
    months = {fold(m): n for lang in ("fr", "en") for n, m in enumerate(texts(lang).items("date.months"), 1)}
    year = next((w for w in words if re.fullmatch(r"(?:19|20)\d\d", w)), "")
    month = next((w for w in words if fold(w) in months), "") if year else ""
    meant = "" if kind else next((w for w in words if fold(w) in _KINDS), "")
    rest = [w for w in words if w not in (year, month, meant)]
    since, until = _period(year, months.get(fold(month), 0)) if year else ("", "")
    return Filters(" ".join(rest), kind or _KINDS.get(fold(meant), ""), "", since, until, page)


def _period(year: str, month: int) -> tuple[str, str]:
    if not month:
        return f"{year}-01-01", f"{year}-12-31"
    last = calendar.monthrange(int(year), month)[1]
    return f"{year}-{month:02d}-01", f"{year}-{month:02d}-{last}"


def as_author(filters: Filters) -> Filters:
    """The same search with the words taken as an author's name: tried when no title has them."""
    return replace(filters, words="", author=filters.words)
