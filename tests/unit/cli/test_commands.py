"""The commands as click sees them: help, options, where settings come from."""

import io
import json
import os
import tarfile
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from click.testing import CliRunner

from aubier import __version__
from aubier.cli import instance, main
from aubier.cli.backup import _pack, _unpack, _without_password
from aubier.cli.loading import extract
from aubier.cli.loading.files import documents, files, resources, unpacked
from aubier.fhir.json import LIMITS
from aubier.ground.problem import Problem
from aubier.settings import Settings
from tests.house.test_documented import commands

NAMES = {"up", "serve", "accounts", "token", "client", "load", "extract", "reset", "reindex"}
NAMES |= {"backup", "restore", "tour", "doctor", "retry", "check"}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUBIER_DATA", "AUBIER_PORT", "AUBIER_LANGUAGE", "AUBIER_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_every_command_is_there_and_says_what_it_does() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    assert set(main.commands) == NAMES
    for words, command in commands().items():
        assert (command.help or "").endswith("."), words
        given = any("--data" in option.opts for option in command.params)
        assert given or words == "aubier extract", words


def test_the_list_of_commands_begins_with_what_one_needs_first_and_cuts_no_sentence() -> None:
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    listed = [line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed[:4] == ["up", "accounts", "token", "tour"]
    assert set(listed) == NAMES
    assert "..." not in shown.partition("Commands:")[2]


def test_a_backup_leaves_out_what_was_being_written(tmp_path: Path) -> None:
    """Contents are written under a name of the moment: many come and go while a backup reads their folder."""
    data, kept, ends = tmp_path / "data", tmp_path / "data" / "contents" / "00" / "a", Event()
    kept.mkdir(parents=True)
    (kept / "key").write_bytes(b"k")
    (data / "secret").mkdir()
    for name in ("master", "postgres"):
        (data / "secret" / name).write_bytes(b"s")
    (data / "instance.json").write_text("{}")
    (tmp_path / "dump").write_bytes(b"d")

    def write() -> None:
        while not ends.is_set():
            made = [kept / f"new-{n:03}" for n in range(200)]
            for file in made:
                file.write_bytes(b"n")
            for file in made:
                file.unlink()

    writer = Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            _pack(data, tmp_path / "dump", tmp_path / "copy")
    finally:
        ends.set()
        writer.join()
    with tarfile.open(tmp_path / "copy") as tar:
        names = [name for name in tar.getnames() if "new-" not in name]
    assert names == [
        "aubier-backup.json",
        "database.dump",
        "contents",
        "contents/00",
        "contents/00/a",
        "contents/00/a/key",
        "secret",
        "secret/master",
        "instance.json",
    ]


def test_a_backup_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    for file, code, words in ((tmp_path, 2, "is a folder"), (tmp_path / "no" / "x", 4, "There is no folder")):
        done = CliRunner().invoke(
            main, ["--lang", "en", "backup", "--data", str(tmp_path / "data"), str(file)]
        )
        assert (done.exit_code, words in done.output) == (code, True)
    assert not list(tmp_path.iterdir())


def test_an_extract_is_written_once_and_the_same_from_the_same_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contents(folder: Path) -> list[bytes]:
        return [file.read_bytes() for file in sorted(folder.glob("PS_LibreAcces*.txt"))]

    one, two, cut = (tmp_path / name for name in ("one", "two", "cut"))
    for folder in (one, two):
        assert CliRunner().invoke(main, ["extract", str(folder), "--lines", "300"]).exit_code == 0
    assert len(contents(one)) == 3 and contents(one) == contents(two)
    assert [c.count(b"\n") for c in contents(one)].count(301) == 1
    again = CliRunner().invoke(main, ["--lang", "en", "extract", str(one)])
    assert (again.exit_code, "holds an extract already" in again.output) == (5, True)

    def interrupted(folder: Path, *_: object, **__: object) -> None:
        folder.mkdir()
        (folder / "PS_LibreAcces_SavoirFaire_202611220900.txt").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(extract, "write_extract", interrupted)
    assert CliRunner().invoke(main, ["extract", str(cut)]).exit_code == 130
    assert contents(cut) == []


def test_the_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.strip() == f"aubier, version {__version__}"


@pytest.mark.parametrize(
    "words", [["nothing"], ["token"], ["load"], ["up", "--port", "x"], ["--lang", "de", "up"]]
)
def test_a_wrong_command_line_is_said(words: list[str]) -> None:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "Usage: " in done.output and "Error: " in done.output


def test_a_folder_without_anything_to_load_is_told(tmp_path: Path) -> None:
    (tmp_path / "d.json").mkdir()
    (tmp_path / "notes.txt").write_text("{}")
    done = CliRunner().invoke(main, ["--lang", "en", "load", "--data", str(tmp_path / "d"), str(tmp_path)])
    assert (done.exit_code, "Nothing to load in" in done.output) == (4, True)
    assert not (tmp_path / "d").exists()


def test_files_are_read_by_what_they_hold(tmp_path: Path) -> None:
    """JSON, XML or lines, with a mark of byte order or without, whatever the case of their names."""
    patient = {"resourceType": "Patient", "active": True}
    text = json.dumps(patient)
    (tmp_path / "a.JSON").write_text(text, "utf-8-sig")
    (tmp_path / "b.xml").write_text('<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>')
    (tmp_path / "c.ndjson").write_text(f"{text}\r\n\r\n{text}", "utf-8-sig")
    (tmp_path / "d.jsonl").write_text(text)
    read = [row for path in files([tmp_path]) for d in documents(path) for _, row in resources(d)]
    assert read == [patient] * 5


def test_a_port_out_of_range_is_said_in_both_languages(tmp_path: Path) -> None:
    for language, said in (("fr", "Erreur : "), ("en", "Error: ")):
        words = ["--lang", language, "up", "--data", str(tmp_path / "d"), "--port", "99999"]
        done = CliRunner().invoke(main, words)
        assert (done.exit_code, said in done.output) == (2, True)


def _noted(folder: Path, **facts: object) -> None:
    (folder / "instance.json").write_text(json.dumps(facts))


def test_settings_are_options_then_environment_then_what_was_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _noted(tmp_path, port=8101, sandbox=True, seed="s", citizens=30)
    noted = instance.settings_of(str(tmp_path))
    assert (noted.port, noted.sandbox, noted.citizens) == (8101, True, 30)
    assert noted.base_url == noted.url == "http://127.0.0.1:8101"
    monkeypatch.setenv("AUBIER_PORT", "8102")
    assert instance.settings_of(str(tmp_path)).url == "http://127.0.0.1:8102"
    assert instance.settings_of(str(tmp_path), port=8103).url == "http://127.0.0.1:8103"


@pytest.mark.parametrize("content", ["", "[]", "nonsense", '{"host": "10.0.0.1", "other": 1}'])
def test_an_odd_note_counts_for_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "instance.json").write_text(content)
    assert instance.noted(tmp_path) == {}
    assert instance.settings_of(str(tmp_path)).host == "127.0.0.1"


def test_what_follows_from_the_port_is_not_noted(tmp_path: Path) -> None:
    settings = Settings.load({}, data=tmp_path, port=8104, base_url="http://127.0.0.1:8104")
    instance.note(settings)
    assert "base_url" not in instance.noted(tmp_path)
    instance.note(Settings.load({}, data=tmp_path, port=8104, base_url="https://aubier.example.org"))
    assert instance.noted(tmp_path)["base_url"] == "https://aubier.example.org"


def test_a_password_is_never_among_the_arguments() -> None:
    dsn = "postgresql://aubier:s%40cret@/aubier?host=%2Ftmp%2Frun"
    assert _without_password(dsn) == ("postgresql://aubier@/aubier?host=%2Ftmp%2Frun", "s@cret")
    assert _without_password("postgresql://h/db") == ("postgresql://h/db", "")


@pytest.mark.parametrize(
    "member",
    [
        {"name": "../evil"},
        {"name": "contents/../../evil"},
        {"name": "/etc/evil"},
        {"name": "evil"},
        {"name": "contents", "type": tarfile.SYMTYPE, "linkname": "/etc"},
        {"name": "contents/a", "type": tarfile.LNKTYPE, "linkname": "../../evil"},
        {"name": "contents/pipe", "type": tarfile.FIFOTYPE},
    ],
)
def test_a_backup_that_reaches_outside_is_refused(tmp_path: Path, member: dict[str, Any]) -> None:
    file, into = tmp_path / "x.aubier", tmp_path / "deep" / "into"
    into.mkdir(parents=True)
    with tarfile.open(file, "w") as tar:
        for row in ({"name": "aubier-backup.json"}, {"name": "database.dump"}, member):
            info = tarfile.TarInfo()
            for name, value in row.items():
                setattr(info, name, value)
            info.size = 2 if info.isreg() else 0
            tar.addfile(info, io.BytesIO(b"{}"))
    with pytest.raises(Problem, match="not an Aubier backup"):
        _unpack(file, into)
    assert {p.name for p in tmp_path.rglob("*")} <= {
        "x.aubier",
        "deep",
        "into",
        "aubier-backup.json",
        "database.dump",
    }


def test_what_is_unpacked_is_for_us_alone(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.aubier", "w") as tar:
        for name, content in (
            ("aubier-backup.json", b'{"format": 1}'),
            ("database.dump", b"x"),
            ("secret/key", b"k"),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid, info.uname = len(content), 0o6777, 12345, "somebody"
            tar.addfile(info, io.BytesIO(content))
    _unpack(tmp_path / "x.aubier", tmp_path / "into")
    key = (tmp_path / "into" / "secret" / "key").stat()
    assert (key.st_mode & 0o7777, key.st_uid) == (0o600, os.getuid())


def test_files_are_read_in_order_with_their_places(tmp_path: Path) -> None:
    basic = {"resourceType": "Basic", "code": {"text": "x"}}
    (tmp_path / "b.json").write_text(json.dumps(basic))
    (tmp_path / "a.ndjson").write_text(json.dumps(basic) + "\n\n{\n")
    found = [row for path in files([tmp_path]) for d in documents(path) for row in resources(d)]
    assert [place for place, _ in found] == [
        f"{tmp_path}/a.ndjson:1", f"{tmp_path}/a.ndjson:3", f"{tmp_path}/b.json",
    ]  # fmt: skip
    assert [isinstance(row, Problem) for _, row in found] == [False, True, False]


def test_what_is_too_long_is_never_held_whole(tmp_path: Path) -> None:
    """A file named by mistake, one line of many gigabytes: its beginning is enough to refuse it."""
    text = json.dumps({"resourceType": "Basic", "code": {"text": "x"}})
    with (tmp_path / "a.ndjson").open("w") as lines, (tmp_path / "b.json").open("w") as whole:
        for file in (lines, whole):
            file.write(f"{text}\n" if file is lines else "")
            for _ in range(5):
                file.write(" " * 1_000 + "x" * (LIMITS.size // 4))
        lines.write(f"\n{text}")
    found = [d for path in files([tmp_path]) for d in documents(path)]
    assert [d.place.rpartition("/")[2] for d in found] == [
        "a.ndjson:1", "a.ndjson:2", "a.ndjson:3", "b.json",
    ]  # fmt: skip
    assert max(len(d.data) for d in found) <= LIMITS.size + 5
    told = [row for d in found for _, row in resources(d)]
    assert [isinstance(row, Problem) for row in told] == [False, True, False, True]
    assert all("larger than" in str(row) for row in told if isinstance(row, Problem))


def test_a_document_stays_whole_and_a_transaction_is_taken_apart() -> None:
    entry = {
        "fullUrl": "urn:uuid:1",
        "resource": {"resourceType": "Basic", "subject": {"reference": "urn:uuid:1"}},
    }
    document = {"resourceType": "Bundle", "type": "document", "entry": [entry]}
    assert unpacked("f", document) == [("f", document)]
    ((place, row),) = unpacked("f", {**document, "type": "transaction"})
    assert not isinstance(row, Problem)
    assert (place, row["id"], row["subject"]) == ("f#0", "1", {"reference": "Basic/1"})


def test_what_a_transaction_asks_but_storing_is_refused_at_its_place() -> None:
    asked = [{"request": {"method": method, "url": "Basic/1"}} for method in ("DELETE", "PATCH", "PUT")]
    change = {"resourceType": "Parameters", "parameter": [{"name": "operation"}]}
    asked[1]["resource"], asked[2]["resource"] = change, {"resourceType": "Basic", "id": "1"}  # type: ignore[assignment]
    found = unpacked("f", {"resourceType": "Bundle", "type": "transaction", "entry": asked})
    assert [(place, isinstance(row, Problem)) for place, row in found] == [
        ("f#2", False), ("f#0", True), ("f#1", True),
    ]  # fmt: skip
    assert "makes no DELETE" in str(found[1][1])
