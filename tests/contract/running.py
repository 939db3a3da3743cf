"""A real `aubier up`: a process of its own, on a data folder of its own, that tests may kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aubier.store.embedded.cluster import postmaster
from aubier.store.embedded.engine import account, install
from tests.ports import free_port
from tests.where import ENGINES

READY_WITHIN = 120.0


@dataclass
class Running:
    """One instance. `options` are given to `up` beside the folder and the port."""

    data: Path
    port: int
    options: tuple[str, ...] = ("--citizens", "0")
    process: subprocess.Popen[bytes] | None = None
    told: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another aubier command on the same folder."""
        return subprocess.run(
            [*_AUBIER, arguments[0], "--data", str(self.data), *arguments[1:]],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self) -> float:
        """Starts it, waits until it answers; gives how long that took, in seconds."""
        begun = time.monotonic()
        with (self.data.parent / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_AUBIER, "up", "--data", str(self.data), "--port", str(self.port), *self.options],
                stdout=log,
                stderr=log,
                env={**os.environ, "AUBIER_WORKERS": "1"},
            )
        self.wait()
        return time.monotonic() - begun

    def wait(self) -> None:
        """Waits until it answers that it is ready."""
        until = time.monotonic() + READY_WITHIN
        while time.monotonic() < until:
            assert self.process and self.process.poll() is None, self.log()
            if self.serving() and self.ready():
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready within {READY_WITHIN:.0f} s: {self.log()}")

    def ready(self) -> bool:
        """Whether it answers now."""
        with (
            suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as answer,
        ):
            return bool(answer.status == 200)
        return False

    def log(self) -> str:
        """The end of what it printed."""
        return (self.data.parent / "up.log").read_text()[-6000:]

    def token(self, login: str, scope: str = "") -> str:
        """A bearer token of somebody of the sandbox."""
        done = self.command("token", "--as", login, *(("--scope", scope) if scope else ()))
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-1]

    def patients(self) -> dict[str, str]:
        """The citizens' own Patients, by login."""
        done = self.command("accounts", "--json")
        assert done.returncode == 0, done.stderr
        return {a["login"]: a["reference"] for a in json.loads(done.stdout) if a["kind"] == "citizen"}

    def serving(self) -> int:
        """The number of a serving process, 0 when there is none."""
        assert self.process
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (entry / "cmdline").read_bytes()
                if parent == self.process.pid and b"postgres" not in words and b"tracker" not in words:
                    return int(entry.name)
        return 0

    def kill_serving(self) -> None:
        """kill -9 of the process that answers."""
        os.kill(self.serving(), signal.SIGKILL)

    def kill_main(self) -> None:
        """kill -9 of the process that watches over the others."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def kill_postgres(self) -> None:
        """kill -9 of the database server."""
        found = postmaster(self.data / "postgres")
        assert found
        os.kill(found.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(25)
            self.process.kill()
            self.process.wait()
        if found := postmaster(self.data / "postgres"):
            os.kill(found.pid, signal.SIGINT)

    def ask(self, path: str, token: str = "") -> tuple[int, dict[str, object]]:
        """GET, as JSON."""
        request = urllib.request.Request(f"{self.url}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.loads(refusal.read() or b"{}")


_AUBIER = (sys.executable, "-c", "from aubier.cli import main; main()")


@contextmanager
def folder() -> Iterator[Path]:
    """A data folder where the database's own account may enter, with the shared binaries."""
    home = Path(tempfile.mkdtemp(prefix="aubier-running-"))
    home.chmod(0o711)
    install(ENGINES, account())
    data = home / "data"
    data.mkdir(0o711)
    (data / "engine").symlink_to(ENGINES)
    try:
        yield data
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def running(*options: str) -> Iterator[Running]:
    """A started instance, stopped and removed at the end."""
    with folder() as data:
        made = Running(data, free_port(), options or ("--citizens", "0"))
        try:
            made.start()
            yield made
        finally:
            made.stop()
