"""The object store (section 7): MinIO where its image can be had, else a named stand-in that speaks S3."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sim.images.model import ResolvedImage
from sim.plan.access import bucket_users
from sim.plan.draft import Draft, open_port_check, pod_name, secret_name
from sim.plan.model import FileSpec, Limits, PortSpec, ServerSpec
from sim.plan.pod_labels import OBJECT_STORE, own_labels
from sim.topology.model import Topology

ACCESS_KEY_SECRET = secret_name("minio", "access-key")
SECRET_KEY_SECRET = secret_name("minio", "secret-key")
_DATA_PATH = "/data"
_S3_CONFIG = "/etc/seaweedfs/s3.json"
_STAND_IN_METRICS_PORT = 9324
_HEAP_SHARE = 0.8
_BUCKET_ACTIONS = ("Read", "Write", "List", "Tagging")


def plan_object_store(draft: Draft) -> ServerSpec:
    store = draft.topology.object_store
    image = draft.images["object-store"]
    requests, limits = draft.limits(store.resources)
    minio = image.software == "minio"
    if not minio:
        draft.depart(
            store.name,
            f"{image.software} {image.version} serves S3 in place of MinIO",
            image.reason or "no MinIO image could be had (C7)",
            store.section,
        )
        draft.depart(store.name, f"no console on {store.console_port}", f"{image.software} has none", store.section)
    ports = [PortSpec("s3", store.api_port)]
    if minio:
        ports.append(PortSpec("console", store.console_port))
    else:
        ports.append(PortSpec("metrics", _STAND_IN_METRICS_PORT))
    return ServerSpec(
        name=store.name,
        kind="object-store",
        namespace=store.namespace,
        app=store.name,
        hostname=pod_name(store.name),
        address=draft.next_address(),
        aliases=draft.names(store.name, store.namespace),
        image=image,
        command=_minio_command(store.console_port) if minio else _seaweedfs_command(store.api_port),
        environment={
            "MINIO_ROOT_USER": f"${{{ACCESS_KEY_SECRET}}}",
            "MINIO_ROOT_PASSWORD": f"${{{SECRET_KEY_SECRET}}}",
            "MINIO_PROMETHEUS_AUTH_TYPE": "public",
        }
        if minio
        else _seaweedfs_environment(limits),
        files=() if minio else (FileSpec(_S3_CONFIG, _seaweedfs_identities(draft.topology)),),
        ports=tuple(ports),
        requests=requests,
        limits=limits,
        section=store.section,
        data_path=_DATA_PATH,
        persistent=draft.persistent,
        healthcheck=open_port_check(store.api_port),
        start_cost_cpu_s=0.8,
        labels=own_labels(store.name, OBJECT_STORE),
        facts={
            "access_key_secret": ACCESS_KEY_SECRET,
            "secret_key_secret": SECRET_KEY_SECRET,
            **{f"{user.bucket}_secret_key_secret": user.secret_key_secret for user in bucket_users(draft.topology)},
        },
    )


def metrics_endpoint(image: ResolvedImage, api_port: int) -> tuple[int, str]:
    """(port, path) Prometheus scrapes: MinIO's own, or the stand-in's."""
    if image.software == "minio":
        return api_port, "/minio/v2/metrics/cluster"
    return _STAND_IN_METRICS_PORT, "/metrics"


def _minio_command(console_port: int) -> tuple[str, ...]:
    return ("minio", "server", _DATA_PATH, "--console-address", f":{console_port}")


def _seaweedfs_environment(limits: Limits) -> Mapping[str, str]:
    """Go's collector knows no container's limit unless told: it would let garbage grow beyond it, and be killed."""
    if limits.memory_bytes is None:
        return {}
    return {"GOMEMLIMIT": str(round(_HEAP_SHARE * limits.memory_bytes))}


def _seaweedfs_command(api_port: int) -> tuple[str, ...]:
    """Every unauthenticated port of its inner parts stays on the pod's loopback; it reports home to nobody."""
    return (
        "weed",
        "server",
        f"-dir={_DATA_PATH}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.peers=none",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=64",
        "-volume.preStopSeconds=0",
        "-filer",
        "-s3",
        "-s3.ip.bind=0.0.0.0",
        f"-s3.port={api_port}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={_S3_CONFIG}",
        "-s3.autoCreateBucket=false",
        "-metricsIp=0.0.0.0",
        f"-metricsPort={_STAND_IN_METRICS_PORT}",
    )


def _seaweedfs_identities(topology: Topology) -> str:
    """One administrator, a user for each service with a bucket; everyone else gets what a bucket's policy allows."""
    identities = [
        _identity("admin", f"${{{ACCESS_KEY_SECRET}}}", SECRET_KEY_SECRET, ("Admin", *_BUCKET_ACTIONS)),
        *(
            _identity(
                user.name, user.name, user.secret_key_secret, [f"{action}:{user.bucket}" for action in _BUCKET_ACTIONS]
            )
            for user in bucket_users(topology)
        ),
    ]
    return json.dumps({"identities": identities}, indent=1) + "\n"


def _identity(name: str, access_key: str, secret_key_secret: str, actions: Sequence[str]) -> dict[str, Any]:
    credentials = {"accessKey": access_key, "secretKey": f"${{{secret_key_secret}}}"}
    return {"name": name, "credentials": [credentials], "actions": list(actions)}
