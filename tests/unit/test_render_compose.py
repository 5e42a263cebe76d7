"""The plan as a Compose project and as Prometheus files: the same servers, no secret, only our dollars filled in."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from sim.plan.model import FileSpec, Plan
from sim.plan.pods import build_plan
from sim.render.compose import render_compose, render_secrets
from sim.render.documented import documented_images
from sim.render.prometheus import render_prometheus
from sim.runtime.secrets import generate
from tests.unit.plan_sample import SUBNET, packaged, plan, server


def _project(whole: Plan, *, initialised: bool = True) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(render_compose(whole, initialised=initialised))
    return document


def _interpolated(text: str, values: dict[str, str]) -> str:
    """As Compose reads it: ``$$`` is a dollar, ``${NAME}`` a variable, anything else an error."""

    def one(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        assert match[1], f"Compose would stumble over {text[match.start() : match.start() + 20]!r}"
        return values[match[1]]

    return re.sub(r"\$\$|\$\{([A-Z][A-Z0-9_]*)\}|\$", one, text)


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
@pytest.mark.parametrize("initialised", [True, False])
def test_every_server_is_a_service(environment: str, *, initialised: bool) -> None:
    """Same names, images, aliases and published ports; valid YAML in every environment."""
    whole = plan(environment=environment)  # type: ignore[arg-type] # named by the parametrization
    project = _project(whole, initialised=initialised)
    assert set(project["services"]) == {s.name for s in whole.servers}
    for spec in whole.servers:
        service = project["services"][spec.name]
        assert service["image"] == spec.image.reference
        assert service["hostname"] == spec.hostname
        assert service["networks"]["pods"]["aliases"] == list(spec.aliases)
        assert service.get("ports", []) == [f"127.0.0.1::{p.number}" for p in spec.ports if p.published]
        assert service.get("depends_on", []) == list(spec.after)
        assert ("volumes" in service) == bool(spec.persistent and spec.data_path)
        assert service.get("mem_limit") == (f"{spec.limits.memory_bytes}b" if spec.limits.memory_bytes else None)
    volumes = {f"{s.name}-data" for s in whole.servers if s.persistent and s.data_path}
    assert set(project.get("volumes", {})) == volumes


def test_nothing_is_published_beyond_loopback() -> None:
    """Documented passwords or not, no server listens to the street."""
    ports = [port for service in _project(plan())["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_files_arrive_as_the_plan_has_them() -> None:
    """After Compose's interpolation each file is what the rig itself would put in the container."""
    whole = plan()
    values = dict(generate(whole.secret_names))
    project = _project(whole)
    for spec in whole.servers:
        mounts = {c["target"]: c for c in project["services"][spec.name].get("configs", ())}
        assert set(mounts) == {f.path for f in spec.files}
        for file in spec.files:
            written = _interpolated(project["configs"][mounts[file.path]["source"]]["content"], values)
            assert written == re.sub(r"\$\{([A-Z][A-Z0-9_]*)\}", lambda m: values[m[1]], file.content)
            assert mounts[file.path]["mode"] == file.mode


def test_commands_environment_and_probes_survive_interpolation() -> None:
    """A dollar of the shell's stays the shell's."""
    whole = plan()
    project = _project(whole)
    values = dict(generate(whole.secret_names))
    for spec in whole.servers:
        service = project["services"][spec.name]
        words = service.get("entrypoint") or service.get("command")
        assert [_interpolated(w, values) for w in words] == list(spec.command)
        if spec.healthcheck:
            assert [_interpolated(w, {}) for w in service["healthcheck"]["test"]] == ["CMD", *spec.healthcheck.command]
        for key, value in service.get("environment", {}).items():
            assert "$" not in _interpolated(value, values), key


def test_only_our_placeholders_are_filled_in() -> None:
    """Odd dollars of every kind in a file, an argument and a variable come out as they went in."""
    odd = "$labels ${lower} $$ ${1} $( x ) 5$ ${OURS}"
    spec = server("odd", command=("run", odd), environment={"KEY": odd}, files=(FileSpec("/f", odd),))
    whole = plan(only=("redis",))
    project = _project(type(whole)(**{**_fields(whole), "servers": (spec,)}))
    expected = odd.replace("${OURS}", "secret")
    for text in (
        project["services"]["odd"]["command"][1],
        project["services"]["odd"]["environment"]["KEY"],
        project["configs"]["odd-0"]["content"],
    ):
        assert _interpolated(text, {"OURS": "secret"}) == expected


def test_a_stand_in_is_confined_and_a_real_image_keeps_its_own_command() -> None:
    """As in a stack of the rig's: read-only but for /tmp, no capability; the image a user gives, by its name."""
    services = _project(plan())["services"]
    for name in ("orders-service", "api-gateway"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["entrypoint"] == ["python3", "-m", "sim.services", name]
    assert not [s for s in services.values() if "/var/run/docker.sock" in str(s)]
    gateway = packaged().gateway.model_copy(update={"image": "registry.local/gateway:9"})
    topology = packaged().model_copy(update={"gateway": gateway})
    named = {**documented_images(topology)}
    whole = build_plan(topology, "development", named, SUBNET)
    service = _project(whole)["services"]["api-gateway"]
    assert service["image"] == "registry.local/gateway:9"
    assert not {"command", "entrypoint", "read_only", "cap_drop", "healthcheck"} & set(service)
    assert service["environment"]["RABBITMQ_PASSWORD"] == "${API_GATEWAY_RABBITMQ_PASSWORD}"


def _fields(whole: Plan) -> dict[str, Any]:
    return {name: getattr(whole, name) for name in Plan.__dataclass_fields__}


def test_an_uninitialised_database_makes_its_own_data_once() -> None:
    """Only where there is none, by the same flags, before the same command; never insecurely reachable."""
    whole = plan(only=("auth-service-mysql",))
    spec = whole.server("auth-service-mysql")
    own = _project(whole, initialised=False)["services"][spec.name]
    golden = _project(whole, initialised=True)["services"][spec.name]
    assert golden["command"] == list(spec.command)
    assert "entrypoint" not in golden
    shell, option, script = own["entrypoint"]
    assert (shell, option) == ("sh", "-c")
    first, second = script.split(" && exec ")
    assert first.startswith("test -d /var/lib/mysql/mysql || mysqld --initialize-insecure ")
    assert "--init-file" not in first, "it would run before there is anything to set up"
    assert second.split() == list(spec.command)
    assert own["user"] == "mysql"


def test_no_secret_is_in_the_project_and_every_placeholder_is_in_the_env_file() -> None:
    """The project is committed, ``.env`` is not."""
    whole = plan()
    values = generate(whole.secret_names)
    text = render_compose(whole, initialised=True)
    assert not [v for v in values.values() if v in text]
    used = set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)\}", text))
    written = dict(line.split("=", 1) for line in render_secrets(values).splitlines())
    assert used <= set(written)
    assert written == dict(values)


def test_rendering_is_reproducible() -> None:
    """A committed file is stale only when the topology changed."""
    assert render_compose(plan(), initialised=False) == render_compose(plan(), initialised=False)


def test_the_documents_own_images_are_rendered() -> None:
    """Without an engine: what the document names, word for word."""
    images = documented_images(packaged())
    assert images["mysql"].reference == "mysql:8.0"
    assert images["mysql"].version_tuple == (8, 0)
    assert images["object-store"].software == "minio"


def test_prometheus_files_are_those_of_the_stack() -> None:
    """Each once, whichever replica has it, byte for byte."""
    whole = plan()
    files = render_prometheus(whole)
    assert set(files) == {"prometheus.yml", "rules.yml", "alertmanager.yml"}
    for name, server_name in (("prometheus.yml", "prometheus-1"), ("alertmanager.yml", "alertmanager-1")):
        assert files[name] in {f.content for f in whole.server(server_name).files}
        assert yaml.safe_load(files[name])
