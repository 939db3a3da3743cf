"""Arrays as PostgreSQL reads them."""

from __future__ import annotations

import pytest

from aubier.store.writing.statement.parts import array_text, text_array


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((), "{}"),
        (("",), '{""}'),
        (("a", "b c", "NULL", "{x,y}"), '{"a","b c","NULL","{x,y}"}'),
        (('say "yes"', "back\\slash"), '{"say \\"yes\\"","back\\\\slash"}'),
        (('","',), '{"\\",\\""}'),
        (('"',), '{"\\""}'),
    ],
)
def test_texts_are_quoted(values: tuple[str, ...], text: str) -> None:
    assert text_array(values) == text


def test_numbers_and_booleans_are_written_as_they_are() -> None:
    assert array_text([1, -2, True]) == "{1,-2,True}"
    assert array_text([]) == "{}"
