"""Back to how a stack was when it had just come up: mended, emptied, filled again, and shown to be so.

Canaries are put into every part that holds something; the same look that afterwards must find nothing has to find them
first. What a stack held when it came up was written down then (:mod:`sim.runtime.freshness`). A reset that is cut short
is done again from the beginning, and until then nobody judges on that stack.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from sim.clock import Clock
from sim.errors import SimError
from sim.fresh import Reset, Restored
from sim.plan.model import Plan, ServerSpec
from sim.runtime import freshness, pledges
from sim.runtime.parts import Part, parts_of
from sim.runtime.pods import PodEngine
from sim.runtime.rising import Probe
from sim.runtime.waiting import wait_until
from sim.servers.clients import LiveServers

FAULTS, SERVICES = "faults", "services"
_AT_ONCE = 6
_READY_S = 90.0
_CIRCUITS_S = 20.0
_SETTLED_S = 30.0
_POLL_S = 0.2
_FAULT_TABLE = "sim_fault"
_ASLEEP = frozenset({"exited", "created", "paused"})


@dataclass(frozen=True, slots=True)
class Resetter:
    """One stack's. ``probe`` asks a server as its first client would; ``set_up_objects`` is the set-up Job."""

    stack_id: str
    plan: Plan
    engine: PodEngine
    servers: LiveServers
    clock: Clock
    probe: Callable[[ServerSpec], Probe]
    set_up_objects: Callable[[], None]

    def run(self) -> Reset:
        """Raises SimError when a server, or what is known of the fresh stack, is not to be had."""
        began_s = self.clock.now_s()
        fresh = freshness.load(self.stack_id)
        freshness.begin(self.stack_id)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            mended = self._mend(pool)
            parts = parts_of(self.servers, self.plan, fresh, self.set_up_objects)
            mark = f"sim_canary_{secrets.token_hex(4)}"
            planted = list(pool.map(lambda part: part.plant(mark), parts))
            found = list(pool.map(lambda part: tuple(part.unlike()), parts))
            unseen = [
                part.name
                for part, there, what in zip(parts, planted, found, strict=True)
                if not there or not any(mark in one for one in what)
            ]
            counts = [part.put_back() for part in parts if part.kind == "broker"]
            counts += pool.map(lambda part: part.put_back(), [part for part in parts if part.kind != "broker"])
            answering = self._close_circuits()
            left = self._settle(pool, parts)
        restored = [
            Restored(part.name, part.kind, what, still, *count)
            for part, what, still, count in zip(parts, found, left, counts, strict=True)
        ]
        done = Reset(
            (mended, *restored, answering),
            round(self.clock.now_s() - began_s, 3),
            canaries=sum(planted),
            unseen=tuple(unseen),
        )
        if not done.problem:
            freshness.end(self.stack_id)
        return done

    def _settle(self, pool: ThreadPoolExecutor, parts: Sequence[Part]) -> list[tuple[str, ...]]:
        """Look until nothing is left: what services were still doing may be written after it was taken away."""
        ends_s = self.clock.now_s() + _SETTLED_S
        while True:
            left = list(pool.map(lambda part: tuple(part.unlike()), parts))
            if not any(left) or self.clock.now_s() >= ends_s:
                return left
            for part, what in zip(parts, left, strict=True):
                if what:
                    part.put_back()
            self.clock.sleep_s(_POLL_S)

    def _mend(self, pool: ThreadPoolExecutor) -> Restored:
        """Every fault healed, every server running and ready, no rule of a fault in any pod."""
        healed = pledges.heal(self.stack_id, self.engine, lambda _: True)
        found = [f"{one.fault} of {', '.join(one.targets)}" for one in healed]
        for name, state in self.engine.states().items():
            if state in _ASLEEP:
                (self.engine.unpause if state == "paused" else self.engine.start)(name)
                found.append(f"{name} was {state}")
        rules = [what for one in pool.map(self._rules, self.plan.servers) for what in one]
        tried = pool.map(self._ready, self.plan.servers)
        left = [what for what in tried if what]
        left += [f"{p.fault} of {', '.join(p.targets)} is in force" for p in pledges.pledged(self.stack_id)]
        return Restored(FAULTS, FAULTS, (*found, *rules), tuple(left), removed=len(found) + len(rules))

    def _rules(self, server: ServerSpec) -> list[str]:
        """Tables of faults in the pod's network namespace that nobody wrote down, taken away."""
        code, output = self.engine.in_network(server.name, ("nft", "-j", "list", "tables"))
        tables: list[dict[str, Any]] = json.loads(output).get("nftables", ()) if code == 0 else []
        found = [entry["table"] for entry in tables if "table" in entry]
        ours = [table for table in found if str(table["name"]).startswith(_FAULT_TABLE)]
        for table in ours:
            self.engine.in_network(server.name, ("nft", "delete", "table", table["family"], table["name"]))
        return [f"rules of a fault at {server.name}" for _ in ours]

    def _ready(self, server: ServerSpec) -> str:
        try:
            wait_until(self.probe(server), f"{server.name} ready", self.clock, deadline_s=_READY_S)
        except SimError as error:
            return f"{error.what} {error.evidence}"
        return ""

    def _close_circuits(self) -> Restored:
        """A gateway asks a service that was away only now and then: ask until it asks again."""
        part = Restored(SERVICES, SERVICES)
        for pod in self.plan.of_kind("gateway"):
            found = self._open_circuits(pod.name)
            ends_s = self.clock.now_s() + _CIRCUITS_S
            still = found
            while still and self.clock.now_s() < ends_s:
                for service in still:
                    self.servers.gateway(pod.name).request("GET", f"/api/{service}/ping")
                self.clock.sleep_s(_POLL_S)
                still = self._open_circuits(pod.name)
            part = replace(
                part,
                found=(*part.found, *(f"{pod.name} did not ask {service}" for service in found)),
                left=(*part.left, *(f"{pod.name} does not ask {service}" for service in still)),
                returned=part.returned + len(found) - len(still),
            )
        return part

    def _open_circuits(self, pod: str) -> list[str]:
        """A real gateway may have none, or not tell."""
        told = self.servers.service(pod).health("ready").document()
        circuits = told.get("circuits", {}) if isinstance(told, dict) else {}
        return [service for service, state in circuits.items() if state != "closed"]
