"""What scopes mean, in words that everybody reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.access.scopes import PLAIN, parse
from aubier.referentials.signon.openid.words import said


@pytest.mark.parametrize(
    ("scope", "fr", "en"),
    [
        ("patient/*.rs", "Lire tout votre dossier de santé", "Read your whole health record"),
        ("patient/*.read", "Lire tout votre dossier de santé", "Read your whole health record"),
        (
            "user/*.cruds",
            "Lire, ajouter, modifier et effacer les dossiers auxquels vous avez accès",
            "Read, add, change and delete the records that you may see",
        ),
        ("patient/Immunization.rs", "Lire dans votre dossier : vaccins", "Read in your record: vaccines"),
        (
            "patient/Observation.c?category=laboratory",
            "Ajouter dans votre dossier : mesures et résultats d'analyses (seulement category = laboratory)",
            "Add in your record: measures and test results (only category = laboratory)",
        ),
        ("system/*.rs", "Lire toutes les données", "Read all data"),
        (
            "patient/Basic.d",
            "Effacer dans votre dossier : données « Basic »",
            "Delete in your record: “Basic” data",
        ),
        ("fhirUser", "Savoir qui vous êtes", "Know who you are"),
    ],
)
def test_a_scope_is_a_sentence(scope: str, fr: str, en: str) -> None:
    assert said(parse(scope), "fr") == [fr]
    assert said(parse(scope), "en") == [en]


def test_the_widest_comes_first_and_nothing_twice() -> None:
    told = said(parse("openid fhirUser launch offline_access patient/Patient.r patient/*.rs"), "fr")
    assert told[0] == "Lire tout votre dossier de santé" and len(told) == len(set(told)) == 4


@given(
    st.lists(
        st.one_of(
            st.sampled_from(sorted(PLAIN)),
            st.builds(
                "{}/{}.{}".format,
                st.sampled_from(["patient", "user", "system"]),
                st.sampled_from(["*", "Observation", "Patient", "Basic"]),
                st.sampled_from(["r", "s", "c", "u", "d", "rs", "cud", "cruds"]),
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_scope_that_is_granted_is_told(words: list[str]) -> None:
    for language in ("fr", "en"):
        told = said(parse(" ".join(words)), language)
        assert told and all(text and text == text.strip() for text in told)
        for word in words:
            assert said(parse(word), language)[0] in told
