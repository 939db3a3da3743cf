"""`python -m bench`: measures everything in one run and saves it; stopped and started again, it goes on."""

from __future__ import annotations

import signal
import sys

from bench import options, report
from bench.running import Bench


def main() -> None:
    """Reads the options, measures, saves, shows the page."""
    chosen, places = options.read()
    # An order to end is one, however it comes and whoever started us: servers are stopped before us.
    for order in (signal.SIGTERM, signal.SIGINT):
        signal.signal(order, signal.default_int_handler)
    try:
        results = Bench(chosen, places).measured()
    except KeyboardInterrupt:
        sys.exit("\nStopped. What is finished is kept: the same command goes on.")
    name = f"{results['date']}-{results['commit']}-{chosen.patients}"
    _, page = report.save(places.into, name, results)
    print(page.read_text("utf-8"))


if __name__ == "__main__":
    main()
