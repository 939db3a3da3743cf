"""Userinfo: the shape Pro Santé Connect publishes, and no word more than was asked of a citizen."""

import json
from typing import Any

import pytest

from aubier.referentials.identity import api as identity
from aubier.referentials.signon.people.accounts import Account
from aubier.referentials.signon.realms import CITIZEN, PLATFORM, PROFESSIONAL
from aubier.referentials.signon.tokens.claims import (
    citizen_claims,
    half_hash,
    professional_claims,
    subject_of,
)
from tests.where import SHARED

PUBLISHED = json.loads((SHARED / "fixtures/psc/userinfo-fictive-professional.json").read_text("utf-8"))
TRAITS = identity.Traits("LE GOFF", "YANN MARIE", "YANN", "male", "1955-06-01", "29019")
NUMBER = identity.synthetic(sex="male", birth_date="1955-06-01", birth_place="29019", order=7)
YANN = Account("yann", "citizen", "Yann Le Goff", "Yann", "Le Goff", "Patient/yann", subject="s-1")


def fistinien() -> Account:
    """The fictive professional of the published example, as an account."""
    practice = PUBLISHED["SubjectRefPro"]["exercices"][0]
    site = practice["activities"][0]
    return Account(
        "fistinien",
        "professional",
        "Fistinien Grominoch",
        "Fistinien",
        "Grominoch",
        national_id=PUBLISHED["SubjectNameID"],
        profession=practice["codeProfession"],
        organization=PUBLISHED["SubjectOrganizationID"],
        organization_name=PUBLISHED["SubjectOrganization"],
        details={
            "sector": "SA07",
            "activity": "GENR01",
            "civility": "M",
            "mode": "L",
            "origin": "EDIT",
            "site": {name: text for name, text in site.items() if text},
        },
    )


def test_the_published_professional_comes_out_to_the_letter() -> None:
    told = professional_claims(fistinien(), ("openid", "scope_all"))
    assert told == {name: value for name, value in PUBLISHED.items() if name != "sub"}


def test_the_subject_has_the_published_form() -> None:
    store, number = PUBLISHED["sub"].split(":")[1:]
    ours = subject_of(fistinien(), PROFESSIONAL).split(":")
    assert ours[0] == "f" and len(ours[1]) == len(store) and ours[2] == number


def test_elsewhere_the_subject_is_the_account_s_own() -> None:
    assert subject_of(YANN, PLATFORM) == subject_of(YANN, CITIZEN) == "s-1"


def test_without_scope_all_a_professional_is_a_name_and_a_number() -> None:
    told = professional_claims(fistinien(), ("openid", "profile"))
    assert told.keys() == {"preferred_username", "given_name", "family_name", "SubjectNameID"}


def test_a_finess_number_is_taken_from_the_structure_s_identifier() -> None:
    account = Account("a", "professional", "A", national_id="8", organization="1350000022")
    told = professional_claims(account, ("scope_all",))
    (activity,) = told["SubjectRefPro"]["exercices"][0]["activities"]
    assert activity["numeroFinessSite"] == "350000022"
    assert activity["identifiantTechniqueDeLaStructure"] == "1350000022"
    assert told["Acces_Regulation_Medicale"] == "FAUX"


def test_a_professional_without_place_of_work_has_no_activity() -> None:
    told = professional_claims(Account("a", "professional", "A", national_id="8"), ("scope_all",))
    assert told["SubjectRefPro"]["exercices"][0]["activities"] == []
    assert told["Secteur_Activite"] == ""


def test_only_known_names_go_into_an_activity() -> None:
    details = {"site": {"codePostal": 29200, "password": "x"}, "regulation": True}
    account = Account("a", "professional", "A", national_id="8", organization="R1", details=details)
    told = professional_claims(account, ("scope_all",))
    (activity,) = told["SubjectRefPro"]["exercices"][0]["activities"]
    assert activity["codePostal"] == "29200" and "password" not in activity
    assert told["Acces_Regulation_Medicale"] == "VRAI"


def patient(status: identity.Status) -> dict[str, Any]:
    """A Patient with every trait and its number."""
    made = identity.patient_ins(TRAITS, identity.Ins(NUMBER, identity.TEST))
    return identity.with_standing(made, identity.Standing(status))


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        ((), {"preferred_username"}),
        (("birth",), {"preferred_username", "birthdate", "birthplace"}),
        (("gender",), {"preferred_username", "gender"}),
        (("ins",), {"preferred_username", "ins"}),
        (
            ("profile",),
            {"preferred_username", "given_name", "family_name", "name", "birthdate", "birthplace", "gender"},
        ),
    ],
)
def test_a_citizen_s_claims_are_those_asked(scopes: tuple[str, ...], names: set[str]) -> None:
    assert citizen_claims(YANN, patient(identity.Status.QUAL), scopes, sandbox=True).keys() == names


@pytest.mark.parametrize("status", list(identity.Status))
def test_only_a_qualified_identity_gives_its_number(status: identity.Status) -> None:
    told = citizen_claims(YANN, patient(status), ("ins",), sandbox=True)
    assert ("ins" in told) == (status is identity.Status.QUAL)


def test_a_test_number_is_not_given_outside_the_sandbox() -> None:
    assert "ins" not in citizen_claims(YANN, patient(identity.Status.QUAL), ("ins",), sandbox=False)


def test_without_a_readable_patient_the_account_s_names_stand() -> None:
    told = citizen_claims(YANN, None, ("profile", "ins"), sandbox=True)
    assert told == {
        "preferred_username": "yann",
        "given_name": "Yann",
        "family_name": "Le Goff",
        "name": "Yann Le Goff",
    }


def test_at_hash_is_the_one_of_the_specification() -> None:
    # OpenID Connect Core 1.0, appendix A.3: the access token and at_hash of the implicit example.
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"
