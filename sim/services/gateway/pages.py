"""What a person sees in a browser: the index, and the API's documentation on one page that loads nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from sim.services.gateway.answers import API_POLICY, Answer, json_answer

DOCS_PATH: Final = "/docs"
OPENAPI_PATH: Final = "/openapi.json"

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
nav a{margin-right:.8rem}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
details{border:1px solid var(--line);border-radius:.4rem;margin:.4rem 0;padding:.3rem .7rem}
summary{cursor:pointer;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
summary b{min-width:4.2rem;font:600 .85rem ui-monospace,monospace}code,pre{font:.85rem ui-monospace,monospace}
pre{background:var(--soft);padding:.6rem;overflow:auto;border-radius:.4rem}.who{margin-left:auto;opacity:.7;font-size:.85rem}
table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}
""".strip()
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    b"content-security-policy",
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'".encode(),
)


def index(services: Iterable[str]) -> Answer:
    """What there is, for a person or a program that knows the address alone."""
    return json_answer(
        200,
        {
            "name": "E-commerce platform",
            "documentation": DOCS_PATH,
            "openapi": OPENAPI_PATH,
            "health": "/health",
            "services": {key: f"/api/{key}" for key in services},
        },
        [API_POLICY],
    )


def docs(document: Mapping[str, Any]) -> Answer:
    """The OpenAPI document for a person."""
    tags = [tag["name"] for tag in document["tags"]]
    sections = "".join(_section(tag, document) for tag in tags)
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in tags)
    info = document["info"]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])} "
        f'Machines read <a href="{OPENAPI_PATH}">{OPENAPI_PATH}</a>.</p>'
        "<p>Sign in with <code>POST /api/auth/login</code> and send the access token as "
        "<code>Authorization: Bearer …</code>. Errors are RFC 9457 problems; quote their <code>trace_id</code>.</p>"
        f"<nav>{links}</nav>{sections}</body></html>"
    )
    return Answer(200, page.encode(), b"text/html; charset=utf-8", [_POLICY])


def _section(tag: str, document: Mapping[str, Any]) -> str:
    found = [
        _operation(method, path, operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if tag in operation["tags"]
    ]
    return f'<h2 id="{escape(tag)}">{escape(tag)}</h2>' + "".join(found)


def _operation(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    who = operation.get("x-permission") or ("signed in" if operation["security"] else "anybody")
    parameters = "".join(_parameter(parameter) for parameter in operation["parameters"] if "name" in parameter)
    table = f"<table>{parameters}</table>" if parameters else ""
    answers = ", ".join(operation["responses"])
    return (
        f"<details><summary><b>{method.upper()}</b><code>{escape(path)}</code>{escape(operation['summary'])}"
        f'<span class="who">{escape(who)}</span></summary>{table}'
        f"<p>Answers {escape(answers)}.</p><pre>{escape(_curl(method, path, operation, document))}</pre></details>"
    )


def _parameter(parameter: Mapping[str, Any]) -> str:
    schema = parameter["schema"]
    kind = schema.get("pattern") or schema.get("type") or "any of several"
    need = "required" if parameter["required"] else "optional"
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td><td>{need}</td>"
        f"<td><code>{escape(str(kind))}</code></td></tr>"
    )


def _curl(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    words = ["curl"] if method == "get" else ["curl", "-X", method.upper()]
    words.append(f"http://localhost:8100{path}")
    if operation["security"]:
        words.append('-H "Authorization: Bearer $TOKEN"')
    if "requestBody" in operation:
        words.append("-H 'Content-Type: application/json'")
        words.append(f"-d '{_example(operation, document)}'")
    return " ".join(words)


def _example(operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The members of the body with their types, so that one sees at a glance what to send."""
    schema = next(iter(operation["requestBody"]["content"].values()))["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    members = (f'"{name}": …' for name in schema.get("properties", {}))
    return "{" + ", ".join(members) + "}"
