"""What userinfo says of a citizen and of a professional. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from typing import Any

from aubier.ground.rows import Resource
from aubier.referentials.identity import api as identity
from aubier.referentials.signon.people.accounts import Account
from aubier.referentials.signon.realms import PROFESSIONAL, Realm

_PSC_STORE = "6c1f2f6e-9b0e-4c57-8a44-5f8f0c9a7d21"

_EMPTY_ACTIVITY = (
    "codeModeExercice",
    "codeSecteurDactivite",
    "codeSectionPharmacien",
    "codeRole",
    "codeGenreActivite",
    "numeroSiretSite",
    "numeroSirenSite",
    "numeroFinessSite",
    "numeroFinessetablissementJuridique",
    "identifiantTechniqueDeLaStructure",
    "raisonSocialeSite",
    "enseigneCommercialeSite",
    "complementDestinataire",
    "complementPointGeographique",
    "numeroVoie",
    "indiceRepetitionVoie",
    "codeTypeDeVoie",
    "libelleVoie",
    "mentionDistribution",
    "bureauCedex",
    "codePostal",
    "codeCommune",
    "codePays",
    "telephone",
    "telephone2",
    "telecopie",
    "adresseEMail",
    "codeDepartement",
    "ancienIdentifiantDeLaStructure",
    "autoriteDenregistrement",
)


def half_hash(token: str) -> str:
    """`at_hash`: the left half of the token's SHA-256, base64url. Rule: OpenID Connect Core 3.1.3.6."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).decode().rstrip("=")


def subject_of(account: Account, realm: Realm) -> str:
    """The `sub` of an account in a realm; Pro Santé Connect's form `f:<uuid>:<IDNPS>` in its realm."""
    return f"f:{_PSC_STORE}:{account.national_id}" if realm is PROFESSIONAL else account.subject


def professional_claims(account: Account, scopes: Collection[str]) -> dict[str, Any]:
    """The claims Pro Santé Connect gives of a professional; the trade's ones with scope `scope_all`.

    `account.details` may hold `civility`, `sector` (SA07), `activity` (GENR01), `category` (C), `mode`
    (L or S), `role`, `skill_type` and `skill` (SM, SM26), `regulation` (bool), `origin` of the identifier
    (RPPS) and `site`, a mapping of Pro Santé Connect's own names of the place of work.
    """
    basic = {
        "preferred_username": account.national_id,
        "given_name": account.given,
        "family_name": account.family,
        "SubjectNameID": account.national_id,
    }
    return {**basic, **_trade(account)} if "scope_all" in scopes else basic


def _trade(account: Account) -> dict[str, Any]:
    more = account.details
    sector = more.get("sector", "")
    return {
        "Secteur_Activite": f"{sector}^1.2.250.1.71.4.2.4" if sector else "",
        "codeGenreActivite": more.get("activity", ""),
        "SubjectOrganization": account.organization_name,
        "SubjectOrganizationID": account.organization,
        "Mode_Acces_Raison": "",
        "codeCivilite": more.get("civility", ""),
        "Acces_Regulation_Medicale": "VRAI" if more.get("regulation") else "FAUX",
        "UITVersion": "1.0",
        "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
        "SubjectRefPro": {"exercices": [_practice(account)]},
        "SubjectRole": [f"{account.profession}^1.2.250.1.213.1.1.5.5"],
        "PSI_Locale": "1.2.250.1.213.1.3.1.1",
        "otherIds": [
            {"identifiant": account.national_id, "origine": more.get("origin", "RPPS"), "qualite": 1}
        ],
    }


def _practice(account: Account) -> dict[str, Any]:
    more = account.details
    return {
        "codeProfession": account.profession,
        "codeCategorieProfessionnelle": more.get("category", "C"),
        "codeCiviliteDexercice": more.get("practice_civility", ""),
        "nomDexercice": account.family,
        "prenomDexercice": account.given,
        "codeTypeSavoirFaire": more.get("skill_type", ""),
        "codeSavoirFaire": more.get("skill", ""),
        "activities": [_activity(account)] if account.organization else [],
    }


def _activity(account: Account) -> dict[str, str]:
    more, idnst = account.details, account.organization
    known = {
        "codeModeExercice": more.get("mode", ""),
        "codeSecteurDactivite": more.get("sector", ""),
        "codeRole": more.get("role", ""),
        "codeGenreActivite": more.get("activity", ""),
        # An IDNST that begins with 1 is a FINESS number behind that digit.
        "numeroFinessSite": idnst[1:] if len(idnst) == 10 and idnst.startswith("1") else "",
        "identifiantTechniqueDeLaStructure": idnst,
        "raisonSocialeSite": account.organization_name,
    }
    site = {name: str(text) for name, text in more.get("site", {}).items() if name in _EMPTY_ACTIVITY}
    return {**dict.fromkeys(_EMPTY_ACTIVITY, ""), **known, **site}


def citizen_claims(
    account: Account, patient: Resource | None, scopes: Collection[str], *, sandbox: bool
) -> dict[str, Any]:
    """The claims of a citizen: names, birth and sex as asked; the INS only when asked and qualified.

    `patient` is the citizen's own Patient, None when it could not be read: then the account's names stand.
    Rule: only a qualified identity may forward its INS number (RNIV 1 v2.0).
    """
    told, asked = identity.traits(patient or {}), set(scopes)
    found: dict[str, Any] = {"preferred_username": account.login}
    if "profile" in asked:
        given = told.given_names or told.first_given or account.given
        found |= {"given_name": given, "family_name": told.birth_name or account.family, "name": account.name}
    if asked & {"profile", "birth"}:
        found |= {"birthdate": told.birth_date, "birthplace": told.birth_place}
    if asked & {"profile", "gender"}:
        found["gender"] = told.sex
    if "ins" in asked:
        found["ins"] = _ins(patient or {}, sandbox)
    return {name: value for name, value in found.items() if value}


def _ins(patient: Resource, sandbox: bool) -> dict[str, str] | None:
    carried = identity.ins_of(patient)
    if carried is None or identity.may_carry_ins(patient, sandbox=sandbox):
        return None
    return {"system": carried.system, "value": carried.value}
