from pathlib import Path

import pytest
from tools.build_communes import read_package, table


def row(**more: object) -> dict:
    return {"code": "29046", "nom": "Douarnenez", "type": "commune-actuelle", "codesPostaux": ["29100"],
            "population": 14068, **more}  # fmt: skip


def test_a_line_has_code_kind_name_postal_code_people_and_place() -> None:
    lines = table([row()], {"29046": ("48.0954", "-4.3290")}).splitlines()
    assert lines[0].startswith("# ") and "GeoNames" in lines[0]
    assert lines[1] == "code,kind,name,postal_code,population,lat,lon"
    assert lines[2] == "29046,C,Douarnenez,29100,14068,48.0954,-4.3290"


@pytest.mark.parametrize("lack", [{"codesPostaux": []}, {"population": 0}, {"code": "97411"}])
def test_a_commune_without_people_post_or_place_is_left_out(lack: dict) -> None:
    assert len(table([row(**lack)], {"29046": ("48.0954", "-4.3290")}).splitlines()) == 2


def test_another_package_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "package.tgz"
    wrong.write_bytes(b"not it")
    with pytest.raises(SystemExit, match="digest differs"):
        read_package(wrong)
