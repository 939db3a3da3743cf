"""The embedded PostgreSQL of a data folder: started, found, guarded and stopped.

One process supervises a data folder; it holds `DATA/lock`. PostgreSQL runs as another account when
we are root, listens on a Unix socket only, and outlives a supervisor that is killed: the next one
takes it over. Layout of the data folder: `lock`, `using` (held by each command that is attached),
`secret/postgres` (the password), `engine/` (the binaries), `postgres/` (the database), `run/` (the
socket), `log/postgres.log`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from aubier.ground.chance import secret as new_secret
from aubier.ground.problem import Problem, problem
from aubier.store.embedded.cluster import DATABASE, ROLE, Cluster, Postmaster, disown_lock, postmaster
from aubier.store.embedded.engine import Engine, account, install
from aubier.store.embedded.folder import check_folder
from aubier.store.embedded.trouble import in_use, plainly, said

_SOCKET = ".s.PGSQL.5432"
_LONGEST = 103  # bytes of a Unix socket's path: 107 on Linux, 103 on macOS
_PREFIX = "aubier-"
_READY_WITHIN = 180.0  # seconds: a start after a crash replays what was not yet written
_STARTED_WITHIN = 20.0
_LOG_BYTES = 8 << 20
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


class EmbeddedServer:
    """The supervisor of one data folder. Also a context manager that starts and stops."""

    def __init__(self, data: Path, *, engines: Path | None = None, durable: bool = True) -> None:
        """`data` is made when it is missing; `engines` keeps the binaries (by default in `data`).

        `durable` False gives up fsync: for tests, never for people.
        """
        self.data = Path(data).absolute()
        self._engines = (engines or self.data / "engine").absolute()
        self._durable = durable
        self._home = self.data / "postgres"
        self._turn = threading.RLock()
        self._lock = -1
        self._forks_told = False
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None
        self._engine: Engine | None = None
        self._guard: threading.Thread | None = None
        self._leaving = threading.Event()

    def start(self) -> str:
        """Start PostgreSQL, or take over the one already running there; gives its DSN when it answers.

        Problem `lock-error` when another process supervises the folder, `not-supported` when another
        major version wrote it, `exception` when the disk is full, a right is missing or it fails.
        """
        with self._turn:
            self._leaving.clear()
            if self._lock < 0:
                check_folder(self.data)
                self._take()
            try:
                return self._bring_up()
            except OSError as error:
                self._release()
                raise plainly(error, self.data) from error
            except BaseException:
                self._release()
                raise

    def stop(self) -> None:
        """Stop PostgreSQL at once and cleanly (open transactions are rolled back); under 10 seconds."""
        self._leaving.set()
        with self._turn:
            if self._lock >= 0:
                _halt(self._home, self._reap)
                self._sweep()
                self._release()
        if self._guard:
            self._guard.join(timeout=2)
            self._guard = None

    def leave(self) -> None:
        """Lets go of the folder; the server goes on for whoever else uses it."""
        with self._turn:
            self._release()

    @property
    def holds(self) -> bool:
        """Whether this process supervises the folder."""
        return self._lock >= 0

    def running(self) -> bool:
        """Whether PostgreSQL is up and takes connections."""
        return _answering(self._home) is not None

    def ensure(self) -> bool:
        """Start PostgreSQL again if it died; True when it had to be. The DSN stays the same."""
        with self._turn:
            self._reap()
            if self._lock < 0 or self._leaving.is_set() or postmaster(self._home):
                return False
            self._bring_up()
            return True

    def guard(self, every: float = 0.5, report: Callable[[Problem | None], None] | None = None) -> None:
        """Call `ensure` every `every` seconds in a thread until `stop`.

        `report` is told None after each restart, and the Problem when a restart failed.
        """
        self._guard = threading.Thread(target=self._watch, args=(every, report), daemon=True, name="postgres")
        self._guard.start()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _watch(self, every: float, report: Callable[[Problem | None], None] | None) -> None:
        while not self._leaving.wait(every):
            failure: Problem | None = None
            try:
                if not self.ensure():
                    continue
            except Problem as error:
                failure = error
            except OSError as error:
                failure = plainly(error, self.data)
            if report:
                report(failure)

    def _take(self) -> None:
        """Hold the folder: a lock the system lets go of when the process dies, however it dies."""
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._lock = os.open(self.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise plainly(error, self.data) from error
        if not _locked(self._lock):
            holder = _holder(self._lock)
            self._release()
            raise in_use(self.data, holder)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        if not self._forks_told:
            os.register_at_fork(after_in_child=self._release)  # a worker must not keep the folder
            self._forks_told = True

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _bring_up(self) -> str:
        user = account()
        self._engine = self._engine or install(self._engines, user)
        running = _answering(self._home)
        if running and not self._same_engine():
            _halt(self._home, self._reap)
            running = None
        if running is None:
            cluster = Cluster(self._home, self._engine, user, self._durable)
            secret, fresh = _secret(self.data)
            cluster.prepare(secret, new_secret=fresh)
            running = self._launch(cluster)
        self._sockets = running.sockets
        return _dsn(self.data, running.sockets)

    def _same_engine(self) -> bool:
        assert self._engine
        try:
            return f"/{self._engine.version}/" in (self._home / "postmaster.opts").read_text()
        except OSError:
            return False

    def _launch(self, cluster: Cluster) -> Postmaster:
        """Start the server; after a crash its last children may need a moment to let memory go."""
        _halt(self._home, self._reap)  # one that runs and does not answer
        self._bury()
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            self._sweep()
            self._sockets = _socket_folder(self.data, cluster)
            cluster.configure(self._sockets)
            disown_lock(self._home)
            found, words = self._try(cluster, deadline)
            if found:
                return found
            if "still in use" not in words or time.monotonic() > deadline:
                raise said(words, self.data)
            time.sleep(0.2)

    def _try(self, cluster: Cluster, deadline: float) -> tuple[Postmaster | None, str]:
        """The server when it became ready, else what it said."""
        log = _log(self.data)
        with log.open("ab") as file:
            begun = file.tell()
            self._process = subprocess.Popen(
                [cluster.engine.program("postgres"), "-D", cluster.seen_from_inside(self._home)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self._home,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop it in our own time
                **cluster.user.run_as(),
            )
        while self._process.poll() is None and time.monotonic() < deadline:
            if found := _answering(self._home):
                return found, ""
            time.sleep(0.02)
        return None, log.read_bytes()[begun:].decode("utf-8", "replace")

    def _reap(self) -> None:
        if self._process and self._process.poll() is not None:
            self._process = None

    def _bury(self) -> None:
        """Collect our killed child before the next one takes its place."""
        if self._process:
            self._process.kill()
            self._process.wait(5)
            self._process = None

    def _sweep(self) -> None:
        """Remove the private socket folder of the server before, when it was outside the data folder."""
        folders = {self._sockets}
        with suppress(OSError, IndexError):
            folders.add(Path((self._home / "postmaster.pid").read_text().splitlines()[4]))
        for folder in folders - {None}:
            if folder and folder.name.startswith(_PREFIX) and folder.parent == Path(tempfile.gettempdir()):
                shutil.rmtree(folder, ignore_errors=True)
        self._sockets = None


def _locked(lock: int) -> bool:
    """Whether the lock is ours now. One held for a process that is gone is about to be let go of: its
    child was forked a moment ago.
    """
    for _ in range(40):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _alive(_holder(lock)):
                return False
            time.sleep(0.05)
        else:
            return True
    return False


def _holder(lock: int) -> str:
    """The number that the holder wrote in the lock file, or an empty string."""
    return os.pread(lock, 20, 0).decode("ascii", "replace").strip()


def _alive(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def find(data: Path) -> str | None:
    """The DSN of the server running on the data folder, or None. Any process may ask."""
    data = Path(data).absolute()
    running = _answering(data / "postgres")
    if running is None or not (data / "secret" / "postgres").exists():
        return None
    return _dsn(data, running.sockets)


def is_watched(data: Path) -> bool:
    """Whether a process watches over the data folder now. Any process may ask."""
    try:
        lock = os.open(data / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _alive(_holder(lock))
    finally:
        os.close(lock)


@contextmanager
def attached(data: Path) -> Iterator[str]:
    """The DSN of the data folder's server, started for the while when it was stopped.

    Of several who are attached, the last one stops what one of them started.
    """
    data = Path(data).absolute()
    if not (data / "postgres").exists():
        raise problem(
            "not-found",
            f"there is no Aubier in {data}; start one with: aubier up --data {data}",
            f"il n'y a pas d'Aubier dans {data} ; lancez-en un : aubier up --data {data}",
        )
    server = EmbeddedServer(data)
    try:
        using = os.open(data / "using", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise plainly(error, data) from error
    try:
        fcntl.flock(using, fcntl.LOCK_SH)  # whoever is stopping the server is awaited
        dsn = find(data) or _started(server)
        try:
            yield dsn
        finally:
            _end(server, using)
    finally:
        os.close(using)


def _started(server: EmbeddedServer) -> str:
    """The DSN of the server, started by us or by who holds the folder and does so at this moment."""
    until = time.monotonic() + _STARTED_WITHIN
    while True:
        try:
            return server.start()
        except Problem as refusal:
            if refusal.kind != "lock-error" or time.monotonic() > until:
                raise
        if dsn := find(server.data):
            return dsn
        time.sleep(0.1)


def _end(server: EmbeddedServer, using: int) -> None:
    """Stops the server, unless others are attached to it, or somebody watches over it."""
    try:
        fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        server.leave()
        return
    with suppress(Problem):
        if not server.holds:
            server.start()  # who had started it is gone
        server.stop()


def _dsn(data: Path, sockets: Path) -> str:
    secret = (data / "secret" / "postgres").read_text().strip()
    return f"postgresql://{ROLE}:{quote(secret)}@/{DATABASE}?host={quote(str(sockets))}"


def _secret(data: Path) -> tuple[str, bool]:
    """The role's password, and whether it was made now; readable by our account only."""
    place = data / "secret" / "postgres"
    if place.exists() and (kept := place.read_text().strip()):
        return kept, False
    place.parent.mkdir(mode=0o700, exist_ok=True)
    made = new_secret()
    part = place.with_name(".postgres.new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(place)
    return made, True


def _socket_folder(data: Path, cluster: Cluster) -> Path:
    """`DATA/run`, or a private folder of the system's temporary one when the path is too long or closed."""
    own = data / "run"
    if len(os.fsencode(own / _SOCKET)) <= _LONGEST and cluster.user.reaches(data):
        shutil.rmtree(own, ignore_errors=True)  # what a killed server left
        own.mkdir(mode=0o700)
    else:
        own = Path(tempfile.mkdtemp(prefix=_PREFIX))
    if cluster.user.other:
        os.chown(own, cluster.user.uid, cluster.user.gid, follow_symlinks=False)
    return own


def _log(data: Path) -> Path:
    log = data / "log" / "postgres.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log


def _answering(home: Path) -> Postmaster | None:
    """The server of `home` when it is ready and its socket answers."""
    found = postmaster(home)
    if found is None or not found.ready:
        return None
    with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        line.connect(str(found.sockets / _SOCKET))
        line.sendall(_SSL_REQUEST)
        return found if line.recv(1) in (b"N", b"S") else None
    return None


def _halt(home: Path, reap: Callable[[], None]) -> None:
    """Fast shutdown; after 7 seconds immediate (recovery at next start loses nothing); then kill."""
    for order, patience in ((signal.SIGINT, 7.0), (signal.SIGQUIT, 1.5), (signal.SIGKILL, 1.0)):
        found = postmaster(home)
        if found is None:
            return
        with suppress(ProcessLookupError):
            os.kill(found.pid, order)
        deadline = time.monotonic() + patience
        while postmaster(home) and time.monotonic() < deadline:
            reap()
            time.sleep(0.02)
        reap()
