"""Folding, by the longest way round: what is stripped at once is what each character would say of itself."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.text import fold

OPENED = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "’": "'", "‘": "'"}


@given(
    st.text(max_size=40)
    | st.text(st.sampled_from("eE\u0301\u034f\u0300œŒßøĐłé’ \u20d7\u05b0\u1ab0ﺄÅ2"), max_size=20)
)
def test_every_mark_goes_and_nothing_else(text: str) -> None:
    lowered = "".join(OPENED.get(c, c) for c in text.casefold())
    letters = [c for c in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(c)]
    assert fold(text) == " ".join("".join(letters).split())


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Œuvré ", "oeuvre"),
        ("  ÉTÉ\tindien", "ete indien"),
        ("Straße", "strasse"),
        ("l’Île", "l'ile"),
        ("", ""),
    ],
)
def test_what_people_type(text: str, folded: str) -> None:
    assert fold(text) == folded
