"""What a developer wants next of a stack that is up: an address, a login, a call that works, the consoles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sim.plan.model import Plan
from sim.record import ServerRow
from sim.services.catalogue import SERVICE_MODULES

_HOST = "http://127.0.0.1"
_DOCS = "/docs"


@dataclass(frozen=True, slots=True)
class Login:
    """``secret`` is the password's name among the stack's credentials, never the password."""

    user: str
    secret: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """Addresses on this machine; empty or None where the stack has no such thing up.

    ``has_goods``: every service is up, so that there is a shop to browse and to fill.
    """

    stack: str
    gateway: str
    has_goods: bool
    administrator: Login | None
    broker: str
    broker_login: Login | None
    consoles: Mapping[str, str]

    @property
    def docs(self) -> str:
        return f"{self.gateway}{_DOCS}" if self.gateway else ""

    def document(self) -> dict[str, object]:
        """For ``--json``: where to go and as whom, without a password."""
        consoles = {**({"rabbitmq": self.broker} if self.broker else {}), **self.consoles}
        found: dict[str, object] = {"consoles": consoles}
        if self.gateway:
            found |= {"gateway": self.gateway, "docs": self.docs}
        if self.administrator:
            found["login"] = {"email": self.administrator.user, "password_secret": self.administrator.secret}
        return found

    def lines(self, secrets: Mapping[str, str]) -> list[str]:
        """For people, within 80 columns; the passwords are this stack's own and end with it."""
        shown: list[str] = []
        if self.gateway:
            shown.append(f"Gateway      {self.gateway}  (documentation: {_DOCS})")
            shown += _calls(self.gateway, self.administrator, secrets, has_goods=self.has_goods)
        if self.broker and self.broker_login:
            login = self.broker_login
            shown.append(f"RabbitMQ     {self.broker}  ({login.user} {secrets[login.secret]})")
        shown += [f"{name.capitalize():<12} {url}" for name, url in self.consoles.items()]
        if self.gateway and self.has_goods:
            shown.append(f"Goods        sim seed --stack {self.stack}")
        return shown

    def brief(self) -> list[str]:
        """One line for ``sim status``."""
        if not self.gateway:
            return []
        who = f", sign in as {self.administrator.user}" if self.administrator else ""
        return [f"Gateway      {self.gateway}{_DOCS}{who}"]


def welcome(stack: str, plan: Plan, rows: Sequence[ServerRow]) -> Welcome:
    """Of the servers that are up, the first of each kind speaks for its replicas."""
    facts = {server.name: server.facts for server in plan.servers}
    ready = [row for row in rows if row.state == "ready"]
    brokers = [row for row in ready if row.kind == "rabbitmq"]
    administrators = [facts[row.name] for row in ready if "admin_email" in facts[row.name]]
    consoles = {
        name: url
        for name, kind, port in (
            ("prometheus", "prometheus", "http"),
            ("alertmanager", "alertmanager", "http"),
            ("minio", "object-store", "console"),
        )
        if (url := _url(ready, kind, port))
    }
    return Welcome(
        stack=stack,
        gateway=_url(ready, "gateway", "http"),
        has_goods=SERVICE_MODULES.keys() <= {facts[row.name]["service"] for row in ready if row.kind == "service"},
        administrator=Login(administrators[0]["admin_email"], administrators[0]["admin_password_secret"])
        if administrators
        else None,
        broker=_url(ready, "rabbitmq", "management"),
        broker_login=Login(facts[brokers[0].name]["admin_user"], facts[brokers[0].name]["admin_password_secret"])
        if brokers
        else None,
        consoles=consoles,
    )


def _url(ready: Iterable[ServerRow], kind: str, port: str) -> str:
    return next((f"{_HOST}:{row.ports[port]}" for row in ready if row.kind == kind and port in row.ports), "")


def _calls(gateway: str, login: Login | None, secrets: Mapping[str, str], *, has_goods: bool) -> list[str]:
    """Two that can be pasted as they are: anybody's, and the administrator's."""
    calls = [f"  curl -s '{gateway}/api/products?limit=3'" if has_goods else f"  curl -s {gateway}/health"]
    if login:
        calls += [
            f"  curl -s {gateway}/api/auth/login \\",
            "    -H 'content-type: application/json' \\",
            f"""    -d '{{"email": "{login.user}",""",
            f"""         "password": "{secrets[login.secret]}"}}'""",
        ]
    return calls
