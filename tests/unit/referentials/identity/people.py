"""Invented people for the identity tests."""

from __future__ import annotations

from aubier.ground.rows import Resource
from aubier.referentials.identity import api
from aubier.referentials.identity.api import Ins, Person, Standing, Status, Traits

ODETTE = Traits("LE GOFF", "ODETTE MARIE-CLAIRE", "ODETTE", "female", "1940-03-07", "29019")
ODETTE_INS = Ins(
    api.synthetic(sex="female", birth_date="1940-03-07", birth_place="29019", order=12), api.TEST
)


def odette(status: Status = Status.QUAL, **kept: object) -> Resource:
    """A Patient INS with every trait, in the given status."""
    return api.with_standing(api.patient_ins(ODETTE, ODETTE_INS, **kept), Standing(status))


def person(traits: Traits = ODETTE, order: int = 12, **kept: object) -> Person:
    """A line of the national base."""
    number = api.synthetic(
        sex="male" if traits.sex == "male" else "female",
        birth_date=traits.birth_date,
        birth_place=traits.birth_place,
        order=order,
    )
    return Person(Ins(number, api.TEST), traits, **kept)  # type: ignore[arg-type]
