"""Bytes kept under a numbered dictionary come back exactly, whichever dictionary packed them."""

from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from aubier.fhir import json as fhir_json
from aubier.store.packing import codec

SHIPPED = Path(codec.__file__).parent / "dictionaries"
OBSERVATION = fhir_json.dumps(
    {
        "resourceType": "Observation",
        "id": "3f1c1a52-9f5e-4d1a-8a50-3a4f2d1c9b77",
        "meta": {"versionId": "1", "lastUpdated": "2026-11-22T09:00:00.000Z"},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": "Patient/0a8d9a1e-6c43-4a8f-9d6a-fd0a5e0a9f10"},
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }
)


@given(st.binary(max_size=4000))
def test_any_bytes_come_back(data: bytes) -> None:
    assert codec.unpack(*codec.pack(data)) == data


def test_the_newest_dictionary_is_used_and_pays() -> None:
    number, packed = codec.pack(OBSERVATION)
    assert number == max(int(f.stem) for f in SHIPPED.glob("*.zdict"))
    assert len(packed) * 3 < len(OBSERVATION)


def test_rows_from_before_the_dictionary_are_read() -> None:
    plain = zstandard.ZstdCompressor(level=1).compress(OBSERVATION)
    assert codec.unpack(codec.PLAIN, plain) == OBSERVATION


def test_dictionaries_are_named_by_number_and_bounded() -> None:
    shipped = sorted(SHIPPED.iterdir())
    assert [f.name for f in shipped] == [f"{n:04d}.zdict" for n in range(1, len(shipped) + 1)]
    assert all(f.stat().st_size <= 64 << 10 for f in shipped)


def test_the_wrong_dictionary_is_noticed() -> None:
    number, packed = codec.pack(OBSERVATION)
    assert number != codec.PLAIN
    with pytest.raises(zstandard.ZstdError):
        codec.unpack(codec.PLAIN, packed)


def test_no_real_looking_identifier_stands_in_a_dictionary() -> None:
    """Dictionaries are trained on invented people: no INS of the national authorities in them."""
    for file in SHIPPED.glob("*.zdict"):
        data = file.read_bytes()
        assert b"1.2.250.1.213.1.4.8" not in data
        assert b"1.2.250.1.213.1.4.9" not in data
