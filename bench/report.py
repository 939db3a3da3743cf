"""The figures as a file for programs and a page for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Spread

Row = dict[str, Any]
_TITLES = {
    "fill": "The whole corpus over HTTP, into an empty database",
    "read": "Read",
    "search": "Searches",
    "everything": "$everything",
    "terminology": "Terminology",
    "export": "Bulk export",
    "transaction": "Transactions of new measurements",
    "crud": "Creates, reads, updates, deletes",
    "load": "Loads over HTTP",
    "bulk": "Bulk load, all indexes live",
    "day": "A national day, at a fixed rate of arrival",
    "soak": "A long day",
}

_COLUMNS = ("connections", "who", "requests/s", "of hello", "p50", "p95", "p99")
_COLUMNS += ("server µs", "database µs", "client")


def save(folder: Path, name: str, results: Row) -> tuple[Path, Path]:
    """Writes NAME.json and NAME.md."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = folder / f"{name}.json", folder / f"{name}.md"
    data.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    page.write_text(written(results), "utf-8")
    return data, page


def written(results: Row) -> str:
    """The page."""
    machine, options, corpus = results["machine"], results["options"], results["corpus"]
    loads = [r["load"] for r in results["cells"] if "load" in r]
    lines = [
        f"# {results['date']}, {results['commit']}, {options['patients']} people",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']},"
        f" Python {machine['python']}. Client, server and database share the machine.",
        f"The corpus has {corpus['resources']} resources, {corpus['bytes']} bytes of JSON.",
        f"Processes that wanted to run before a cell: {median(loads) if loads else 0:g} at the median,"
        f" {max(loads, default=0):g} at most. Above the number of cores others disturbed the run.",
        "",
        "*Off*: a system actor, nothing to check; the audit is durable. *On*: a professional who cares for"
        " part of the people, a tenth of the documents masked, denials present. A figure is the median of the"
        " runs, with the least and the most; times are in ms, processor time in µs of each request;"
        " *of hello* is the share of hello-world's rate at the same number of connections. A row that says"
        " *wrong* did not pass the gate.",
    ]
    for name, why in results["skipped"].items():
        lines += ["", f"{name} was left out, or stopped on the way: {_plain(why, 400)}"]
    lines += _limits(results["cells"])
    for workload, title in _TITLES.items():
        rows = [r for r in results["cells"] if r["workload"] == workload]
        if rows:
            lines += ["", f"## {title}", "", *_table(rows, results["cells"])]
    return "\n".join([*lines, *_memory(results["cells"]), *_sizes(results)]) + "\n"


def _limits(cells: Sequence[Row]) -> list[str]:
    rows = [r for r in cells if r["workload"] == "limits"]
    if not rows:
        return []
    lines = ["", "## What the machine can do", "", "| | connections | | p50 |", "|---|---|---|---|"]
    for name, connections in sorted({(r["name"], r["connections"]) for r in rows}):
        found = [r for r in rows if (r["name"], r["connections"]) == (name, connections)]
        if name == "fsync":
            lines.append(f"| fsync of 8 kB | | {_spread([r['ms'] for r in found], 2)} ms | |")
        elif rates := [r["rate"] for r in found if "rate" in r]:
            middle = _spread([r["p50"] for r in found], 2) if "p50" in found[0] else ""
            lines.append(f"| {name} | {connections} | {_spread(rates)} /s | {middle} |")
    return lines


def _spread(values: Sequence[float], places: int = 0) -> str:
    found = Spread.of(values)
    shown = f"{found.middle:.{places}f}"
    return shown if len(values) == 1 else f"{shown} ({found.least:.{places}f} to {found.most:.{places}f})"


def _table(rows: Sequence[Row], cells: Sequence[Row]) -> Iterator[str]:
    yield f"| | {' | '.join(_COLUMNS)} |"
    yield "|---" * (len(_COLUMNS) + 1) + "|"
    groups: dict[tuple[str, int, str, str], list[Row]] = {}
    for row in rows:
        key = (row["name"], row["connections"], row["server"], row["mode"])
        groups.setdefault(key, []).append(row)
    for (name, connections, server, mode), runs in groups.items():
        head = f"| {name} | {connections} | {server} {mode} |"
        faults = [r["fault"] for r in runs if r.get("fault")]
        if faults:
            yield f"{head} *wrong*: {_plain(faults[0])} | | | | | | | |"
        else:
            yield f"{head} {_figures(runs, cells, server, connections)} |"


def _plain(text: str, most: int = 160) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:most]


def _figures(runs: Sequence[Row], cells: Sequence[Row], server: str, connections: int) -> str:
    key = (server, "hello-world", connections)
    hello = [r["rate"] for r in cells if (r["server"], r["name"], r["connections"]) == key]
    rates = [r.get("resources_per_second", r["rate"]) for r in runs]
    of = f"{median(r['rate'] for r in runs) / median(hello):.3f}" if hello else ""
    unit = " resources" if "resources_per_second" in runs[0] else ""
    parts = [f"{_spread(rates)}{unit}", of]
    parts += [_spread([r[p] for r in runs], 2) if p in runs[0] else "" for p in ("p50", "p95", "p99")]
    parts += [f"{median(r[c] for r in runs):.0f}" for c in ("server_us", "database_us")]
    share = (
        f"{median(r['client_share'] for r in runs):.2f} {runs[0]['client']}"
        if "client_share" in runs[0]
        else ""
    )
    return " | ".join([*parts, share])


def _memory(cells: Sequence[Row]) -> Iterator[str]:
    for row in cells:
        who = f"{row['server']} {row['mode']}"
        if "due" in row:
            yield ""
            yield (
                f"{row['name']}, {who}: {row['due']} due at {row['asked_rate']:g}/s;"
                f" the latest began {row['late_ms']:.0f} ms after its time."
            )
        if found := row.get("memory"):
            yield f"Memory of {who}: {_growth(found)}."
            parts = {**found["processes"], "all of PostgreSQL": found["database"]}
            yield "Held by each process alone:"
            yield ""
            yield from (f"- {name}: {_growth(its)}" for name, its in parts.items())


def _growth(found: Row) -> str:
    first, last, most = (f"{found[f'{name}_mib']:.0f}" for name in ("first", "last", "most"))
    rise = f"{found['mib_per_hour']:+.1f} MiB per hour over the second half"
    return f"{first} MiB at first, {last} at last, {most} at most, {rise}"


def _sizes(results: Row) -> Iterator[str]:
    for row in results["cells"]:
        if row["workload"] != "size":
            continue
        corpus = results["corpus"]
        times = row["bytes"] / corpus["bytes"]
        yield ""
        yield f"## The store of {row['server']}"
        yield ""
        yield f"{row['bytes']} bytes in {row['postgres']}, {times:.2f} times the JSON. In bytes per resource:"
        yield ""
        yield "| table | rows | indexes |"
        yield "|---|---|---|"
        for table, rows, indexes in row["tables"]:
            yield f"| {table} | {rows / corpus['resources']:.0f} | {indexes / corpus['resources']:.0f} |"
