"""A connection on its way down: what the driver says of it reaches callers as silence, never as a driver's error."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pika.exceptions import ChannelWrongStateError, ConnectionWrongStateError

from sim.errors import Unreachable
from sim.servers.amqp import AmqpLink


class _Closing:
    """A channel whose connection is closing: it is not lost yet, and takes nothing any more."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _: str) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            raise self._error

        return refuse


@pytest.mark.parametrize("error", [ConnectionWrongStateError("closed"), ChannelWrongStateError("closing")])
def test_whatever_is_said_to_a_closing_connection_is_unreachable(error: Exception) -> None:
    """Acknowledging, rejecting, asking, publishing: one kind of error, that callers know what to do about."""
    link = AmqpLink("node", cast("Any", None))
    link._channel = _Closing(error)
    for say in (
        lambda: link.acknowledge(1),
        lambda: link.reject(1, requeue=True),
        lambda: link.get("q", timeout_s=0.1),
        lambda: link.send("", "q", b"", persistent=True, headers=None),
        lambda: link.declare_queue("q", None, timeout_s=0.1),
    ):
        with pytest.raises(Unreachable, match="node"):
            say()
