"""The figures as a file for programs and a page for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

_BUDGETS = {
    "read on": ("of hello-world", 0.3),
    "read off": ("of hello-world", 0.6),
    "search on": ("of hello-world", 0.35),
}
_NAMES = {
    "hello": "hello-world",
    "read off": "read by id, checks off",
    "read on": "read by id, checks on",
    "search off": "patient search, page of 20, checks off",
    "search on": "patient search, page of 20, checks on",
    "create off": "create, checks off",
    "create on": "create, checks on",
    "transaction 1 off": "transaction of 20, 1 client, checks off",
    "transaction 1 on": "transaction of 20, 1 client, checks on",
    "transaction 8 off": "transaction of 20, 8 clients, checks off",
    "transaction 8 on": "transaction of 20, 8 clients, checks on",
}


def save(folder: Path, name: str, results: dict[str, Any]) -> tuple[Path, Path]:
    """Writes NAME.json and NAME.md."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = folder / f"{name}.json", folder / f"{name}.md"
    data.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    page.write_text(written(results), "utf-8")
    return data, page


def written(results: dict[str, Any]) -> str:
    """The page."""
    machine = results["machine"]
    loads = ", ".join(str(n) for n in results["load"])
    lines = [
        f"# {results['date']}, {results['commit']}",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']},"
        f" Python {machine['python']}, {results['postgres']}. One serving process; client"
        f" ({results['client']}), server and database share the machine.",
        f"{results['stored']} resources stored. Processes that wanted to run before each round: {loads}."
        " Above the number of cores others disturbed the run: trust the ratios more than the figures.",
        "",
        f"Each figure is the median of {results['runs']} runs of {results['seconds']:g} s."
        " *Checks off*: a system actor. *Checks on*: a professional with relationships to part of the people,"
        " a tenth of the measurements masked, denials present. Audit lines are durable in both.",
        "",
        "| | requests/s | of hello-world | p50 ms | p95 ms | p99 ms | server µs | database µs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    hello = results["http"]["hello"]
    lines += [_row(key, runs, hello) for key, runs in results["http"].items()]
    lines += [
        "",
        *_fsync(results),
        "",
        *_bulk(results["bulk"]),
        "",
        *_size(results["size"]),
        "",
        *_budgets(results),
    ]
    return "\n".join(lines) + "\n"


def _mid(runs: Sequence[dict[str, Any]], name: str) -> float:
    return median(run[name] for run in runs)


def ratio(runs: Sequence[dict[str, Any]], hello: Sequence[dict[str, Any]]) -> float:
    """The median over the runs of their rate to that of hello-world in the same round."""
    return median(a["rate"] / b["rate"] for a, b in zip(runs, hello, strict=True))


def _row(key: str, runs: Sequence[dict[str, Any]], hello: Sequence[dict[str, Any]]) -> str:
    waits = " | ".join(f"{_mid(runs, p):.2f}" for p in ("p50", "p95", "p99"))
    spent = " | ".join(f"{_mid(runs, p):.0f}" for p in ("server_us", "database_us"))
    name = f"{_NAMES[key]} ({runs[0]['connections']} connections)"
    return f"| {name} | {_mid(runs, 'rate'):.0f} | {ratio(runs, hello):.2f} | {waits} | {spent} |"


def _fsync(results: dict[str, Any]) -> list[str]:
    ms = median(results["fsync_ms"])
    lines = [f"One fsync of 8 kB: {ms:.2f} ms."]
    for mode in ("off", "on"):
        runs = results["http"][f"transaction 1 {mode}"]
        times = median(run["p50"] / f for run, f in zip(runs, results["fsync_ms"], strict=True))
        eight = _mid(results["http"][f"transaction 8 {mode}"], "rate") * 20
        lines.append(
            f"Transaction of 20, 1 client, checks {mode}: {times:.1f} times one fsync (budget 2);"
            f" 8 clients: {eight:.0f} resources/s."
        )
    return lines


def _bulk(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["| bulk | resources/s | of raw COPY | own µs | database µs |", "|---|---|---|---|---|"]
    for key, name in (("copy", "raw COPY, no index"), ("off", "bulk, check off"), ("on", "bulk, check on")):
        rate = median(r[key]["rate"] for r in rows)
        part = median(r[key]["rate"] / r["copy"]["rate"] for r in rows)
        own, database = (median(r[key][f"{w}_us"] for r in rows) for w in ("own", "database"))
        lines.append(f"| {name} | {rate:.0f} | {part:.2f} | {own:.0f} | {database:.0f} |")
    return lines


def _size(size: dict[str, Any]) -> list[str]:
    lines = [
        f"Store: {size['bytes'] / size['json']:.2f} times the JSON (budget 1.2), in bytes per resource:",
        "",
        "| table | rows | indexes |",
        "|---|---|---|",
    ]
    each = size["resources"]
    return lines + [f"| {t} | {a / each:.0f} | {b / each:.0f} |" for t, a, b in size["tables"]]


def _budgets(results: dict[str, Any]) -> list[str]:
    lines = ["| budget | asked | measured |", "|---|---|---|"]
    for key, (of, asked) in _BUDGETS.items():
        found = ratio(results["http"][key], results["http"]["hello"])
        lines.append(f"| {_NAMES[key]} | {asked} {of} | {found:.2f} |")
    return lines
