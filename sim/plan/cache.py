"""Redis (section 8): one instance, with a password, its data in ``/data``."""

from __future__ import annotations

from sim.plan.access import cache_users
from sim.plan.draft import Draft, pod_name, secret_name
from sim.plan.model import FileSpec, Healthcheck, PortSpec, ServerSpec
from sim.plan.pod_labels import CACHE, own_labels
from sim.topology.model import Topology

PASSWORD_SECRET = secret_name("redis", "password")
_CONFIG = "/etc/redis/sim.conf"


def plan_cache(draft: Draft) -> ServerSpec:
    cache = draft.topology.cache
    namespace = draft.environment.namespace
    requests, limits = draft.limits(cache.resources)
    draft.depart(
        cache.name,
        "the password is read from a file instead of --requirepass on the command line",
        "an argument shows in every process list of the node",
        cache.section,
    )
    liveness = cache.probes.liveness
    return ServerSpec(
        name=cache.name,
        kind="redis",
        namespace=namespace,
        app=cache.name,
        hostname=pod_name(cache.name),
        address=draft.next_address(),
        aliases=draft.names(cache.name, namespace),
        image=draft.images["redis"],
        command=("redis-server", _CONFIG),
        environment={},
        files=(FileSpec(_CONFIG, _configuration(draft.topology)),),
        ports=(PortSpec("redis", cache.port),),
        requests=requests,
        limits=limits,
        section=cache.section,
        data_path=cache.data_path,
        persistent=draft.persistent,
        healthcheck=Healthcheck(
            ("sh", "-c", f'REDISCLI_AUTH="$(sed -n "s/^requirepass //p" {_CONFIG})" redis-cli ping | grep -q PONG'),
            float(liveness.initial_delay_s),
            float(liveness.period_s),
        )
        if liveness
        else None,
        start_cost_cpu_s=0.1,
        facts={"password_secret": PASSWORD_SECRET},
        labels=own_labels(cache.name, CACHE),
    )


def _configuration(topology: Topology) -> str:
    """The default user is the operator's; each service has one of its own, kept to its own keys."""
    users = "".join(
        f"user {user.name} on >${{{user.password_secret}}} ~{user.prefix}* +@all -@dangerous -@admin\n"
        for user in cache_users(topology)
    )
    return (
        "bind 0.0.0.0\n"
        "protected-mode no\n"
        f"requirepass ${{{PASSWORD_SECRET}}}\n"
        f"{users}"
        f"dir {topology.cache.data_path}\n"
        "appendonly yes\n"
        "appendfsync everysec\n"
    )
