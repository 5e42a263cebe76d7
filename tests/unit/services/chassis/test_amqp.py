"""A stranger's frames: what cannot be decoded costs its own message its properties, and nobody else anything."""

from __future__ import annotations

import struct
from typing import Any

import pika
import pytest
from pika.exceptions import InvalidFrameError

from sim.services.chassis.amqp import Properties, _Connection, without_properties

_BASIC = 60
_HEADERS_FLAG = pika.spec.BasicProperties.FLAG_HEADERS
_BODY_BYTES = 5


def _frame(kind: int, payload: bytes, end: int = pika.spec.FRAME_END) -> bytes:
    return struct.pack(">BHL", kind, 7, len(payload)) + payload + bytes([end])


def _header(value: bytes) -> bytes:
    """The frame of a content header with one header ``h`` of this encoded value."""
    table = b"\x01h" + value
    properties = struct.pack(">H", _HEADERS_FLAG) + struct.pack(">I", len(table)) + table
    return _frame(pika.spec.FRAME_HEADER, struct.pack(">HHQ", _BASIC, 0, _BODY_BYTES) + properties)


def _nested(depth: int) -> bytes:
    value = b"V"
    for _ in range(depth):
        value = b"A" + struct.pack(">I", len(value)) + value
    return value


def _read(data: bytes) -> tuple[int, Any]:
    connection = _Connection.__new__(_Connection)
    connection._frame_buffer = data
    return connection._read_frame()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"T" + struct.pack(">Q", 2**63), id="a date after the year 9999"),
        pytest.param(b"d" + struct.pack(">d", float("nan")), id="a number that is none"),
        pytest.param(b"f" + struct.pack(">f", float("inf")), id="a number without end"),
        pytest.param(_nested(20_000), id="lists twenty thousand deep"),
        pytest.param(b"?", id="a kind of value nobody knows"),
        pytest.param(b"L\x00", id="cut short"),
    ],
)
def test_properties_that_cannot_be_decoded_are_none(value: bytes) -> None:
    """The message arrives with its channel and its size; what follows it in the buffer is read as if nothing was."""
    sent = _header(value)
    length_bytes, frame = _read(sent + _header(b"V"))
    assert (length_bytes, frame.channel_number, frame.body_size) == (len(sent), 7, _BODY_BYTES)
    assert frame.properties == Properties()


def test_properties_that_can_be_decoded_are_kept() -> None:
    """As the driver reads them, dates and deep lists within reason among them."""
    assert _read(_header(b"S\x00\x00\x00\x02ab"))[1].properties.headers == {"h": "ab"}
    assert _read(_header(_nested(50)))[1].properties.headers is not None


def test_a_frame_that_is_not_whole_is_waited_for() -> None:
    """Nothing is consumed of it."""
    assert _read(_header(b"V")[:-1]) == (0, None)
    assert _read(b"") == (0, None)


def test_the_brokers_own_frames_must_be_understood() -> None:
    """A method or an end of frame that is none means that nobody knows where the next one begins."""
    with pytest.raises(KeyError):
        _read(_frame(pika.spec.FRAME_METHOD, struct.pack(">I", 0xFFFF_FFFF)))
    with pytest.raises(InvalidFrameError):
        _read(_frame(pika.spec.FRAME_HEADER, b"x" * 14, end=0))
    assert without_properties(_frame(pika.spec.FRAME_BODY, b"body")) is None
