"""One JSON object a line is asked, one answered; the end of the input is the end.

``{"op": "hold", "pods": {name: pid}}``                                          namespaces to act in, beside ``node``
``{"op": "listen", "at": [[pod, protocol, port]…]}``                             listeners, instead of those before
``{"op": "probe", "edges": [[pod, address, protocol, port, hello]…], "timeout_s": t}``
``{"op": "resolve", "names": [[pod, name, protocol]…], "timeout_s": t}``
``{"op": "open", "flows": [[key, pod, address, port]…], "timeout_s": t}``        connections that stay
``{"op": "ask", "flows": [key…], "timeout_s": t}``, ``{"op": "shut"}``
"""

from __future__ import annotations

import json
import select
import sys
from typing import Any

from sim.services.prober.edges import Edges
from sim.services.prober.flows import Flows
from sim.services.prober.listeners import Listeners
from sim.services.prober.names import resolve
from sim.services.prober.namespaces import Namespaces
from sim.services.prober.neighbours import Neighbours
from sim.services.prober.source_ports import SourcePorts


class Prober:
    """What lives from one line to the next."""

    def __init__(self) -> None:
        self._namespaces, self._poll = Namespaces(), select.epoll()
        self._listeners = Listeners(self._namespaces, self._poll)
        self._neighbours = Neighbours(self._namespaces)
        self._source_ports = SourcePorts()
        self._flows = Flows(self._namespaces, self._listeners, self._poll)

    def close(self) -> None:
        self._neighbours.part()

    def do(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises ValueError for an operation there is not."""
        patience_s = float(request.get("timeout_s", 0.0))
        answers: list[Any]
        match request["op"]:
            case "hold":
                missing = self._namespaces.hold(request["pods"])
                self._neighbours.introduce(request["pods"])
                return {"missing": missing}
            case "listen":
                self._listeners.close()
                return {"errors": self._listeners.listen(request["at"])}
            case "probe":
                edges = Edges(self._namespaces, self._listeners, self._source_ports, self._poll, patience_s)
                answers = edges.probe(request["edges"])
            case "resolve":
                answers = [
                    resolve(self._namespaces, pod, name, protocol, patience_s)
                    for pod, name, protocol in request["names"]
                ]
            case "open":
                answers = [
                    self._flows.open(key, pod, address, port, patience_s)
                    for key, pod, address, port in request["flows"]
                ]
            case "ask":
                answers = [self._flows.ask(key, patience_s) for key in request["flows"]]
            case "shut":
                answers = self._flows.shut()
            case unknown:
                raise ValueError(f"no operation {unknown!r}")
        return {"answers": answers}


def main() -> None:
    prober = Prober()
    for line in sys.stdin:
        try:
            reply = prober.do(json.loads(line))
        except Exception as error:  # noqa: BLE001 - who asked decides what a broken request means
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(reply, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    prober.close()


if __name__ == "__main__":
    main()
