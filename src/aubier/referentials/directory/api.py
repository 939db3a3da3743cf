"""What other rooms may ask of the directory. Pure: nothing here reads or writes the store."""

from __future__ import annotations

from aubier.access.labels import IDNPS, IDNST
from aubier.ground.problem import Issue, Problem
from aubier.ground.rows import Resource
from aubier.referentials.directory.resources import directory_id, identifier, is_mailbox, nos
from aubier.referentials.directory.rules import (
    FINESS,
    RPPS,
    SIRENE,
    Idnps,
    Idnst,
    Policy,
    check,
    idnps_is_right,
    idnst_is_right,
    parse_idnps,
    parse_idnst,
)

__all__ = [
    "FINESS",
    "IDNPS",
    "IDNST",
    "RPPS",
    "SIRENE",
    "Idnps",
    "Idnst",
    "Policy",
    "check_identifier",
    "check_identifiers",
    "directory_id",
    "idnps",
    "idnps_is_right",
    "idnst",
    "idnst_is_right",
    "mailboxes",
    "national_identifier",
    "nos",
    "parse_idnps",
    "parse_idnst",
]

PROFESSIONS = nos("G15", "ProfessionSante")


def check_identifier(given: Resource, policy: Policy, *, at: str = "identifier") -> list[Issue]:
    """What is false in a national identifier: errors under `strict`, warnings under `warn`; else empty.

    Rule: prefixes of IDNPS and IDNST, keys of RPPS, FINESS, SIREN, SIRET.
    """
    return check(given, policy, at=at)


def check_identifiers(resource: Resource, policy: Policy) -> list[Issue]:
    """The same over every identifier of a Practitioner, PractitionerRole or Organization.

    Returns the warnings; under the strict policy a false identifier is a Problem `value` instead.
    """
    kind = resource.get("resourceType", "")
    issues = [
        issue
        for place, one in enumerate(resource.get("identifier", ()))
        for issue in check(one, policy, at=f"{kind}.identifier[{place}]")
    ]
    if issues and policy == "strict":
        raise Problem(tuple(issues))
    return issues


def idnps(practitioner: Resource) -> str:
    """The IDNPS of a Practitioner, prefixed (8 + RPPS...); made from its RPPS when only that is there.

    Empty when it has neither.
    """
    return _value(practitioner, IDNPS) or _prefixed("8", _value(practitioner, RPPS, "RPPS"))


def idnst(organization: Resource) -> str:
    """The IDNST of an Organization, prefixed; made from its FINESS or SIRET when only that is there."""
    return (
        _value(organization, IDNST)
        or _prefixed("1", _value(organization, FINESS))
        or _prefixed("3", _value(organization, SIRENE, "SIRET"))
    )


def _prefixed(prefix: str, value: str) -> str:
    return prefix + value if value else ""


def _value(resource: Resource, system: str, code: str = "") -> str:
    for one in resource.get("identifier", ()):
        codes = [c.get("code") for c in (one.get("type") or {}).get("coding", ())]
        if one.get("system") == system and one.get("value") and (not code or not codes or code in codes):
            return str(one["value"])
    return ""


def national_identifier(value: str) -> Resource:
    """The Identifier element of an IDNPS (12 digits, or with a slash); Problem-free: check it first."""
    return identifier(IDNPS, "IDNPS", value)


def mailboxes(resource: Resource) -> list[str]:
    """The secure mail addresses of a Practitioner, PractitionerRole or Organization."""
    return [
        t["value"]
        for t in resource.get("telecom", ())
        if t.get("system") == "email" and is_mailbox(t.get("value") or "")
    ]


def profession(practitioner: Resource) -> str:
    """The TRE_G15 code of the first profession of a Practitioner; empty when it has none."""
    for qualification in practitioner.get("qualification", ()):
        for coding in (qualification.get("code") or {}).get("coding", ()):
            if coding.get("system") == PROFESSIONS:
                return coding.get("code") or ""
    return ""
