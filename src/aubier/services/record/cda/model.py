"""The header of a CDA document as frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aubier.ground.text import fold_name

INS_PRODUCTION = frozenset({"1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9"})
"""OIDs of a real INS (NIR and NIA)."""
INS_TEST = frozenset({"1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11"})
"""OIDs of a test INS, the only ones a sandbox creates."""


@dataclass(frozen=True, slots=True)
class Id:
    """An HL7 II: an OID or UUID `root` and, often, an `extension`."""

    root: str
    extension: str = ""

    @property
    def uri(self) -> str:
        """The URI of the identifier's system, or of the whole identifier when there is no extension."""
        return (
            f"urn:oid:{self.root}"
            if self.root[:1] in tuple("0123456789") and "-" not in self.root
            else _uuid(self.root)
        )

    @property
    def unique(self) -> str:
        """The document identifier as XDS writes a uniqueId: `urn:oid:<root>` or `<root>^<extension>`."""
        return f"{self.root}^{self.extension}" if self.extension else self.uri


def _uuid(root: str) -> str:
    return f"urn:uuid:{root.lower()}"


@dataclass(frozen=True, slots=True)
class Code:
    """An HL7 coded value: `code` in the code system of OID `system`; `text` is the original text."""

    code: str = ""
    system: str = ""
    display: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name. `birth_*` are the strict traits; `family` and `given` are those in use."""

    family: str = ""
    given: str = ""
    prefix: str = ""
    suffix: str = ""
    birth_family: str = ""
    birth_given: str = ""
    birth_givens: str = ""

    @property
    def text(self) -> str:
        """The name for reading: title, given name, family name, birth name when it differs."""
        family = self.family or self.birth_family
        parts = [self.suffix.capitalize() or self.prefix.capitalize(), self.given or self.birth_given, family]
        shown = " ".join(p for p in parts if p and p != ".")
        if self.birth_family and fold_name(self.birth_family) != fold_name(family):
            shown += f" (nom de naissance : {self.birth_family})"
        return shown


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization: identifiers (IDNST under 1.2.250.1.71.4.2.2), name, practice setting (A01)."""

    ids: tuple[Id, ...] = ()
    name: str = ""
    setting: Code = field(default_factory=Code)


@dataclass(frozen=True, slots=True)
class Party:
    """Someone of the header: author, signer, recipient, performer, participant.

    `device` is the software's or device's name when it is not a person; `specialty` is the
    profession and know-how (A02); `role` the functionCode; `time` a FHIR dateTime or empty.
    """

    ids: tuple[Id, ...] = ()
    time: str = ""
    name: Name = field(default_factory=Name)
    device: str = ""
    specialty: Code = field(default_factory=Code)
    role: Code = field(default_factory=Code)
    organization: Organization = field(default_factory=Organization)

    @property
    def text(self) -> str:
        """Who it is, for reading."""
        return self.name.text or self.device or self.organization.name


@dataclass(frozen=True, slots=True)
class PatientRole:
    """The person the document is about. `birth_date` is a FHIR date of any precision.

    `gender` is the HL7 code (M, F, UN); `birth_place` the INSEE code of the place, `birth_city` its name.
    """

    ids: tuple[Id, ...] = ()
    name: Name = field(default_factory=Name)
    gender: str = ""
    birth_date: str = ""
    birth_place: str = ""
    birth_city: str = ""

    @property
    def ins(self) -> Id | None:
        """The INS: the first identifier under an INS OID, test or production."""
        return next((i for i in self.ids if i.root in INS_PRODUCTION | INS_TEST and i.extension), None)


@dataclass(frozen=True, slots=True)
class Event:
    """An act the document is about: its code, its period (FHIR dateTimes), who did it."""

    code: Code
    start: str = ""
    end: str = ""
    performers: tuple[Party, ...] = ()


@dataclass(frozen=True, slots=True)
class Related:
    """A document this one is tied to. `how` is RPLC (replaces), APND (adds to) or XFRM (transforms)."""

    how: str
    id: Id
    version: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """The encounter around the document: period, kind, sector of activity (R02), place's name."""

    code: Code = field(default_factory=Code)
    start: str = ""
    end: str = ""
    facility: Code = field(default_factory=Code)
    place: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """The whole header. `date` is effectiveTime as a FHIR dateTime; `models` are the templateId roots."""

    id: Id
    code: Code
    title: str
    date: str
    confidentiality: Code
    language: str
    patient: PatientRole
    authors: tuple[Party, ...]
    custodian: Organization
    models: tuple[str, ...] = ()
    set_id: Id | None = None
    version: str = ""
    signer: Party | None = None
    recipients: tuple[Party, ...] = ()
    related: tuple[Related, ...] = ()
    events: tuple[Event, ...] = ()
    stay: Stay = field(default_factory=Stay)
    body: Literal["N1", "N3"] = "N3"
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A file inside a document: the N1 body (`id` is `body`) or an observationMedia."""

    id: str
    media_type: str
    content: bytes
    title: str = ""
