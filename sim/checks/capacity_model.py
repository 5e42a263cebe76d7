"""Whether the platform carries what its parts' measured costs say: the model's knee beside the one that was found.

Operations: the steps of ``sim.checks.knee`` (``segment`` and ``interval``); ``level``, what each of them cost, with
``rest``, ``machine`` (see ``sim.capacity.demands``) and ``limits``, one a deployment, ``{"deployment", "pods",
"threads", "limit_cores"}``; ``clock`` once, how long short sleeps took, ``{"asked_s", "took_s"}``.

Costs come from the rates up to two thirds of the one that broke. What is foretold from them was not put in: processor
time and latency at the rates above, and the knee. Between the last rate that held and the first that did not, the knee
found is taken to be in their geometric middle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.capacity.as_run import THE_MACHINE, AsRun, as_run
from sim.capacity.demands import Level, TooLittleError
from sim.capacity.network import Network
from sim.checks.findings import Findings
from sim.checks.gateway_load import promised
from sim.checks.knee import Climb, climb
from sim.checks.load_history import Load, loads
from sim.history import Observation, only
from sim.scenario import Evidence
from sim.verdict import Verdict, unknown

CLOCK = "clock"
TOLERANCE = 0.25
FOREIGN_SHARE = 0.6
"""Of the machine's cores, had by others than platform and generator when it broke: above it it was not our machine."""
COARSE = 2.0
"""So many times longer than asked for: a clock whose short sleeps last that long cannot time short answers."""
CHECKED_SHARES = (0.3, 0.6, 0.8)
"""Of the knee: where latency foretold is put beside latency measured, at the step that is nearest."""


def judge_capacity_model(evidence: Evidence) -> Verdict:
    """PASS within a quarter; FAIL when the platform breaks far below what its costs say, UNKNOWN when far above."""
    coarse = _coarse_clock(only(evidence.observations, CLOCK))
    if coarse:
        return unknown(coarse)
    promise = promised(evidence)
    try:
        found = climb(loads(evidence.observations), promise)
        broken_per_s = found.broken.rate_per_s if found.broken is not None else math.inf
        model = as_run(evidence.observations, broken_per_s)
    except TooLittleError as error:
        return unknown(f"the costs were not measured: {error}")
    except (KeyError, ValueError, TypeError) as error:
        return unknown(f"the costs cannot be read: {type(error).__name__}: {error}")
    findings = Findings()
    _tell_costs(model, findings)
    network = _beside_others(model, broken_per_s, findings)
    predicted_per_s = network.knee_per_s(promise.p99_s)
    if not 0 < predicted_per_s < math.inf:
        findings.open.append("the costs measured give no knee")
        return findings.verdict(str)
    findings.numbers["predicted_knee_per_s"] = round(predicted_per_s, 2)
    _cross_check(model, network, found, findings)
    for step in (found.knee, found.broken):
        if step is not None and step.generator_trouble:
            findings.open.append(f"at {step.rate_per_s:g}/s: {step.generator_trouble[0]}")
            findings.spoiled = True
    return _verdict(predicted_per_s, found, findings)


def _beside_others(model: AsRun, broken_per_s: float, findings: Findings) -> Network:
    """The model with what others had of the machine at the rate that broke: the kernel, the engine, neighbours.

    Neither platform nor generator spent it, so the platform did not have it. Unseen, it counts as nothing.
    """
    foreign = model.foreign_cores(broken_per_s)
    if foreign is None or THE_MACHINE not in model.network.loads:
        return model.network
    findings.numbers["foreign_cores"] = round(foreign, 3)
    findings.told.append(f"others had {foreign:.2f} of the machine's {model.cores} cores when it broke")
    if foreign > FOREIGN_SHARE * model.cores:
        findings.open.append(f"the machine was busy with other work: {foreign:.2f} of {model.cores} cores")
        findings.spoiled = True
    return model.beside(foreign)


def _coarse_clock(clocks: Sequence[Observation]) -> str:
    """Why nothing that was timed can be believed; empty when it can."""
    for o in clocks:
        asked_s, took_s = float(o.detail["asked_s"]), float(o.detail["took_s"])
        if took_s <= COARSE * asked_s:
            return ""
        said = f"sleeps of {1000 * asked_s:g} ms took {1000 * took_s:.1f} ms"
        return f"the clock is too coarse to find a knee by: {said}, on a machine too busy or a clock sped up"
    return "nothing is on record of the clock"


def _verdict(predicted_per_s: float, found: Climb, findings: Findings) -> Verdict:
    if found.broken is None:
        what = "no rate was tried" if not found.steps else "every rate tried was carried"
        troubled = next((step for step in found.steps if step.generator_trouble), None)
        what = f"at {troubled.rate_per_s:g}/s {troubled.generator_trouble[0]}" if troubled is not None else what
        findings.open.append(f"the knee was not found: {what}")
        return findings.verdict(str)
    broken_per_s = found.broken.rate_per_s
    if found.knee is None:
        said = f"not even {broken_per_s:.1f} requests/s were carried, the costs say {predicted_per_s:.1f}"
        if broken_per_s * (1 + TOLERANCE) < predicted_per_s:
            findings.wrong.append(f"{said}: something other than processors holds the platform back")
        else:
            findings.open.append(f"the knee was not found: {said}")
        return findings.verdict(str)
    knee_per_s = math.sqrt(found.knee.rate_per_s * broken_per_s)
    error = predicted_per_s / knee_per_s - 1
    findings.numbers |= {
        "knee_per_s": round(knee_per_s, 2),
        "carried_per_s": round(found.knee.rate_per_s, 2),
        "broken_per_s": round(broken_per_s, 2),
        "model_error_percent": round(100 * error, 1),
    }
    said = f"the knee is at {knee_per_s:.1f} requests/s, the costs say {predicted_per_s:.1f} ({100 * error:+.0f} %)"
    if error > TOLERANCE:
        findings.wrong.append(f"{said}: something other than processors holds the platform back")
    elif error < -TOLERANCE:
        findings.open.append(f"{said}: the model is too dark, do not rely on it")
    else:
        findings.told.insert(0, said)
    return findings.verdict(lambda _: said)


def _tell_costs(model: AsRun, findings: Findings) -> None:
    demands = model.demands
    dearest = sorted(demands.shares.items(), key=lambda item: -item[1])[:5]
    rates = ", ".join(f"{level.rate_per_s:g}" for level in model.costed)
    top_per_s = model.costed[-1].answered_per_s
    whole_ms = 1000 * demands.cpu_s_at(top_per_s)
    findings.told.append(
        f"at {top_per_s:.0f}/s a request costs the machine {whole_ms:.1f} ms, of it "
        + ", ".join(f"{name} {share * whole_ms:.1f} ms" for name, share in dearest)
    )
    lone_ms = 1000 * demands.whole_cpu_s
    findings.told.append(
        f"read from {rates} requests/s: a lone one costs {lone_ms:.1f} ms, and the more, the less each"
    )
    findings.numbers["unevenness"] = round(model.network.unevenness, 2)
    first, ceiling_per_s = model.network.first_to_saturate()
    if math.isfinite(ceiling_per_s):
        findings.told.append(f"first to saturate: {first}, at {ceiling_per_s:.1f} requests/s if nobody else were there")
        findings.numbers["predicted_ceiling_per_s"] = round(ceiling_per_s, 2)
    findings.numbers["request_machine_cpu_ms"] = round(whole_ms, 3)
    findings.numbers["lone_request_machine_cpu_ms"] = round(1000 * demands.whole_cpu_s, 3)


def _cross_check(model: AsRun, network: Network, found: Climb, findings: Findings) -> None:
    """What the model says of the rates it was not read from, beside what was measured there."""
    if found.knee is None:
        return
    knee_per_s = found.knee.rate_per_s
    errors = []
    for level in model.levels:
        measured = level.platform_cores + level.generator_cores
        if level not in model.costed and level.rate_per_s <= knee_per_s and measured > 0:
            foretold = model.cores_at(level.answered_per_s)
            errors.append(foretold / measured - 1)
            findings.told.append(
                f"at {level.rate_per_s:g}/s platform and generator used {measured:.2f} cores, foretold {foretold:.2f}"
                f" ({100 * errors[-1]:+.0f} %){_dearest_error(model, level)}"
            )
    if errors:
        findings.numbers["cpu_error_percent"] = round(100 * max(errors, key=abs), 1)
    held = [step for step in found.steps if step.rate_per_s <= knee_per_s]
    for share in CHECKED_SHARES:
        nearest = min(abs(step.rate_per_s - share * knee_per_s) for step in held)
        step = next(step for step in held if abs(step.rate_per_s - share * knee_per_s) == nearest)
        _tell_latency(share, step, network, findings)


def _dearest_error(model: AsRun, level: Level) -> str:
    """Of the deployment that costs most."""
    name = max(model.demands.shares, key=lambda each: model.demands.shares[each])
    measured = level.cores.get(name, 0.0)
    return f"; {name} {measured:.2f}, foretold {model.cores_at(level.answered_per_s, name):.2f}"


def _tell_latency(share: float, step: Load, network: Network, findings: Findings) -> None:
    foretold, measured_s = network.latency(step.rate_per_s), step.latencies.quantile_s(0.99)
    percent = round(100 * share)
    findings.numbers[f"p99_ms_at_{percent}"] = round(1000 * measured_s, 1)
    if math.isfinite(foretold.p99_s):
        findings.numbers[f"p99_foretold_ms_at_{percent}"] = round(1000 * foretold.p99_s, 1)
    findings.told.append(
        f"near {percent} % of the knee, {step.rate_per_s:g}/s: p99 {1000 * measured_s:.0f} ms, "
        f"foretold {1000 * foretold.p99_s:.0f} ms"
    )
