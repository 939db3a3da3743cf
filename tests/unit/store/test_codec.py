"""Bytes kept under a numbered dictionary come back exactly, whichever dictionary packed them."""

from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from aubier.fhir import json as fhir_json
from aubier.ground.clock import instant, moment_of
from aubier.store.keys import type_numbers
from aubier.store.packing import codec
from aubier.store.writing import stamped

SHIPPED = Path(codec.__file__).parent / "dictionaries"
ID, UPDATED = "3f1c1a52-9f5e-4d1a-8a50-3a4f2d1c9b77", 1_795_338_000_000
OBSERVATION = fhir_json.dumps(
    {
        "resourceType": "Observation",
        "id": ID,
        "meta": {"versionId": "1", "lastUpdated": "2026-11-22T09:00:00.000Z"},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": "Patient/0a8d9a1e-6c43-4a8f-9d6a-fd0a5e0a9f10"},
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }
)


HEAD = codec.head("Observation", ID, 1, UPDATED)


@given(st.binary(max_size=4000))
def test_any_bytes_come_back(data: bytes) -> None:
    assert codec.unpack(*codec.pack(data), HEAD) == HEAD + data


IDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=64)


@given(st.integers(0, 4_000_000_000_000), st.integers(1, 2**31 - 1), IDS)
def test_what_is_stamped_is_kept_without_its_head(updated: int, version: int, logical: str) -> None:
    """Whatever the meta brings, and an id that JSON writes otherwise."""
    given_meta = {"lastUpdated": "1999-01-01T00:00:00Z", "tag": [{"code": "a"}], "versionId": "7"}
    resource = {"resourceType": "Basic", "meta": given_meta, "id": "x"}
    begins = codec.head("Basic", logical, version, updated)
    data = stamped(resource, begins)
    number, packed = codec.pack(stamped(resource))
    assert number < 0
    assert codec.unpack(number, packed, begins) == data
    assert list(fhir_json.parse(data)) == ["resourceType", "id", "meta"]
    assert fhir_json.parse(data)["id"] == logical
    assert fhir_json.parse(data)["meta"] == {
        "versionId": str(version),
        "lastUpdated": instant(moment_of(updated)),
        "tag": [{"code": "a"}],
    }


def test_the_newest_dictionary_is_used_and_pays() -> None:
    number, packed = codec.pack(OBSERVATION.removeprefix(HEAD))
    assert -number == max(int(f.stem) for f in SHIPPED.glob("*.zdict"))
    assert len(packed) * 4 < len(OBSERVATION)


def test_rows_from_before_the_dictionary_are_read() -> None:
    plain = zstandard.ZstdCompressor(level=1).compress(OBSERVATION)
    assert codec.unpack(codec.PLAIN, plain, HEAD) == OBSERVATION


def _whole(data: bytes) -> bytes:
    """As a release before packed a version."""
    first = zstandard.ZstdCompressionDict((SHIPPED / "0001.zdict").read_bytes())
    return zstandard.ZstdCompressor(level=1, dict_data=first, write_dict_id=False).compress(data)


def test_rows_packed_whole_are_read() -> None:
    """They hold their heads, whatever the row says."""
    packed = _whole(OBSERVATION)
    row = {"type": type_numbers()["Observation"], "id": ID, "ver": 1, "upd": UPDATED, "dict": 1}
    assert codec.kept({**row, "raw": packed}) == OBSERVATION
    number, later = codec.pack(OBSERVATION.removeprefix(HEAD))
    assert codec.kept({**row, "dict": number, "raw": later}) == OBSERVATION and len(later) < len(packed)


def test_dictionaries_are_named_by_number_and_bounded() -> None:
    shipped = sorted(SHIPPED.iterdir())
    assert [f.name for f in shipped] == [f"{n:04d}.zdict" for n in range(1, len(shipped) + 1)]
    assert all(f.stat().st_size <= 64 << 10 for f in shipped)


def test_the_wrong_dictionary_is_noticed() -> None:
    number, packed = codec.pack(OBSERVATION.removeprefix(HEAD))
    for other in (codec.PLAIN, -number):
        with pytest.raises(zstandard.ZstdError):
            codec.unpack(other, packed, HEAD)
    with pytest.raises(zstandard.ZstdError):
        codec.unpack(codec.PLAIN, _whole(OBSERVATION), HEAD)


def test_no_real_looking_identifier_stands_in_a_dictionary() -> None:
    """Dictionaries are trained on invented people: no INS of the national authorities in them."""
    for file in SHIPPED.glob("*.zdict"):
        data = file.read_bytes()
        assert b"1.2.250.1.213.1.4.8" not in data
        assert b"1.2.250.1.213.1.4.9" not in data
