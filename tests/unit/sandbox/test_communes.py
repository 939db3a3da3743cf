from dataclasses import replace

import zstandard

from aubier.sandbox.territory.communes import _TABLE, BRITTANY, atlas
from tests.where import SHARED


def test_the_table_names_its_sources_and_stays_small() -> None:
    packed = _TABLE.read_bytes()
    first = zstandard.ZstdDecompressor().decompress(packed).decode().splitlines()[0]
    assert "Licence Ouverte 2.0" in first and "GeoNames, CC BY 4.0" in first
    assert len(packed) < 1_200_000


def test_communes_have_code_postal_code_people_and_place() -> None:
    douarnenez = atlas().by_code["29046"]
    assert (douarnenez.name, douarnenez.postal_code, douarnenez.department) == ("Douarnenez", "29100", "29")
    assert douarnenez.population > 10_000
    assert 48.0 < float(douarnenez.latitude) < 48.2
    assert replace(douarnenez, code="97411").department == "974"
    assert len(atlas().by_code) > 34_000


def test_coordinates_are_those_of_the_source() -> None:
    lines = (SHARED / "data" / "communes_latlon.csv").read_text(encoding="utf-8").splitlines()[1:]
    places = {code: (lat, lon) for code, lat, lon, _ in (line.split(",") for line in lines[::97])}
    known = [
        (c.latitude, c.longitude) == places[c.code] for c in atlas().by_code.values() if c.code in places
    ]
    assert len(known) > 300 and all(known)


def test_people_live_in_brittany_in_proportion() -> None:
    homes = atlas().homes.items
    assert {c.department for c in homes} == set(BRITTANY)
    assert sum(c.population for c in homes) > 3_300_000
    assert atlas().named("Rennes").code == "35238"


def test_nobody_is_born_in_a_divided_city_as_a_whole() -> None:
    assert not {c.code for c in atlas().elsewhere.items} & {"75056", "69123", "13055"}
    assert "75114" in {c.code for c in atlas().elsewhere.items}
