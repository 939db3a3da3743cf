"""Who lives with whom: households drawn one after the other, so that children have parents here.

Each household is drawn from its own stream; only the order numbers of the INS depend on those before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from aubier.sandbox.territory import numbers
from aubier.sandbox.territory.communes import BRITTANY, Commune, atlas
from aubier.sandbox.territory.days import age
from aubier.sandbox.territory.draw import Draw, Weighted
from aubier.sandbox.territory.names import given, street, surname
from aubier.sandbox.territory.people import Person

_HEADS: Weighted[tuple[int, int]] = Weighted(
    [
        ((18, 22), 2.4),
        ((23, 29), 8),
        ((30, 39), 15.5),
        ((40, 49), 17),
        ((50, 59), 17),
        ((60, 69), 16.5),
        ((70, 79), 14.5),
        ((80, 89), 7.6),
        ((90, 101), 1.9),
    ]
)
"""Ages of the first adult of a household, with their weights."""

_COUPLE = ((25, 0.3), (60, 0.6), (75, 0.64), (85, 0.45), (200, 0.15))
_CHILDREN: Weighted[int] = Weighted([(0, 24), (1, 25), (2, 35), (3, 13), (4, 3)])
_COUNTRIES: Weighted[tuple[str, str]] = Weighted(
    [
        (("99350", "Casablanca"), 9),
        (("99352", "Oran"), 9),
        (("99351", "Tunis"), 4),
        (("99139", "Porto"), 7),
        (("99132", "Bristol"), 9),
        (("99109", "Hambourg"), 4),
        (("99134", "Séville"), 3),
        (("99127", "Turin"), 3),
        (("99131", "Liège"), 3),
        (("99208", "Izmir"), 5),
        (("99341", "Dakar"), 5),
        (("99335", "Bamako"), 4),
        (("99243", "Hué"), 3),
        (("99114", "Cluj-Napoca"), 4),
        (("99155", "Odessa"), 3),
        (("99122", "Gdansk"), 3),
    ]
)
_STATUSES: Weighted[str] = Weighted([("QUAL", 84), ("VALI", 4), ("RECUP", 4), ("PROV", 8)])
_PAPERS: Weighted[str] = Weighted([("CN", 80), ("PA", 18), ("CS", 2)])


@dataclass(slots=True)
class Household:
    """People under one roof: `adults` (one or two) and their `children` (under 22)."""

    number: int
    adults: list[Person]
    children: list[Person] = field(default_factory=list)

    @property
    def people(self) -> list[Person]:
        """Everybody, adults first."""
        return self.adults + self.children


class Registry:
    """Registers births: draws the place and gives the INS, never the same twice."""

    def __init__(self) -> None:
        places = atlas()
        own = {c.code: i for i, c in enumerate(places.homes.items)}
        prefixes = sorted({code[:2] for code in places.by_code} | {"98", "99"})
        self._orders = numbers.Orders(own, {prefix: i for i, prefix in enumerate(prefixes)})

    def reserve(self, ins: str) -> None:
        """Sets aside the cell of a fixed INS: advances its counter past the number's order."""
        sex, year, month = "M" if ins[0] == "1" else "F", int(ins[1:3]), int(ins[3:5])
        while self._orders.next(sex, year, month, place=ins[5:10]) < int(ins[10:13]):
            pass

    def ins(self, sex: str, birth: date, place: str) -> str:
        """The INS of a birth; when the month is full in that place, the next month is used instead."""
        year, month = birth.year, birth.month
        while not (order := self._orders.next(sex, year, month, place=place)):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return numbers.ins(sex, year, month, place=place, order=order)


def birth_place(draw: Draw, home: Commune, born: date) -> tuple[str, str]:
    """INSEE code and name of a plausible birth place for someone who lives in `home`."""
    share = draw.unit()
    if share < (0.12 if born.year >= 1965 else 0.45):
        return home.code, home.name
    if share < 0.95:
        places = atlas()
        near = places.maternities[home.department if share < 0.74 else draw.pick(BRITTANY)]
        town = draw.of(near if share < 0.80 else places.elsewhere)
        return town.code, town.name
    return draw.of(_COUNTRIES)


def households(seed: object, people: int, *, today: date, registry: Registry) -> Iterator[Household]:
    """Households until exactly `people` persons are there (the last one is cut short when needed)."""
    number = total = 0
    while total < people:
        home = _Builder(Draw(seed, "household", number), today, registry).build(number, total)
        excess = total + len(home.people) - people
        if excess > 0:
            _shorten(home, excess)
        yield home
        total += len(home.people)
        number += 1


def _shorten(home: Household, excess: int) -> None:
    for _ in range(excess):
        (home.children or home.adults).pop()


class _Builder:
    """Draws one household."""

    def __init__(self, draw: Draw, today: date, registry: Registry) -> None:
        self.draw, self.today, self.registry = draw, today, registry
        self.home = draw.of(atlas().homes)
        self.street = street(draw)

    def build(self, number: int, first: int) -> Household:
        draw = self.draw
        low, high = draw.of(_HEADS)
        years = draw.between(low, high)
        couple = draw.chance(next(share for limit, share in _COUPLE if years < limit))
        mixed = couple and draw.chance(0.97)
        sex = "F" if draw.chance(0.62 if years >= 75 and not couple else 0.51) else "M"
        adults = [self.adult(sex, years)]
        if couple:
            adults.append(self.adult(_other(sex) if mixed else sex, max(18, years + draw.between(-5, 4))))
            self.marry(adults)
        home = Household(number, adults, self.children_of(adults))
        for rank, person in enumerate(home.people):
            person.number = first + rank + 1
            self.contact(person)
        return home

    def marry(self, adults: list[Person]) -> None:
        man = next((a for a in adults if a.sex == "M"), adults[0])
        for person in adults:
            married = age(person.birth, self.today) > 27 and self.draw.chance(0.6)
            if person.sex == "F" and person is not man and married:
                person.used_family = man.family if self.draw.chance(0.8) else f"{person.family}-{man.family}"

    def adult(self, sex: str, years: int) -> Person:
        born = self.today - timedelta(days=years * 365 + self.draw.below(365) + years // 4)
        return self.person(sex, born, surname(self.draw))

    def children_of(self, adults: list[Person]) -> list[Person]:
        mother = next((a for a in adults if a.sex == "F"), adults[0])
        years = age(mother.birth, self.today)
        if not 20 <= years <= 58 or (len(adults) == 1 and not self.draw.chance(0.3)):
            return []
        children: list[Person] = []
        born = mother.birth + timedelta(days=self.draw.between(20 * 365, 36 * 365))
        family = next((a.family for a in adults if a.sex == "M"), mother.family)
        for _ in range(self.draw.of(_CHILDREN)):
            twins = 2 if self.draw.chance(0.015) else 1
            if born < self.today and age(born, self.today) < 22:
                children += self.births(born, family, twins)
            born += timedelta(days=self.draw.between(560, 1700))
        return children

    def births(self, born: date, family: str, count: int) -> list[Person]:
        sexes = ["F" if self.draw.chance(0.49) else "M" for _ in range(count)]
        found = [self.person(sex, born, family) for sex in sexes]
        if count > 1:
            for rank, child in enumerate(found, 1):
                child.twin = rank
                child.birth_code, child.birth_city = found[0].birth_code, found[0].birth_city
                child.ins = self.registry.ins(child.sex, born, child.birth_code)
        return found

    def person(self, sex: str, born: date, family: str) -> Person:
        draw = self.draw
        code, city = birth_place(draw, self.home, born)
        infant = (self.today - born).days < 20
        status = "PROV" if infant and draw.chance(0.6) else draw.of(_STATUSES)
        return Person(
            id=draw.uuid(),
            number=0,
            sex=sex,
            birth=born,
            family=family,
            given=given(draw, sex, born),
            birth_code=code,
            birth_city=city,
            home=self.home,
            street=self.street,
            ins=self.registry.ins(sex, born, code),
            status=status,
            birth_text=born.isoformat()[:7] if code[:2] == "99" and draw.chance(0.08) else "",
            document="LE" if age(born, self.today) < 15 else draw.of(_PAPERS),
        )

    def contact(self, person: Person) -> None:
        years = age(person.birth, self.today)
        chance = self.draw.chance
        if years >= 15 and chance(0.9 if years < 75 else 0.55):
            person.mobile = numbers.mobile(self.draw.below(10_000))
        if years >= 50 and chance(0.6):
            person.phone = numbers.landline(self.draw.below(10_000))
        if years >= 15 and chance(0.85 if years < 70 else 0.45):
            person.email = numbers.mailbox(person.given[0], person.family, person.number)
        if years >= 70 and chance((years - 69) * 0.0022):
            person.deceased = self.today - timedelta(days=self.draw.between(1, 900))


def _other(sex: str) -> str:
    return "M" if sex == "F" else "F"
