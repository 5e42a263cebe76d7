"""A lane's process knows the table of scenarios: ``python -m sim.cli.lane``, started by ``sim run --jobs``."""

from __future__ import annotations

from scenarios import SCENARIOS
from sim.lanes.worker import main

if __name__ == "__main__":
    main(SCENARIOS)
