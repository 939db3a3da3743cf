"""The Annuaire Santé door as a row: the public directory, read and searched as its API is.

Rule: Annuaire Santé 1.2.0, AsServerDPCapabilityStatement; API Annuaire Santé v2: key, pages, delta.
"""

from __future__ import annotations

from aubier.ground.rows import Asked, Door, Offer
from aubier.referentials.directory.public import told

_AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire"
_DATA = "data-information-system data-registration-authority"
_TEXTS = (
    "address address-city address-line address-postalcode family given mailbox-mss manufacturer model name"
    " number-smartcard pharmacy-licence"
)
_DELTA_DAYS = 30


def _asked(codes: str) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            code,
            modifiers=("contains", "exact") if code in _TEXTS.split() else (),
            prefixes=("eq", "ge", "gt") if code == "_lastUpdated" else None,
            days=_DELTA_DAYS if code == "_lastUpdated" else 0,
        )
        for code in f"_id _lastUpdated {_DATA} {codes}".split()
    )


def _offer(
    kind: str,
    codes: str,
    includes: tuple[str, ...] = (),
    revincludes: tuple[str, ...] = (),
    *,
    profile: str = "",
    fixed: tuple[tuple[str, str], ...] = (),
) -> Offer:
    canonical = f"{_AS}/StructureDefinition/as-dp-{profile or kind.lower()}"
    return Offer(
        kind,
        asked=_asked(codes),
        includes=includes,
        revincludes=revincludes,
        profile=canonical,
        fixed=fixed,
        shown=told,
    )


_OFFERS = (
    _offer(
        "Organization",
        "active address address-city address-insee address-line address-postalcode identifier identifier-type"
        " mailbox-mss mailbox-mss-type name partof period pharmacy-licence type",
        ("Organization:partof",),
        ("Device:organization", "HealthcareService:organization", "PractitionerRole:organization"),
    ),
    _offer(
        "Practitioner",
        "active family given identifier identifier-type mailbox-mss mailbox-mss-type name number-smartcard"
        " qualification-code type-smartcard",
        revincludes=("PractitionerRole:practitioner",),
    ),
    _offer(
        "PractitionerRole",
        "active identifier mailbox-mss mailbox-mss-type number-smartcard organization practitioner role"
        " type-smartcard",
        ("PractitionerRole:organization", "PractitionerRole:practitioner"),
    ),
    _offer(
        "HealthcareService",
        "_profile active characteristic identifier organization service-category service-type",
        ("HealthcareService:organization",),
        profile="healthcareservice-healthcare-activity",
    ),
    _offer(
        "Device",
        "identifier manufacturer model organization status type",
        ("Device:organization",),
        # The equipment of a structure: what is in, or with, a person is of that person's record alone.
        fixed=(("patient:missing", "true"),),
    ),
)

DOOR = Door(
    "annuaire",
    "/annuaire",
    {"fr": "Annuaire Santé, données publiques", "en": "National health directory, public data"},
    "Annuaire Santé 1.2.0; API Annuaire Santé v2",
    _OFFERS,
    controls=("_count", "_elements", "_include", "_revinclude", "_total"),
    page=50,
    largest=10_000,
    total="accurate",
    key="ESANTE-API-KEY",
    calls=17,
    follows=(f"{_AS}/CapabilityStatement/AsServerDPCapabilityStatement",),
    about="The directory's public data, read only: everything, by criteria, or what changed in 30 days",
)
"""The door as a row. Sorting and other result parameters are not of its guide."""
