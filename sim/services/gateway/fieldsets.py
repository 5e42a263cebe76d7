"""Sparse fieldsets: ``?fields=sku,name`` on a GET answers these members alone, of each item where it is a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from sim.services.contract.route import Route
from sim.services.gateway.refusals import Refusal

PARAMETER: Final = "fields"
_ITEMS: Final = "items"


def offered_fields(route: Route) -> frozenset[str]:
    """The members a caller may choose from; none where the route does not answer an object to a GET."""
    if route.method != "GET" or route.answers is None or _has_own_fields(route):
        return frozenset()
    try:
        answers = msgspec.inspect.type_info(route.answers)
    except TypeError:
        return frozenset()
    members = _members(answers)
    listed = members.get(_ITEMS)
    if isinstance(listed, (msgspec.inspect.ListType, msgspec.inspect.VarTupleType)):
        members = _members(listed.item_type)
    return frozenset(members)


def _has_own_fields(route: Route) -> bool:
    return route.query is not None and PARAMETER in _members(msgspec.inspect.type_info(route.query))


def _members(kind: Any) -> Mapping[str, Any]:
    if isinstance(kind, (msgspec.inspect.StructType, msgspec.inspect.DataclassType, msgspec.inspect.TypedDictType)):
        return {field.encode_name: field.type for field in kind.fields}
    return {}


def split_fields(query: str, offered: frozenset[str]) -> tuple[str, frozenset[str]]:
    """The query without ``fields``, and the members it chose (none: all). Raises Refusal 422 for one not offered."""
    if PARAMETER not in query or not offered:
        return query, frozenset()
    kept = [part for part in query.split("&") if part.partition("=")[0] != PARAMETER]
    if len(kept) == len(query.split("&")):
        return query, frozenset()
    pairs = parse_qsl(query, keep_blank_values=True)
    chosen = frozenset(n for key, value in pairs if key == PARAMETER for n in value.split(",") if n)
    unknown = sorted(chosen - offered)
    if unknown or not chosen:
        which = f"does not know {', '.join(unknown[:5])[:100]}" if unknown else "names no field"
        raise Refusal(422, "unknown-field", f"fields {which}; there are: {', '.join(sorted(offered))}.")
    return "&".join(kept), chosen


def narrowed(body: bytes, chosen: frozenset[str]) -> bytes:
    """The answer with the chosen members alone; anything but an object goes through as it is."""
    try:
        document = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if _ITEMS in document and _ITEMS not in chosen:
            items = msgspec.json.decode(document[_ITEMS], type=list[dict[str, msgspec.Raw]])
            picked = [{key: item[key] for key in item if key in chosen} for item in items]
            return msgspec.json.encode({**document, _ITEMS: picked})
    except (msgspec.DecodeError, RecursionError):
        return body
    return msgspec.json.encode({key: document[key] for key in document if key in chosen})
