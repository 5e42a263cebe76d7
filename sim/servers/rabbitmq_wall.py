"""The broker's users and permissions: attempts over AMQP, rights given and taken back over the management API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from sim.errors import Refused, RigError, Unreachable
from sim.servers.amqp import AmqpLink, AmqpLogin, dial
from sim.servers.answers import YES, Answer
from sim.servers.broker_deeds import BrokerDeed, Patterns
from sim.servers.endpoint import EndpointLookup
from sim.servers.web import HttpAnswer, http_get, http_request

_TIMEOUT_S = 5.0
# Whoever claims to be another is refused, after the right to publish was checked.
_NOBODY = "sim-nobody"


class RabbitWall:
    """Implements :class:`sim.servers.walls.BrokerWall`, over whichever node answers first."""

    def __init__(self, nodes: tuple[str, ...], endpoint: EndpointLookup, administrator: tuple[str, str]) -> None:
        self._nodes = nodes
        self._endpoint = endpoint
        self._administrator = administrator

    def attempts(self, user: str, password: str, vhost: str, deeds: Sequence[BrokerDeed]) -> tuple[Answer, ...]:
        login = AmqpLogin(user, password, vhost)
        answers: list[Answer] = []
        link: AmqpLink | None = None
        try:
            for deed in deeds:
                try:
                    link = link or self._dial(login)
                except Refused as refusal:
                    return (_no(refusal),)
                answers.append(_tried(link, deed))
                if not link.renew(_TIMEOUT_S):
                    link.abort()
                    link = None
        finally:
            if link is not None:
                link.close()
        return tuple(answers)

    def management(self, user: str, password: str, path: str) -> Answer:
        answer = self._http("GET", path, (user, password))
        return Answer(200 <= answer.status < 300, str(answer.status), answer.text[:120])

    def make_user(self, user: str, password: str, tags: tuple[str, ...] = ()) -> None:
        self._put(f"users/{quote(user, safe='')}", {"password": password, "tags": ",".join(tags)})

    def delete_user(self, user: str) -> None:
        self._delete(f"users/{quote(user, safe='')}")

    def tag(self, user: str, tags: tuple[str, ...]) -> None:
        where = f"users/{quote(user, safe='')}"
        known = self._http("GET", where, self._administrator).json()
        kept = {name: known[name] for name in ("password_hash", "hashing_algorithm")}
        self._put(where, {**kept, "tags": ",".join(tags)})

    def permit(self, user: str, vhost: str, patterns: Patterns) -> None:
        body = {"configure": patterns.configure, "write": patterns.write, "read": patterns.read}
        self._put(f"permissions/{quote(vhost, safe='')}/{quote(user, safe='')}", body)

    def forbid(self, user: str, vhost: str) -> None:
        self._delete(f"permissions/{quote(vhost, safe='')}/{quote(user, safe='')}")

    def make_vhost(self, vhost: str) -> None:
        self._put(f"vhosts/{quote(vhost, safe='')}", {})

    def delete_vhost(self, vhost: str) -> None:
        self._delete(f"vhosts/{quote(vhost, safe='')}")

    def _dial(self, login: AmqpLogin) -> AmqpLink:
        silence = Unreachable("no broker node to ask.")
        for node in self._nodes:
            try:
                return dial(node, self._endpoint(node, "amqp"), login, _TIMEOUT_S)
            except Unreachable as error:
                silence = error
        raise silence

    def _put(self, path: str, body: dict[str, str]) -> None:
        self._done("PUT", path, self._http("PUT", path, self._administrator, body))

    def _delete(self, path: str) -> None:
        answer = self._http("DELETE", path, self._administrator)
        if answer.status != 404:  # gone already is as wanted
            self._done("DELETE", path, answer)

    def _done(self, method: str, path: str, answer: HttpAnswer) -> None:
        if not 200 <= answer.status < 300:
            raise Refused(
                f"The broker refused {method} {path} ({answer.status}).", str(answer.status), evidence=answer.text[:200]
            )

    def _http(self, method: str, path: str, auth: tuple[str, str], body: dict[str, str] | None = None) -> HttpAnswer:
        silence = Unreachable("no broker node to ask.")
        for node in self._nodes:
            endpoint = self._endpoint(node, "management")
            try:
                if method == "GET":
                    return http_get(endpoint, f"/api/{path}", auth=auth, timeout_s=_TIMEOUT_S)
                url = f"http://{endpoint}/api/{path}"
                return http_request(method, url, auth=auth, json_body=body, timeout_s=_TIMEOUT_S)
            except Unreachable as error:
                silence = error
        raise silence


def _tried(link: AmqpLink, deed: BrokerDeed) -> Answer:
    try:
        if deed.action == "publish":
            link.publish_as(deed.resource, _NOBODY, _TIMEOUT_S)
        else:
            link.ask(str(deed), lambda channel, done: _start(channel, deed, done), _TIMEOUT_S)
    except Refused as refusal:
        return _no(refusal)
    return YES


def _start(channel: Any, deed: BrokerDeed, done: Callable[[Any], None]) -> None:
    match deed.action:
        case "delete-queue":
            channel.queue_delete(deed.resource, if_unused=True, if_empty=True, callback=done)
        case "declare-queue":
            channel.queue_declare(deed.resource, durable=True, callback=done)
        case "redeclare-exchange":
            channel.exchange_declare(deed.resource, exchange_type="fanout", durable=False, callback=done)
        case "consume":
            channel.basic_qos(prefetch_count=1)
            channel.basic_consume(deed.resource, _ignore, callback=done)
        case "purge":
            channel.queue_purge(deed.resource, callback=done)
        case "unbind":
            channel.queue_unbind(deed.resource, deed.exchange, "sim-probe", callback=done)
        case _:
            raise RigError(f"The broker is not asked to {deed.action} this way.")


def _ignore(*_: Any) -> None:
    """What came goes back when the channel is closed."""


def _no(refusal: Refused) -> Answer:
    return Answer(accepted=False, code=refusal.code, message=refusal.evidence)
