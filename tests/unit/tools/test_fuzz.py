import sys
from pathlib import Path

import pytest
from tools import fuzz


def asked(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fuzz.py", *words])
    return fuzz.main()


def test_a_kept_input_is_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").write_bytes(b"mg/dL")
    assert asked(monkeypatch, "--again", str(tmp_path / "kept"), "ucum") == 0
    assert "ucum holds" in capsys.readouterr().out


def test_a_target_that_is_none_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        asked(monkeypatch, "nothing")
    assert "fhirpath" in capsys.readouterr().err


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_without_the_library_it_says_so_and_fails_only_where_it_must_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, code: int
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setenv("CI", ci)
    assert asked(monkeypatch, "ucum") == code
    assert "atheris is not there" in capsys.readouterr().out


def test_a_target_that_breaks_is_told_with_what_it_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "stands_in.py"
    program.write_text("import sys; print('Done 5 runs'); sys.exit('holds' not in sys.argv)")
    monkeypatch.setattr(fuzz, "KEPT", tmp_path)
    monkeypatch.setattr(fuzz, "__file__", str(program))
    assert fuzz.one("holds", 1)
    assert not fuzz.one("breaks", 1)
    assert "breaks is broken" in capsys.readouterr().out
