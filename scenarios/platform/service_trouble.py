"""A database, a broker node, the cache, the object store: each gone for a while under the eyes of customers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scenarios.platform.selling import done, until
from scenarios.platform.shoppers import LOGIN, Shopper, enrol
from sim.checks.trouble import DURING, HEALED, PROBE, Expected, judge_trouble
from sim.faults.kill import Kill
from sim.history import Outcome
from sim.scenario import Scenario, Stage
from sim.servers.http_protocol import HttpReply

DATABASE, NODE, CACHE, STORE = "orders-database", "broker-node", "cache", "object-store"
_AT_ONCE_S = 8.0
"""A first call may find a connection that is dying; the gateway's own patience is five seconds."""
_FAILOVER_S = 20.0
_BACK_S = 60.0
_POLL_S = 0.1

EXPECTED = (
    Expected(DATABASE, DURING, "my orders", 503, _AT_ONCE_S),
    Expected(DATABASE, DURING, "the catalogue", 200, _AT_ONCE_S),
    Expected(DATABASE, DURING, "my account", 200, _AT_ONCE_S),
    Expected(DATABASE, HEALED, "my orders", 200, _BACK_S),
    Expected(NODE, DURING, "the catalogue", 200, _FAILOVER_S),
    Expected(NODE, DURING, "my orders", 200, _FAILOVER_S),
    Expected(NODE, DURING, "a ticket", 201, _FAILOVER_S),
    Expected(NODE, HEALED, "the catalogue", 200, _BACK_S),
    Expected(CACHE, DURING, "sign in", 200, _AT_ONCE_S),
    Expected(CACHE, DURING, "the catalogue", 200, _AT_ONCE_S),
    Expected(CACHE, DURING, "my orders", 200, _AT_ONCE_S),
    Expected(CACHE, HEALED, "sign in", 200, _BACK_S),
    Expected(STORE, DURING, "a ticket", 201, _AT_ONCE_S),
    Expected(STORE, DURING, "its attachment", 503, _AT_ONCE_S),
    Expected(STORE, HEALED, "its attachment", 409, _BACK_S),
)


@dataclass(frozen=True, slots=True)
class _Questions:
    """By the probes' names, asked by one customer who has announced a file and never uploaded it."""

    shopper: Shopper
    attachment: str

    def ask(self, probe: str) -> HttpReply:
        who = self.shopper
        match probe:
            case "my orders":
                return who.ask("GET", "/api/orders?limit=1")
            case "the catalogue":
                return who.ask("GET", "/api/products?limit=1")
            case "my account":
                return who.ask("GET", "/api/auth/me")
            case "sign in":
                return who.ask("POST", LOGIN, {"email": who.login.email, "password": who.login.password})
            case "a ticket":
                return who.ask("POST", "/api/sav", {"subject": "Sim", "message": "In trouble."})
            case _:
                return who.ask("POST", f"{self.attachment}/complete")


def _rehearse(stage: Stage) -> None:
    shopper = enrol(stage)
    ticket = done(shopper.ask("POST", "/api/sav", {"subject": "Sim", "message": "With a file."}))
    path = f"/api/sav/{ticket['ticket_id']}/attachments"
    file = {"file_name": "never.txt", "content_type": "text/plain", "size_bytes": 5}
    attachment = done(shopper.ask("POST", path, file))["attachment"]["attachment_id"]
    questions = _Questions(shopper, f"{path}/{attachment}")
    for trouble, server, ready in _servers(stage):
        fault = Kill(server, ready=ready, name=f"kill -9 ({trouble})")
        with fault.inject(stage) as killed:
            if killed:
                _probe(stage, questions, trouble, DURING)
        _probe(stage, questions, trouble, HEALED)


def _servers(stage: Stage) -> Sequence[tuple[str, str, Callable[[], bool]]]:
    """Trouble, server, and whether it serves again by its own protocol."""
    servers, topology = stage.servers, stage.topology
    database = topology.databases[str(topology.services["orders"].database)].deployment
    node = stage.rng.choice(servers.broker().nodes)
    return (
        (DATABASE, database, lambda: bool(servers.sql(database).version())),
        (NODE, node, lambda: node in servers.broker().running_nodes(node)),
        (CACHE, topology.cache.name, lambda: bool(servers.cache().version())),
        (STORE, topology.object_store.name, lambda: bool(servers.object_store().buckets())),
    )


def _probe(stage: Stage, questions: _Questions, trouble: str, phase: str) -> None:
    began_s = stage.clock.now_s()
    for wanted in EXPECTED:
        if (wanted.trouble, wanted.phase) != (trouble, phase):
            continue
        replies: list[HttpReply] = []

        def answered(wanted: Expected = wanted, replies: list[HttpReply] = replies) -> bool:
            replies.append(questions.ask(wanted.probe))
            return replies[-1].status == wanted.status

        until(stage, answered, wanted.within_s, _POLL_S)
        last = replies[-1]
        stage.record(
            PROBE,
            stage.servers.gateway().name,
            last.outcome if last.answered else Outcome.UNSURE,
            actor="customer",
            trouble=trouble,
            phase=phase,
            probe=wanted.probe,
            status=last.status,
            message=last.message,
            asked=len(replies),
            after_s=round(stage.clock.now_s() - began_s, 3),
        )


SCENARIO = Scenario(
    name="platform/service-trouble",
    claim="While a database, a broker node, the cache or the store is gone the rest goes on; then all recovers.",
    section="12",
    needs=("gateway", "service", "mysql", "rabbitmq", "redis", "object-store"),
    all_services=True,
    rehearse=_rehearse,
    judge=judge_trouble(EXPECTED),
    essential=False,
    parameters={"at_once_s": _AT_ONCE_S, "failover_s": _FAILOVER_S, "back_s": _BACK_S},
)
