"""RabbitMQ's management HTTP API, read only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sim.errors import Unreachable
from sim.servers.endpoint import Endpoint
from sim.servers.web import HttpAnswer, http_get

_TIMEOUT_S = 3.0


class Management:
    """``endpoint`` maps a node's server name to its management address."""

    def __init__(self, nodes: tuple[str, ...], endpoint: Callable[[str], Endpoint], user: str, password: str) -> None:
        self._nodes = nodes
        self._endpoint = endpoint
        self._auth = (user, password)

    def ask(self, node: str, *path: str) -> Any:
        """``GET /api/<path>`` of one node as JSON; each part is quoted. Raises Unreachable or Refused."""
        return self._get(node, path).json()

    def ask_any(self, *path: str) -> Any:
        return self._get_any(path).json()

    def find(self, *path: str) -> Any | None:
        """As :meth:`ask_any`, or None when there is no such thing (404)."""
        answer = self._get_any(path)
        return None if answer.status == 404 else answer.json()

    def _get_any(self, path: tuple[str, ...]) -> HttpAnswer:
        """The first node that answers at all. Raises the last silence when none does."""
        silence = Unreachable("no broker node to ask.")
        for node in self._nodes:
            try:
                answer = self._get(node, path)
            except Unreachable as error:
                silence = error
                continue
            if answer.status != 503:
                return answer
            silence = Unreachable(f"{node} is not serving its management API.", evidence=answer.text[:200])
        raise silence

    def _get(self, node: str, path: tuple[str, ...]) -> HttpAnswer:
        where = "/".join(quote(part, safe="") for part in path)
        return http_get(self._endpoint(node), f"/api/{where}", auth=self._auth, timeout_s=_TIMEOUT_S)
