"""The comparisons, each alone or all in turn; every table is kept in ``reports/``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.runtime.engine import connect
from tests.bench import load, network, policies, services, start_up

_KINDS = ("initialising", "golden")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="repetitions of each side")
    parser.add_argument(
        "--only", choices=(*_KINDS, "services", "policies", "load", "network"), help="one comparison alone"
    )
    parser.add_argument("--reports", type=Path, default=Path("reports"))
    options = parser.parse_args()
    if options.only in {None, "policies"}:
        policies.measure(options.pairs, options.reports)
    if options.only in {None, "load"}:
        load.measure(options.pairs, options.reports)
    if options.only in {"policies", "load"}:
        return
    client = connect()
    if options.only not in {"services", "network"}:
        kinds = tuple(kind for kind in _KINDS if options.only in {None, kind})
        start_up.measure(client, kinds, options.pairs, options.reports)
    if options.only in {None, "services"}:
        services.measure(client, options.pairs, options.reports)
    if options.only in {None, "network"}:
        network.measure(client, options.pairs, options.reports)


if __name__ == "__main__":
    main()
