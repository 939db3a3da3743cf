"""What the sandbox hands to a loader: resources, with their identities, rights and accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from aubier.ground.rows import Resource, Texts
from aubier.referentials.identity.api import TEST, Ins, Person, Traits

INS_TEST = TEST
"""The system of test INS numbers, the only one the sandbox writes."""


@dataclass(frozen=True, slots=True)
class NationalIdentity:
    """One person of the national base of synthetic identities: the INS and the five strict traits.

    `birth_date` is a FHIR date, `YYYY-MM` when the day is unknown; `birth_place` an INSEE code.
    `patient` is the logical id of the person's Patient, empty when nobody opened a record.
    """

    ins: str
    birth_name: str
    given_names: tuple[str, ...]
    gender: str
    birth_date: str
    birth_place: str
    patient: str = ""
    system: str = INS_TEST

    @property
    def person(self) -> Person:
        """The same as identity keeps it, ready for `identity.actions.register`."""
        told = Traits(
            self.birth_name,
            " ".join(self.given_names),
            self.given_names[0],
            self.gender,
            self.birth_date,
            self.birth_place,
        )
        return Person(Ins(self.ins, self.system), told)


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who can log in. `reference` is `Patient/..` or `Practitioner/..`, empty for the system.

    `idnps` (8 + RPPS), `profession` (TRE_G15) and `organization` (IDNST) are for professionals.
    """

    login: str
    kind: Literal["citizen", "professional", "system"]
    display: str
    description: Texts
    reference: str = ""
    idnps: str = ""
    profession: str = ""
    organization: str = ""
    organization_name: str = ""
    given: str = ""
    family: str = ""
    story: str = ""


@dataclass(frozen=True, slots=True)
class Relationship:
    """A care relationship: `actor` (a key: `ps:<IDNPS>` or `org:<IDNST>`) may see `patient`'s record.

    `basis` is why: treating-doctor, care-team, hospital-stay, pharmacy, stated. `scope` empty is all that
    the profession may see, else labels. `start` and `end` are days, both included; no `end` means open.
    """

    patient: str
    actor: str
    basis: str
    scope: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Mask:
    """A document or entry hidden: from professionals (`ps`), the patient or legal representatives (`rep`).

    `reference` is what is hidden, `by` the actor key who hid it.
    Rule: DMP: MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REP_LEGAUX (TRE_A07).
    """

    patient: str
    reference: str
    hidden_from: Literal["ps", "patient", "rep"]
    by: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """`delegate` (`person:<Patient id>`) acts in `patient`'s record.

    `basis`: parental-authority or mandate. `scope` holds plain words, empty for everything: `treatments`,
    `agenda`, `documents`, `add-documents`, `circle`. `withheld` are labels never opened (`type:EXPPAT_3`).
    """

    patient: str
    delegate: str
    basis: str
    scope: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None


Right = Relationship | Mask | Delegation


@dataclass(frozen=True, slots=True)
class Look:
    """One past access, for the audit trail of a story: a professional read `what` (a type) in a record.

    `actor` is `Practitioner/..`, `organization` the IDNST and name of the place, `when` an aware datetime,
    `basis` what founded the access, `hits` how many entries were shown.
    """

    patient: str
    actor: str
    name: str
    organization: str
    when: datetime
    what: str
    basis: str
    hits: int = 1


@dataclass(slots=True)
class Batch:
    """One thing to load whole: the directory's next part, a household, or a story.

    Resources come in an order where what is named comes first, except inside a batch.
    """

    name: str
    resources: list[Resource] = field(default_factory=list)
    identities: list[NationalIdentity] = field(default_factory=list)
    rights: list[Right] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)

    def add(self, other: Batch) -> None:
        """Takes everything of another batch in."""
        self.resources += other.resources
        self.identities += other.identities
        self.rights += other.rights
        self.looks += other.looks
        self.accounts += other.accounts


def gather(batches: Iterable[Batch], resources: int) -> Iterator[Batch]:
    """Joins small batches into ones of at least this many resources (the last may be smaller)."""
    held: Batch | None = None
    for batch in batches:
        if held is None:
            held = Batch(batch.name)
        held.add(batch)
        if len(held.resources) >= resources:
            yield held
            held = None
    if held is not None:
        yield held
