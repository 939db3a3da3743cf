"""Sort keys and the marks of next pages: what comes back is what was written, and nothing else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from aubier.ground.problem import Problem
from aubier.search.keys import Keys, bounded, bounded_text
from aubier.search.model import Query, Sort
from aubier.search.paging.marks import Taken, read_cursor, unchanged_since, write_cursor
from aubier.search.paging.order import SortKey, after, order_by, sort_keys, stretches
from aubier.search.parameters import listed_codes, registry
from aubier.search.sql import Args, Frame

TAKEN = Taken(1_795_000_000_000_000, "100:200:150,160")
KEYS = [SortKey("r.lo", "bigint", True), SortKey("x", "text", False), SortKey("n", "numeric", False)]
VALUES = [-5, "é", Decimal("1.50")]


def frame() -> Frame:
    return Frame(
        keys=Keys(lambda *parts: hash(parts) % 2**62),
        table=lambda kind: "",
        number=lambda kind: 1,
        visible=lambda row, kind: "true",
        slices=lambda kind: frozenset(),
        now=datetime(2026, 1, 1, tzinfo=UTC),
        args=Args(),
    )


def keys_of(kind: str, *codes: str) -> list[SortKey]:
    wanted = []
    for code in codes:
        parameter = registry().get(kind, code.removeprefix("-"))
        assert parameter is not None
        wanted.append(Sort(parameter, code.startswith("-")))
    return sort_keys(frame(), wanted, kind, "r")


def asked(*pairs: tuple[str, str], cursor: str = "", **more: Any) -> Query:
    return Query("Patient", applied=pairs, cursor=cursor, **more)


def written(taken: Taken, values: Sequence[Any], query: Query | None = None) -> str:
    return write_cursor(query or asked(), taken, KEYS, values)


def read(cursor: str) -> tuple[Taken, list[Any]]:
    return read_cursor(asked(cursor=cursor), KEYS)


def raw(*body: Any) -> str:
    """What stands in a mark after what it is of."""
    own = urlsafe_b64decode(written(TAKEN, VALUES) + "===")
    whole = [msgspec.msgpack.decode(own)[0], *body]
    return urlsafe_b64encode(msgspec.msgpack.encode(whole)).rstrip(b"=").decode()


@given(
    st.integers(0, 2**62 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**90), max_value=10**90, places=9),
)
def test_a_mark_comes_back_as_it_was_written(mark: int, number: int, text: str, amount: Decimal) -> None:
    taken = Taken(mark, "3:4:3")
    assert read(written(taken, [number, text, amount])) == (taken, [number, text, amount])


@pytest.mark.parametrize(
    "snapshot",
    ["3:3:", "10:20:", "10:20:10", "10:20:10,11,19", "999999999999:1000000000000:999999999999"],
)
def test_snapshots_that_postgresql_reads(snapshot: str) -> None:
    assert read(written(Taken(1, snapshot), VALUES))[0].snapshot == snapshot


@pytest.mark.parametrize(
    "snapshot",
    [
        "",
        "x",
        "1:1:",
        "2:5:",
        "20:10:",
        "10:20:20",
        "10:20:9",
        "10:20:11,11",
        "10:20:12,11",
        "10:20:11,",
        "10:20",
        *("10:20:1١", "-1:2:", "10:20:11 ", "10:20:11\n", "1e3:2e3:", "10:" + "9" * 19 + ":"),
    ],
)
def test_other_snapshots_are_refused(snapshot: str) -> None:
    with pytest.raises(Problem) as refusal:
        read(written(Taken(1, snapshot), VALUES))
    assert refusal.value.issues[0].at == ("http._page",)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "A" * 4000,
        raw(),
        raw(1, "3:3:", ["bigint"], [1]),
        raw(-1, "3:3:", ["bigint", "text", "numeric"], [*VALUES[:2], "1"]),
        raw(2**62, "3:3:", ["bigint", "text", "numeric"], [1, "x", "1"]),
        raw(1, "3:3:", ["bigint", "text", "numeric"], ["1", "x", "1"]),
        raw(1, "3:3:", ["bigint", "text", "numeric"], [1, 2, "1"]),
        raw(1, "3:3:", ["bigint", "text", "numeric"], [1, "x", "one"]),
        raw(1, "3:3:", ["bigint", "text", "numeric"], [1, "a\0b", "1"]),
        raw(1, "3:3:", ["bigint", "text", "numeric"], [1, "x"]),
        raw(1, "3:3:", ["bigint", "text", "numeric"], [1, "x", "1", "more"]),
        raw(1, "3:3:", ["text", "text", "numeric"], ["1", "x", "1"]),
        raw("1", "3:3:", ["bigint", "text", "numeric"], [1, "x", "1"]),
        raw(1, 3, ["bigint", "text", "numeric"], [1, "x", "1"]),
        raw(1, ["bigint", "text", "numeric"], [1, "x", "1"]),
        *(
            raw(1, "3:3:", ["bigint", "text", "numeric"], [1, "x", number])
            for number in ("1e999999999", "1e-999999999", "NaN", "-Infinity", "9" * 500, "")
        ),
        written(TAKEN, VALUES)[:-3],
    ],
)
def test_a_mark_of_another_search_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as refusal:
        read(cursor)
    assert refusal.value.kind == "invalid"


@pytest.mark.parametrize(
    "other",
    [
        Query("Patient"),
        Query("Practitioner", applied=(("name", "a"), ("active", "true"))),
        asked(("name", "a"), ("active", "false")),
        asked(("name", "a"), ("active", "true"), ("_sort", "name")),
        asked(("name", "a"), ("active", "true"), within=("Patient/2", ("link",))),
    ],
)
def test_a_mark_is_of_one_search(other: Query) -> None:
    """However its answer is cut, and in whichever order it is asked."""
    mark = written(TAKEN, VALUES, asked(("name", "a"), ("active", "true"), ("_count", "2")))
    same = asked(("_page", mark), ("active", "true"), ("name", "a"), ("_count", "9"), cursor=mark)
    assert read_cursor(same, KEYS) == (TAKEN, VALUES)
    with pytest.raises(Problem) as refusal:
        read_cursor(structs.replace(other, cursor=mark), KEYS)
    assert refusal.value.issues[0].at == ("http._page",)


def test_the_order_is_total_and_newest_first_by_itself() -> None:
    assert order_by(keys_of("Observation")) == "r.lo desc, r.rid"
    assert [k.expression for k in keys_of("Observation", "_id")] == ["r.id", "r.rid"]
    assert [k.expression for k in keys_of("Observation", "-_lastUpdated")] == ["r.seq", "r.rid"]


@pytest.mark.parametrize(
    ("kind", "code", "column", "cast"),
    [
        ("Condition", "recorded-date", "min(s1.lo)", "bigint"),
        ("Condition", "-recorded-date", "max(s1.hi)", "bigint"),
        ("Patient", "family", "min(s1.norm)", "text"),
        ("Patient", "-family", "max(s1.norm)", "text"),
        ("Observation", "value-quantity", "min(s1.val)", "numeric"),
        ("Observation", "subject", "min(s1.target)", "text"),
        ("ValueSet", "url", "min(s1.target)", "text"),
    ],
)
def test_the_best_value_of_each_row_sorts_it(kind: str, code: str, column: str, cast: str) -> None:
    first = keys_of(kind, code)[0]
    assert column in first.expression
    assert first.expression.startswith("coalesce(")
    assert (first.cast, first.descending) == (cast, code.startswith("-"))


def test_a_record_is_followed_in_its_own_order() -> None:
    newest, *_ = keys = keys_of("Observation", "-date", "_id")
    assert (newest.expression, newest.descending) == ("r.lo", True)
    assert stretches(keys, "r") == [("true", keys)]


def test_oldest_first_the_undated_come_after() -> None:
    (dated, first), (undated, second) = stretches(keys_of("Observation", "date"), "r")
    assert (dated, order_by(first)) == ("r.lo < r.hi", "r.lo, r.rid")
    assert undated == "r.lo = -62135596800001 and r.hi = -62135596800001"
    assert order_by(second) == "$1::bigint, r.rid"


@pytest.mark.parametrize(
    ("kind", "code"),
    [("Observation", "combo-code-value-quantity"), ("Patient", "telecom"), ("Location", "near")],
)
def test_what_has_no_order_is_refused(kind: str, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        keys_of(kind, code)
    assert refusal.value.kind == "not-supported"


def test_tokens_are_sorted_by_what_is_known_of_them() -> None:
    assert "from ident" in keys_of("Patient", "identifier")[0].expression
    assert "from str" in keys_of("Observation", "code")[0].expression
    for kind, code in (("Observation", "status"), ("Patient", "gender"), ("Patient", "active")):
        first = keys_of(kind, f"-{code}")[0]
        assert "with ordinality" in first.expression and "max(" in first.expression
        assert (first.cast, first.descending) == ("bigint", True)


@pytest.mark.parametrize(
    ("kind", "code", "codes"),
    [
        ("Patient", "gender", ("female", "male", "other", "unknown")),
        ("Encounter", "class", ()),
        ("Patient", "language", ()),
        ("DocumentReference", "contenttype", ()),
    ],
)
def test_codes_of_a_short_list(kind: str, code: str, codes: tuple[str, ...]) -> None:
    parameter = registry().get(kind, code)
    assert parameter is not None and listed_codes(parameter) == codes


def test_the_next_page_begins_after_the_last_row_of_this_one() -> None:
    here = frame()
    text = after(here, KEYS, VALUES)
    assert list(here.args) == VALUES
    assert text.startswith("r.lo <= $1::bigint and (")
    assert "(r.lo = $1::bigint and x > $2::text)" in text
    assert "(r.lo = $1::bigint and x = $2::text and n > $3::numeric)" in text


def test_a_row_settled_long_ago_is_not_judged_by_its_transaction() -> None:
    here = frame()
    text = unchanged_since(here, TAKEN, "r")
    assert here.args == [TAKEN.mark - 3_600_000_000, TAKEN.snapshot]
    assert text.startswith("(r.seq <= $1::bigint or ")


@given(st.text(max_size=600), st.text(max_size=600))
def test_long_values_stay_exact(one: str, other: str) -> None:
    assert len(bounded(one)) <= 160
    assert (bounded(one) == bounded(other)) == (one == other)
    assert one.startswith(bounded_text(one))
