"""Requests to a service are spread over its replicas."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.platform.shoppers import address
from sim.checks.replicas import SHARE, judge_replicas
from sim.history import Outcome
from sim.scenario import Scenario, Stage

_FOR_EACH_REPLICA = 20


def _rehearse(stage: Stage) -> None:
    gateway = stage.servers.gateway()
    for key, service in stage.topology.services.items():
        pods = [s for s in stage.plan.of_kind("service") if s.app == service.name]
        headers = {"X-Forwarded-For": address(stage)}
        for _ in range(_FOR_EACH_REPLICA * len(pods)):
            reply = gateway.request("GET", f"/api/{key}/ping", headers=headers)
            document = reply.document()
            said = document if isinstance(document, Mapping) else {}
            stage.record(
                SHARE,
                service.name,
                Outcome.OK if reply.accepted else Outcome.UNSURE,
                actor="stranger",
                pod=said.get("pod", ""),
                status=reply.status,
            )


SCENARIO = Scenario(
    name="platform/replicas",
    claim="Every documented replica of each service answers its share of the requests.",
    section="4",
    needs=("gateway", "service"),
    all_services=True,
    rehearse=_rehearse,
    judge=judge_replicas,
)
