"""Countries, their parts, and currencies. Rule: ISO 3166-1, ISO 3166-2, ISO 4217; UN M49 in language tags."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

from aubier.fhir.definitions import definitions
from aubier.terminology.meaning.concepts import Concept

_LETTERS = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
    CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
    KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
    MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD
    XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG
"""
_CURRENCIES = tuple(_LETTERS.split())
_USER = re.compile(r"AA|Q[M-Z]|X[A-Z]|ZZ|AAA|ZZZ|Q[M-Z][A-Z]|X[A-Z]{2}")
"""Rule: ISO 3166-1 §8.1.3, codes that users may assign themselves."""
_PART = re.compile(r"(?P<country>[A-Z]{2})-[A-Z0-9]{1,3}")


@cache
def countries() -> dict[str, str]:
    """Every code of a country, of two letters, three letters and three digits, to its name."""
    listed = definitions().value_sets["http://hl7.org/fhir/ValueSet/iso3166-1-2"]["compose"]["include"][0]
    names = {str(row["code"]): str(row.get("display", "")) for row in listed["concept"]}
    text = files("aubier.terminology.grammars").joinpath("countries.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return {
        row[kind]: names.get(row["alpha2"], "") for kind in ("alpha2", "alpha3", "numeric") for row in rows
    }


def country(code: str) -> Concept | None:
    """A country by any of its codes, or a code that users assign."""
    if code in countries() or (len(code) <= 3 and _USER.fullmatch(code)):
        return Concept(code, countries().get(code, ""), lineage=frozenset((code,)))
    return None


def part(code: str) -> Concept | None:
    """A part of a country: the country exists, the part may."""
    found = _PART.fullmatch(code)
    return Concept(code, lineage=frozenset((code,))) if found and country(found["country"]) else None


def is_region(code: str) -> bool:
    """Whether a region of a language tag exists: a country, or three digits of UN M49."""
    return code.isdigit() or country(code) is not None


def currencies() -> dict[str, str]:
    """The codes of currencies; the standard's names are its own."""
    return dict.fromkeys(_CURRENCIES, "")


def currency(code: str) -> Concept | None:
    """A currency by its letters."""
    return Concept(code, lineage=frozenset((code,))) if code in currencies() else None
