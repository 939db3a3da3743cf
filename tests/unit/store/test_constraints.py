"""The limits of scopes, said as criteria where an index may be entered by them."""

import pytest

from aubier.search.model import Query
from aubier.search.parameters import registry
from aubier.search.query import parse
from aubier.store.limits.constraints import with_limits


def query(*pairs: tuple[str, str]) -> Query:
    return parse("Observation", list(pairs), registry=registry())


ASKED = query(("status", "final"))
LAB, VITAL = ("category", "http://x|laboratory"), ("category", "vital-signs,social-history")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((), ()),
        ((query(LAB),), query(LAB).criteria),
        ((query(LAB, ("code", "1")),), query(LAB, ("code", "1")).criteria),
        (
            (query(LAB), query(VITAL)),
            query(("category", "http://x|laboratory,vital-signs,social-history")).criteria,
        ),
        ((query(LAB), query(("code", "1"))), ()),
        ((query(LAB), query(VITAL, ("code", "1"))), ()),
        ((query(LAB, ("code", "1")), query(VITAL)), ()),
    ],
)
def test_what_leaves_out_no_more_than_the_limits_is_asked_too(
    limits: tuple[Query, ...], said: object
) -> None:
    assert with_limits(ASKED, limits).criteria == (*ASKED.criteria, *said)  # type: ignore[misc]
