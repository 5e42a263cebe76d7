"""Whether replicas followed the documented autoscaler, and the load noticed nothing but more hands.

Operations: ``conditions`` once, ``{"service", "deployment", "scale", "request_micro", "memory_request_bytes"}``;
``sync`` one each time the autoscaler decided, with all it knew: ``{"at_s", "current", "desired", "phase", "pods":
[{"name", "phase", "ready", "started_s", "ready_changed_s", "cpu_micro", "memory_bytes", "window_s"}]}``; ``pod`` when
one was created, became ready or was removed; ``segment`` and ``interval``, how the load went. CPU is in millionths of a
core, because what is requested here is small; the algorithm knows no unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.autoscaling.controller import Controller, Decision
from sim.autoscaling.model import CPU, MEMORY, Phase, Pod, Timing, Usage
from sim.capacity.scaling import spec_of
from sim.capacity.stations import row_of
from sim.checks.load_history import INTERVAL, SEGMENT
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.topology.model import Autoscaler, Topology
from sim.verdict import Verdict, failed, passed, unknown

CONDITIONS = "conditions"
SYNC = "sync"
POD = "pod"
CPU_SHARE = 0.8
LEAST_SHARE = 0.25
"""Of an even share of the work: a pod that does less while all are ready takes no part."""
LOAD = "load"
QUIET = "quiet"


@dataclass(slots=True)
class _Findings:
    wrong: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)


def seen_by(detail: Mapping[str, Any], conditions: Mapping[str, Any]) -> tuple[list[Pod], dict[str, dict[str, Usage]]]:
    """Pods and metrics as the autoscaler was shown them at one sync."""
    requests = {CPU: int(conditions["request_micro"]), MEMORY: int(conditions["memory_request_bytes"])}
    pods, cpu, memory = [], {}, {}
    for pod in detail["pods"]:
        name = str(pod["name"])
        pods.append(
            Pod(
                name,
                requests,
                Phase(pod["phase"]),
                ready=bool(pod["ready"]),
                started_s=pod["started_s"],
                ready_changed_s=pod["ready_changed_s"],
            )
        )
        if pod["cpu_micro"] is not None:
            at_s, window_s = float(detail["at_s"]), float(pod["window_s"])
            cpu[name] = Usage(int(pod["cpu_micro"]), at_s, window_s)
            memory[name] = Usage(int(pod["memory_bytes"]), at_s, window_s)
    return pods, {CPU: cpu, MEMORY: memory}


def documented_row(topology: Topology, service: str) -> Autoscaler:
    """Raises ValueError when the document scales it not at all."""
    row = row_of(topology, service)
    if row is None:
        raise ValueError(f"the document has no autoscaler for {service}")
    return row


def controller_for(topology: Topology, service: str, scale: float) -> Controller:
    """The document's row for a service, in time that passes ``scale`` times faster."""
    return Controller(spec_of(documented_row(topology, service)), Timing().scaled(scale))


def judge_autoscaling(evidence: Evidence) -> Verdict:
    """FAIL when pods do not come, do not share the work, or requests are lost; UNKNOWN when nothing was to scale."""
    conditions = next((o.detail for o in only(evidence.observations, CONDITIONS)), None)
    syncs = [o.detail for o in only(evidence.observations, SYNC)]
    if conditions is None or not syncs:
        return unknown("no decision of the autoscaler is on record")
    findings = _Findings()
    try:
        _weigh_decisions(evidence, conditions, syncs, findings)
        _weigh_course(evidence, conditions, syncs, findings)
        _weigh_pods(only(evidence.observations, POD), syncs, findings)
        _weigh_spread(syncs, findings)
    except (KeyError, TypeError, ValueError) as error:
        return unknown(f"the decisions cannot be read: {type(error).__name__}: {error}")
    _weigh_load(only(evidence.observations, SEGMENT), only(evidence.observations, INTERVAL), findings)
    lines = (*findings.wrong, *findings.open, *findings.told)
    if findings.wrong:
        return failed(findings.wrong[0], *lines[1:], numbers=findings.numbers)
    if findings.open:
        return unknown(findings.open[0], *lines[1:], numbers=findings.numbers)
    reached = findings.numbers
    return passed(
        f"{conditions['deployment']} went to {reached['peak']:.0f} replicas and down to {reached['last']:.0f} as the"
        " document's table says; no request was lost",
        *lines,
        numbers=findings.numbers,
    )


def _weigh_decisions(
    evidence: Evidence, conditions: Mapping[str, Any], syncs: Sequence[Mapping[str, Any]], findings: _Findings
) -> None:
    """Each taken again, from what was known then: a rig that scaled by other rules has shown nothing."""
    controller = controller_for(evidence.topology, str(conditions["service"]), float(conditions["scale"]))
    for number, sync in enumerate(syncs):
        pods, usage = seen_by(sync, conditions)
        again: Decision = controller.sync(float(sync["at_s"]), int(sync["current"]), pods, usage)
        if again.desired != int(sync["desired"]):
            findings.open.append(f"sync {number}: the rig wanted {sync['desired']}, the algorithm says {again.desired}")
            return
        if number and int(sync["current"]) != int(syncs[number - 1]["desired"]):
            findings.open.append(f"sync {number}: the rig had not done what was decided before")
            return


def _weigh_course(
    evidence: Evidence, conditions: Mapping[str, Any], syncs: Sequence[Mapping[str, Any]], findings: _Findings
) -> None:
    row = documented_row(evidence.topology, str(conditions["service"]))
    desired = [int(sync["desired"]) for sync in syncs]
    peak, last = max(desired), desired[-1]
    scale = float(conditions["scale"])
    findings.numbers |= {
        "floor": float(row.min_replicas),
        "peak": float(peak),
        "last": float(last),
        "syncs": float(len(syncs)),
        "time_scale": scale,
    }
    findings.told.append(
        f"the table's {row.min_replicas} to {row.max_replicas} at {row.cpu_percent} % CPU and {row.memory_percent} %"
        f" memory; windows {scale:g} times shorter, a pod's request {int(conditions['request_micro']) / 1000:.1f} m"
    )
    outside = [d for d in desired if not row.min_replicas <= d <= row.max_replicas]
    if outside:
        findings.open.append(f"the rig wanted {outside[0]} replicas, outside the table's bounds")
    if peak <= row.min_replicas:
        findings.open.append(f"the load never took more than the {row.min_replicas} replicas of the floor")
    elif last > row.min_replicas:
        # A twentieth of the load is left, and metrics call for the floor: with the window over, that is what must be.
        findings.open.append(f"{last} replicas were left when the watch ended, {row.min_replicas} are the floor")
    up = next((i for i, d in enumerate(desired) if d == peak), 0)
    down = next((i for i, d in enumerate(desired) if i > up and d < peak), None)
    findings.numbers["to_peak_s"] = round(float(syncs[up]["at_s"]) - float(syncs[0]["at_s"]), 3)
    _weigh_way_down([sync for sync in syncs if sync["phase"] == QUIET], findings)
    if down is not None:
        findings.numbers["held_peak_s"] = round(float(syncs[down]["at_s"]) - float(syncs[up]["at_s"]), 3)


def _weigh_way_down(quiet: Sequence[Mapping[str, Any]], findings: _Findings) -> None:
    """From when the load went until there were as few as there were at the end."""
    if quiet:
        last = int(quiet[-1]["desired"])
        reached = next(sync for sync in quiet if int(sync["desired"]) == last)
        findings.numbers["quiet_to_last_s"] = round(float(reached["at_s"]) - float(quiet[0]["at_s"]), 3)


def _weigh_pods(changes: Sequence[Observation], syncs: Sequence[Mapping[str, Any]], findings: _Findings) -> None:
    """Every pod that was wanted came, and answered its readiness probe."""
    ready = {o.target: float(o.detail["after_s"]) for o in changes if o.detail.get("what") == "ready"}
    refused = [o for o in changes if o.outcome is Outcome.FAILED]
    if refused:
        findings.open.append(f"the rig could not {refused[0].detail.get('what')} {refused[0].target}")
    created = [o.target for o in changes if o.detail.get("what") == "created"]
    if not created:
        findings.open.append("no pod that came is on record")
    never = [name for name in created if name not in ready and _lived(name, syncs)]
    if never:
        findings.wrong.append(f"{', '.join(never)} never became ready")
    if ready:
        findings.numbers["ready_after_max_s"] = round(max(ready.values()), 3)
        findings.told.append(f"{len(ready)} pods came and were ready after {max(ready.values()):.1f} s at most")


def _lived(name: str, syncs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a pod was there for several syncs: one taken away at once need not have been ready."""
    return sum(any(pod["name"] == name for pod in sync["pods"]) for sync in syncs) > 5


def _weigh_spread(syncs: Sequence[Mapping[str, Any]], findings: _Findings) -> None:
    """While as many as wanted are ready and busy, each does its part of the work."""
    spent: dict[str, float] = {}
    whole = most = 0
    for sync in syncs:
        pods = sync["pods"]
        busy = sync["phase"] == LOAD and len(pods) == int(sync["current"]) == int(sync["desired"])
        if busy and len(pods) > 1 and all(p["ready"] and p["cpu_micro"] is not None for p in pods):
            if len(pods) > most:
                spent, whole, most = {}, 0, len(pods)
            if len(pods) == most:
                whole += 1
                for pod in pods:
                    spent[pod["name"]] = spent.get(pod["name"], 0.0) + float(pod["cpu_micro"])
    if not whole or not sum(spent.values()):
        findings.open.append("the replicas wanted were never all ready under load: nothing shows who did the work")
        return
    even = sum(spent.values()) / len(spent)
    least = min(spent, key=lambda name: spent[name])
    findings.numbers["spread_pods"] = float(len(spent))
    findings.numbers["least_share_percent"] = round(100 * spent[least] / even, 1)
    if spent[least] < LEAST_SHARE * even:
        findings.wrong.append(
            f"the work is not shared: {least} did {100 * spent[least] / even:.0f} % of an even share of {len(spent)}"
        )


def _weigh_load(segments: Sequence[Observation], seconds: Sequence[Observation], findings: _Findings) -> None:
    if not segments or not seconds:
        findings.open.append("nothing is on record of the load")
    for o in segments:
        name, due, errors = o.detail["name"], int(o.detail["due"]), dict(o.detail["errors"])
        findings.numbers[f"{name}_requests"] = float(due)
        cpu_share = float(o.detail["cpu_share"])
        if cpu_share > CPU_SHARE:
            findings.open.append(f"generator saturated during {name}: it used {100 * cpu_share:.0f} % of a core")
        if int(o.detail["unsent"]) > 0.001 * due:
            findings.open.append(f"generator saturated during {name}: {o.detail['unsent']} of {due} were never sent")
        if errors:
            what, count = max(errors.items(), key=lambda item: int(item[1]))
            failures = sum(map(int, errors.values()))
            findings.wrong.append(f"{failures} of {due} requests failed during {name}: {what} ({count})")
    silent = [o for o in seconds if int(o.detail["due"]) > 0 and not int(o.detail["answered"])]
    findings.numbers["silent_s"] = float(len(silent))
