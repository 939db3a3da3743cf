"""Matching of traits against the national base, as INSi does: exact, but blind to accents, case and hyphens.

Pure. Rule: RNIV 1 v2.0 (comparison of strict traits, interpretation of incomplete birth dates).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aubier.ground.text import fold_name
from aubier.referentials.identity.patient import Ins, Traits

Life = Literal["active", "merged", "dead"]


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the national base of invented identities. `replaced_by` is the number of a merged one."""

    ins: Ins
    traits: Traits
    life: Life = "active"
    replaced_by: str = ""


def birth_key(birth_date: str) -> str:
    """A birth date made comparable, YYYY-MM-DD, from one that may lack month or day (absent or 00).

    Rule: RNIV: unknown day is the first of the month, unknown month is January, both unknown is 31 December.
    """
    year, month, day = ([*birth_date.split("-"), "00", "00"])[:3]
    if month == "00" and day == "00":
        return f"{year}-12-31"
    return f"{year}-{'01' if month == '00' else month}-{'01' if day == '00' else day}"


def given_keys(traits: Traits) -> tuple[str, ...]:
    """The given names folded, one by one, in order; a hyphenated name is one name of several words."""
    return tuple(fold_name(given) for given in (traits.given_names or traits.first_given).split())


def given_match(asked: str, known: Traits) -> bool:
    """Whether the asked given names are the known ones, or the first ones of them, in order.

    `Marie-Claire` and `Marie Claire` are the same; `Marie` alone is not `Marie-Claire`.
    """
    wanted, so_far = fold_name(asked), ""
    if wanted and wanted == fold_name(known.first_given):
        return True
    for given in given_keys(known):
        so_far = f"{so_far} {given}".strip()
        if so_far == wanted:
            return bool(wanted)
    return False


def differences(asked: Traits, known: Traits) -> tuple[str, ...]:
    """The traits told in `asked` that `known` tells otherwise, by their names in the operations.

    Names: birth-name, given-names, sex, birth-date, birth-place. A birth place not told is not compared.
    """
    pairs = {
        "birth-name": fold_name(asked.birth_name) != fold_name(known.birth_name),
        "given-names": not given_match(asked.given_names or asked.first_given, known),
        "sex": asked.sex != known.sex,
        "birth-date": birth_key(asked.birth_date) != birth_key(known.birth_date),
        "birth-place": bool(asked.birth_place) and asked.birth_place.upper() != known.birth_place.upper(),
    }
    return tuple(name for name, differs in pairs.items() if differs)


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search: `code` 00 one identity, 01 none, 02 several; `person` with 00 only."""

    code: Literal["00", "01", "02"]
    person: Person | None = None


def find(asked: Traits, candidates: Iterable[Person]) -> Found:
    """The one identity of `candidates` that has the asked traits, or that there is none, or several.

    A merged identity is never answered: the one that replaced it is in the base under its own number.
    Rule: INSi, return codes 00, 01 and 02.
    """
    matching = {p.ins: p for p in candidates if p.life != "merged" and not differences(asked, p.traits)}
    if len(matching) == 1:
        return Found("00", next(iter(matching.values())))
    return Found("02" if matching else "01")


def verify(asked: Traits, known: Person | None) -> tuple[str, ...]:
    """What keeps a number and its traits from being confirmed: empty when they are the base's own.

    `ins` when the number is not in the base, `ins-replaced` when it was merged into another.
    """
    if known is None:
        return ("ins",)
    if known.life == "merged":
        return ("ins-replaced",)
    return differences(asked, known.traits)
