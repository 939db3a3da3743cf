"""A PostgreSQL data folder: making it, its settings, and what its lock file says.

The folder is given to PostgreSQL as its working directory: the account that runs it then needs no
right on the folders above (a home closed to others, for instance).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aubier.store.embedded.engine import Account, Engine
from aubier.store.embedded.trouble import disk_full, other_major, plainly, said

ROLE = "aubier"
DATABASE = "aubier"
_MIB = 1 << 20
_ROOM_NEEDED = 150 * _MIB
_ACCESS = f"local all {ROLE} scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The folder `home`, owned by `user`, run by `engine`. `durable` False gives up fsync (tests only)."""

    home: Path
    engine: Engine
    user: Account
    durable: bool = True

    def prepare(self, secret: str, *, new_secret: bool) -> None:
        """Make the folder when there is none, else check its version; `secret` is the role's password."""
        if not (self.home / "PG_VERSION").exists():
            self._create(secret)
            return
        found = (self.home / "PG_VERSION").read_text().strip()
        if found != str(self.engine.major):
            raise other_major(self.home.parent, found, self.engine.major)
        if new_secret:
            self._alone(self.home, f"ALTER ROLE {ROLE} PASSWORD '{secret}'")

    def configure(self, sockets: Path) -> None:
        """Write the settings and the access rule (one role, by password, through the socket only)."""
        own = "include 'own.conf'\n" if (self.home / "own.conf").exists() else ""
        written = settings(sockets, durable=self.durable, stored=_stored(self.home / "base"))
        self._write("postgresql.conf", written + own)
        self._write("pg_hba.conf", _ACCESS)

    def seen_from_inside(self, folder: Path) -> str:
        """The name under which the server's account can open `folder` when it is its working directory."""
        if self.user.reaches(folder) or not sys.platform.startswith("linux"):
            return str(folder)
        return "/proc/self/cwd"

    def _create(self, secret: str) -> None:
        """Made beside and renamed when whole, so a start interrupted half-way leaves nothing."""
        new = self.home.with_name(self.home.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        try:
            if shutil.disk_usage(self.home.parent).free < _ROOM_NEEDED:
                raise disk_full(self.home.parent)
            new.mkdir(mode=0o700)
            if self.user.other:
                os.chown(new, self.user.uid, self.user.gid)
            self._initdb(new)
            self._alone(
                new,
                f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{secret}'",
                f"GRANT pg_monitor, pg_checkpoint TO {ROLE}",
                f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
            )
            new.rename(self.home)
        except OSError as error:
            raise plainly(error, self.home.parent) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _initdb(self, folder: Path) -> None:
        # Code-point order and Unicode case in the server itself: no system locale is needed.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
        command = [self.engine.program("initdb"), "--username=postgres", "--auth=reject", *locale]
        command += ["-D", self.seen_from_inside(folder)]
        if not self.durable:
            command.append("--no-sync")
        self._run(command, folder)

    def _alone(self, folder: Path, *commands: str) -> None:
        """Run SQL with no server around it: the only way in for the owner of the cluster."""
        postgres = self.engine.program("postgres")
        where = self.seen_from_inside(folder)
        self._run(
            [postgres, "--single", "-j", "-D", where, "postgres"], folder, ";\n\n".join(commands) + ";\n\n"
        )

    def _run(self, command: list[str], folder: Path, fed: str = "") -> None:
        run = subprocess.run(
            command, input=fed, capture_output=True, text=True, check=False, cwd=folder, **self.user.run_as()
        )
        if run.returncode or "ERROR:" in run.stderr:
            raise said(run.stderr or run.stdout, self.home.parent)

    def _write(self, name: str, text: str) -> None:
        """The folder belongs to a less trusted account: a link it could have left there is not followed."""
        handle, part = tempfile.mkstemp(dir=self.home)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            if self.user.other:
                os.fchown(file.fileno(), self.user.uid, self.user.gid)
        os.replace(part, self.home / name)


def settings(sockets: Path, *, durable: bool, stored: int = 0) -> str:
    """The text of postgresql.conf, sized for this machine and for the bytes that are `stored`.

    What is stored is kept in memory as far as a quarter of it goes. Rule: PostgreSQL 18, 19.4.1 (25 %). A
    small database takes an eighth of it and 1 GiB at most, so that it does not take from what runs beside it.
    """
    memory = _memory() // _MIB
    shared = max(64, min(1024, memory // 8), min(memory // 4, stored // _MIB))
    sure = "on" if durable else "off"
    return "\n".join(
        (
            "# Written by Aubier at every start: put your own settings in own.conf beside this file.",
            "listen_addresses = ''",
            f"unix_socket_directories = '{str(sockets).replace(chr(39), chr(39) * 2)}'",
            "unix_socket_permissions = 0700",
            "port = 5432",
            "max_connections = 100",
            f"shared_buffers = {shared}MB",
            f"effective_cache_size = {max(256, memory // 2)}MB",
            "work_mem = 16MB",
            "maintenance_work_mem = 128MB",
            "wal_buffers = 16MB",
            "max_wal_size = 2GB",
            "min_wal_size = 128MB",
            "random_page_cost = 1.1",
            "jit = off",
            "max_parallel_workers_per_gather = 0",
            "max_logical_replication_workers = 0",
            f"fsync = {sure}",
            f"full_page_writes = {sure}",
            "synchronous_commit = on",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "datestyle = 'iso, ymd'",
            "lc_messages = 'C'",
            # Statements and details carry people's data: the log never shows them.
            "log_min_error_statement = panic",
            "log_error_verbosity = terse",
            "log_checkpoints = off",
            "",
        )
    )


def _stored(base: Path) -> int:
    """The bytes of all tables and indexes in the folder `base` of a cluster; 0 where they are not told."""
    found = 0
    with suppress(OSError):
        for folder in base.iterdir():
            found += sum(each.stat().st_size for each in os.scandir(folder))
    return found


def _memory() -> int:
    """Bytes this machine has, or that its container may use."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # absent, or the word "max"
            found = min(found, int(Path(limit).read_text()))
    return found


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What PostgreSQL wrote in `postmaster.pid`: its process, its socket folder, whether it is ready."""

    pid: int
    sockets: Path
    ready: bool


def postmaster(home: Path) -> Postmaster | None:
    """The running server of the folder `home`, or None: a stale lock file is not believed."""
    try:
        lines = (home / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    if not _serves(pid, home):
        return None
    lines += [""] * 8
    return Postmaster(pid, Path(lines[4]), lines[7].strip() == "ready")


def disown_lock(home: Path) -> None:
    """Write our own number in a stale lock file, so that PostgreSQL starts and still checks for orphans.

    It would wait for ever for a number that now belongs to another program, or to a dead process that
    nobody collects. It takes the number of its own parent as stale, and then looks by the rest of the
    file whether a process of the server before still holds its memory: removing the file would skip that.
    """
    lock = home / "postmaster.pid"
    try:
        _, rest = lock.read_text().split("\n", 1)
        with lock.open("r+") as file:
            file.write(f"{os.getpid()}\n{rest}")
            file.truncate()
    except (OSError, ValueError):
        return


def _serves(pid: int, home: Path) -> bool:
    """A process of the folder's owner, working in that folder: nothing else is ever signalled."""
    if pid < 2:
        return False
    try:
        if not sys.platform.startswith("linux"):
            os.kill(pid, 0)
            return True
        same_owner = os.stat(f"/proc/{pid}").st_uid == home.stat().st_uid
        return same_owner and os.path.samefile(f"/proc/{pid}/cwd", home)
    except OSError:
        return False
