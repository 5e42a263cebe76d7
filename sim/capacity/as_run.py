"""A stack as it ran, as a network: its containers with their limits, on the one machine under them all."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.capacity.calibration import Calibration
from sim.capacity.measured import TooLittleError, calibration_of
from sim.capacity.network import Load, Network
from sim.capacity.stations import Station
from sim.history import Observation, only

LIMITS = "limits"
"""One a deployment: ``{"deployment", "pods", "threads", "limit_cores"}``; 0 cores is no limit."""
MACHINE = "the machine"


def model_of(observations: Sequence[Observation]) -> tuple[Calibration, Network]:
    """From the costs and limits of one history. Raises TooLittleError."""
    calibration = calibration_of(observations)
    loads: dict[str, Load] = {}
    costs = calibration.cpu_s()
    for o in only(observations, LIMITS):
        name, pods = str(o.detail["deployment"]), int(o.detail["pods"])
        whole = float(calibration.cores) or math.inf
        cores = min(float(o.detail["threads"]), float(o.detail["limit_cores"]) or whole, whole)
        loads[name] = Load(Station.of(cores, pods), costs.get(name, 0.0), pods * calibration.idle_cores.get(name, 0.0))
    if not loads:
        raise TooLittleError("not on record: the containers' limits")
    if calibration.cores:  # an engine elsewhere is not seen
        machine = Station.of(float(calibration.cores), 1)
        loads[MACHINE] = Load(machine, calibration.machine_cpu_s(), calibration.machine_idle_cores)
    return calibration, Network(loads, calibration.latency)
