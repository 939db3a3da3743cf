"""The INS number (matricule INS): its shape, its key, its authorities, and numbers for invented people.

Rule: FR Core 2.2.0, Patient INS (identifier slices); Code de la sécurité sociale, R161-1 (NIR).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from aubier.ground.problem import Issue, Problem, problem

NIR = "urn:oid:1.2.250.1.213.1.4.8"
NIA = "urn:oid:1.2.250.1.213.1.4.9"
TEST = "urn:oid:1.2.250.1.213.1.4.10"
DEMO = "urn:oid:1.2.250.1.213.1.4.11"

SHAPE_RULE = "NIR, Code de la sécurité sociale R161-1"
KEY_RULE = "NIR key: 97 - (13 first characters modulo 97)"
REALM_RULE = "FR Core 2.2.0 Patient INS: test and demonstration authorities"

_SHAPE = re.compile(
    r"(?P<sex>[123478])(?P<year>\d{2})(?P<month>\d{2})"
    r"(?P<place>(?:0[1-9]|[1-8]\d|9[0-6]|2[AB]|99)\d{3}|9[78]\d{3})(?P<order>\d{3})(?P<key>\d{2})?",
    re.ASCII,
)
_CORSICA = {"2A": "19", "2B": "18"}
_MALE, _FEMALE = "137", "248"


@dataclass(frozen=True, slots=True)
class Authority:
    """Who gives a kind of INS number: `system` URI, identifier type `code`, the `use` it bears, its realm."""

    system: str
    code: str
    use: str
    realm: Literal["production", "sandbox"]

    @property
    def oid(self) -> str:
        """The OID without its `urn:oid:` prefix."""
        return self.system.removeprefix("urn:oid:")


AUTHORITIES = {
    a.system: a
    for a in (
        Authority(NIR, "INS-NIR", "official", "production"),
        Authority(NIA, "INS-NIA", "temp", "production"),
        Authority(TEST, "INS-NIR-TEST", "official", "sandbox"),
        Authority(DEMO, "INS-NIR-DEMO", "official", "sandbox"),
    )
}
"""The four authorities, by identifier system."""


@dataclass(frozen=True, slots=True)
class Number:
    """An INS number taken apart. `body` is the 13 characters, `key` the right key, `given` the key that came.

    `sex` is male or female; `provisional` tells a number still being registered (first digit 3, 4, 7, 8).
    `year` is two digits. `month` is 1 to 12, or 0 where the civil act does not tell it.
    `place` is the five characters of the INSEE code (department and commune, 97x/98x overseas, 99 + country).
    """

    body: str
    key: str
    given: str
    sex: Literal["male", "female"]
    provisional: bool
    year: str
    month: int
    place: str
    order: str

    @property
    def value(self) -> str:
        """The 15 characters, with the right key."""
        return self.body + self.key

    @property
    def right(self) -> bool:
        """Whether a key came and is the right one."""
        return self.given == self.key

    @property
    def abroad(self) -> bool:
        """Born abroad: the place is 99 and a country number."""
        return self.place.startswith("99")

    @property
    def overseas(self) -> bool:
        """Born in an overseas department or territory: 97x or 98x."""
        return self.place[:2] in ("97", "98")


def system_of(oid: str) -> str:
    """The identifier system of an authority named by OID, with or without `urn:oid:`."""
    return oid if oid.startswith("urn:oid:") else f"urn:oid:{oid}"


def key(body: str) -> str:
    """The two-digit key of the 13 characters `body`; Problem `value` when they are not a number's.

    Rule: 97 minus the remainder of the number by 97; Corsica 2A counts as 19 and 2B as 18.
    """
    department = _CORSICA.get(body[5:7], body[5:7])
    digits = body[:5] + department + body[7:]
    if len(body) != 13 or not (digits.isascii() and digits.isdecimal()):
        raise _malformed(body)
    return f"{97 - int(digits) % 97:02d}"


def parse(value: str) -> Number:
    """The number taken apart, from 13 or 15 characters; Problem `value` when it has not that shape.

    A wrong key is not a malformed number: see `Number.right`.
    Rule: NIR, 15 characters: sex, year, month, place of birth, order, key.
    """
    found = _SHAPE.fullmatch(value) if len(value) in (13, 15) else None
    month = int(found["month"]) if found else 0
    if not found or not _month_is_known(month) or found["order"] == "000":
        raise _malformed(value)
    return Number(
        body=value[:13],
        key=key(value[:13]),
        given=found["key"] or "",
        sex="male" if found["sex"] in _MALE else "female",
        provisional=found["sex"] in "3478",
        year=found["year"],
        month=month if month <= 12 else 0,
        place=found["place"],
        order=found["order"],
    )


def _month_is_known(month: int) -> bool:
    # 20 to 42 and 50 to 99 mark civil acts that do not tell the month.
    return 1 <= month <= 12 or 20 <= month <= 42 or month >= 50


def _malformed(value: str) -> Problem:
    return problem(
        "value",
        "An INS number has 13 or 15 characters (sex, year, month, place, order, key); "
        f"the {len(value)} received do not fit",
        "Un matricule INS a 13 ou 15 caractères (sexe, année, mois, lieu, ordre, clé) ; "
        f"les {len(value)} reçus ne conviennent pas",
        rule=SHAPE_RULE,
    )


def check(value: str, oid: str, *, sandbox: bool, at: str = "Patient.identifier.value") -> list[Issue]:
    """What forbids `value` under authority `oid` to act as an INS here; empty when nothing does.

    `oid` with or without `urn:oid:`. In the sandbox a production authority is refused, and the contrary.
    Issues: `code-invalid` (authority), `value` (shape, key absent, key false).
    """
    authority = AUTHORITIES.get(system_of(oid))
    issues = [] if authority else [_unknown_authority(oid, at)]
    if authority and (authority.realm == "sandbox") != sandbox:
        issues.append(_wrong_realm(authority, at))
    try:
        number = parse(value)
    except Problem as refusal:
        return issues + [Issue(i.kind, i.text, i.fr, (at,), rule=i.rule) for i in refusal.issues]
    return issues if number.right else [*issues, _wrong_key(number, at)]


def _unknown_authority(oid: str, at: str) -> Issue:
    return Issue(
        "code-invalid",
        f"{oid} is not an authority that gives INS numbers",
        f"{oid} n'est pas une autorité qui délivre des matricules INS",
        (at.replace(".value", ".system"),),
        rule=REALM_RULE,
    )


def _wrong_realm(authority: Authority, at: str) -> Issue:
    sandbox = authority.realm == "production"
    here, fr = ("a sandbox", "un bac à sable") if sandbox else ("production", "la production")
    return Issue(
        "business-rule",
        f"{authority.code} ({authority.oid}) is a {authority.realm} authority and this is {here}",
        f"{authority.code} ({authority.oid}) ne vaut pas ici : cette plateforme est {fr}",
        (at.replace(".value", ".system"),),
        rule=REALM_RULE,
    )


def _wrong_key(number: Number, at: str) -> Issue:
    if not number.given:
        return Issue(
            "value",
            "The INS number comes without its key",
            "Le matricule INS est sans sa clé",
            (at,),
            rule=KEY_RULE,
        )
    return Issue(
        "value",
        f"The key of the INS number is false: {number.given}",
        f"La clé du matricule INS est fausse : {number.given}",
        (at,),
        rule=KEY_RULE,
    )


def synthetic(*, sex: Literal["male", "female"], birth_date: str, birth_place: str, order: int) -> str:
    """The 15 characters of an invented person's number, to be used under the test or demo authority only.

    `birth_date` is YYYY-MM-DD (month 00 when unknown), `birth_place` a five-character INSEE code (99 +
    country abroad), `order` 1 to 999 in the register of that place and month. Problem `value` when they do
    not fit.
    """
    first, month = "1" if sex == "male" else "2", birth_date[5:7] or "00"
    month = "20" if month == "00" else month
    body = f"{first}{birth_date[2:4]}{month}{birth_place}{order:03d}"
    return parse(body).value


def disagreements(number: Number, *, sex: str, birth_date: str, birth_place: str) -> tuple[str, ...]:
    """The traits that the number tells otherwise: among `sex`, `birth-date`, `birth-place`.

    A hint for the identity desk, never a refusal: a number outlives a change of sex or of commune code.
    """
    told = {
        "sex": sex in ("male", "female") and sex != number.sex,
        "birth-date": birth_date[2:4] != number.year
        or (number.month > 0 and birth_date[5:7] != f"{number.month:02d}"),
        "birth-place": bool(birth_place) and birth_place != number.place,
    }
    return tuple(name for name, differs in told.items() if differs)
