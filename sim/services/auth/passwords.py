"""Passwords as scrypt hashes that carry their own parameters, so that these can grow without a migration."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cost:
    """Memory is 128 x block_size x 2^log2_n bytes: 8 MiB here, for containers of 256 MiB with several at work."""

    log2_n: int = 13
    block_size: int = 8
    parallel: int = 1

    def derive(self, password: str, salt: bytes) -> bytes:
        n = 1 << self.log2_n
        return hashlib.scrypt(
            # HMAC, inside, pads its key with NULs: without a digest first, NULs at a password's end would not count.
            hashlib.sha256(password.encode()).digest(),
            salt=salt,
            n=n,
            r=self.block_size,
            p=self.parallel,
            maxmem=256 * self.block_size * n,
            dklen=32,
        )


COST: Final = Cost()


def _encode(cost: Cost, salt: bytes, key: bytes) -> str:
    encoded = (base64.b64encode(part).decode() for part in (salt, key))
    return "$".join(("scrypt", str(cost.log2_n), str(cost.block_size), str(cost.parallel), *encoded))


NOBODY: Final = _encode(COST, bytes(16), bytes(32))
"""A hash no password has, as dear to check as a real one: an unknown user must not answer faster."""


def hashed(password: str, cost: Cost = COST) -> str:
    salt = secrets.token_bytes(16)
    return _encode(cost, salt, cost.derive(password, salt))


def matches(password: str, encoded: str) -> bool:
    _, log2_n, block_size, parallel, salt, key = encoded.split("$")
    cost = Cost(int(log2_n), int(block_size), int(parallel))
    return hmac.compare_digest(cost.derive(password, base64.b64decode(salt)), base64.b64decode(key))
