"""Redis' users: what each may do, and rights given and taken back by the default user, who is the operator's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sim.errors import Refused
from sim.servers.answers import YES, Answer
from sim.servers.cache import client_of, speaking
from sim.servers.cache_deeds import CacheAcl
from sim.servers.endpoint import Endpoint

_ONE_TOO_MANY = "without any password configured"


class RedisWall:
    """Implements :class:`sim.servers.walls.CacheWall`."""

    def __init__(self, name: str, endpoint: Callable[[], Endpoint], *, password: str) -> None:
        self.name = name
        self._endpoint = endpoint
        self._password = password

    def attempts(
        self, user: str | None, password: str | None, commands: Sequence[tuple[str, ...]]
    ) -> tuple[Answer, ...]:
        answers: list[Answer] = []
        with client_of(self._endpoint(), password, user) as client:
            for command in commands:
                try:
                    with speaking(self.name):
                        client.execute_command(*command)
                    answers.append(YES)
                except Refused as refusal:
                    answers.append(Answer(accepted=False, code=refusal.code, message=refusal.evidence))
                    if refusal.code == "WRONGPASS":
                        return tuple(answers)
        return tuple(answers)

    def users(self) -> Mapping[str, CacheAcl]:
        return {name: self._user(name) for name in self._administer("ACL", "USERS")}

    def set_user(self, user: str, *rules: str) -> None:
        self._administer("ACL", "SETUSER", user, *rules)

    def delete_user(self, user: str) -> None:
        self._administer("ACL", "DELUSER", user)

    def rules(self, user: str) -> tuple[str, ...]:
        for line in cast("list[str]", self._administer("ACL", "LIST")):
            word, name, *rules = line.split()
            if word == "user" and name == user:
                return ("reset", *rules)
        raise Refused(f"{self.name} has no user {user}.", "NOUSER")

    def _user(self, name: str) -> CacheAcl:
        told = self._administer("ACL", "GETUSER", name)
        # RESP 2 gives a flat list of names and values; the client turns what it knows into a dictionary.
        fields = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=True))
        keys, channels = _words(fields.get("keys", "")), _words(fields.get("channels", ""))
        return CacheAcl(
            flags=frozenset(_words(fields["flags"])) - {"allkeys", "allchannels", "allcommands"},
            keys=frozenset(key if key.startswith(("~", "%")) else f"~{key}" for key in keys),
            commands=tuple(_words(fields["commands"])),
            passwords=len(fields["passwords"]),
            extra={"channels": " ".join(channels)} if channels else {},
        )

    def _administer(self, *command: str) -> Any:
        """As the default user; where anybody is taken for it, a password is one too many."""
        try:
            return self._run(self._password, command)
        except Refused as refusal:
            if _ONE_TOO_MANY not in refusal.evidence:
                raise
        return self._run(None, command)

    def _run(self, password: str | None, command: tuple[str, ...]) -> Any:
        with speaking(self.name), client_of(self._endpoint(), password) as client:
            return client.execute_command(*command)


def _words(value: Any) -> list[str]:
    return value.split() if isinstance(value, str) else [str(word) for word in value]
