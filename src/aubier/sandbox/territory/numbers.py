"""Numbers that pass the published checks and that no real person or place bears.

Rule: national-number shapes: INS and NIR (13 digits and key), RPPS, FINESS, SIRET (Luhn); fictive ranges:
RPPS 9971xxxxxxx, FINESS dd99xxxxx, SIREN 00xxxxxxx, telephones 01 99 00 xx xx and 06 39 98 xx xx (ARCEP).
"""

from __future__ import annotations

from array import array

from aubier.ground.text import fold
from aubier.referentials.identity.number import key

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_YEARS, _MONTHS, _ORDERS = 100, 12, 999


def luhn(digits: str) -> str:
    """The digits with their Luhn check digit appended."""
    total = sum(_DOUBLED[int(d)] if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def rpps(number: int) -> str:
    """The RPPS number (11 digits) of the n-th fictive professional, n < 1,000,000."""
    return luhn(f"9971{number:06d}")


def finess(department: str, number: int) -> str:
    """The FINESS number (9 digits) of the n-th fictive place of a department, n < 10,000."""
    return luhn(f"{department}99{number:04d}")


def siret(number: int) -> str:
    """The SIRET number (14 digits) of the n-th fictive practice, n < 1,000,000."""
    return luhn(luhn(f"00{number:06d}") + "0001")


def landline(number: int) -> str:
    """A landline number that rings nowhere."""
    return f"+33 1 99 00 {number // 100 % 100:02d} {number % 100:02d}"


def mobile(number: int) -> str:
    """A mobile number that rings nowhere."""
    return f"+33 6 39 98 {number // 100 % 100:02d} {number % 100:02d}"


def mailbox(given: str, family: str, number: int | str = "") -> str:
    """An e-mail address at example.org (RFC 2606) made of a name."""
    local = ".".join("".join(c for c in fold(part) if c.isalnum()) for part in (given, family))
    return f"{local}{number}@example.org"


def ins(sex: str, year: int, month: int, *, place: str, order: int) -> str:
    """The 15 characters of an INS: sex M or F, birth year and month, INSEE code of the place, order, key."""
    body = f"{'1' if sex == 'M' else '2'}{year % 100:02d}{month:02d}{place}{order:03d}"
    return body + key(body)


class Orders:
    """Gives order numbers so that no two people share an INS; memory stays flat whatever their number.

    Counters are kept per (place or group of places, sex, two-digit year, month): Breton communes have their
    own, elsewhere a department or `99` (abroad) shares one, which is unique all the more.
    """

    def __init__(self, own: dict[str, int], shared: dict[str, int]) -> None:
        self._own, self._shared = own, shared
        groups = len(own) + len(shared)
        self._counts = array("H", bytes(2 * 2 * _YEARS * _MONTHS * groups))

    def next(self, sex: str, year: int, month: int, *, place: str) -> int:
        """The next free order number (1 to 999), or 0 when this month and place are full."""
        group = self._own.get(place)
        if group is None:
            group = len(self._own) + self._shared[place[:2]]
        cell = ((group * 2 + (sex == "F")) * _YEARS + year % 100) * _MONTHS + month - 1
        if self._counts[cell] >= _ORDERS:
            return 0
        self._counts[cell] += 1
        return self._counts[cell]
