"""The embedded PostgreSQL under real signals: what `kill -9` leaves is taken up again.

Most of these run without fsync, to be quick: a killed process loses nothing that it gave to the system.
"""

import asyncio
import errno
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest

from aubier.app import Application
from aubier.ground.problem import Problem
from aubier.store.embedded.cluster import postmaster, settings
from aubier.store.embedded.engine import Account, account
from aubier.store.embedded.server import EmbeddedServer, attached, find
from aubier.store.embedded.trouble import plainly, said
from tests.where import ENGINES, ROOT

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder in a place that another account may enter."""
    home = Path(tempfile.mkdtemp(prefix="aubier-server-"))
    home.chmod(0o711)
    yield home / "data"
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[EmbeddedServer, str]]:
    """A durable server that several tests share."""
    home = Path(tempfile.mkdtemp(prefix="aubier-server-"))
    home.chmod(0o711)
    server = EmbeddedServer(home / "data", engines=ENGINES)
    yield server, server.start()
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """A data folder made once and stopped; each test that uses it leaves it as it was."""
    home = Path(tempfile.mkdtemp(prefix="aubier-server-"))
    home.chmod(0o711)
    with EmbeddedServer(home / "data", engines=ENGINES, durable=False):
        pass
    yield home / "data"
    shutil.rmtree(home, ignore_errors=True)


async def one(dsn: str, sql: str) -> object:
    """The single value that `sql` gives."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def master(server_or_data: EmbeddedServer | Path) -> int:
    """The number of the running postmaster."""
    home = server_or_data.data if isinstance(server_or_data, EmbeddedServer) else server_or_data
    found = postmaster(home / "postgres")
    assert found
    return found.pid


def program(
    text: str, *arguments: str, python: str = sys.executable, **options: object
) -> subprocess.Popen[str]:
    """Another Python process with our code on its path."""
    libraries = sysconfig.get_path("purelib")
    return subprocess.Popen(
        [python, "-c", textwrap.dedent(text), *arguments],
        env={"PYTHONPATH": f"{ROOT / 'src'}:{libraries}", "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def comes_back(server: EmbeddedServer) -> bool:
    """Whether `ensure` started the server again within a few seconds."""
    return any(server.ensure() or time.sleep(0.02) for _ in range(200))


async def test_it_starts_durable_with_unicode_and_no_more_rights_than_needed(
    served: tuple[EmbeddedServer, str],
) -> None:
    _, dsn = served
    assert await one(dsn, "select lower('ÉLÉONORE')") == "éléonore"
    assert (
        await one(dsn, "select current_setting('fsync') || current_setting('synchronous_commit')") == "onon"
    )
    assert await one(dsn, "select current_setting('listen_addresses')") == ""
    assert await one(dsn, "select rolsuper from pg_roles where rolname = current_user") is False
    assert await one(dsn, "create extension unaccent") is None
    assert await one(dsn, "select current_setting('log_min_error_statement')") == "panic"


async def test_the_password_is_needed_and_kept_from_others(served: tuple[EmbeddedServer, str]) -> None:
    server, dsn = served
    kept = server.data / "secret" / "postgres"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().strip() in dsn
    wrong = dsn.replace(kept.read_text().strip(), "guess")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await one(wrong, "select 1")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await one(dsn.replace("//aubier:", "//postgres:"), "select 1")


@pytest.mark.skipif(not AS_ROOT, reason="only root can run another account's process")
def test_root_never_runs_postgres(served: tuple[EmbeddedServer, str]) -> None:
    server, _ = served
    assert os.stat(f"/proc/{master(server)}").st_uid == pwd.getpwnam("nobody").pw_uid
    assert account() == Account(pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid, other=True)


def test_it_is_found_from_its_data_folder(served: tuple[EmbeddedServer, str]) -> None:
    server, dsn = served
    assert find(server.data) == dsn
    assert server.running()
    with attached(server.data) as same:
        assert same == dsn
    assert server.running(), "attached() must not stop a server it did not start"


def test_a_second_start_is_refused_in_both_languages(served: tuple[EmbeddedServer, str]) -> None:
    server, dsn = served
    with pytest.raises(Problem) as refused:
        EmbeddedServer(server.data).start()
    issue = refused.value.issues[0]
    assert issue.kind == "lock-error"
    assert f"process {os.getpid()}" in issue.text and "déjà ouvert" in issue.fr
    assert find(server.data) == dsn, "the refusal must leave the first one alone"


async def test_a_killed_postgres_comes_back_with_what_was_committed(
    served: tuple[EmbeddedServer, str],
) -> None:
    server, dsn = served
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table if not exists kept(n int)")
    await connection.execute("insert into kept values (1)")
    assert server.ensure() is False
    os.kill(master(server), signal.SIGKILL)
    connection.terminate()
    assert await asyncio.to_thread(comes_back, server)
    assert find(server.data) == dsn, "the address must not change"
    assert await one(dsn, "select count(*) from kept") == 1


async def test_the_guard_brings_a_killed_postgres_back(served: tuple[EmbeddedServer, str]) -> None:
    server, dsn = served
    told: list[Problem | None] = []
    back = threading.Event()

    def report(failure: Problem | None) -> None:
        told.append(failure)
        back.set()

    server.guard(0.05, report)
    before = master(server)
    os.kill(before, signal.SIGKILL)
    assert back.wait(20)
    assert told == [None]
    assert master(server) != before
    assert await one(dsn, "select 1") == 1


def test_stop_is_clean_and_start_again_is_quick(data: Path) -> None:
    server = EmbeddedServer(data, engines=ENGINES, durable=False)
    server.start()
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 10
    assert not server.running()
    assert find(data) is None
    assert not (data / "postgres" / "postmaster.pid").exists()
    begun = time.monotonic()
    with EmbeddedServer(data, engines=ENGINES, durable=False) as dsn:
        assert time.monotonic() - begun < 5
        assert find(data) == dsn
    with attached(data) as dsn:
        assert find(data) == dsn
    assert find(data) is None, "attached() must stop the server it started"


@pytest.fixture
def engine(stopped: Path) -> None:
    """Commands find the shared programs in the folder."""
    if not (stopped / "engine").exists():
        (stopped / "engine").symlink_to(ENGINES)


@pytest.mark.usefixtures("engine")
def test_the_last_of_several_commands_stops_what_the_first_one_started(stopped: Path) -> None:
    with ExitStack() as first, ExitStack() as last:
        dsn = first.enter_context(attached(stopped))
        assert last.enter_context(attached(stopped)) == dsn
        with attached(stopped) as same:
            assert same == dsn
        first.close()
        assert find(stopped) == dsn, "the other one still uses it"
    assert find(stopped) is None


@pytest.mark.usefixtures("engine")
def test_of_commands_that_begin_together_none_is_refused(stopped: Path) -> None:
    attach = """
        import sys, time
        from pathlib import Path
        from aubier.store.embedded.server import attached
        with attached(Path(sys.argv[1])) as dsn:
            print(dsn)
    """
    began = [program(attach, str(stopped)) for _ in range(4)]
    told = [each.communicate(timeout=60) for each in began]
    assert [each.returncode for each in began] == [0] * 4, told
    assert len({out for out, _ in told}) == 1
    assert find(stopped) is None


HOLD = """
    import sys, time
    from pathlib import Path
    from aubier.store.embedded.server import EmbeddedServer
    server = EmbeddedServer(Path(sys.argv[1]), engines=Path(sys.argv[2]), durable=False)
    print(server.start(), flush=True)
    time.sleep(60)
"""


async def test_a_killed_supervisor_is_succeeded(data: Path) -> None:
    holder = program(HOLD, str(data), str(ENGINES))
    assert holder.stdout
    dsn = holder.stdout.readline().strip()
    await one(dsn, "create table kept as select 7 as n")
    running = master(data)
    holder.kill()
    holder.communicate()
    assert find(data) == dsn, "PostgreSQL outlives its supervisor"
    with EmbeddedServer(data, engines=ENGINES, durable=False) as again:
        assert again == dsn
        assert master(data) == running, "a healthy server is taken over, not restarted"
        assert await one(again, "select n from kept") == 7
    assert find(data) is None


FORK = """
    import os, sys, time
    from pathlib import Path
    from aubier.store.embedded.server import EmbeddedServer
    server = EmbeddedServer(Path(sys.argv[1]), engines=Path(sys.argv[2]), durable=False)
    server.start()
    worker = os.fork()
    if worker:
        print(worker, flush=True)
    time.sleep(60)
"""


def test_a_worker_left_behind_does_not_hold_the_folder(stopped: Path) -> None:
    holder = program(FORK, str(stopped), str(ENGINES))
    assert holder.stdout
    worker = int(holder.stdout.readline())
    try:
        holder.kill()
        holder.wait()
        os.kill(worker, 0)
        with EmbeddedServer(stopped, engines=ENGINES, durable=False) as dsn:
            assert find(stopped) == dsn
    finally:
        os.kill(worker, signal.SIGKILL)
        holder.communicate()


async def test_both_killed_then_started(data: Path) -> None:
    holder = program(HOLD, str(data), str(ENGINES))
    assert holder.stdout
    dsn = holder.stdout.readline().strip()
    await one(dsn, "create table kept as select 7 as n")
    holder.kill()
    os.kill(master(data), signal.SIGKILL)
    holder.communicate()
    with EmbeddedServer(data, engines=ENGINES, durable=False) as again:
        assert await one(again, "select n from kept") == 7


def test_a_lock_file_that_names_a_stranger_is_not_believed(stopped: Path) -> None:
    lock = stopped / "postgres" / "postmaster.pid"
    lock.write_text(f"{os.getppid()}\n{stopped}/postgres\n0\n5432\n{stopped}/run\n\n  1 2\nready\n")
    assert find(stopped) is None
    with EmbeddedServer(stopped, engines=ENGINES, durable=False) as dsn:
        assert find(stopped) == dsn


async def test_a_lost_password_file_is_made_again(stopped: Path) -> None:
    (stopped / "secret" / "postgres").unlink()
    with EmbeddedServer(stopped, engines=ENGINES, durable=False) as dsn:
        assert await one(dsn, "select 1") == 1


def test_another_major_version_is_refused(stopped: Path) -> None:
    version = stopped / "postgres" / "PG_VERSION"
    kept = version.read_text()
    version.write_text("15\n")
    with pytest.raises(Problem) as refused:
        EmbeddedServer(stopped, engines=ENGINES, durable=False).start()
    version.write_text(kept)
    issue = refused.value.issues[0]
    assert issue.kind == "not-supported"
    assert "PostgreSQL 15" in issue.text and "sauvegarde" in issue.fr


def test_an_interrupted_first_start_leaves_nothing_in_the_way(data: Path) -> None:
    (data / "postgres.new" / "base").mkdir(parents=True)
    (data / "postgres.new" / "PG_VERSION").write_text("18\n")
    data.chmod(0o711)
    with EmbeddedServer(data, engines=ENGINES, durable=False) as dsn:
        assert find(data) == dsn
    assert not (data / "postgres.new").exists()


def test_a_broken_setting_is_said(stopped: Path) -> None:
    own = stopped / "postgres" / "own.conf"
    own.write_text("max_connections = many\n")
    own.chmod(0o644)
    server = EmbeddedServer(stopped, engines=ENGINES, durable=False)
    with pytest.raises(Problem, match="max_connections"):
        server.start()
    own.unlink()
    with server as dsn:
        assert find(stopped) == dsn


async def test_the_operators_own_settings_win(stopped: Path) -> None:
    own = stopped / "postgres" / "own.conf"
    own.write_text("max_connections = 33\n")
    own.chmod(0o644)
    with EmbeddedServer(stopped, engines=ENGINES, durable=False) as dsn:
        assert await one(dsn, "show max_connections") == "33"
    own.unlink()


def test_a_long_path_gets_a_short_socket(data: Path) -> None:
    far = data / ("long" * 20) / "data"
    data.mkdir(mode=0o711)
    with EmbeddedServer(far, engines=ENGINES, durable=False) as dsn:
        assert str(far) not in dsn
        sockets = Path(dsn.split("host=")[1])
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert asyncio.run(one(dsn, "select 1")) == 1
    assert not sockets.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL under another account")
def test_a_folder_closed_to_others_still_works_for_root() -> None:
    closed = Path(tempfile.mkdtemp(prefix="aubier-server-"))
    assert closed.stat().st_mode & 0o077 == 0
    try:
        with EmbeddedServer(closed / "data", durable=False) as dsn:
            assert asyncio.run(one(dsn, "select 1")) == 1
            assert closed.stat().st_mode & 0o077 == 0, "no parent folder may have its rights changed"
        with EmbeddedServer(closed / "data", durable=False) as dsn:
            assert asyncio.run(one(dsn, "select 1")) == 1
    finally:
        shutil.rmtree(closed, ignore_errors=True)


ONCE = """
    import sys
    from pathlib import Path
    from aubier.ground.problem import Problem
    from aubier.store.embedded.server import EmbeddedServer
    server = EmbeddedServer(Path(sys.argv[1]), durable=False)
    try:
        print(server.start().split("@")[1])
        server.stop()
    except Problem as refusal:
        print("refused:", refusal)
"""


@pytest.fixture
def ordinary() -> tuple[str, dict[str, object]]:
    """A Python that an ordinary account may run, and how to become that account."""
    user = pwd.getpwnam("daemon")
    become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            trial = program("import aubier.store.embedded.server", python=python, **become)
        except PermissionError:
            continue
        if trial.communicate(timeout=60) and trial.returncode == 0:
            return python, become
    pytest.skip("neither Python nor this copy of the sources can be read by an ordinary account")


@pytest.mark.skipif(not AS_ROOT, reason="only root can become an ordinary user here")
def test_an_ordinary_user_runs_it_too(data: Path, ordinary: tuple[str, dict[str, object]]) -> None:
    python, become = ordinary
    data.parent.chmod(0o755)
    data.mkdir()
    os.chown(data, become["user"], become["group"])
    told, errors = program(ONCE, str(data), python=python, **become).communicate(timeout=60)
    assert told.startswith("/aubier?host="), told + errors
    assert (data / "postgres").stat().st_uid == become["user"]


@pytest.mark.skipif(not AS_ROOT, reason="only root can become an ordinary user here")
def test_somebody_elses_folder_is_refused_in_a_sentence(
    data: Path, ordinary: tuple[str, dict[str, object]]
) -> None:
    python, become = ordinary
    data.parent.chmod(0o755)
    told, errors = program(ONCE, str(data), python=python, **become).communicate(timeout=60)
    assert told.startswith("refused: no right to write in"), told + errors


def test_attaching_to_nothing_says_how_to_begin(data: Path) -> None:
    with pytest.raises(Problem, match="aubier up --data") as refused, attached(data):
        pass
    assert refused.value.kind == "not-found"
    assert not data.exists()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EACCES, "no right"),
        (errno.EROFS, "no right"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_the_systems_refusals_are_said_plainly(number: int, words: str) -> None:
    refusal = plainly(OSError(number, os.strerror(number)), Path("/srv/data"))
    assert words in str(refusal) and "/srv/data" in str(refusal)
    assert refusal.issues[0].fr != refusal.issues[0].text


def test_what_postgres_says_before_it_dies_is_passed_on() -> None:
    full = 'FATAL:  could not write to file "pg_wal/x": No space left on device'
    assert "is full" in str(said(full, Path("d")))
    assert "bad thing" in str(said("LOG: a\n2026 FATAL:  bad thing\nLOG: b\n", Path("d")))
    assert "no reason given" in str(said("", Path("d")))


def test_settings_are_durable_unless_asked_otherwise() -> None:
    assert "fsync = on\nfull_page_writes = on\nsynchronous_commit = on" in settings(Path("/s"), durable=True)
    assert "fsync = off" in settings(Path("/s"), durable=False)
    assert "'/o''neil'" in settings(Path("/o'neil"), durable=True)


def _shared(written: str) -> int:
    found = re.search(r"shared_buffers = (\d+)MB", written)
    assert found
    return int(found[1])


def test_what_is_stored_is_kept_in_memory_as_far_as_a_quarter_goes() -> None:
    few, more, all_there_is = (
        _shared(settings(Path("/s"), durable=True, stored=size)) for size in (0, 1026 << 20, 1 << 60)
    )
    assert 64 <= few <= 1024 and all_there_is >= 2 * few and few <= more <= 1026


def test_a_server_that_starts_again_takes_memory_for_what_it_holds(data: Path) -> None:
    server, conf = EmbeddedServer(data, engines=ENGINES, durable=False), data / "postgres" / "postgresql.conf"
    with server:
        before = _shared(conf.read_text())
    with (data / "postgres" / "base" / "1" / "none").open("wb") as sparse:
        sparse.truncate((before + 1) << 20)
    with server:
        assert _shared(conf.read_text()) > before


def test_a_fresh_database_is_empty_and_apart(database: Callable[[], str]) -> None:
    first, second = database(), database()
    assert first != second
    assert "aubier_test_" in first


def test_a_serving_process_waits_for_a_database_that_starts_again(data: Path) -> None:
    """It was killed together with its database, and is started anew before that one answers."""
    server = EmbeddedServer(data, engines=ENGINES)
    environ = {"AUBIER_DATABASE_URL": server.start(), "AUBIER_DATA": str(data), "AUBIER_SANDBOX": "1"}
    server.stop()
    told: list[str] = []

    async def opened() -> None:
        inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()

        async def send(message: dict[str, str]) -> None:
            told.append(message["type"])

        serving = asyncio.create_task(Application(environ)({"type": "lifespan"}, inbox.get, send))
        await inbox.put({"type": "lifespan.startup"})
        await asyncio.sleep(2)
        assert not told
        await asyncio.to_thread(server.start)
        await inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(serving, 60)

    try:
        asyncio.run(opened())
    finally:
        server.stop()
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
