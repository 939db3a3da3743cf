"""Where the index values of a resource stand, so that each is kept once.

Every code is a term of its row, and all terms are in one index. Codes by which a population is asked are
posted beside, in the order of the clinical date: a page of them is read without the others.
"""

from __future__ import annotations

from functools import lru_cache

from aubier.search.extract import value_types
from aubier.search.model import Parameter
from aubier.search.parameters import registry
from aubier.search.terms import adders
from aubier.search.terms.kept import kept

POSTED: dict[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("code",),
    "Condition": ("code",),
    "DiagnosticReport": ("code",),
    "DocumentReference": ("type",),
    "Encounter": ("type",),
    "Immunization": ("vaccine-code",),
    "MedicationAdministration": ("code",),
    "MedicationDispense": ("code",),
    "MedicationRequest": ("code",),
    "MedicationStatement": ("code",),
    "Observation": ("code", "component-code"),
    "Procedure": ("code",),
    "ServiceRequest": ("code",),
}
"""The parameters of a type whose codes are posted: what it is a resource of. By any other, a population is
asked through the index of terms, which gives all that match before they are ordered."""

MEASURED: dict[str, dict[str, str]] = {
    "Observation": {"code": "value-quantity", "component-code": "component-code-value-quantity"}
}
"""The parameter whose number stands beside a posted code: which of many measurements are high is told while
they are read, newest first. Of a composite, the number beside that very code."""
NOT_MEASURED, UNSURE = float("-inf"), float("inf")
"""What stands there when a resource has no number; and when its own rows must tell: of several, of one that
is spread (`>5`), and of one of more digits than a float keeps apart."""
FLOAT_DIGITS = 15
"""Numbers of as many digits are as different as floats."""

_WITHOUT_SYSTEM = frozenset({"text_token", "boolean_token", "number_token", "contact_token"})
_PLAIN = frozenset(
    kind for (type, kind), add in adders.ADDERS.items() if type == "token" and add.__name__ in _WITHOUT_SYSTEM
)
_BITS = 63
"""What a signed number of eight bytes holds."""


@lru_cache(maxsize=4096)
def is_posted(parameter: Parameter) -> bool:
    """Whether the codes of a parameter are posted, its own or those that it unites."""
    posted = POSTED.get(parameter.base, ())
    return all(code in posted for code in kept(parameter.base, parameter.code))


@lru_cache(maxsize=4096)
def is_plain(parameter: Parameter) -> bool:
    """Whether what a token parameter finds never has a system: there `|code` is the code alone."""
    found = value_types(parameter)
    return bool(found) and found <= _PLAIN


@lru_cache(maxsize=4096)
def is_canonical(parameter: Parameter) -> bool:
    """Whether the values of a parameter are canonical URLs, which may name a version."""
    found = value_types(parameter)
    return "canonical" in found and found <= {"canonical", "uri"}


@lru_cache(maxsize=256)
def bits(kind: str) -> dict[str, int]:
    """The bit by which a row says that a parameter of R4 has a value.

    The order is that of their codes; a parameter without a bit, a custom one, says it by a term.
    """
    codes = sorted(parameter.code for parameter in registry().of(kind))
    return {code: 1 << n for n, code in enumerate(codes[:_BITS])}


@lru_cache(maxsize=256)
def owner_bits(kind: str, codes: frozenset[str]) -> dict[str, int]:
    """Beside `bits`, those by which a row says that a reference names the Patient whose record it is in.

    A parameter for which none is left has none: its references are kept like all others.
    """
    first = len(bits(kind))
    return {code: 1 << n for n, code in enumerate(sorted(codes), first) if n < _BITS}


@lru_cache(maxsize=4096)
def there(kind: str, present: frozenset[str]) -> tuple[int, tuple[str, ...]]:
    """The bits of these parameters together, and those that have none."""
    known, has, others = bits(kind), 0, []
    for code in present:
        bit = known.get(code)
        if bit is None:
            others.append(code)
        else:
            has |= bit
    return has, tuple(others)
