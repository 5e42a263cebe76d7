"""Operations that show what a RabbitMQ user may do, each harmless where it is allowed, with the permissions it takes.

Harmless: a queue is deleted only when empty and unused, a message names another sender than the user and is refused
for that after its permission was checked, an exchange is declared with a type it does not have, and a binding that
does not exist is taken away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Action = Literal["delete-queue", "consume", "purge", "declare-queue", "publish", "unbind", "redeclare-exchange"]
Permission = Literal["configure", "write", "read"]

_NEEDS: Mapping[Action, Permission] = {
    "delete-queue": "configure",
    "declare-queue": "configure",
    "redeclare-exchange": "configure",
    "consume": "read",
    "purge": "read",
    "publish": "write",
    "unbind": "write",
}
# What the default exchange is called where permissions are checked.
_DEFAULT_EXCHANGE = "amq.default"


@dataclass(frozen=True, slots=True)
class Patterns:
    """RabbitMQ's three patterns of resource names."""

    configure: str
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class BrokerDeed:
    """``resource`` is a queue or, for publish and redeclare, an exchange; ``exchange`` the one to unbind from."""

    action: Action
    resource: str
    exchange: str = ""

    def allowed_by(self, patterns: Patterns) -> bool:
        """Whether a user with these patterns may do it."""
        found = re.search(getattr(patterns, _NEEDS[self.action]), self.resource or _DEFAULT_EXCHANGE)
        if found is None:
            return False
        return self.action != "unbind" or re.search(patterns.read, self.exchange or _DEFAULT_EXCHANGE) is not None
