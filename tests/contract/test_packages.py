"""FHIR packages that a setting names: loaded at start, once, versions side by side."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aubier.cli.packages import load as loading
from aubier.cli.packages import load_at_start
from aubier.ground.problem import Problem
from aubier.store.pool import unavailable
from tests.contract.conftest import Api
from tests.unit.fhir.test_packages import packed

URL = "http://guide.example/ValueSet/hair"


def package(place: Path, version: str, **change: Any) -> str:
    """A package with one value set; gives its path."""
    definition = {"resourceType": "ValueSet", "url": URL, "status": "active", "title": f"Hair {version}"}
    rows: list[tuple[str, Any]] = [
        ("package/package.json", {"name": "guide", "version": version, "fhirVersions": ["4.0.1"], **change}),
        ("package/ValueSet-hair.json", definition),
    ]
    place.write_bytes(packed(rows).getvalue())
    return str(place)


async def versions(api: Api) -> list[str]:
    page = await api.good("GET", f"ValueSet?url={URL}")
    return sorted(e["resource"]["version"] for e in page.get("entry", []))


async def test_versions_side_by_side_and_a_second_start_does_nothing(api: Api, tmp_path: Path) -> None:
    one, two = package(tmp_path / "one.tgz", "1.0.0"), package(tmp_path / "two.tgz", "2.0.0")
    settings = replace(api.house.settings, packages=f"{one}, {two}")
    await load_at_start(api.house, settings)
    assert await versions(api) == ["1.0.0", "2.0.0"]
    changes = await api.house.store.pool.fetchval("select max(seq) from dir_res")
    await load_at_start(api.house, settings)
    assert await api.house.store.pool.fetchval("select max(seq) from dir_res") == changes
    assert await versions(api) == ["1.0.0", "2.0.0"]


@pytest.mark.parametrize("name", ["nothing.tgz", "text.json", "."])
async def test_what_is_no_package_stops_the_start(api: Api, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.json").write_text("{}")
    good = package(tmp_path / "three.tgz", "3.0.0")
    settings = replace(api.house.settings, packages=f"{good},{tmp_path / name}")
    with pytest.raises(Problem, match="is no FHIR package") as refused:
        await load_at_start(api.house, settings)
    assert refused.value.issues[0].at == ("AUBIER_PACKAGES",)
    assert "3.0.0" not in await versions(api)


async def test_a_package_of_another_release_stops_the_start(api: Api, tmp_path: Path) -> None:
    other = package(tmp_path / "five.tgz", "5.0.0", fhirVersions=["5.0.0"])
    with pytest.raises(Problem, match=r"made for FHIR 5\.0\.0"):
        await load_at_start(api.house, replace(api.house.settings, packages=other))
    assert "5.0.0" not in await versions(api)


async def test_a_package_that_the_database_left_half_way_is_loaded_at_the_next_start(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(api.house.settings, packages=package(tmp_path / "six.tgz", "6.0.0"))

    async def gone(*_: Any, **options: Any) -> None:
        raise unavailable()

    with monkeypatch.context() as patched:
        patched.setattr(loading, "load", gone)
        with pytest.raises(Problem, match="does not answer"):
            await load_at_start(api.house, settings)
    assert "6.0.0" not in await versions(api)
    await load_at_start(api.house, settings)
    assert "6.0.0" in await versions(api)


async def test_however_many_are_refused_or_doubtful_the_first_are_held(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = {"resourceType": "ValueSet", "status": "spam", "version": "7.0.0"}
    rows: list[tuple[str, Any]] = [("package/package.json", {"name": "guide", "version": "7.0.0"})]
    rows += [(f"package/broken-{n}.json", b"{") for n in range(33)]
    rows += [(f"package/odd-{n}.json", {**odd, "url": f"{URL}-{n}"}) for n in range(31)]
    (tmp_path / "seven.tgz").write_bytes(packed(rows).getvalue())
    told, tell = [], loading._tell
    monkeypatch.setattr(loading, "_tell", lambda *given: (told.append(given[1]), tell(*given)))
    await load_at_start(api.house, replace(api.house.settings, packages=str(tmp_path / "seven.tgz")))
    (account,) = told
    assert (account.refused, len(account.report.refused)) == (33, 20)
    assert (account.doubts, len(account.doubtful)) == (31, 20)
    shown = capsys.readouterr().out
    assert "31 cr" in shown and "33 refus" in shown and shown.count("broken-") == shown.count("odd-") == 20
    assert "13" in shown and "11" in shown
