"""The comparisons, each alone or all in turn; every table is kept in ``reports/``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.runtime.engine import connect
from tests.bench import compare, gateway, judging, ledgers, load, network, policies, resets, services, start_up

_KINDS = ("initialising", "golden")
_WITHOUT_ENGINE = ("policies", "load", "judging")
_ON_A_STACK = ("gateway", "services", "ledgers", "network", "compare", "reset")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="repetitions of each side")
    parser.add_argument("--only", choices=(*_KINDS, *_WITHOUT_ENGINE, *_ON_A_STACK), help="one comparison alone")
    parser.add_argument("--reports", type=Path, default=Path("reports"))
    options = parser.parse_args()
    if options.only in {None, "policies"}:
        policies.measure(options.pairs, options.reports)
    if options.only in {None, "load"}:
        load.measure(options.pairs, options.reports)
    if options.only in {None, "judging"}:
        judging.measure(options.pairs, options.reports)
    if options.only in _WITHOUT_ENGINE:
        return
    client = connect()
    if options.only not in _ON_A_STACK:
        kinds = tuple(kind for kind in _KINDS if options.only in {None, kind})
        start_up.measure(client, kinds, options.pairs, options.reports)
    for name, measure in (
        ("gateway", gateway.measure),
        ("services", services.measure),
        ("ledgers", ledgers.measure),
        ("network", network.measure),
        ("compare", compare.measure),
        ("reset", resets.measure),
    ):
        if options.only in {None, name}:
            measure(client, options.pairs, options.reports)


if __name__ == "__main__":
    main()
