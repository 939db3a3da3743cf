"""The professionals that stories share, each in a real town, with an account to log in."""

from __future__ import annotations

from dataclasses import dataclass

from aubier.sandbox.batch import Account
from aubier.sandbox.territory.carers import Carer, Directory, Place
from aubier.sandbox.territory.communes import atlas


@dataclass(frozen=True, slots=True)
class Role:
    """A part: who plays it, where, and how it is told on the login page."""

    login: str
    kind: str
    sex: str
    given: str
    family: str
    place: str
    fr: str
    en: str


_PLACES = {
    "morvan": ("practice", "Maison de santé Ar Mor", "Douarnenez", "8 rue Jean Bart", "SA08"),
    "halles": ("practice", "Cabinet Les Halles", "Douarnenez", "3 place des Halles", "SA08"),
    "port": ("pharmacy", "Pharmacie du Port", "Douarnenez", "21 quai du Grand Port", "SA33"),
    "bourg": ("pharmacy", "Pharmacie de la Baie", "Concarneau", "4 avenue de la Gare", "SA33"),
    "armor": ("laboratory", "Laboratoire Armor", "Douarnenez", "17 rue Duguay-Trouin", "SA25"),
    "soins": ("practice", "Cabinet infirmier du Port-Rhu", "Douarnenez", "2 rue du Port-Rhu", "SA08"),
    "locmaria": ("practice", "Maison de santé de Locmaria", "Quimper", "11 quai de l'Odet", "SA08"),
    "enfants": ("practice", "Cabinet de pédiatrie de Locmaria", "Quimper", "5 rue de Locmaria", "SA07"),
}

ROLES = (
    Role(
        "dr.morvan", "gp", "F", "Anne", "Morvan", "morvan",
        "Médecin généraliste à Douarnenez, médecin traitant de Yann et d'Odette",
        "General practitioner in Douarnenez, treating doctor of Yann and Odette",
    ),
    Role(
        "dr.tanguy", "cardiologist", "M", "Gwenaël", "Tanguy", "CHU de Rennes",
        "Cardiologue au CHU de Rennes, écrit la lettre de sortie de Yann",
        "Cardiologist at Rennes university hospital, writes Yann's discharge letter",
    ),
    Role(
        "dr.cloarec", "cardiologist", "F", "Maud", "Cloarec", "halles",
        "Cardiologue de ville, suit l'insuffisance cardiaque à distance",
        "Cardiologist in town, follows heart failure from a distance",
    ),
    Role(
        "s.kerjean", "nurse", "F", "Solenn", "Kerjean", "soins",
        "Infirmière à domicile et télésuivi",
        "Home and telemonitoring nurse",
    ),
    Role(
        "pharmacie.port", "pharmacist", "M", "Erwan", "Cadiou", "port",
        "Pharmacien, Pharmacie du Port : il doit encore une boîte à Yann",
        "Pharmacist, Pharmacie du Port: still owes Yann a box",
    ),
    Role(
        "dr.kerneis", "gp", "F", "Soizic", "Kerneis", "locmaria",
        "Médecin généraliste à Quimper, suit Inès et Jean-Luc",
        "General practitioner in Quimper, follows Inès and Jean-Luc",
    ),
    Role(
        "pharmacie.baie", "pharmacist", "F", "Rozenn", "Le Floch", "bourg",
        "Pharmacienne à Concarneau",
        "Pharmacist in Concarneau",
    ),
    Role(
        "dr.riou", "biologist", "F", "Hélène", "Riou", "armor",
        "Biologiste au Laboratoire Armor",
        "Medical biologist, Laboratoire Armor",
    ),
    Role(
        "sf.jaouen", "midwife", "F", "Nolwenn", "Jaouen", "Centre hospitalier de Quimper",
        "Sage-femme à la maternité de Quimper",
        "Midwife at the maternity ward in Quimper",
    ),
    Role(
        "dr.autret", "paediatrician", "M", "Loïc", "Autret", "enfants",
        "Pédiatre à Quimper, suit Louise et Lucas",
        "Paediatrician in Quimper, follows Louise and Lucas",
    ),
    Role(
        "dr.prigent", "gynaecologist", "F", "Armelle", "Prigent", "Centre hospitalier de Quimper",
        "Gynécologue, a reçu Inès en consultation secrète",
        "Gynaecologist, saw Inès in a secret visit",
    ),
    Role(
        "dr.gloaguen", "psychiatrist", "M", "Hervé", "Gloaguen", "Centre hospitalier de Quimper",
        "Psychiatre, auteur d'une synthèse que la patiente a masquée",
        "Psychiatrist, author of a summary that the patient has hidden",
    ),
    Role(
        "regulateur", "physician", "F", "Marie", "Le Bris", "Centre hospitalier de Quimper",
        "Médecin régulatrice du centre 15 ; l'accès d'urgence n'est pas encore ouvert",
        "Emergency call-centre doctor; emergency access is not open yet",
    ),
    Role(
        "dr.inconnu", "gp", "M", "Paul", "Garnier", "Maison de santé de Fougères",
        "Médecin sans lien avec personne : tout doit lui rester fermé",
        "Doctor with no link to anyone: everything must stay closed",
    ),
)  # fmt: skip
"""Every shared part."""


STRANGER = "dr.inconnu"
"""The login of the doctor to whom every record is closed: nobody is ever this doctor's patient."""


class Cast:
    """The parts, played: `cast["dr.morvan"]` is a Carer of the directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._places = {p.name: p for p in directory.hospitals}
        for key, (kind, name, town, street, sector) in _PLACES.items():
            commune = atlas().named(town)
            self._places[key] = directory.add_place(name, kind, commune, sector=sector, address=street)
        self._carers = {role.login: self._play(role) for role in ROLES}

    def __getitem__(self, login: str) -> Carer:
        return self._carers[login]

    def place(self, key: str) -> Place:
        """A place of the stories, by its short name or a hospital's full name."""
        return self._places[key]

    def accounts(self) -> list[Account]:
        """One account per part, and `admin` for the system."""
        found = [self._account(role, self._carers[role.login]) for role in ROLES]
        texts = {
            "fr": "Administre la plateforme : jetons système, chargements, réglages",
            "en": "Runs the platform: system tokens, loads, settings",
        }
        return [*found, Account("admin", "system", "Administration", texts)]

    def _play(self, role: Role) -> Carer:
        place = self._places.get(role.place) or self._elsewhere(role.place)
        carer = self._directory.add_carer(role.kind, place, name=(role.sex, role.given, role.family))
        carer.takes_patients = role.login != STRANGER
        return carer

    def _elsewhere(self, name: str) -> Place:
        commune = atlas().named(name.rsplit(" ", 1)[1])
        return self._directory.add_place(name, "practice", commune, sector="SA08")

    @staticmethod
    def _account(role: Role, carer: Carer) -> Account:
        return Account(
            role.login,
            "professional",
            carer.display,
            {"fr": role.fr, "en": role.en},
            reference=f"Practitioner/{carer.id}",
            idnps=carer.idnps,
            profession=carer.trade.profession,
            organization=carer.place.idnst,
            organization_name=carer.place.name,
            given=carer.given,
            family=carer.family,
        )
