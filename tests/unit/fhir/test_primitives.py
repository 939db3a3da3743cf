"""The lexical forms of the primitive types, by example."""

from decimal import Decimal

import pytest

from aubier.fhir.definitions import definitions
from aubier.fhir.primitives import CHECKS, MAX_STRING
from tests.fuzz.work import seconds

RIGHT = {
    "boolean": [True, False],
    "integer": [0, -1, 2_147_483_647, -2_147_483_648],
    "unsignedInt": [0, 2_147_483_647],
    "positiveInt": [1],
    "decimal": [0, 1, Decimal("1.10"), Decimal("-0.0"), Decimal("1E+3")],
    "string": ["a", " a ", "é\n\t\r", "a\u00a0b", "x" * MAX_STRING, "\U0001f600"],
    "markdown": ["# a\n"],
    "code": ["a", "a b", "a\u00a0b", "<="],
    "id": ["a", "A-1.b", "x" * 64],
    "uri": ["urn:oid:1.2", "http://a/b", "a", "é"],
    "url": ["https://a"],
    "canonical": ["http://a|1#b"],
    "oid": ["urn:oid:1.2.250.1.213.1.4.10", "urn:oid:2.0"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "base64Binary": ["AA==", "AAA=", "AAAA", "AA==\n", "AAAA AAAA\r\nAAAA"],
    "date": ["2026", "2026-11", "2024-02-29", "0001-01-01", "9999-12-31"],
    "dateTime": [
        "2026",
        "2026-11",
        "2026-11-22",
        "2026-11-22T03:29:00Z",
        "2016-12-31T23:59:60.123456789+14:00",
    ],
    "instant": ["2026-11-22T03:29:00.000Z", "2026-11-22T03:29:00-05:00"],
    "time": ["00:00:00", "23:59:60.5"],
    "xhtml": ["<div/>"],
}
WRONG = {
    "boolean": ["true", 1, 0, None],
    "integer": [Decimal("1.0"), "1", 2_147_483_648, -2_147_483_649, True, None],
    "unsignedInt": [-1, True, "0"],
    "positiveInt": [0, -1, Decimal(1)],
    "decimal": ["1.0", True, 1.5, Decimal("NaN"), Decimal("Infinity"), None],
    "string": ["", "\x00", "a\x0b", "a\x0c", "x" * (MAX_STRING + 1), 1, None, ["a"], {}],
    "markdown": [""],
    "code": ["", " a", "a ", "a  b", "a\tb", "a\n", 1],
    "id": ["", "a_b", "x" * 65, "é", "a/b", "a\n"],
    "uri": ["", "a b", "a\n", " ", None],
    "url": ["http://a b"],
    "canonical": [""],
    "oid": ["1.2", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1", "urn:oid:1.2.", "urn:oid:1.2\n"],
    "uuid": ["urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "c757873d-ec9a-4326-a141-556f43239520"],
    "base64Binary": ["", " ", "A", "AA=", "AA", "====", "A=AA", "AA==AAAA", "é===", "AA-_", 1],
    "date": [
        "0000",
        "26",
        "2026-13",
        "2026-00",
        "2026-02-29",
        "2026-04-31",
        "2026-1-1",
        "2026-11-22T",
        "2026\n",
        2026,
    ],
    "dateTime": ["2026-11-22T03:29Z", "2026-11-22T03:29:00", "2026-11-22T24:00:00Z", "2026-02-30T00:00:00Z"],
    "instant": [
        "2026",
        "2026-11-22",
        "2026-11-22T03:29:00",
        "2026-11-22T03:29:00+15:00",
        "2026-06-31T03:29:00Z",
    ],
    "time": ["03:29", "24:00:00", "03:29:00Z", "3:29:00"],
    "xhtml": [""],
}


@pytest.mark.parametrize(("type", "value"), [(t, v) for t, values in RIGHT.items() for v in values])
def test_accepted(type: str, value: object) -> None:
    assert CHECKS[type](value)


@pytest.mark.parametrize(("type", "value"), [(t, v) for t, values in WRONG.items() for v in values])
def test_refused(type: str, value: object) -> None:
    assert not CHECKS[type](value)


def test_every_primitive_type_of_the_definitions_has_a_check_and_examples() -> None:
    published = {t for t in definitions().types if definitions().type(t).kind == "primitive-type"}
    assert published == set(CHECKS) == set(RIGHT) == set(WRONG)


@pytest.mark.parametrize(
    "type", sorted(set(CHECKS) - {"boolean", "integer", "unsignedInt", "positiveInt", "decimal"})
)
def test_hostile_texts_take_linear_time(type: str) -> None:
    def check_all() -> None:
        for hostile in (
            "a " * 300_000,
            " " * 600_000,
            "A" * 600_001,
            "urn:oid:1" + ".1" * 300_000 + "x",
            "0" * 600_000,
        ):
            CHECKS[type](hostile)

    assert seconds(check_all) < 0.5
