"""A backup takes its name when it is on the disk, not before."""

import os
from pathlib import Path

import pytest

from aubier.cli import backup
from aubier.settings import Settings


def test_it_lies_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the file is the older backup or the new one, never a hollow one."""
    done: list[tuple[str, bool]] = []
    file, fsync = tmp_path / "backup", os.fsync
    file.write_text("older")

    def synced(handle: int) -> None:
        done.append((Path(os.readlink(f"/proc/self/fd/{handle}")).name, file.read_bytes() != b"older"))
        fsync(handle)

    def dump(settings: Settings, name: str, arguments: object, dsn: str, into: object) -> None: ...

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(backup, "_pg_tool", dump)
    settings = Settings.load({"AUBIER_DATABASE_URL": "postgresql://one.of.ours/x"}, data=str(tmp_path))
    backup.backup(settings, file)
    assert done == [("backup.partial", False), (tmp_path.name, True)]
