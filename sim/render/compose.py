"""A plan as a Compose project: the same images, commands, files, names, limits and documented probes.

Secrets stay ``${NAME}`` and come from ``.env``, which is generated beside the project and never committed. Inline
``configs`` need Compose 2.23.1 or later.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from sim.plan.model import PLACEHOLDER, FileSpec, Plan, ServerSpec

HEADER = """\
# Rendered from the topology by `sim render compose`; edit the topology, not this file.
# Secrets come from .env beside it (generated, never committed). Needs Compose 2.23.1 or later.
"""
_DOLLAR = re.compile(rf"{PLACEHOLDER.pattern}|\$")


class _Dumper(yaml.SafeDumper):
    """Multi-line text as literal blocks, so that a reader sees files as files."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def render_compose(plan: Plan, *, initialised: bool) -> str:
    """The project as YAML. ``initialised``: database images hold a data directory; else each server makes its own."""
    configs: dict[str, Any] = {}
    services = {server.name: _service(server, configs, initialised=initialised) for server in plan.servers}
    document: dict[str, Any] = {
        "name": f"sim-{plan.platform}-{plan.environment}",
        "services": services,
        "networks": {"pods": {"driver": "bridge"}},
        "configs": configs,
    }
    volumes: dict[str, Any] = {
        f"{server.name}-data": {} for server in plan.servers if server.persistent and server.data_path
    }
    if volumes:
        document["volumes"] = volumes
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def render_secrets(secrets: Mapping[str, str]) -> str:
    """The project's ``.env``."""
    return "".join(f"{name}={value}\n" for name, value in sorted(secrets.items()))


def _service(server: ServerSpec, configs: dict[str, Any], *, initialised: bool) -> dict[str, Any]:
    service: dict[str, Any] = {
        "image": server.image.reference,
        "hostname": server.hostname,
        **_command(server, initialised=initialised),
        "networks": {"pods": {"aliases": list(server.aliases)}},
        "security_opt": ["no-new-privileges:true"],
    }
    if server.confined:
        service |= {"cap_drop": ["ALL"], "read_only": True, "tmpfs": ["/tmp:size=16m"]}  # noqa: S108 - inside
    if server.environment:
        service["environment"] = {key: _escaped(value) for key, value in server.environment.items()}
    if server.files:
        service["configs"] = [_config(server, number, file, configs) for number, file in enumerate(server.files)]
    published = [f"127.0.0.1::{port.number}" for port in server.ports if port.published]
    if published:
        service["ports"] = published
    if server.persistent and server.data_path:
        service["volumes"] = [f"{server.name}-data:{server.data_path}"]
    if server.limits.memory_bytes is not None:
        service["mem_limit"] = f"{server.limits.memory_bytes}b"
        service["memswap_limit"] = f"{server.limits.memory_bytes}b"
    if server.limits.cpu_cores is not None:
        service["cpus"] = server.limits.cpu_cores
    if server.healthcheck is not None:
        service["healthcheck"] = {
            "test": ["CMD", *(_escaped(word) for word in server.healthcheck.command)],
            "start_period": f"{server.healthcheck.start_period_s:g}s",
            "interval": f"{server.healthcheck.interval_s:g}s",
            "retries": 10,
        }
    if server.after:
        service["depends_on"] = list(server.after)
    service["stop_grace_period"] = f"{server.stop_grace_s:g}s"
    return service


def _command(server: ServerSpec, *, initialised: bool) -> dict[str, Any]:
    words = [_escaped(word) for word in server.command]
    if server.kind == "mysql" and not initialised and server.data_path:
        flags = [word for word in server.command[1:] if not word.startswith("--init-file")]
        initialise = shlex.join([server.command[0], "--initialize-insecure", *flags])
        script = f"test -d {server.data_path}/mysql || {initialise} && exec {shlex.join(server.command)}"
        return {"user": "mysql", "entrypoint": ["sh", "-c", _escaped(script)]}
    if not words:
        return {}  # the image's own; an empty one would take that away
    if server.replaces_entrypoint:
        return {"entrypoint": words}
    return {"command": words}


def _config(server: ServerSpec, number: int, file: FileSpec, configs: dict[str, Any]) -> dict[str, Any]:
    name = f"{server.name}-{number}"
    configs[name] = {"content": _escaped(file.content)}
    return {"source": name, "target": file.path, "mode": file.mode}


def _escaped(text: str) -> str:
    """Only our placeholders are Compose's to fill; every other dollar is the file's own."""
    return _DOLLAR.sub(lambda match: match[0] if match[1] else "$$", text)
