"""The published files themselves, read whole."""

from aubier.terminology.nomenclatures.load import recognise
from tests.where import SHARED


def test_bdpm_as_published() -> None:
    found = recognise(SHARED / "data" / "bdpm")
    assert found is not None
    every = {c.code: c for c in found.concepts()}
    packs = [c for c in every.values() if c.parents]
    assert (len(every) - len(packs), len(packs)) == (15_848, 20_895)
    assert all(c.parents[0] in every for c in packs)
    assert not any("\ufffd" in c.display or "Ã©" in c.display for c in every.values())


def test_ccam_as_published() -> None:
    found = recognise(SHARED / "data" / "ccam_v81_2026.csv.gz")
    assert found is not None
    assert found.system.version == "81"
    every = {c.code: c for c in found.concepts()}
    acts = [c for c in every.values() if not c.abstract]
    assert len(acts) == 8_257
    roots = [c.code for c in every.values() if not c.parents]
    assert roots == [str(n) for n in range(1, 20)]
    assert all(parent in every for c in every.values() for parent in c.parents)
