"""Whether a data folder can be used by whoever starts Aubier, said before anything is written there."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from aubier.store.embedded.engine import account
from aubier.store.embedded.trouble import no_folder, no_right, other_account, plainly


def check_folder(data: Path, *, with_database: bool = True) -> None:
    """Problem `exception` when this account cannot keep an instance in `data`, which need not exist yet.

    It is a file, it is closed or read-only, or another account began it (`with_database`: PostgreSQL runs
    only on what its own account owns).
    """
    data = Path(data).absolute()
    try:
        place = existing(data)
        if not place.is_dir():
            raise no_folder(place)
        if not os.access(place, os.W_OK | os.X_OK):
            raise no_right(place)
        if with_database and (data / "postgres").exists():
            _check_owner(data)
    except OSError as error:
        raise plainly(error, data) from error


def existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _check_owner(data: Path) -> None:
    kept = (data / "postgres").stat().st_uid
    if kept == account().uid:
        return
    # Begun by root, it is kept by `nobody`: the name that helps is that of who began it.
    began = data.stat().st_uid
    raise other_account(data, _name(began if began != os.geteuid() else kept))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
