"""Our names and communes in the shape that the generator of directory extracts takes."""

from __future__ import annotations

import unicodedata

from aubier.sandbox.extracts import Commune, Names
from aubier.sandbox.territory.communes import atlas
from aubier.sandbox.territory.names import all_given_names, all_surnames


def extract_names() -> Names:
    """Every family name, given name (with M or MME) and Breton commune, in capitals."""
    titles = {"M": "M", "F": "MME"}
    return Names(
        families=[name.upper() for name in all_surnames()],
        givens=[(name.upper(), titles[sex]) for sex, name in all_given_names()],
        communes=[Commune(c.code, c.postal_code, _postal(c.name)) for c in atlas().homes.items],
    )


def _postal(name: str) -> str:
    """A commune as the post writes it: capitals, no accent."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(c for c in plain if not unicodedata.combining(c)).upper()
