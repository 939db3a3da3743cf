"""`aubier` as people run it: a real process, a real port, a real data folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import free_port

COMMAND = [str(Path(sys.executable).with_name("aubier"))]
JSON = "application/fhir+json"


def environment(**more: str) -> dict[str, str]:
    """This environment without our settings, in English unless told otherwise."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AUBIER_")}
    return {**kept, "AUBIER_LANGUAGE": "en", **more}


def run(*words: str, data: Path | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    """One command to its end. `environ` adds variables."""
    at = ["--data", str(data)] if data else []
    environ = environment(**more.pop("environ", {}))
    return subprocess.run(
        [*COMMAND, *words, *at],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        stdin=subprocess.DEVNULL,
        **more,
    )


def processes(data: Path, program: str = "") -> list[int]:
    """The numbers of the living processes whose command line names this data folder, and that program."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().decode(errors="replace")
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(data) in words and program in words and state != "Z" and int(place.name) != os.getpid():
            found.append(int(place.name))
    return found


@dataclass
class Running:
    """An `aubier up` under way."""

    data: Path
    process: subprocess.Popen[str]
    port: int
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, beginning: str, within: float = 90) -> str:
        """The first line that begins so; an AssertionError with what was said when it does not come."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            for line in list(self.lines):
                if line.startswith(beginning):
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("\n".join(self.lines) or "it said nothing")

    def stop(self, order: int = signal.SIGINT, within: float = 60) -> None:
        """Sends Ctrl-C and waits for the end; an error when it does not come."""
        self.process.send_signal(order)
        self.process.wait(within)

    def ask(
        self, path: str, *, token: str = "", method: str = "GET", body: Any = None, kind: str = JSON
    ) -> tuple[int, bytes]:
        """A request as a vendor makes it: status and body."""
        headers = {"Accept": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = JSON
        asked = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read()

    def token(self, login: str, scope: str = "") -> str:
        """The token that the command line gives."""
        done = run("token", "--as", login, *(["--scope", scope] if scope else []), data=self.data)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]


def start(data: Path, *words: str, port: int = 0, **more: Any) -> Running:
    """Starts `aubier up`; wait for its `ready` line."""
    chosen = port or free_port()
    environ = environment(**more.pop("environ", {}))
    process = subprocess.Popen(
        [*more.pop("command", COMMAND), "up", "--data", str(data), "--port", str(chosen), *words],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        **more,
    )
    running = Running(data, process, chosen)
    threading.Thread(target=running.read, daemon=True).start()
    return running


def end(running: Running) -> None:
    """Stops what still runs, politely then not."""
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        try:
            running.process.wait(20)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait(5)
    if running.process.stdout:
        running.process.stdout.close()
