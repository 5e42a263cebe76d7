"""RabbitMQ's management HTTP API: what operators read, and the little they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from sim.errors import Refused, Unreachable
from sim.servers.endpoint import Endpoint
from sim.servers.web import HttpAnswer, http_get, http_request

_TIMEOUT_S = 3.0
_POST_TIMEOUT_S = 10.0


class Management:
    """``endpoint`` maps a node's server name to its management address."""

    def __init__(self, nodes: tuple[str, ...], endpoint: Callable[[str], Endpoint], user: str, password: str) -> None:
        self._nodes = nodes
        self._endpoint = endpoint
        self._auth = (user, password)

    def ask(self, node: str, *path: str) -> Any:
        """``GET /api/<path>`` of one node as JSON; each part is quoted. Raises Unreachable or Refused."""
        return self._get(node, path).json()

    def look(self, node: str, *path: str) -> HttpAnswer:
        """As :meth:`ask`, whatever the status of the answer."""
        return self._get(node, path)

    def post(self, path: Sequence[str], body: Mapping[str, Any]) -> None:
        """``POST /api/<path>`` to the first node that answers. Raises Refused with what it said."""
        self._write("POST", path, dict(body))

    def remove(self, path: Sequence[str]) -> None:
        """``DELETE /api/<path>``, likewise."""
        self._write("DELETE", path, None)

    def _write(self, method: str, path: Sequence[str], body: Any) -> None:
        silence = Unreachable("no broker node to ask.")
        where = "/".join(quote(part, safe="") for part in path)
        for node in self._nodes:
            url = f"http://{self._endpoint(node)}/api/{where}"
            try:
                answer = http_request(method, url, auth=self._auth, json_body=body, timeout_s=_POST_TIMEOUT_S)
            except Unreachable as error:
                silence = error
                continue
            if not 200 <= answer.status < 300:
                raise Refused(f"{url} answered {answer.status}.", str(answer.status), evidence=answer.text[:300])
            return
        raise silence

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
