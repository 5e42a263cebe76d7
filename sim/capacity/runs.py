"""A finished run's costs: what ``throughput/capacity-model`` measured, with where and when from the run's record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sim.capacity.as_run import calibration_as_run
from sim.capacity.calibration import Calibration
from sim.capacity.demands import TooLittleError
from sim.errors import BadInput
from sim.judging import grouped
from sim.record import HISTORY_FILE, RECORD_FILE, Host, read_record

SCENARIO = "throughput/capacity-model"


def calibration_of_run(directory: Path) -> Calibration:
    """Raises BadInput when the run did not measure costs, or is no run."""
    record = read_record(directory / RECORD_FILE)
    try:
        return calibration_as_run(
            grouped(directory / HISTORY_FILE, [SCENARIO])[SCENARIO],
            measured_at=record.started_at,
            host=host_words(record.host),
            environment=record.environment,
            fidelity={image.component: image.fidelity.value for image in record.images},
            notes=next((model_error(s.numbers) for s in record.scenarios if s.name == SCENARIO), ()),
        )
    except (TooLittleError, ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{directory} holds no costs ({error}).", next_step=f"a run of {SCENARIO}, or a file of --calibrate"
        ) from error


def model_error(numbers: Mapping[str, float]) -> tuple[str, ...]:
    """In words, from the scenario's numbers, how far the model was from that stack's own knee; nothing when unknown."""
    if "model_error_percent" not in numbers:
        return ()
    knees = f"Knee of that stack: foretold {numbers['predicted_knee_per_s']:.0f}/s, found {numbers['knee_per_s']:.0f}/s"
    beside = f", beside others on {numbers['foreign_cores']:.1f} cores" if "foreign_cores" in numbers else ""
    return (f"{knees} ({numbers['model_error_percent']:+.0f} %){beside}.",)


def host_words(host: Host) -> str:
    """``2 cores, kernel 6.1, Docker 27``."""
    return f"{host.cpus} cores, kernel {host.kernel}, {host.engine}"
