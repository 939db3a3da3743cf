"""The people around a citizen: who cares for them, who may see the record, until when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aubier.ground.rows import Resource
from aubier.portals.frame.dates import days_until, placed
from aubier.portals.frame.faces import initials
from aubier.portals.frame.texts import Texts
from aubier.portals.reading.concepts import concept_words, first_words
from aubier.portals.reading.people import caregiver_name, everyday_name, tidy_name


@dataclass(frozen=True, slots=True)
class Person:
    """One face of the circle."""

    ref: str
    name: str
    role: str
    face: str


@dataclass(frozen=True, slots=True)
class Right:
    """One right on the record, said in words. `id` is the Consent's; `by_law`: nobody takes it back here."""

    id: str
    ref: str
    name: str
    role: str
    face: str
    since: str
    until: str
    basis: str
    by_law: bool = False


@dataclass(frozen=True, slots=True)
class Rights:
    """Who sees, who is blocked, whose right is over."""

    open: tuple[Right, ...]
    blocked: tuple[Right, ...]
    ended: tuple[Right, ...]


def circle(
    teams: Sequence[Resource],
    relatives: Sequence[Resource],
    consents: Sequence[Resource],
    now: datetime,
    texts: Texts,
) -> list[Person]:
    """Care team, relatives, then those who may see the record; each once."""
    found: dict[str, Person] = {}
    members = [
        (m.get("member", {}), first_words(m.get("role", []))) for t in teams for m in t.get("participant", [])
    ]
    for member, role in members:
        _add(found, str(member.get("reference", "")), tidy_name(str(member.get("display", ""))), role)
    for relative in relatives:
        _add(
            found,
            f"RelatedPerson/{relative.get('id')}",
            everyday_name(relative),
            first_words(relative.get("relationship", [])),
        )
    for right in rights(consents, now, texts).open:
        _add(found, right.ref, right.name, right.role)
    return list(found.values())


def _add(found: dict[str, Person], ref: str, name: str, role: str) -> None:
    known = {p.name for p in found.values()}
    if ref and name and ref not in found and name not in known and not ref.startswith("Patient/"):
        found[ref] = Person(ref, name, role, initials(name))


def rights(consents: Sequence[Resource], now: datetime, texts: Texts) -> Rights:
    """The rights that Consents state now: an active permit opens, an active deny blocks, the rest is over."""
    open_: list[Right] = []
    blocked: list[Right] = []
    ended: list[Right] = []
    for consent in consents:
        provision = consent.get("provision", {})
        for actor in provision.get("actor", []):
            one = _right(consent, provision, actor, now, texts)
            if not in_force(consent, now):
                ended.append(one)
            elif provision.get("type") == "deny":
                blocked.append(one)
            else:
                open_.append(one)
    current = {r.ref for r in (*open_, *blocked)}
    over = {r.ref: r for r in ended if r.ref not in current}
    return Rights(_by_name(_each(open_)), _by_name(_each(blocked)), _by_name(over.values()))


def _each(found: Sequence[Right]) -> Iterable[Right]:
    """One right per person, the first: taking it back takes them all."""
    return {r.ref or r.name: r for r in reversed(found)}.values()


def _by_name(found: Iterable[Right]) -> tuple[Right, ...]:
    return tuple(sorted(found, key=lambda r: r.name.split()[-1]))


def in_force(consent: Resource, now: datetime) -> bool:
    """Whether a Consent counts at this instant."""
    end = consent.get("provision", {}).get("period", {}).get("end", "")
    left = days_until(end, now) if end else None
    return consent.get("status") == "active" and (left is None or left >= 0)


def _right(consent: Resource, provision: Resource, actor: Resource, now: datetime, texts: Texts) -> Right:
    reference = actor.get("reference", {})
    period = provision.get("period", {})
    start, end = period.get("start") or consent.get("dateTime", ""), period.get("end", "")
    name = _said_name(reference, texts)
    by_law = _purpose(consent) in _BY_LAW
    lasting = "" if by_law else texts("share.until_removed")
    return Right(
        id=consent.get("id", ""),
        ref=str(reference.get("reference", "")),
        name=name,
        role=concept_words(actor.get("role", {})),
        face=initials(name),
        since=placed("since", start, now, texts),
        until=placed("until", end, now, texts) if end else lasting,
        basis=_basis(consent, texts),
        by_law=by_law,
    )


_BY_LAW = ("parental-authority", "guardianship")
"""What founds a right that the holder did not give."""


def _purpose(consent: Resource) -> str:
    return next((str(c.get("code", "")) for c in consent.get("provision", {}).get("purpose", [])), "")


def _said_name(reference: Resource, texts: Texts) -> str:
    """A person's name tidied; that of a place as it is."""
    told = str(reference.get("display") or texts("share.unnamed"))
    return told if str(reference.get("reference", "")).startswith("Organization/") else tidy_name(told)


def _basis(consent: Resource, texts: Texts) -> str:
    """What founds the right: told by the grant, else by who stated the Consent."""
    told = _purpose(consent)
    if texts.has(f"right.{told}"):
        return texts(f"right.{told}")
    performer = str(consent.get("performer", [{}])[0].get("reference", ""))
    return texts("right.stated" if performer.startswith("Practitioner") else "right.consent")


@dataclass(frozen=True, slots=True)
class Found:
    """A professional found in the directory."""

    ref: str
    name: str
    role: str
    place: str
    face: str


def found_professionals(resources: Sequence[Resource]) -> list[Found]:
    """Professionals from PractitionerRoles with what they name, or from Practitioners alone."""
    known = {f"{r['resourceType']}/{r.get('id')}": r for r in resources}
    found: dict[str, Found] = {}
    for role in (r for r in resources if r["resourceType"] == "PractitionerRole"):
        ref = str(role.get("practitioner", {}).get("reference", ""))
        organization = known.get(role.get("organization", {}).get("reference", ""), {})
        name = caregiver_name(known.get(ref, {})) or str(role.get("practitioner", {}).get("display", ""))
        where = _place(organization) or str(role.get("organization", {}).get("display", ""))
        if ref and name:
            said = first_words(role.get("specialty", [])) or first_words(role.get("code", []))
            found.setdefault(ref, Found(ref, name, said, where, initials(name)))
    for ref, resource in known.items():
        if resource["resourceType"] == "Practitioner" and ref not in found:
            name = caregiver_name(resource)
            profession = first_words([q.get("code", {}) for q in resource.get("qualification", [])])
            found[ref] = Found(ref, name, profession, "", initials(name))
    return sorted(found.values(), key=lambda f: f.name.split()[-1])


def found_place(organization: Resource) -> Found:
    """A place of care of the directory, as it is called and where it is."""
    name = str(organization.get("name") or organization.get("id", ""))
    city = next((str(a.get("city", "")) for a in organization.get("address", [])), "")
    return Found(f"Organization/{organization.get('id')}", name, "", city, initials(name))


def _place(organization: Resource) -> str:
    city = next((str(a.get("city", "")) for a in organization.get("address", [])), "")
    return ", ".join(p for p in (str(organization.get("name", "")), city) if p)
