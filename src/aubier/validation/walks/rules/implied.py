"""Profiles that the specification itself asks for by what a resource is about: vital signs.

Rule: FHIR R4 4.0.1, observation-vitalsigns.html: an Observation that bears one of these LOINC codes conforms
to the profile beside it, whatever it declares.
"""

from __future__ import annotations

from aubier.validation.profiles.items import Item
from aubier.validation.snapshots.base import BASE

_LOINC = "http://loinc.org"
_BY_CODE = {
    "85353-1": "vitalspanel",
    "9279-1": "resprate",
    "8867-4": "heartrate",
    "2708-6": "oxygensat",
    "8310-5": "bodytemp",
    "8302-2": "bodyheight",
    "9843-4": "headcircum",
    "29463-7": "bodyweight",
    "39156-5": "bmi",
    "85354-9": "bp",
}


def implied(item: Item) -> list[str]:
    """The profiles of vital signs that an Observation must follow by its codes; none for all else."""
    if item.type != "Observation":
        return []
    codings = (item.value.get("code") or {}).get("coding") or ()
    codes = (c.get("code") for c in codings if c.get("system") == _LOINC)
    return [BASE + _BY_CODE[code] for code in codes if code in _BY_CODE]
