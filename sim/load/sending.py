"""A Locust user's connections, without what only a browser needs: one request, its status and its body.

FastHttpSession parses each request's URL anew, keeps cookies, follows redirects, raises and describes what is no 2xx.
Shoppers share connections, so that a cookie would be somebody else's, and a redirect is an answer like any other.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.url import URL
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastResponse

FAILURES: Final = (*FAILURE_EXCEPTIONS, ValueError)
"""What a request without an answer ends in. ValueError: an address that is none, as a platform may hand one out."""
_AS_IT_IS: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
"""Targets nothing of which needs percent-encoding (RFC 3986, section 3.3 and 3.4)."""


class Reply(NamedTuple):
    status: int
    body: bytes


class Sender:
    """``pool`` is one user's; ``base`` the gateway's URL, below which every target lies that is no URL itself."""

    def __init__(self, pool: HTTPClientPool, base: str) -> None:
        url = URL(base)
        self._pool = pool
        self._gateway = pool.get_client(url)
        self._prefix = url.path.rstrip("/")

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        """Raises one of FAILURES where no answer came."""
        if target.startswith("/"):
            path = self._prefix + target
            if not _AS_IT_IS.fullmatch(path):
                path = URL(path).quoted_uri
            return _asked(self._gateway, method, path, headers, body)
        url = URL(target)
        return _asked(self._pool.get_client(url), method, url.quoted_uri, headers, body)


def _asked(client: HTTPClient, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
    response = client.request(method, path, body, headers)
    # A request that did not offer to decode it is seldom sent something encoded; what is, is decoded as Locust does.
    content = FastResponse(response).content if "content-encoding" in response else response.read()
    return Reply(response.get_code(), content or b"")
