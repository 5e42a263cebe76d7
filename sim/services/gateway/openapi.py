"""The published API as OpenAPI 3.1, generated from the routes the gateway really serves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from sim.services.contract.message import JSON, PROBLEM_JSON
from sim.services.contract.route import EVERYWHERE, INTERNAL, PUBLIC, SIGNED_IN, Route
from sim.services.contract.shop import Identifier, Sku
from sim.services.gateway.fieldsets import PARAMETER, offered_fields
from sim.services.gateway.routing import API_PREFIX

OPENAPI_VERSION: Final = "3.1.0"
_SCHEMAS: Final = "#/components/schemas/{name}"
_CREATED: Final = 201
_RETRIED: Final = (429, 503)
_OWN_ERRORS: Final = (408, 414)
"""Of a body that does not come and a target that does not end, on any route."""

_PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status", "detail", "instance", "trace_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
}


def document(routes: Mapping[str, Sequence[Route]], version: str) -> dict[str, Any]:
    """``routes`` are every service's by its key; internal ones are left out, as they are from the gateway."""
    published = {key: [r for r in table if r.access != INTERNAL] for key, table in routes.items()}
    flat = [route for table in published.values() for route in table]
    schemas = _Schemas(flat)
    paths: dict[str, dict[str, Any]] = {}
    for key, table in published.items():
        for route in table:
            paths.setdefault(f"{API_PREFIX}{key}{route.path}", {})[route.method.lower()] = _operation(
                key, route, schemas
            )
    written = {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "E-commerce platform",
            "version": version,
            "description": "Every public operation of the platform's services, as the API gateway publishes them.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": key} for key in published],
        "paths": paths,
        "components": {
            "schemas": {"Problem": dict(_PROBLEM), **schemas.components},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "responses": {str(status): _problem_response(status) for status in _every_status(flat)},
            "parameters": {"IdempotencyKey": _idempotency_key()},
        },
    }
    # Defaults are Python values (tuples, dates) until they have been through JSON once.
    return msgspec.json.decode(msgspec.json.encode(written), type=dict[str, Any])


class _Schemas:
    """JSON schemas of every type the routes carry, generated together so that names are shared."""

    def __init__(self, routes: Sequence[Route]) -> None:
        kinds: list[Any] = []
        for route in routes:
            kinds += [kind for kind in (route.takes, route.answers, route.query) if kind is not None]
        generated, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
        self._generated = [*zip(kinds, generated, strict=True)]
        queries = [kind for route in routes if (kind := route.query) is not None]
        bodies = [kind for route in routes for kind in (route.takes, route.answers) if kind is not None]
        _, wanted = msgspec.json.schema_components(bodies, ref_template=_SCHEMAS)
        self._all = components
        # The structs of query strings are spelt out as parameters; nothing refers to them.
        self.components = {name: components[name] for name in components if not queries or name in wanted}

    def of(self, kind: Any) -> dict[str, Any]:
        return next(schema for known, schema in self._generated if known is kind or known == kind)

    def members(self, kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
        """Of a struct: its members' schemas, and which must be there."""
        schema = self.of(kind)
        if "$ref" in schema:
            schema = self._all[schema["$ref"].rpartition("/")[2]]
        properties = {name: self._inlined(member) for name, member in schema.get("properties", {}).items()}
        return properties, frozenset(schema.get("required", ()))

    def narrowed(self, route: Route) -> dict[str, Any]:
        """What ``?fields=`` leaves of the route's answer: the same members, none of them required."""
        if not offered_fields(route):
            return {}
        members, _ = self.members(route.answers)
        if "items" in members and "items" not in offered_fields(route):
            item = {**self._inlined(members["items"]["items"]), "required": [], "minProperties": 0}
            members = {**members, "items": {**members["items"], "items": item}}
        return {"type": "object", "description": "the members asked for with `fields`", "properties": members}

    def _inlined(self, schema: Any) -> Any:
        if isinstance(schema, dict) and "$ref" in schema:
            return self._all[schema["$ref"].rpartition("/")[2]]
        return schema


def _operation(key: str, route: Route, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [key],
        "parameters": [*_parameters(route, schemas)],
        "responses": _responses(route, schemas),
        "security": [] if route.access == PUBLIC else [{"bearer": []}],
    }
    if route.access not in {PUBLIC, SIGNED_IN}:
        operation["x-permission"] = route.access
    if route.takes is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas.of(route.takes)}}}
    return operation


def _parameters(route: Route, schemas: _Schemas) -> Iterable[dict[str, Any]]:
    for name in route.parameters:
        yield {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
    if route.query is not None:
        members, required = schemas.members(route.query)
        for name, schema in members.items():
            yield {"name": name, "in": "query", "required": name in required, "schema": schema}
    offered = sorted(offered_fields(route))
    if offered:
        yield {
            "name": PARAMETER,
            "in": "query",
            "required": False,
            "description": "answer these members alone",
            "style": "form",
            "explode": False,
            "schema": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": offered}},
        }
    if route.changes:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}


def _path_schema(name: str) -> dict[str, Any]:
    if name == "sku":
        return msgspec.json.schema(Sku)
    if name == "id" or name.endswith("_id"):
        return msgspec.json.schema(Identifier)
    return {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}


def _idempotency_key() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same call again under the same key is answered, not done again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!#-\\[\\]-~]+$"},
    }


def statuses(route: Route) -> list[int]:
    """Every error status the route may answer with."""
    own = {*EVERYWHERE, *_OWN_ERRORS, *route.problems, 401}
    if route.access not in {PUBLIC, SIGNED_IN}:
        own.add(403)
    if route.takes is not None:
        own.add(415)
    return sorted(own)


def _every_status(routes: Iterable[Route]) -> list[int]:
    return sorted({status for route in routes for status in statuses(route)})


def _responses(route: Route, schemas: _Schemas) -> dict[str, Any]:
    answered: dict[str, Any] = {"description": re.sub(r"\s+", " ", route.summary)}
    if route.answers is not None:
        whole = schemas.of(route.answers)
        narrowed = schemas.narrowed(route)
        answered["content"] = {JSON: {"schema": {"anyOf": [whole, narrowed]} if narrowed else whole}}
    return {
        str(route.status): answered,
        **({str(_CREATED): answered} if route.creates else {}),
        **{str(s): {"$ref": f"#/components/responses/{s}"} for s in statuses(route) if s != route.status},
    }


def _problem_response(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_JSON: {"schema": {"$ref": _SCHEMAS.format(name="Problem")}}},
    }
    if status in _RETRIED:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 0}}}
    if status == HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response["headers"] = {"Allow": {"schema": {"type": "string"}}}
    return response
