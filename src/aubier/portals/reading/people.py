"""Names, ages and national numbers of people, said as each reader expects them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from aubier.ground.rows import Resource
from aubier.portals.frame.dates import say_age, say_numeric
from aubier.portals.frame.texts import Texts

INS_SYSTEMS = tuple(f"urn:oid:1.2.250.1.213.1.4.{n}" for n in (8, 9, 10, 11))
"""The systems of the national health number: NIR, NIA, and the two test ones."""


@dataclass(frozen=True, slots=True)
class Strip:
    """An identity strip: who someone is, and nothing of their health."""

    id: str
    name: str
    official: str
    born: str
    age: str
    gender: str
    sex: str
    place: str
    ins: str
    status: str
    status_text: str
    status_tone: str
    deceased: str


def strip(patient: Resource, now: datetime, texts: Texts) -> Strip:
    """The identity strip of a Patient; what is unknown is an empty string."""
    status = identity_status(patient)
    birth = patient.get("birthDate", "")
    gender = patient.get("gender", "unknown")
    return Strip(
        id=patient.get("id", ""),
        name=everyday_name(patient),
        official=official_name(patient, texts),
        born=say_numeric(birth),
        age=say_age(birth, now, texts),
        gender=gender if gender in ("male", "female", "other") else "unknown",
        sex=texts.one_of(f"sex.{gender}", "sex.unknown"),
        place=birth_place(patient),
        ins=group_ins(ins_number(patient)),
        status=status,
        status_text=texts(f"identity.{status}.short"),
        status_tone={"qualified": "", "validated": "", "provisional": "amber"}.get(status, "amber"),
        deceased=_deceased(patient, texts),
    )


def is_deceased(patient: Resource) -> bool:
    """Whether a Patient is known to have died."""
    return bool(patient.get("deceasedBoolean") or patient.get("deceasedDateTime"))


def _deceased(patient: Resource, texts: Texts) -> str:
    if not is_deceased(patient):
        return ""
    day = say_numeric(str(patient.get("deceasedDateTime", "")))
    return texts("identity.deceased_on", day=day) if day else texts("identity.deceased")


def name_of(resource: Resource, use: str) -> Resource:
    """The HumanName of that use, else the first one, else an empty one. Patients and practitioners."""
    names = resource.get("name") or []
    if isinstance(names, dict):
        return names
    return next((n for n in names if n.get("use") == use), names[0] if names else {})


def everyday_name(resource: Resource) -> str:
    """`Yann Le Goff`: the name a person goes by; an Organization's name as it is."""
    if isinstance(resource.get("name"), str):
        return str(resource["name"])
    name = name_of(resource, "usual")
    given = list(name.get("given") or [])[:1]
    said = " ".join([*given, _capital(str(name.get("family") or ""))]).strip()
    return said or str(name.get("text") or "")


def first_name(resource: Resource) -> str:
    """The first given name, else the whole name."""
    given = list(name_of(resource, "usual").get("given") or [])
    return str(given[0]) if given else everyday_name(resource)


def official_name(patient: Resource, texts: Texts) -> str:
    """`LE GOFF Yann`, with the name used beside the birth name when they differ.

    Rule: RNIV 1 v2.0: the birth name and first given name come first, the used name beside.
    """
    name = name_of(patient, "official")
    given = " ".join(list(name.get("given") or [])[:1])
    said = f"{str(name.get('family') or '').upper()} {given}".strip() or str(name.get("text") or "")
    used = str(name_of(patient, "usual").get("family") or "").upper()
    if used and used != str(name.get("family") or "").upper():
        return f"{said} ({texts('identity.used', name=used)})"
    return said


def caregiver_name(resource: Resource) -> str:
    """`Dr Anne Morvan`: a practitioner with the title of practice (a suffix in the directory)."""
    name = name_of(resource, "official")
    titles = [*(name.get("suffix") or []), *(name.get("prefix") or [])]
    title = next((t for t in titles if str(t).upper().strip(".") in ("DR", "PR")), "")
    return tidy_name(f"{title} {everyday_name(resource)}".strip())


def tidy_name(name: str) -> str:
    """A name as one writes it: `MME Marie LE BRIS` gives `Marie Le Bris`, `DR` gives `Dr`."""
    words = [w.title() if w.isupper() and len(w) > 1 else w for w in name.split()]
    civil = words and words[0].strip(".") in ("M", "Mme", "Mlle", "Mr", "Mrs", "Ms")
    return " ".join(words[1:] if civil else words)


def _capital(family: str) -> str:
    return family.title() if family.isupper() else family


def birth_place(patient: Resource) -> str:
    """`Douarnenez (29046)`: city and INSEE code of the birth place, whichever are known."""
    address: Resource = next(
        (e.get("valueAddress", {}) for e in patient.get("extension", []) if "birthPlace" in e.get("url", "")),
        {},
    )
    code = next((e.get("valueCoding", {}).get("code", "") for e in address.get("extension", [])), "")
    city = address.get("city", "")
    return f"{city} ({code})" if city and code else city or code


def ins_number(patient: Resource) -> str:
    """The national health number with its key, or an empty string."""
    return next(
        (
            str(i.get("value", ""))
            for i in patient.get("identifier", [])
            if i.get("system") in INS_SYSTEMS and i.get("use") != "old"
        ),
        "",
    )


def group_ins(number: str) -> str:
    """`1 55 03 29 046 117 67`, kept together on one line; other lengths unchanged."""
    if len(number) not in (13, 15):
        return number
    cuts = (0, 1, 3, 5, 7, 10, 13, 15)
    return "\u00a0".join(part for a, b in pairwise(cuts) if (part := number[a:b]))


_STATUSES = {
    "QUAL": "qualified",
    "VALI": "validated",
    "RECUP": "recovered",
    "RECU": "recovered",
    "PROV": "provisional",
    "VIDE": "provisional",
    "DOUT": "doubtful",
    "USUR": "doubtful",
    "FICT": "fictive",
}


def identity_status(patient: Resource) -> str:
    """qualified, validated, recovered, provisional, doubtful or fictive.

    Rule: RNIV 1 v2.0 §3.3: a validated identity that carries the national number is qualified.
    """
    code = ""
    for extension in patient.get("extension", []):
        if "identity-reliability" in extension.get("url", ""):
            parts = [extension, *extension.get("extension", [])]
            code = next((p["valueCoding"]["code"] for p in parts if "code" in p.get("valueCoding", {})), code)
    status = _STATUSES.get(code, "provisional")
    return "qualified" if status == "validated" and ins_number(patient) else status


def contacts(patient: Resource) -> list[tuple[str, str]]:
    """How to reach someone: kind (phone, email, other, address) and words; the first address only."""
    found = [
        (t["system"] if t.get("system") in ("phone", "email") else "other", str(t["value"]))
        for t in patient.get("telecom", [])
        if t.get("value")
    ]
    for address in patient.get("address", [])[:1]:
        town = f"{address.get('postalCode', '')} {address.get('city', '')}".strip()
        said = ", ".join(p for p in (*address.get("line", []), town) if p) or str(address.get("text", ""))
        found += [("address", said)] if said else []
    return found
