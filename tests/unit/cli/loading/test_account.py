"""What a load says: it goes on, also when all is refused, and holds no more for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aubier.cli.loading.files import waits
from aubier.cli.loading.load import Account
from aubier.cli.loading.parts import Outcome
from aubier.cli.speech import speak
from aubier.ground.problem import problem
from aubier.store.bulk import BulkReport

PARTS, EACH = 300, 1000


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    speak("en")
    yield
    speak("fr")


def test_all_that_is_refused_is_counted_and_the_first_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    account, refusal = Account(), problem("value", "wrong", "faux")
    for part in range(PARTS):
        refused = [(f"a.ndjson:{part * EACH + n + 1}", refusal) for n in range(EACH)]
        account.add(Outcome(BulkReport(refused=refused)))
    assert len(account.report.refused) <= 20
    during = capsys.readouterr().out.splitlines()
    assert len(during) > 5, "it tells that it goes on"
    account.tell()
    told = capsys.readouterr().out
    assert "300000 refused" in told and "a.ndjson:20 : wrong" in told and "and 299980 more" in told


def test_a_look_through_a_long_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account, file = Account(), tmp_path / "a.ndjson"
    file.write_text('{"resourceType": "Basic"}\n' * 25_000)
    assert not waits(file, account.look)
    assert "lines looked through" in capsys.readouterr().out
