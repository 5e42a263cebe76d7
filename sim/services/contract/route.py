"""An HTTP route of a service, as the gateway publishes it and the service answers it over AMQP."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

PUBLIC: Final = "public"
"""Anybody may call it."""
SIGNED_IN: Final = "signed-in"
"""Any valid access token may call it."""
INTERNAL: Final = "internal"
"""Other services may call it over the broker; the gateway does not publish it (404)."""

_PARAMETER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """``path`` is relative to ``/api/<service key>``: ``/{sku}`` of products is ``/api/products/{sku}``.

    The collection itself is the empty path (``/api/products``). Where two routes match, the one with fewer parameters
    is meant. ``name`` (``products.show``) is the OpenAPI operation and the key of its handler. ``access`` is PUBLIC,
    SIGNED_IN, INTERNAL or the permission a token must carry. ``takes`` and ``query`` are the msgspec Structs of the
    JSON body and of the query string, ``answers`` that of the 2xx body (None: no body). ``problems`` are the error
    statuses of its own, beside those every route may answer (see :data:`EVERYWHERE`). ``creates``: 201 in place of
    ``status`` where there was nothing yet. ``light`` handlers touch no server and are answered on the event loop
    itself.
    """

    name: str
    method: str
    path: str
    summary: str
    access: str
    answers: Any = None
    takes: Any = None
    query: Any = None
    status: int = 200
    problems: tuple[int, ...] = ()
    creates: bool = False
    light: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        escaped = _PARAMETER.sub(lambda match: f"(?P<{match[1]}>[^/]+)", self.path)
        object.__setattr__(self, "pattern", re.compile(escaped))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path's braces, in order."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def service(self) -> str:
        """The service key: ``products`` of ``products.show``."""
        return self.name.partition(".")[0]

    @property
    def changes(self) -> bool:
        """Whether it may change anything; such a call is remembered by its message id and not done twice."""
        return self.method not in {"GET", "HEAD"}


EVERYWHERE: Final = (400, 404, 405, 413, 422, 429, 503, 504)
"""Statuses the gateway may answer on any route; 401 and 403 besides where ``access`` is not PUBLIC."""
