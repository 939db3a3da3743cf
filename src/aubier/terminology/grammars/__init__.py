"""Code systems whose codes are no resource: a grammar, or a list of facts. Units, languages, countries..."""

from aubier.terminology.grammars.identifiers import impossible
from aubier.terminology.grammars.systems import canonical_unit, common, concept, system

__all__ = ["canonical_unit", "common", "concept", "impossible", "system"]
