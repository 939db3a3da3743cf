"""The page says what counts, and what does not."""

from typing import Any

import pytest
from bench import options, report
from bench.options import Options

CELL = {
    "server": "aubier",
    "mode": "on",
    "workload": "search",
    "name": "patients | by name",
    "connections": 8,
}
TIMES = {"p50": 1.0, "p95": 2.0, "p99": 3.0, "server_us": 10.0, "database_us": 20.0, "client_share": 0.5}


def _results(*cells: dict[str, Any]) -> dict[str, Any]:
    machine = {"processor": "P", "cores": 2, "memory_gib": 4, "system": "S", "python": "3.11"}
    corpus = {"resources": 10, "bytes": 1000, "kinds": {}}
    hello = {**CELL, "mode": "limit", "workload": "limits", "name": "hello-world", "run": 0, "rate": 1000.0}
    return {
        "date": "2026-11-22",
        "commit": "abc",
        "machine": machine,
        "options": {"patients": 5},
        "corpus": corpus,
        "skipped": {"hapi": "java is not installed"},
        "cells": [hello, *cells],
    }


def test_the_middle_the_least_and_the_most_of_the_runs() -> None:
    cells = [
        {**CELL, **TIMES, "run": n, "rate": rate, "client": "wrk"} for n, rate in enumerate((90, 110, 100))
    ]
    page = report.written(_results(*cells))
    assert "| 8 | aubier on | 100 (90 to 110) | 0.100 | 1.00 (1.00 to 1.00)" in page
    assert "0.50 wrk" in page and "hapi was left out, or stopped on the way: java is not installed" in page


def test_a_limit_over_http_says_how_long_one_takes() -> None:
    least = {
        **CELL,
        "mode": "limit",
        "workload": "limits",
        "name": "a row and a line",
        "rate": 2000.0,
        "p50": 0.5,
    }
    page = report.written(_results({**least, "run": 0}, {**least, "run": 1, "rate": 3000.0}))
    assert "| a row and a line | 8 | 2500 (2000 to 3000) /s | 0.50 (0.50 to 0.50) |" in page
    assert "| hello-world | 8 | 1000 /s |  |" in page, "what is not asked over HTTP has no such time"


def test_a_row_that_did_not_pass_the_gate_has_no_figure() -> None:
    good = {**CELL, **TIMES, "run": 0, "rate": 100.0, "client": "wrk"}
    page = report.written(_results(good, {**CELL, "run": 1, "fault": "total 3, not 2 (/a|b)"}))
    row = next(line for line in page.splitlines() if "aubier on" in line)
    assert "*wrong*: total 3, not 2 (/a\\|b)" in row and "100" not in row


def test_a_soak_says_how_memory_grew_of_each_process() -> None:
    grown = {"first_mib": 100.4, "last_mib": 120.0, "most_mib": 125.0, "mib_per_hour": 2.25}
    memory = {**grown, "processes": {"granian 7": grown}, "database": {**grown, "mib_per_hour": -1.0}}
    soak = {
        **CELL,
        **TIMES,
        "run": 0,
        "rate": 20.0,
        "client": "own",
        "workload": "soak",
        "name": "a long day",
    }
    page = report.written(_results({**soak, "due": 40, "asked_rate": 20.0, "late_ms": 3.0, "memory": memory}))
    assert "Memory of aubier on: 100 MiB at first, 120 at last, 125 at most, +2.2 MiB per hour" in page
    assert "- granian 7: 100 MiB at first" in page and "- all of PostgreSQL: 100 MiB at first" in page
    assert "-1.0 MiB per hour over the second half" in page


def test_options_of_the_command_line() -> None:
    chosen, places = options.read(
        [
            "--patients",
            "7",
            "--seconds",
            "3",
            "--only",
            "search,crud",
            "--servers",
            "hapi",
            "--connections",
            "1,4",
        ]
    )
    assert (chosen.patients, chosen.seconds, chosen.runs) == (7, 3.0, Options().runs)
    assert (chosen.only, chosen.servers, chosen.connections) == (("search", "crud"), ("hapi",), (1, 4))
    assert not places.fresh
    quick, _ = options.read(["--quick", "--runs", "2"])
    assert quick.runs == 2 and quick.patients == options.QUICK.patients


@pytest.mark.parametrize(
    "wrong", [["--only", "all"], ["--servers", "blaze"], ["--modes", "of"], ["--connections", "0"]]
)
def test_what_there_is_not_cannot_be_chosen(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.read(wrong)
    assert "choose among" in (said := capsys.readouterr().err) or "at least one" in said


def test_what_was_chosen_to_run_does_not_part_two_runs() -> None:
    assert Options(only=("read",), servers=("hapi",), modes=("on",), runs=2).lasting == Options().lasting
    assert Options(patients=2).lasting != Options().lasting
