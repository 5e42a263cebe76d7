"""Objects as a ledger's entries: each holds its own key over and over, so that one cut short or mixed up shows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from sim.errors import SimError
from sim.history import Outcome
from sim.servers.messaging_protocol import Settled

OBJECT_BYTES = 16 * 1024
PART_BYTES = 5 * 1024 * 1024
"""The least a part may be in S3's multipart uploads."""
_STARTED_S = 10.0
_ENDED_S = 30.0
_HELD_S = 300.0


def body_of(key: str, size: int = OBJECT_BYTES) -> bytes:
    """What the object of that key must hold."""
    line = f"{key}\n".encode()
    return (line * (size // len(line) + 1))[:size]


class ObjectShelf:
    """Implements :class:`sim.servers.shelf.Shelf`; ``store`` speaks S3 and lists, streams and reads."""

    def __init__(self, store: Any, bucket: str, prefix: str) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = prefix
        self._uploads: list[_Upload] = []

    def write(self, id: str) -> Settled:  # noqa: A002 - the entry's name
        try:
            answer = self._store.put(self._bucket, f"{self._prefix}{id}", body_of(id))
        except SimError as error:
            return Settled(id, Outcome.UNSURE, f"{error.what} {error.evidence}")
        if answer.accepted:
            return Settled(id, Outcome.OK)
        # A server in trouble (5xx) may have stored it before it answered.
        outcome = Outcome.UNSURE if answer.status >= 500 or not answer.status else Outcome.FAILED
        return Settled(id, outcome, f"{answer.status} {answer.code}")

    def begin(self, id: str) -> bool:  # noqa: A002 - the entry's name
        upload = _Upload(id)
        self._uploads.append(upload)
        return upload.start(lambda parts: self._store.put_parts(self._bucket, f"{self._prefix}{id}", parts, PART_BYTES))

    def inventory(self) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        for key in self._store.keys(self._bucket, self._prefix):
            entry = key.removeprefix(self._prefix)
            body = self._store.get(self._bucket, key).body
            found[entry] = body == body_of(entry, OBJECT_BYTES if len(body) <= OBJECT_BYTES else 2 * PART_BYTES)
        return found

    def clear(self) -> None:
        for key in self._store.keys(self._bucket, self._prefix):
            self._store.delete(self._bucket, key, every_version=True)

    def close(self) -> None:
        uploads, self._uploads = self._uploads, []
        for upload in uploads:
            upload.end()


class _CutOffError(Exception):
    """What ends an upload in its middle: the client then takes its parts away again."""


class _Upload:
    """One multipart upload from a thread of its own, held after its first part, and never finished."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._under_way = threading.Event()
        self._cut = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, send: Callable[[Iterator[bytes]], object]) -> bool:
        def upload() -> None:
            with suppress(SimError, _CutOffError):
                send(self._parts())

        self._thread = threading.Thread(target=upload, name=f"upload {self._entry}", daemon=True)
        self._thread.start()
        return self._under_way.wait(_STARTED_S)

    def end(self) -> None:
        self._cut.set()
        if self._thread is not None:
            self._thread.join(_ENDED_S)

    def _parts(self) -> Iterator[bytes]:
        whole = body_of(self._entry, 2 * PART_BYTES)
        # A byte more than a part tells the client that there is a second one. Asked for that, it has sent the first.
        yield whole[: PART_BYTES + 1]
        self._under_way.set()
        self._cut.wait(_HELD_S)
        raise _CutOffError(self._entry)
