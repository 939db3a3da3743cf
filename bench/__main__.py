"""`python -m bench`: measures everything in one run and saves it; stopped and started again, it goes on."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from bench import options, report
from bench.running import Bench


def main() -> None:
    """Reads the options, measures, saves, shows the page."""
    chosen, places = options.read()
    # An order to end is one, however it comes and whoever started us: servers are stopped before us.
    for order in (signal.SIGTERM, signal.SIGINT):
        signal.signal(order, signal.default_int_handler)
    bench = Bench(chosen, places)
    try:
        bench.measure()
    except KeyboardInterrupt:
        page = _saved(bench)
        sys.exit(f"\nStopped. What is finished is kept: the same command goes on.\n{page or ''}")
    if page := _saved(bench):
        print(page.read_text("utf-8"))


def _saved(bench: Bench) -> Path | None:
    """The page of what is finished, if anything is."""
    results = bench.results()
    if not results or not results["cells"]:
        return None
    name = f"{results['date']}-{results['commit']}-{bench.options.patients}"
    return report.save(bench.places.into, name, results)[1]


if __name__ == "__main__":
    main()
