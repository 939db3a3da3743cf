"""JSON in and out: what is kept, what is refused, how long it takes."""

import gc
import json
from decimal import Decimal
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.fhir.json import Limits, dumps, parse
from aubier.ground.problem import Problem
from tests.fuzz.work import seconds


def refusal(data: bytes, **limits: int) -> Problem:
    """The Problem that `parse` raises, with both languages there."""
    with pytest.raises(Problem) as caught:
        parse(data, Limits(**limits))
    issue = caught.value.issues[0]
    assert issue.text and issue.fr and issue.text != issue.fr
    return caught.value


NUMBERS = ["1.10", "0", "-0.0", "0.00", "12345678901234567890.123", "18446744073709551616", "-1.50", "100.0"]


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_come_back_digit_for_digit(text: str) -> None:
    data = f'{{"a":{text}}}'.encode()
    assert dumps(parse(data)) == data


@pytest.mark.parametrize(
    "text", ["1.0e3", "1E+3", "1e-7", "-0e1", "0.00000000001", "1.000E+245", "1E300", "1E-300"]
)
def test_exponents_keep_their_value_and_precision(text: str) -> None:
    again = parse(dumps(parse(f'{{"a":{text}}}'.encode())))["a"]
    assert again.as_tuple() == Decimal(text).as_tuple()


def test_whole_numbers_are_int_and_fractions_decimal() -> None:
    value = parse(b'{"a":1,"b":1.0,"c":-0}')
    assert type(value["a"]) is int and type(value["b"]) is Decimal and value["c"] == 0


@pytest.mark.parametrize("text", ["1E301", "1E-301", "1e00000000000000000301", "9" * 65, "0." + "1" * 63])
def test_numbers_are_bounded(text: str) -> None:
    assert refusal(f'{{"a":[true,false,{text}]}}'.encode()).kind == "too-long"


def test_numbers_inside_texts_are_not_bounded() -> None:
    assert parse(b'{"a":"1E999","b":"' + b"9" * 100 + b'"}')["a"] == "1E999"


DUPLICATES = {
    b'{"a":1,"a":2}': "$this.a",
    b'{"resourceType":"Patient","name":[{},{"given":["B"],"given":["C"]}]}': "Patient.name[1].given",
    b'{"resourceType":"Patient","id":"1","\\u0069d":"2"}': "Patient.id",
    b'{"resourceType":"A","x":{"y":[[1,{"z":0,"z":0}]]}}': "A.x.y[0][1].z",
    b'{"a":"\\"b\\":1","c":{"d":":","d":"{"}}': "$this.c.d",
}


@pytest.mark.parametrize("data", DUPLICATES)
def test_duplicate_keys_are_named_by_their_path(data: bytes) -> None:
    found = refusal(data)
    assert found.kind == "structure" and found.issues[0].at == (DUPLICATES[data],)
    assert "column" in found.issues[0].text and "colonne" in found.issues[0].fr


@pytest.mark.parametrize(
    "data",
    [b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}', b'{"a":"{\\"a\\":1,\\"a\\":2}"}', b'{"a\\\\":1,"a":":"}'],
)
def test_same_key_in_different_objects_is_fine(data: bytes) -> None:
    assert parse(data) == json.loads(data)


MALFORMED = {
    b"": "empty",
    b" \n": "empty",
    b"[]": "one JSON object",
    b"1": "one JSON object",
    b"null": "one JSON object",
    b'"a"': "one JSON object",
    b"\xef\xbb\xbf{}": "byte order mark",
    b"\xff\xfe{\x00}\x00": "byte order mark",
    b'{"a":"\xff"}': "column 7: this is not UTF-8",
    b'{\n"a":\n  "\xed\xa0\x80"}': "Line 3, column 4: this is not UTF-8",
    b'{"a":"\\ud800"}': "column 7: unexpected end of escaped utf-16 surrogate pair",
    b'{"\\ud83d\\ude00":"x\\\\ud800", "b":"\\ud800x"}': "column 34: unexpected end of escaped",
    b'{"a":"\\ud800': "stops",
    b'{"a":"\\\\ud800': "stops",
    b'{"a":"\\uD8': "stops",
    b'{"a":"\\udc00 bcdefgh"}': "surrogate",
    b'{"a":"\\ud800\\u0041bcdefgh"}': "surrogate",
    b'{"a":"\\u0000"}': "NUL",
    b'{"a":"\x00"}': "invalid character",
    b'{"a":"\n"}': "invalid character",
    b'{"a":1}x': "trailing",
    b'{"a":1}{}': "trailing",
    b'{"a":1,}': "trailing comma",
    b'{"a":[1,]}': "trailing comma",
    b'{"a" 1}': "expected ':'",
    b"{a:1}": "keys must be strings",
    b"{'a':1}": "keys must be strings",
    b'{"a":01}': "invalid number",
    b'{"a":NaN}': "invalid character",
    b'{"a":Infinity}': "invalid character",
    b'{"a":+1}': "invalid character",
    b'{"a":"\\x"}': "escape",
    b'{"a":': "stops",
    b'{"a":"': "stops",
    b'{"a":"\\': "stops",
    b'{"a":1 "b":2}': "expected",
    b"// a\n{}": "invalid character",
}


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed(data: bytes) -> None:
    found = refusal(data)
    assert found.kind == "structure" and MALFORMED[data] in found.issues[0].text


def test_escaped_backslash_before_u0000_is_text() -> None:
    assert parse(b'{"a":"\\\\u0000"}') == {"a": "\\u0000"}


def test_surrogate_pairs_and_other_escapes() -> None:
    assert parse(b'{"a":"\\ud83d\\ude00\\n\\"\\/"}') == {"a": '\U0001f600\n"/'}


def test_depth_is_bounded_before_decoding() -> None:
    deep = b'{"a":' + b"[" * 63 + b"]" * 63 + b"}"
    assert parse(deep)
    assert refusal(b'{"a":' + b"[" * 64 + b"]" * 64 + b"}").kind == "too-long"
    assert refusal(b"[" * 100_000).kind == "too-long"
    assert parse(b'{"a":"' + b"[" * 500 + b'"}')
    assert parse(b'{"a":[' + b"[]," * 500 + b"[]]}")
    wide = b'{"a":[' + b"[]," * 70_000
    assert parse(wide + b"[" * 62 + b"]" * 62 + b"]}")
    assert refusal(wide + b"[" * 63 + b"]" * 63 + b"]}").kind == "too-long"


def test_size_length_and_count_are_bounded() -> None:
    assert refusal(b'{"a":"' + b"x" * 100 + b'"}', size=50).kind == "too-long"
    assert refusal(b'{"a":"' + b"x" * 100 + b'"}', string=99).kind == "too-long"
    assert parse(b'{"a":"' + b"x" * 99 + b'"}', Limits(string=100))
    assert refusal(b'{"a":[' + b"1," * 100 + b"1]}", values=100).kind == "too-long"
    nests = b'{"a":[' + b",".join([b"[" * 9 + b"]" * 9] * 11) + b"]}"
    assert parse(nests, Limits(values=101)) and refusal(nests, values=100).kind == "too-long"


def test_no_garbage_is_looked_for_while_a_long_body_becomes_values() -> None:
    body, searches = b'{"a":[' + b",".join([b'{"b":[1]}'] * 40_000) + b"]}", list[str]()

    def searched(phase: str, told: dict[str, int]) -> None:
        searches.append(phase)

    gc.callbacks.append(searched)
    try:
        assert len(parse(body)["a"]) == 40_000
    finally:
        gc.callbacks.remove(searched)
    assert len(searches) < 20


@pytest.mark.parametrize("on", [True, False])
def test_whether_garbage_is_looked_for_stays_as_it_was(on: bool) -> None:
    body = b'{"a":[' + b"[]," * 40_000 + b"1]}"
    (gc.enable if on else gc.disable)()
    try:
        assert parse(body) and gc.isenabled() is on
        assert refusal(body[:-2] + b"}}") and gc.isenabled() is on
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"a":"' + b'\\"' * 1_000_000,
        b'{"a":"' + b"\\" * 2_000_000,
        b'"' * 2_000_000,
        b'{"a":' * 300_000,
        b"9" * 2_000_000,
        b'{"a":[' + b"1e9," * 400_000,
        b" " * 2_000_000,
        b'{"a":"' + b"\\u0000" * 300_000,
        b"{" + b'"a":1,' * 200_000 + b'"b":1}',
    ],
)
def test_hostile_bodies_take_linear_time(hostile: bytes) -> None:
    assert seconds(lambda: refusal(hostile)) < 2.0


def test_a_patient_takes_microseconds() -> None:
    name = {
        "use": "official",
        "family": "Le Goff",
        "given": ["Anne", "Marie"],
        "period": {"start": "2001-05-06"},
    }
    data = dumps({"resourceType": "Patient", "id": "1", "name": [name] * 25, "birthDate": "1980-01-01"})
    best = min(_cost(data) for _ in range(20))
    assert 2200 < len(data) < 2600 and best < 0.000_25


def _cost(data: bytes) -> float:
    started = process_time()
    for _ in range(10):
        parse(data)
    return (process_time() - started) / 10


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | decimals | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def exact(value: Any) -> Any:
    """A value in which decimals compare with their digits."""
    if isinstance(value, Decimal):
        return ("decimal", value.as_tuple())
    if isinstance(value, dict):
        return {k: exact(v) for k, v in value.items()}
    return [exact(v) for v in value] if isinstance(value, list) else (type(value).__name__, value)


@given(st.dictionaries(texts, values, max_size=5))
def test_what_is_written_is_read_again(value: dict[str, Any]) -> None:
    assert exact(parse(dumps(value))) == exact(value)


@given(st.dictionaries(texts, values, max_size=5))
def test_pretty_and_ascii_forms_give_the_same_value(value: dict[str, Any]) -> None:
    plain = json.loads(dumps(value), parse_float=Decimal)
    written = json.dumps(plain, indent=2, default=str, ensure_ascii=True).encode()
    assert parse(written) == json.loads(written)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_problem(data: bytes) -> None:
    _value_or_problem(data)


pieces = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "\\",
        '"a"',
        '"b"',
        "1",
        "-",
        "e",
        ".",
        "0",
        "true",
        "null",
        " ",
        "\\u",
        "d800",
    ]
)


@given(st.lists(pieces, max_size=30).map("".join))
def test_any_near_json_gives_a_value_or_a_problem(text: str) -> None:
    _value_or_problem(text.encode())


def _value_or_problem(data: bytes) -> None:
    """Also: what we accept, the standard library reads the same."""
    try:
        value = parse(data)
    except Problem as refused:
        assert refused.kind in ("structure", "too-long")
    else:
        assert value == json.loads(data, parse_float=Decimal)
