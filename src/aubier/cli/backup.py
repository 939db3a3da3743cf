"""`aubier reset`, `backup` and `restore`: an instance put back, copied, made again from its copy."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from aubier import __version__
from aubier.app import build, migrations
from aubier.cli.instance import database
from aubier.cli.speech import carry_out, say, text, undisturbed
from aubier.ground.problem import Problem, problem
from aubier.settings import Settings
from aubier.store.embedded import template
from aubier.store.embedded.engine import shipped
from aubier.store.embedded.server import EmbeddedServer, attached
from aubier.store.opening.reach import place
from aubier.store.opening.state import major

_KEPT = ("contents", "secret", "instance.json")
_MARK = "aubier-backup.json"
_DUMP = "database.dump"


def reset(settings: Settings) -> None:
    """Puts the sandbox back to its first day from the copy kept at its filling."""
    if not settings.sandbox and settings.data.exists():
        raise problem("forbidden", "Only a sandbox can be reset", "Seul un bac à sable se remet à zéro")
    if settings.database_url:
        raise problem(
            "not-supported",
            "On a database of your own, make the database anew and start again",
            "Sur une base à vous, recréez la base et recommencez",
        )
    with attached(settings.data) as dsn:
        carry_out(template.reset(dsn, migrations(), lambda made: _open(settings, made)))
    say("Le bac à sable est comme au premier jour.", "The sandbox is as on its first day.")


async def _open(settings: Settings, dsn: str) -> None:
    """Opens a database once: the index rows that an older release did not write are made then."""
    await (await build(settings, dsn)).stop()


def backup(settings: Settings, file: Path) -> None:
    """Saves a consistent copy of the database, then documents and keys, into one compressed file.

    Documents are never changed once written: those that the copied database names are all there. The file
    holds the keys: keep it as you keep the data. Interrupted, it leaves nothing.
    """
    if file.is_dir():
        raise problem(
            "value", f"{file} is a folder; name a file in it", f"{file} est un dossier ; nommez un fichier"
        )
    if not file.parent.is_dir():
        raise problem(
            "not-found", f"There is no folder {file.parent}", f"Il n'y a pas de dossier {file.parent}"
        )
    partial, dump = file.with_name(file.name + ".partial"), file.with_name(file.name + ".dump.partial")
    try:
        with database(settings) as dsn:
            say("Copie de la base", "Copying the database")
            with _private(dump) as into:
                _pg_tool(settings, "pg_dump", ["--format=custom", "--compress=1"], dsn, into)
            say("Copie des documents et des clés", "Copying documents and keys")
            _pack(settings.data, dump, partial)
        _put(partial, file)
    finally:
        partial.unlink(missing_ok=True)
        dump.unlink(missing_ok=True)
    size = f"{file.stat().st_size / (1 << 20):.1f}".replace(".", text(",", "."))
    say(f"Sauvegarde écrite : {file} ({size} Mio)", f"Backup written: {file} ({size} MiB)")


def _pack(data: Path, dump: Path, into: Path) -> None:
    with _private(into) as out, tarfile.open(fileobj=out, mode="w") as tar:
        _add_text(tar, _MARK, json.dumps({"aubier": __version__, "format": 1}))
        tar.add(dump, _DUMP)
        for place in (found for name in _KEPT for found in _below(data / name)):
            # What was being written has another name by now, or none: no row that was copied names it.
            with suppress(FileNotFoundError):
                told = str(place.relative_to(data))
                tar.add(place, told, recursive=False, filter=_without_secret_of_server)


def _put(made: Path, file: Path) -> None:
    """Gives what was made its name, once it is on the disk: that may be the name of an older backup."""
    _sync(made)
    made.replace(file)
    _sync(file.parent)


def _sync(place: Path) -> None:
    """fsync of a file, or of the folder that names files."""
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _below(place: Path) -> Iterator[Path]:
    """A file; a folder with all that it holds when it is looked at; nothing where there is neither."""
    if place.exists():
        yield place
    for folder, folders, found in os.walk(place):
        folders.sort()
        yield from (Path(folder, name) for name in (*folders, *sorted(found)))


def _private(file: Path) -> IO[bytes]:
    """A new file that its owner alone reads, open for writing."""
    return os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb")


def _without_secret_of_server(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The password of the database server belongs to a folder, not to its data."""
    return None if info.name == "secret/postgres" else info


def _add_text(tar: tarfile.TarFile, name: str, content: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content.encode())
    tar.addfile(info, io.BytesIO(content.encode()))


def _pg_tool(
    settings: Settings, name: str, arguments: Sequence[str], dsn: str, into: IO[bytes] | None = None
) -> None:
    """Runs a PostgreSQL tool that comes with us, or of the system for a server of one's own.

    The password goes by the environment: arguments can be read by anyone on the machine. What the tool
    prints goes `into` a file that we opened: stopped at any moment, it has made none of its own.
    """
    bare, password = _without_password(dsn)
    command = [_program(settings, name, dsn), f"--dbname={bare}", *arguments]
    environ = {**os.environ, "PGPASSWORD": password} if password else dict(os.environ)
    tool = None
    try:
        with undisturbed():
            tool = subprocess.Popen(
                command, stdout=into or subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environ
            )
        _, told = tool.communicate()
    finally:
        if tool:
            tool.kill()  # it has ended, unless we were interrupted
            with tool:
                pass
    if tool.returncode:
        last = told.strip().splitlines()[-1:] or [str(tool.returncode)]
        raise problem("exception", f"{name}: {last[0]}", f"{name} : {last[0]}")


def _program(settings: Settings, name: str, dsn: str) -> str:
    """The path of a tool that may read the database at `dsn`: it must not be older than its server.

    Problem `not-supported` when this machine has none for a server of one's own, or too old a one.
    """
    if not settings.database_url:
        return shipped().program(name)  # run by ourselves, from where it was installed
    server = carry_out(major(dsn))
    found = shutil.which(name)
    if found is None:
        raise _no_tool(name, server, "is not installed", "n'est pas installé")
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\) (\d+)", told)
    if version is None or int(version[1]) < server:
        raise _no_tool(
            name,
            server,
            f"is older than the server of {place(dsn)} ({told.strip()}, PostgreSQL {server})",
            f"est plus ancien que le serveur de {place(dsn)} ({told.strip()}, PostgreSQL {server})",
        )
    return found


def _no_tool(name: str, server: int, en: str, fr: str) -> Problem:
    package = f"postgresql-client-{server}"
    return problem(
        "not-supported",
        f"{name} {en}; install that of PostgreSQL {server} or later (on Debian: {package}), first in PATH",
        f"{name} {fr} ; installez celui de PostgreSQL {server} ou d'une version suivante"
        f" (sur Debian : {package}), le premier dans PATH",
    )


def _without_password(dsn: str) -> tuple[str, str]:
    parts = urlsplit(dsn)
    who, _, host = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    bare = urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host))
    return bare, unquote(password)


def restore(settings: Settings, file: Path) -> None:
    """Makes a data folder from a backup: the restored copy answers the same.

    Made aside and put in place at the end: interrupted, it leaves the folder as it was.
    """
    if settings.database_url:
        raise problem(
            "not-supported",
            "A backup is restored into an embedded database; unset AUBIER_DATABASE_URL",
            "Une sauvegarde se restaure dans une base embarquée ; retirez AUBIER_DATABASE_URL",
        )
    data = settings.data.absolute()
    if data.exists() and any(data.iterdir()):
        raise problem(
            "conflict",
            f"{data} is not empty; restore into a new folder",
            f"{data} n'est pas vide ; restaurez dans un nouveau dossier",
        )
    aside = data.with_name(f".{data.name}.restoring")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(0o711, parents=True)
    try:
        _unpack(file, aside)
        with EmbeddedServer(aside) as dsn:
            dump = aside / _DUMP
            _pg_tool(settings, "pg_restore", ["--no-owner", "--exit-on-error", str(dump)], dsn)
        for name in (_DUMP, _MARK):
            (aside / name).unlink()
        if data.exists():
            data.rmdir()
        aside.rename(data)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    say(f"Restauré dans {data}", f"Restored into {data}")


def _unpack(file: Path, into: Path) -> None:
    try:
        with tarfile.open(file) as tar:
            tar.extraction_filter = lambda member, path: member
            tar.extractall(into, members=_harmless(tar))
        marked = json.loads((into / _MARK).read_text())
        if not isinstance(marked, dict) or not (into / _DUMP).exists():
            raise ValueError(_MARK)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise _not_a_backup(file) from error
    if marked.get("format") != 1:
        raise problem(
            "not-supported",
            "This backup was made by a newer release",
            "Cette sauvegarde vient d'une version plus récente",
        )


def _harmless(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The files and folders of a backup, for us alone. ValueError for anything that a backup does not hold.

    In place of the extraction filters of Python, which that of Debian 12 does not have yet.
    """
    for member in tar:
        place = PurePosixPath(member.name)
        ours = place.parts and place.parts[0] in (*_KEPT, _MARK, _DUMP)
        if not ours or ".." in place.parts or not (member.isfile() or member.isdir()):
            raise ValueError(member.name)
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        member.mode &= 0o711 if member.isdir() else 0o600
        yield member


def _not_a_backup(file: Path) -> Problem:
    return problem(
        "structure", f"{file} is not an Aubier backup", f"{file} n'est pas une sauvegarde d'Aubier"
    )
