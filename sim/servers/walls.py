"""What an isolation scenario may ask of the shared servers: attempts as anybody, and rights given and taken back.

Attempts return what the server said, never raise for a refusal, and raise :class:`sim.errors.Unreachable` for silence.
Rights are given for controls and for mutants alone, and always taken back by who gave them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sim.servers.answers import Answer
from sim.servers.broker_deeds import BrokerDeed, Patterns
from sim.servers.cache_deeds import CacheAcl
from sim.servers.sql_deeds import SqlDeed
from sim.servers.store_deeds import S3Key, StoreDeed


class SqlWall(Protocol):
    """One MySQL server's accounts."""

    name: str

    def attempts(self, user: str, password: str, schema: str, deeds: Sequence[SqlDeed]) -> tuple[Answer, ...]:
        """Each deed in turn over one connection; one answer for all when the login itself is refused."""
        ...

    def visible_schemas(self, user: str, password: str) -> tuple[str, ...]:
        """What ``information_schema`` shows the account."""
        ...

    def make_schema(self, schema: str) -> None: ...
    def drop_schema(self, schema: str) -> None: ...
    def make_account(self, user: str, host: str, password: str) -> None: ...
    def drop_account(self, user: str, host: str) -> None: ...
    def grant(self, user: str, host: str, privileges: str, on: str) -> None:
        """``on`` is ``*.*`` or a schema's ``name.*``; ``GRANT OPTION`` is a privilege like others."""
        ...

    def revoke(self, user: str, host: str, privileges: str, on: str) -> None: ...


class BrokerWall(Protocol):
    """The cluster's users and permissions."""

    def attempts(self, user: str, password: str, vhost: str, deeds: Sequence[BrokerDeed]) -> tuple[Answer, ...]:
        """Each deed in turn, one answer each; one answer for all when the login itself is refused."""
        ...

    def management(self, user: str, password: str, path: str) -> Answer:
        """``GET /api/<path>``; the HTTP status is the code."""
        ...

    def make_user(self, user: str, password: str, tags: tuple[str, ...] = ()) -> None: ...
    def delete_user(self, user: str) -> None: ...
    def tag(self, user: str, tags: tuple[str, ...]) -> None:
        """The tags of an existing user, whose password stays."""
        ...

    def permit(self, user: str, vhost: str, patterns: Patterns) -> None: ...
    def forbid(self, user: str, vhost: str) -> None: ...
    def make_vhost(self, vhost: str) -> None: ...
    def delete_vhost(self, vhost: str) -> None: ...


class StoreWall(Protocol):
    """The object store's buckets, with any key or none."""

    name: str

    def attempt(self, key: S3Key | None, deed: StoreDeed, bucket: str, name: str) -> Answer:
        """The HTTP status is the code, S3's own error code the message."""
        ...

    def presigned(self, key: S3Key, method: str, bucket: str, name: str, expires_s: int) -> str:
        """A URL; a negative ``expires_s`` gives one that ran out that long ago. Asks nobody."""
        ...

    def follow(self, method: str, url: str, body: bytes = b"") -> Answer: ...
    def policy(self, bucket: str) -> Mapping[str, Any]:
        """The bucket's policy document, empty when it has none."""
        ...

    def set_policy(self, bucket: str, document: Mapping[str, Any] | None) -> None: ...
    def make_bucket(self, bucket: str) -> None: ...
    def remove_bucket(self, bucket: str) -> None: ...


class CacheWall(Protocol):
    """Redis' users."""

    name: str

    def attempts(
        self, user: str | None, password: str | None, commands: Sequence[tuple[str, ...]]
    ) -> tuple[Answer, ...]:
        """Each command in turn over one connection, with no AUTH at all when ``password`` is None.

        ``user`` None is the default user. One answer for all when AUTH itself is refused.
        """
        ...

    def users(self) -> Mapping[str, CacheAcl]: ...
    def set_user(self, user: str, *rules: str) -> None:
        """``ACL SETUSER``: rules are added to those the user has."""
        ...

    def delete_user(self, user: str) -> None: ...
    def rules(self, user: str) -> tuple[str, ...]:
        """The rules that make the user again, its passwords as digests (``ACL LIST``)."""
        ...
