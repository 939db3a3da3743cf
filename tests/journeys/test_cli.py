"""The other commands, on a running instance and on a stopped one."""

import asyncio
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from aubier.store.embedded.server import find
from tests.journeys.running import COMMAND, Running, end, environment, processes, run, start
from tests.ports import free_port

Copy = Callable[[str], Path]


def test_accounts_as_json_and_as_a_table(instance: Running) -> None:
    rows = json.loads(run("accounts", "--json", data=instance.data).stdout)
    by_login = {row["login"]: row for row in rows}
    assert {"yann", "dr.morvan", "admin"} <= set(by_login)
    assert by_login["yann"]["reference"].startswith("Patient/")
    assert by_login["dr.morvan"]["national_id"].startswith("8")
    assert {row["kind"] for row in rows} == {"citizen", "professional", "system"}
    table = run("accounts", data=instance.data, environ={"AUBIER_LANGUAGE": "fr"}).stdout
    assert len(table.splitlines()) == len(rows)
    assert "Administre la plateforme" in table


def test_a_token_is_alone_on_the_last_line_and_works(instance: Running) -> None:
    token = instance.token("yann")
    assert token.count(".") == 2
    status, found = instance.ask("/fhir/Patient?_count=1", token=token)
    assert status == 200 and b"Yann" in found


def test_the_administrator_may_ask_everything(instance: Running) -> None:
    token = instance.token("admin", "system/*.cruds")
    status, found = instance.ask("/fhir/Patient?_total=accurate&_count=1", token=token)
    assert status == 200
    assert json.loads(found)["total"] > 20


def test_a_citizen_may_not(instance: Running) -> None:
    done = run("token", "--as", "yann", "--scope", "system/*.cruds", data=instance.data)
    assert done.returncode != 0 and done.stderr.startswith("Error: ")


def test_an_unknown_login_is_a_sentence(instance: Running) -> None:
    done = run("token", "--as", "nobody", data=instance.data)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("Error: ") and "nobody" in done.stderr
    french = run("token", "--as", "nobody", data=instance.data, environ={"AUBIER_LANGUAGE": "fr"})
    assert french.stderr.startswith("Erreur : ")


def test_an_application_is_added_listed_removed(instance: Running) -> None:
    added = run("client", "add", "Carnet", "--redirect", "http://127.0.0.1:9/back", data=instance.data)
    assert added.returncode == 0, added.stderr
    number = next(line.split()[1] for line in added.stdout.splitlines() if line.startswith("client_id"))
    assert "client_secret" not in added.stdout
    assert number in run("client", "list", data=instance.data).stdout
    assert run("client", "remove", number, data=instance.data).returncode == 0
    assert number not in run("client", "list", data=instance.data).stdout
    gone = run("client", "remove", number, data=instance.data)
    assert (gone.returncode, "No application" in gone.stderr) == (4, True)
    alone = run("client", "add", "Carnet", data=instance.data)
    assert "Without --redirect it signs nobody in" in alone.stdout and "--redirect" not in added.stdout
    wrong = run("client", "add", "Carnet", "--redirect", "not a uri", data=instance.data)
    assert wrong.returncode != 0 and "Traceback" not in wrong.stderr


def _answered(instance: Running, form: dict[str, str]) -> tuple[int, dict[str, str]]:
    """What the token endpoint answers to a form."""
    answer = httpx.post(f"{instance.url}/signon/token", data=form)
    return answer.status_code, answer.json()


def test_an_application_acts_for_itself_with_its_secret(instance: Running) -> None:
    added = run(
        "client", "add", "Entrepôt", "--confidential", "--scope", "system/Patient.rs", data=instance.data
    )
    assert added.returncode == 0, added.stderr
    told = dict(line.split() for line in added.stdout.splitlines() if line.startswith("client_"))
    status, given = _answered(instance, {"grant_type": "client_credentials", **told})
    assert (status, given["scope"]) == (200, "system/Patient.rs")
    path = "/fhir/Patient?_total=accurate&_count=1"
    status, found = instance.ask(path, token=given["access_token"])
    assert status == 200 and json.loads(found)["total"] > 20
    assert instance.ask("/fhir/Observation", token=given["access_token"])[0] == 403
    status, refused = _answered(instance, told)
    assert status == 400 and "x-www-form-urlencoded" in refused["error_description"]
    wrong = run("client", "add", "x", "--scope", "system/Patiant.rs", data=instance.data)
    assert (wrong.returncode, "system/Patiant.rs: no such scope" in wrong.stderr) == (2, True)


def test_an_application_signs_with_the_key_of_which_it_gave_the_public_half(
    instance: Running, tmp_path: Path
) -> None:
    key, file = ECKey.generate_key("P-384"), tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    words = ("client", "add", "Lac", "--keys", str(file), "--scope", "system/*.rs")
    added = run(*words, data=instance.data)
    assert (added.returncode, "client_secret" in added.stdout) == (0, False), added.stderr
    id = next(line.split()[1] for line in added.stdout.splitlines() if line.startswith("client_id"))
    place = f"{instance.url}/signon/token"
    claims = {"iss": id, "sub": id, "aud": place, "exp": int(time.time()) + 240, "jti": "once"}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES384"}, claims, key, algorithms=["ES384"]),
    }
    status, given = _answered(instance, form)
    assert (status, given.get("scope")) == (200, "system/*.rs"), given
    file.write_text("no keys")
    refused = run(*words, data=instance.data)
    assert (refused.returncode, "not a JWK Set" in refused.stderr) == (2, True)


def test_a_tour_of_what_is_no_address_is_a_sentence(instance: Running) -> None:
    done = run("tour", "--url", "here", data=instance.data)
    assert (done.returncode, "--url is an address such as http" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("accounts",),
        ("backup", "x"),
        pytest.param(("token", "--as", "yann"), marks=pytest.mark.whole),
        ("reset",),
    ],
)
def test_where_there_is_no_instance_it_says_how_to_start_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    words = tuple(str(tmp_path / w) if w == "x" else w for w in words)
    done = run(*words, data=tmp_path / "none")
    assert done.returncode == 4, done.stderr
    assert f"aubier up --data {tmp_path / 'none'}" in done.stderr
    assert not (tmp_path / "none").exists()
    assert list(tmp_path.iterdir()) == []


def test_commands_work_on_a_stopped_instance_and_leave_it_stopped(copy: Copy) -> None:
    data = copy("asleep")
    assert '"yann"' in run("accounts", "--json", data=data).stdout
    assert run("token", "--as", "yann", data=data).stdout.count(".") == 2
    assert processes(data) == []


def test_a_reset_brings_the_first_day_back_while_running(copy: Copy) -> None:
    running = start(copy("reset"))
    try:
        running.wait_for("ready ")
        token = running.token("admin", "system/*.cruds")
        body = {"resourceType": "Basic", "code": {"text": "x"}}
        assert running.ask("/fhir/Basic", token=token, method="POST", body=body)[0] == 201
        done = run("reset", data=running.data)
        assert done.returncode == 0, done.stderr
        token = running.token("admin", "system/*.cruds")
        status, found = running.ask("/fhir/Basic?_total=accurate", token=token)
        assert (status, json.loads(found)["total"]) == (200, 0)
        for patience in (0.9, 1.1, 1.3):
            assert _interrupted(running.data, patience) in (0, 130, -signal.SIGINT)
        path = "/fhir/Patient?_total=accurate&_count=1"
        token = running.token("admin", "system/*.cruds")
        assert json.loads(running.ask(path, token=token)[1])["total"] > 20
    finally:
        end(running)


def _interrupted(data: Path, patience: float) -> int:
    """The exit code of a reset told to end after `patience` seconds."""
    with subprocess.Popen(
        [*COMMAND, "reset", "--data", str(data)], env=environment(), stderr=subprocess.DEVNULL
    ) as reset:
        try:
            time.sleep(patience)
            reset.send_signal(signal.SIGINT)
            return reset.wait(20)
        finally:
            reset.kill()


def test_a_restored_copy_answers_the_same(
    instance: Running, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = instance.data.parent
    file, other = home / "copy.aubier", home / "restored"
    shutil.rmtree(other, ignore_errors=True)
    admin = instance.token("admin", "system/*.cruds")
    listed = json.loads(instance.ask("/fhir/DocumentReference?_count=200", token=admin)[1])
    contents = [
        e["resource"]["content"][0]["attachment"]["url"] for e in listed["entry"]
        if e["resource"]["content"][0]["attachment"].get("url", "").startswith("Binary/")
    ][:3]  # fmt: skip
    paths = [*(f"/fhir/{url}" for url in contents), "/fhir/Patient?family=le%20goff&_sort=_id"]
    before = [instance.ask(path, token=admin) for path in paths]
    done = run("backup", str(file), data=instance.data)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in home.glob("copy.aubier*")) == ["copy.aubier"]
    refused = run("restore", str(file), data=instance.data)
    assert (refused.returncode, "is not empty" in refused.stderr) == (5, True)
    done = run("restore", str(file), data=other)
    assert done.returncode == 0, done.stderr
    assert not list(home.glob(".*restoring"))
    again = start(other)
    try:
        again.wait_for("ready ")
        after = [again.ask(path, token=again.token("admin", "system/*.cruds")) for path in paths]
        assert [s for s, _ in after] == [200] * len(paths)
        assert [b.replace(again.url.encode(), b"") for _, b in after] == [
            b.replace(instance.url.encode(), b"") for _, b in before
        ]
    finally:
        end(again)


@contextmanager
def _table_held(data: Path) -> Iterator[None]:
    """Keeps everybody else from one table while the block runs."""
    loop = asyncio.new_event_loop()
    conn = loop.run_until_complete(asyncpg.connect(find(data)))
    try:
        loop.run_until_complete(conn.execute("begin; lock table outbox in access exclusive mode"))
        yield
    finally:
        loop.run_until_complete(conn.close())
        loop.close()


@pytest.mark.parametrize(  # while the copying program is being born
    "later", [0, 0.005, *(pytest.param(late, marks=pytest.mark.whole) for late in (0.002, 0.01, 0.2))]
)
def test_a_backup_interrupted_leaves_nothing(instance: Running, later: float) -> None:
    home = instance.data.parent
    deaf = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # as a script does to what it starts behind it
    command = [*deaf, *COMMAND, "backup", str(home / "half.aubier"), "--data", str(instance.data)]
    with _table_held(instance.data):  # so that the copy cannot end before it is interrupted
        under_way = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert under_way.stdout and under_way.stdout.readline() == "Copying the database\n"
        time.sleep(later)
        under_way.send_signal(signal.SIGINT)
        _, told = under_way.communicate(timeout=20)
        assert not processes(instance.data, "pg_dump")
    assert (under_way.returncode, told) == (130, "Interrupted.\n")
    assert list(home.glob("half*")) == []
    assert instance.ask("/health/ready")[0] == 200


def test_what_is_no_backup_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"nonsense")
    done = run("restore", str(tmp_path / "odd"), data=tmp_path / "data")
    assert done.returncode == 2
    assert "is not an Aubier backup" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["odd"]


def test_a_port_in_the_environment_is_the_one_that_commands_use(copy: Copy) -> None:
    data, port = copy("moved"), free_port()
    done = run("tour", data=data, environ={"AUBIER_PORT": str(port)})
    assert done.returncode == 7
    assert f"Nothing answers at http://127.0.0.1:{port}" in done.stderr
