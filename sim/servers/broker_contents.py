"""What a broker was told to be (its definitions) and what its queues hold: written down, compared, and put back.

Definitions are those of the management API: users, virtual hosts, permissions, parameters, policies, durable queues and
exchanges, bindings. Messages belong to no definition: a fresh queue is empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sim.errors import Refused
from sim.servers.management import Management

Definitions = Mapping[str, Any]

# In this order they can be taken away; whatever hangs on something goes before it.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "bindings": ("vhost", "source", "destination_type", "destination", "routing_key", "arguments"),
    "queues": ("vhost", "name"),
    "exchanges": ("vhost", "name"),
    "policies": ("vhost", "name"),
    "parameters": ("component", "vhost", "name"),
    "topic_permissions": ("user", "vhost", "exchange"),
    "permissions": ("user", "vhost"),
    "users": ("name",),
    "vhosts": ("name",),
}
_NOT_FOUND = "404"


def read(management: Management) -> Definitions:
    """The whole of them."""
    whole: Definitions = management.ask_any("definitions")
    return {kind: list(whole.get(kind) or ()) for kind in _KINDS}


def unlike(fresh: Definitions, now: Definitions) -> tuple[str, ...]:
    """What is new, gone or another, as ``queues sim.x`` or ``users guest``."""
    return tuple(
        f"{kind} {_told(kind, item)}"
        for kind in _KINDS
        for item in (*_beside(kind, now, fresh), *_beside(kind, fresh, now, both=False))
    )


def put_back(management: Management, fresh: Definitions) -> int:
    """Take away what is new or another, import what is missing; how many things were not as they were."""
    now = read(management)
    for kind in _KINDS:
        for item in _beside(kind, now, fresh):
            _remove(management, kind, item)
    changed = unlike(fresh, now)
    if any(_beside(kind, fresh, now) for kind in _KINDS):
        management.post(("definitions",), dict(fresh))
    return len(changed)


def _beside(kind: str, these: Definitions, those: Definitions, *, both: bool = True) -> list[Mapping[str, Any]]:
    """What ``these`` have that ``those`` do not have alike; without ``both``, what those do not have at all."""
    known = {_key(kind, item): item for item in those[kind]}
    return [
        item for item in these[kind] if (known.get(_key(kind, item)) != item if both else _key(kind, item) not in known)
    ]


def _key(kind: str, item: Mapping[str, Any]) -> str:
    return json.dumps([item.get(part) for part in _KINDS[kind]], sort_keys=True)


def _told(kind: str, item: Mapping[str, Any]) -> str:
    if kind == "bindings":
        return f"{item['source']} → {item['destination']} ({item['routing_key']})"
    return " ".join(str(item.get(part)) for part in _KINDS[kind] if part != "vhost" or kind == "permissions")


def _remove(management: Management, kind: str, item: Mapping[str, Any]) -> None:
    """It may have gone with something else."""
    try:
        management.remove(_path(management, kind, item))
    except Refused as refusal:
        if refusal.code != _NOT_FOUND:
            raise


def _path(management: Management, kind: str, item: Mapping[str, Any]) -> Sequence[str]:
    match kind:
        case "bindings":
            letter = "q" if item["destination_type"] == "queue" else "e"
            between = ("bindings", item["vhost"], "e", item["source"], letter, item["destination"])
            found = management.find(*between) or ()
            same = [b for b in found if (b["routing_key"], b["arguments"]) == (item["routing_key"], item["arguments"])]
            return (*between, same[0]["properties_key"] if same else "~")
        case "permissions":
            return ("permissions", item["vhost"], item["user"])
        case "topic_permissions":
            return ("topic-permissions", item["vhost"], item["user"])
        case "parameters":
            return ("parameters", item["component"], item["vhost"], item["name"])
        case "users" | "vhosts":
            return (kind, item["name"])
        case _:
            return (kind, item["vhost"], item["name"])
