"""A PostgreSQL as Debian installs it: the oldest that is promised, set as it comes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

_NOBODY = 65534
_NUMBERS = count(1)


def installed() -> list[Path]:
    """Where the programs of each PostgreSQL of Debian's are, the newest first."""
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@contextmanager
def running() -> Iterator[str]:
    """The DSN of Debian's newest PostgreSQL, on a socket of its own; missing, it is a failure in CI."""
    engines = [e for e in installed() if (e / "initdb").exists()]
    if not engines:
        if os.environ.get("CI") == "true":
            pytest.fail("Debian's PostgreSQL is missing: apt-get install postgresql")
        pytest.skip("Debian's PostgreSQL is not installed")
    home = Path(tempfile.mkdtemp(prefix="aubier-own-"))
    as_other = {"user": _NOBODY, "group": _NOBODY} if os.getuid() == 0 else {}
    if as_other:
        os.chown(home, _NOBODY, _NOBODY)
    data = home / "data"
    start = ["-o", f"-c listen_addresses='' -c fsync=off -k {home}"]
    control = [str(engines[0] / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log")]
    initdb = [
        str(engines[0] / "initdb"),
        "-D",
        str(data),
        "-U",
        "own",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
    ]
    quiet = {"cwd": home, "stdout": subprocess.DEVNULL, "check": True, **as_other}
    subprocess.run([*initdb, "--locale=C.UTF-8"], **quiet)  # type: ignore[call-overload]
    try:
        subprocess.run([*control, *start, "start"], **quiet)  # type: ignore[call-overload]
        yield f"postgresql://own@/postgres?host={home}"
        subprocess.run([*control, "-m", "fast", "stop"], **quiet)  # type: ignore[call-overload]
    finally:
        shutil.rmtree(home, ignore_errors=True)


def fresh(server: str) -> str:
    """The DSN of a new empty database there; it goes with the server."""
    parts = urlsplit(server)
    name = f"test_{next(_NUMBERS)}"
    command = [str(installed()[0] / "createdb"), "--maintenance-db", server, "-T", "template0", name]
    subprocess.run(command, check=True)
    return urlunsplit(parts._replace(path=f"/{name}"))
