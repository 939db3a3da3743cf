"""`aubier tour`: green on a fresh sandbox, and not when an answer is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

from aubier.sandbox.tour import STEPS
from tests.journeys.running import Running, end, run, start


def test_the_tour_is_green_and_can_be_played_again(instance: Running) -> None:
    first = run("tour", data=instance.data)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.splitlines()[-1] == f"All {len(STEPS)} steps answered right."
    assert "dr.tanguy: " in first.stdout or "dr.tanguy : " in first.stdout
    again = run("tour", data=instance.data, environ={"AUBIER_LANGUAGE": "fr"})
    assert again.returncode == 0, again.stdout
    assert "ont répondu comme il faut" in again.stdout
    assert "Lire la lettre" in again.stdout


def test_the_tour_stops_at_the_first_wrong_answer(copy: Callable[[str], Path]) -> None:
    running = start(copy("wrong"))
    try:
        running.wait_for("ready ")
        rows = json.loads(run("accounts", "--json", data=running.data).stdout)
        nurse = next(r["reference"] for r in rows if r["login"] == "s.kerjean")
        yann = next(r["reference"] for r in rows if r["login"] == "yann")
        actor = {"name": "actor", "valueReference": {"reference": nurse}}
        body = {"resourceType": "Parameters", "parameter": [actor]}
        token = running.token("yann")
        for operation in ("unshare", "block"):
            path = f"/fhir/{yann}/${operation}"
            assert running.ask(path, token=token, method="POST", body=body)[0] == 200
        done = run("tour", data=running.data)
        assert done.returncode == 1
        last = done.stdout.splitlines()
        assert "s.kerjean" in last[-3] and "Stopped" in last[-1]
    finally:
        end(running)


def test_without_anyone_to_answer_it_says_how_to_start(filled: Path, copy: Callable[[str], Path]) -> None:
    done = run("tour", data=copy("silent"), environ={"AUBIER_PORT": "9"})
    assert done.returncode == 7
    assert "aubier up" in done.stderr
