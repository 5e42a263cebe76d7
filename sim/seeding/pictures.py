"""Small PNG pictures, drawn from numbers alone: a backdrop that fades, and a shape on it."""

from __future__ import annotations

import colorsys
import struct
import zlib
from random import Random

_SIZE_PX = 96
_DEPTH_BITS = 8
_TRUE_COLOUR = 2


def picture(random: Random, hue_degrees: int) -> bytes:
    """A PNG of a thing of that colour, a different one for each state of ``random``."""
    hue = (hue_degrees + random.randint(-14, 14)) % 360 / 360
    shape = random.choice(("disc", "block", "diamond"))
    radius_px = random.randint(_SIZE_PX // 5, _SIZE_PX // 3)
    thing = bytes(round(part * 255) for part in colorsys.hls_to_rgb(hue, 0.42, 0.55))
    rows = []
    for y in range(_SIZE_PX):
        shade = 0.96 - 0.14 * y / _SIZE_PX
        backdrop = bytes(round(part * 255) for part in colorsys.hls_to_rgb(hue, shade, 0.35))
        half = _half_width(shape, radius_px, y - _SIZE_PX // 2)
        side = backdrop * (_SIZE_PX // 2 - half)
        rows.append(side + thing * (2 * half) + side)
    return png(_SIZE_PX, rows)


def png(width_px: int, rows: list[bytes]) -> bytes:
    """Rows of RGB bytes as a PNG file (RFC 2083)."""
    header = struct.pack(">IIBBBBB", width_px, len(rows), _DEPTH_BITS, _TRUE_COLOUR, 0, 0, 0)
    unfiltered = b"".join(b"\0" + row for row in rows)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(unfiltered, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _half_width(shape: str, radius_px: int, y: int) -> int:
    """How far the shape reaches to each side of its middle, ``y`` pixels below it."""
    if abs(y) > radius_px:
        return 0
    if shape == "disc":
        return int((radius_px**2 - y**2) ** 0.5)
    return radius_px if shape == "block" else radius_px - abs(y)
