"""Professionals and establishments on real communes, in proportion to population, with fictive numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from aubier.access.labels import IDNPS, IDNST
from aubier.sandbox.territory import numbers
from aubier.sandbox.territory.communes import BRITTANY, Commune, atlas
from aubier.sandbox.territory.draw import Draw, fixed_id
from aubier.sandbox.territory.names import given, lines, street, surname


@dataclass(frozen=True, slots=True)
class Trade:
    """A profession of the territory: TRE_G15 code, TRE_R38 speciality or empty, French label, density."""

    kind: str
    profession: str
    specialty: str
    label: str
    per_thousand: float
    at_least: int
    where: str
    prefix: str


@dataclass(slots=True)
class Place:
    """An establishment. `kind`: hospital, practice, pharmacy, laboratory. `number` is FINESS or SIRET."""

    id: str
    kind: str
    name: str
    number: str
    commune: Commune
    street: str
    phone: str
    sector: str
    legal: str = ""
    legal_id: str = ""
    services: tuple[str, ...] = ()

    @property
    def idnst(self) -> str:
        """The national structure identifier: `1` and FINESS or `3` and SIRET."""
        return ("1" if len(self.number) == 9 else "3") + self.number

    @property
    def key(self) -> str:
        """The actor key that grants are given to."""
        return f"org:{self.idnst}"

    @property
    def link(self) -> dict[str, Any]:
        """A reference with the national identifier and the name."""
        identifier = {"system": IDNST, "value": self.idnst}
        return {"reference": f"Organization/{self.id}", "identifier": identifier, "display": self.name}


@dataclass(slots=True)
class Carer:
    """A professional in one place. `link` is the reference that entries use for author or performer."""

    id: str
    role_id: str
    trade: Trade
    sex: str
    family: str
    given: str
    birth: date
    rpps: str
    place: Place
    since: date
    takes_patients: bool = True
    link: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        identifier = {"system": IDNPS, "value": self.idnps}
        self.link = {
            "reference": f"Practitioner/{self.id}", "identifier": identifier, "display": self.display
        }  # fmt: skip

    @property
    def idnps(self) -> str:
        """The national professional identifier: `8` and the RPPS number."""
        return "8" + self.rpps

    @property
    def key(self) -> str:
        """The actor key that grants are given to."""
        return f"ps:{self.idnps}"

    @property
    def display(self) -> str:
        """How one addresses them: `Dr Anne Morvan`, `S. Kerjean` stays with the stories."""
        title = "Dr " if self.trade.prefix == "DR" else ""
        return f"{title}{self.given} {self.family}"


@lru_cache(maxsize=1)
def trades() -> dict[str, Trade]:
    """The professions of the territory, by kind."""
    rows = (line.split(",") for line in lines("professions.csv"))
    return {r[0]: Trade(r[0], r[1], r[2], r[3], float(r[4]), int(r[5]), r[6], r[7]) for r in rows}


_HOSPITAL_TOWNS = (
    "Rennes", "Brest", "Quimper", "Saint-Brieuc", "Vannes", "Lorient",
    "Saint-Malo", "Morlaix", "Fougères", "Lannion", "Pontivy", "Redon",
)  # fmt: skip
_WARDS = ("Urgences", "Cardiologie", "Gériatrie", "Maternité", "Pédiatrie", "Psychiatrie", "Chirurgie")


class Directory:
    """Everybody who cares, and where; `near` finds who is close to a commune."""

    def __init__(self, seed: object, today: date) -> None:
        self.seed, self.today = seed, today
        self.places: list[Place] = []
        self.carers: list[Carer] = []
        self._draw = Draw(seed, "directory")
        self._near: dict[tuple[str, str], list[Carer]] = {}
        self._sirets = self._people = 0
        self._finess = dict.fromkeys(BRITTANY, 0)
        self.hospitals = [self._hospital(town) for town in _HOSPITAL_TOWNS]

    def populate(self, citizens: int) -> None:
        """Opens practices, pharmacies and laboratories for this many citizens, after whoever is there."""
        for trade in trades().values():
            self._settle(trade, max(trade.at_least, round(citizens * trade.per_thousand / 1000)))

    def add_place(self, name: str, kind: str, commune: Commune, *, sector: str, address: str = "") -> Place:
        """Adds an establishment: FINESS for hospitals, pharmacies and laboratories, SIRET for practices."""
        if kind == "practice":
            self._sirets += 1
            number = numbers.siret(self._sirets)
        else:
            number = self._next_finess(commune.department)
        place = Place(
            id=fixed_id(self.seed, "place", number),
            kind=kind,
            name=name,
            number=number,
            commune=commune,
            street=address or street(self._draw),
            phone=numbers.landline(self._draw.below(10_000)),
            sector=sector,
        )
        self.places.append(place)
        return place

    def add_carer(self, kind: str, place: Place, *, name: tuple[str, str, str] | None = None) -> Carer:
        """Adds a professional of a trade to a place; `name` is (sex, given, family), drawn when absent."""
        draw, self._people = self._draw, self._people + 1
        birth = self.today - timedelta(days=draw.between(27 * 365, 67 * 365))
        sex = "F" if draw.chance(0.85 if kind in ("nurse", "midwife") else 0.5) else "M"
        sex, first, family = name or (sex, given(draw, sex, birth, 1)[0], surname(draw))
        number = numbers.rpps(self._people)
        carer = Carer(
            id=fixed_id(self.seed, "carer", number),
            role_id=fixed_id(self.seed, "role", number),
            trade=trades()[kind],
            sex=sex,
            family=family,
            given=first,
            birth=birth,
            rpps=number,
            place=place,
            since=self.today - timedelta(days=draw.between(200, 9000)),
        )
        self.carers.append(carer)
        self._near.clear()
        return carer

    def near(self, commune: Commune, kind: str, count: int = 5) -> list[Carer]:
        """The carers of a trade nearest to a commune, nearest first."""
        found = self._near.get((commune.code, kind))
        if found is None:
            found = self._near[commune.code, kind] = self._nearest(commune, kind, count)
        return found

    def of(self, kind: str) -> list[Carer]:
        """Every carer of a trade."""
        return [c for c in self.carers if c.trade.kind == kind]

    def _nearest(self, commune: Commune, kind: str, count: int) -> list[Carer]:
        y, x = commune.spot

        def distance(carer: Carer) -> float:
            north, east = carer.place.commune.spot
            return (north - y) ** 2 + (east - x) ** 2

        return sorted(self._kinds()[kind], key=distance)[:count]

    def _kinds(self) -> dict[str, list[Carer]]:
        grouped: dict[str, list[Carer]] = {kind: [] for kind in trades()}
        for carer in self.carers:
            if carer.takes_patients:
                grouped[carer.trade.kind].append(carer)
        return grouped

    def _next_finess(self, department: str) -> str:
        self._finess[department] += 1
        return numbers.finess(department, self._finess[department])

    def _hospital(self, town: str) -> Place:
        university = town in ("Rennes", "Brest")
        commune = atlas().named(town)
        name = f"CHU de {town}" if university else f"Centre hospitalier de {town}"
        place = self.add_place(name, "hospital", commune, sector="SA01")
        place.legal = self._next_finess(commune.department)
        place.legal_id = fixed_id(self.seed, "place", place.legal)
        place.services = _WARDS
        return place

    def _settle(self, trade: Trade, count: int) -> None:
        left = count
        while left > 0:
            left -= self._open(trade, left)

    def _open(self, trade: Trade, left: int) -> int:
        """Opens one place of a trade, or joins a hospital, and gives how many joined."""
        draw = self._draw
        if trade.where == "hospital" or (trade.where == "both" and draw.chance(0.45)):
            self.add_carer(trade.kind, draw.pick(self.hospitals))
            return 1
        commune = draw.of(atlas().homes)
        joined = min(left, 1 if trade.where in ("pharmacy", "laboratory") else draw.between(1, 3))
        place = self._new_place(trade, commune, joined)
        for _ in range(joined):
            self.add_carer(trade.kind, place)
        return joined

    def _new_place(self, trade: Trade, commune: Commune, joined: int) -> Place:
        draw, where = self._draw, trade.where
        if where == "pharmacy":
            name = f"Pharmacie {draw.pick(_PHARMACIES)}"
            return self.add_place(name, "pharmacy", commune, sector="SA33")
        if where == "laboratory":
            return self.add_place(
                f"Laboratoire {draw.pick(_LABORATORIES)}", "laboratory", commune, sector="SA25"
            )
        word = "Maison de santé" if joined == 3 and trade.kind == "gp" else "Cabinet"
        name = f"{word} {draw.pick(_PRACTICES)}"
        return self.add_place(name, "practice", commune, sector="SA08" if joined > 1 else "SA07")


_PHARMACIES = (
    "du Marché", "de la Gare", "de l'Église", "des Halles", "du Bourg", "de la Poste",
    "des Embruns", "du Menhir", "de la Rade", "des Bruyères",
)  # fmt: skip
_LABORATORIES = ("Iroise", "Argoat", "Cornouaille", "Trégor", "Brocéliande", "Golfe")
_PRACTICES = (
    "de la Fontaine", "des Ajoncs", "du Moulin Vert", "de l'Aber", "des Quatre Vents", "du Lavoir",
    "Ti Yec'hed", "de la Vallée", "des Chênes", "Park Ar Mor", "du Canal", "des Sternes",
)  # fmt: skip
