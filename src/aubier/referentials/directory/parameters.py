"""The search parameters that Annuaire Santé adds to the base ones, as SearchParameter resources.

Where the published expression names no type or ends on a Coding while the parameter is a string, ours says
the same completely, so that it can be compiled.

Rule: Annuaire Santé 1.2.0, search parameters of the server.
"""

from __future__ import annotations

from collections.abc import Iterable

from aubier.ground.rows import Resource

_AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/"
_INSEE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code"
_PERIOD = "http://hl7.org/fhir/StructureDefinition/organization-period"
_PEOPLE = ("Practitioner", "PractitionerRole", "Organization")
_ALL = (*_PEOPLE, "HealthcareService", "Device")


def _inner(extension: str, *parts: str) -> str:
    path = f"extension.where(url='{extension}')"
    return ".".join([path, *(f"extension.where(url='{part}')" for part in parts), "value"])


def _parameter(code: str, kind: str, bases: Iterable[str], path: str, about: str) -> Resource:
    bases = tuple(bases)
    return {
        "resourceType": "SearchParameter",
        "id": f"as-sp-{code}",
        "url": f"{_AS}SearchParameter/as-sp-{_PUBLISHED.get(code, code)}",
        "name": "".join(part.title() for part in code.split("-")),
        "status": "active",
        "description": about,
        "code": code,
        "base": list(bases),
        "type": kind,
        "expression": " | ".join(f"{base}.{path}" for base in bases),
    }


_PUBLISHED = {"address-insee": "insee-code", "period": "organization-period"}
"""Where the published canonical is not named as the code is."""


def _extension(name: str) -> str:
    return f"{_AS}StructureDefinition/{name}"


_METADATA = _extension("as-ext-mailbox-mss-metadata")
_RED = _inner(_METADATA, "listeRouge")
_MAILBOX = f"telecom.where(system='email' and {_RED}.where($this = true).empty())"
"""The published expression takes every contact point: one on the red list would answer who guesses it."""

SEARCH_PARAMETERS = (
    _parameter(
        "mailbox-mss", "string", _PEOPLE, f"{_MAILBOX}.value", "Adresse MSSanté | Secure mailbox address"
    ),
    _parameter(
        "mailbox-mss-type",
        "token",
        _PEOPLE,
        f"{_MAILBOX}." + _inner(_METADATA, "type"),
        "Type de boîte MSSanté | Kind of secure mailbox",
    ),
    _parameter(
        "identifier-type",
        "token",
        ("Practitioner", "Organization"),
        "identifier.type",
        "Type d'identifiant | Kind of identifier",
    ),
    _parameter(
        "qualification-code",
        "token",
        ("Practitioner",),
        "qualification.code",
        "Profession, savoir-faire ou diplôme | Profession, skill or degree",
    ),
    _parameter(
        "data-information-system",
        "token",
        _ALL,
        _inner(_extension("as-ext-data-trace"), "systeme-information"),
        "Système d'où vient la donnée | System the data come from",
    ),
    _parameter(
        "data-registration-authority",
        "token",
        _ALL,
        _inner(_extension("as-ext-data-trace"), "autorite-enregistrement"),
        "Autorité d'enregistrement | Registration authority",
    ),
    _parameter(
        "address-line", "string", ("Organization",), "address.line", "Lignes de l'adresse | Address lines"
    ),
    _parameter(
        "address-insee",
        "token",
        ("Organization",),
        "address." + _inner(_INSEE),
        "Code INSEE de la commune | INSEE code of the commune",
    ),
    _parameter(
        "period", "date", ("Organization",), _inner(_PERIOD), "Période d'activité | Period of activity"
    ),
    _parameter(
        "pharmacy-licence",
        "string",
        ("Organization",),
        _inner(_extension("as-ext-organization-pharmacy-licence")),
        "Licence d'officine | Pharmacy licence",
    ),
    _parameter(
        "number-smartcard",
        "string",
        ("Practitioner", "PractitionerRole"),
        _inner(_extension("as-ext-smartcard"), "number"),
        "Numéro de carte CPx | CPx card number",
    ),
    _parameter(
        "type-smartcard",
        "token",
        ("Practitioner", "PractitionerRole"),
        _inner(_extension("as-ext-smartcard"), "type"),
        "Type de carte CPx | Kind of CPx card",
    ),
)
"""One SearchParameter resource each."""
