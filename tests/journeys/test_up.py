"""`aubier up` and `serve`: to the ready line, stopped, killed, refused."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Running, end, environment, processes, run, start
from tests.ports import free_port
from tests.where import ROOT

Copy = Callable[[str], Path]


@pytest.fixture
def ups() -> Iterator[list[Running]]:
    """What a test starts; all of it is stopped at the end."""
    started: list[Running] = []
    yield started
    for one in started:
        end(one)


def test_it_says_what_it_does_and_answers_when_it_says_ready(instance: Running) -> None:
    told = "\n".join(instance.lines)
    assert instance.lines[-1] == f"ready {instance.url}"
    assert "Database in" in told and "Ctrl-C" in told
    assert f"aubier accounts --data {instance.data}" in told
    assert "[INFO]" not in told
    assert instance.ask("/health/ready")[0] == 200
    status, page = instance.ask("/", kind="text/html")
    assert status == 200
    assert b"Yann" in page and b'action="/signon/login"' in page


def test_a_second_one_on_the_same_folder_is_refused(instance: Running) -> None:
    done = run("up", "--port", str(free_port()), data=instance.data)
    assert done.returncode == 6
    assert "already open by another Aubier" in done.stderr
    assert "Stopping" not in done.stdout
    same = run("up", "--port", str(instance.port), data=instance.data)
    assert (same.returncode, "Aubier runs already on" in same.stderr) == (6, True)
    assert instance.ask("/health/ready")[0] == 200


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run("up", "--port", str(port), data=tmp_path / "data", environ={"AUBIER_LANGUAGE": "fr"})
    assert done.returncode == 6
    assert f"Le port {port} de 127.0.0.1 est pris" in done.stderr
    assert not (tmp_path / "data").exists()


def test_another_address_needs_a_certificate(tmp_path: Path) -> None:
    done = run("serve", "--host", "0.0.0.0", data=tmp_path / "data")
    assert done.returncode == 3
    assert "AUBIER_TLS_CERT" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("environ", "said"),
    [({"AUBIER_PORT": "eighty"}, "AUBIER_PORT"), ({"AUBIER_CITIZENS": "-1"}, "AUBIER_CITIZENS")],
)
def test_a_wrong_setting_is_a_sentence(tmp_path: Path, environ: dict[str, str], said: str) -> None:
    done = run("up", data=tmp_path / "data", environ=environ)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr


def test_ctrl_c_stops_everything_and_it_starts_again(copy: Copy, ups: list[Running]) -> None:
    data = copy("stopped")
    ups.append(start(data))
    ups[0].wait_for("ready ")
    assert len(processes(data)) > 2, "the server, its worker, PostgreSQL"
    ups[0].stop()
    assert processes(data) == []
    assert "Stopping the database" in ups[0].lines
    ups.append(start(data, environ={"AUBIER_LANGUAGE": "fr"}))
    ups[1].wait_for("ready ")
    assert any(line.startswith("Territoire déjà là") for line in ups[1].lines)
    ups[1].stop(signal.SIGTERM)
    assert processes(data) == []


def test_killed_it_leaves_no_worker_and_starts_again(copy: Copy, ups: list[Running]) -> None:
    data = copy("killed")
    first = start(data)
    ups.append(first)
    first.wait_for("ready ")
    token = first.token("admin", "system/*.cruds")
    status, _ = first.ask("/fhir/Basic", token=token, method="POST", body=_basic("before"))
    assert status == 201
    first.process.kill()
    first.process.wait(5)
    until = time.monotonic() + 5
    while time.monotonic() < until and _answers(first.port):
        time.sleep(0.1)
    assert not _answers(first.port), "a worker dies with its parent"
    second = start(data, port=first.port)
    ups.append(second)
    second.wait_for("ready ")
    status, found = second.ask("/fhir/Basic?identifier=urn:t|before", token=token)
    assert status == 200 and b'"before"' in found
    second.stop()
    assert processes(data) == []


def _basic(value: str) -> dict[str, object]:
    identifier = [{"system": "urn:t", "value": value}]
    return {"resourceType": "Basic", "identifier": identifier, "code": {"text": value}}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_stopped_while_filling_it_goes_on_and_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory, filled: Path, ups: list[Running]
) -> None:
    home = Path(tempfile.mkdtemp(prefix="aubier-half-"))
    home.chmod(0o711)
    try:
        first = start(home / "data", "--citizens", "30")
        ups.append(first)
        first.wait_for("Making the territory")
        time.sleep(0.3)
        first.stop()
        assert (first.process.returncode, processes(home / "data")) == (130, [])
        assert "Interrupted." in first.lines and not any("Traceback" in line for line in first.lines)
        second = start(home / "data")
        ups.append(second)
        second.wait_for("ready ")
        second.stop()
        whole, again = (run("doctor", data=place) for place in (filled, home / "data"))
        assert _resources(whole.stdout) == _resources(again.stdout) != ""
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _resources(told: str) -> str:
    return next((line for line in told.splitlines() if "Database:" in line), "")


def test_kinds_of_folder_never_mix(filled: Path, copy: Copy) -> None:
    data = copy("kinds")
    served = run("serve", data=data)
    assert (served.returncode, "is a sandbox" in served.stderr) == (5, True)
    (data / "instance.json").unlink()
    served = run("serve", "--port", str(free_port()), data=data)
    assert (served.returncode, "is a sandbox" in served.stderr) == (5, True)
    other = run("up", "--seed", "other", "--port", str(free_port()), data=data)
    assert (other.returncode, "holds the territory of seed aubier" in other.stderr) == (5, True)
    assert processes(data) == []


def _python_for_anyone() -> str:
    """A Python of this version that another account may run."""
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (os.path.realpath(sys.executable), f"/usr/bin/python{ours}"):
        try:
            subprocess.run([python, "-c", ""], user=65534, group=65534, extra_groups=[], check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"no Python {ours} here that another account may run")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_as_an_ordinary_user(ups: list[Running]) -> None:
    home = Path(tempfile.mkdtemp(prefix="aubier-plain-"))
    try:
        checkout = home / "aubier"
        shutil.copytree(ROOT / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
        code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from aubier.cli import main; main()"
        site = next((ROOT / ".venv" / "lib").glob("python3*/site-packages"))
        for place in (home, *home.rglob("*")):
            os.chown(place, 65534, 65534)
            place.chmod(0o755 if place.is_dir() else 0o644)
        environ = environment(AUBIER_LANGUAGE="fr", HOME=str(home), PYTHONPATH=f"{checkout / 'src'}:{site}")
        command = [_python_for_anyone(), "-c", code, str(checkout / "src")]
        one = start(
            home / "data", "--citizens", "30", command=command, environ=environ,
            user=65534, group=65534, extra_groups=[], cwd=home,
        )  # fmt: skip
        ups.append(one)
        one.wait_for("ready ")
        owners = {place.lstat().st_uid for place in (home / "data").iterdir()}
        assert owners == {65534}
        asked = subprocess.run(
            [*command, "--lang", "en", "accounts", "--data", str(home / "data"), "--json"],
            env=environ, user=65534, group=65534, extra_groups=[], cwd=home,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert '"yann"' in asked.stdout, asked.stderr
        one.stop()
        assert any(line.startswith("Création du territoire") for line in one.lines)
        assert processes(home / "data") == []
    finally:
        shutil.rmtree(home, ignore_errors=True)
