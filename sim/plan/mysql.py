"""The 11 MySQL servers (section 5): one shared shape, eleven entries."""

from __future__ import annotations

from sim.images.model import ResolvedImage
from sim.plan.draft import Draft, pod_name, secret_name
from sim.plan.model import FileSpec, Healthcheck, PortSpec, ServerSpec
from sim.plan.pod_labels import DATABASE, own_labels

INIT_FILE = "/run/sim/init.sql"
EXPORTER_USER = "exporter"
EXPORTER_SECRET = secret_name("mysql-exporter", "password")

# Not documented, and harmless to what is: they keep eleven servers small. Durability is left at its safe defaults.
RIG_FLAGS = (
    "--innodb-buffer-pool-size=64M",
    "--performance-schema=OFF",
    "--mysqlx=OFF",
    "--secure-file-priv=NULL",
    # The documented image sets it too: without it each login waits for a reverse look-up of the client's address.
    "--skip-name-resolve",
    # Native asynchronous I/O draws on a pool the whole host shares (fs.aio-max-nr); two stacks' databases exhaust it.
    "--innodb-use-native-aio=OFF",
)
_NATIVE_PASSWORD_PLUGIN_GONE = (8, 4)
# MariaDB aborts on the first and takes NULL for a folder in the second.
_MYSQL_ONLY = ("--mysqlx", "--secure-file-priv")
_AUTHENTICATION_FLAG = "--default-authentication-plugin"


def documented_flags(image: ResolvedImage, args: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(kept, dropped): a flag the server no longer knows would abort it (contradiction C2)."""
    if image.software != "mysql" or image.version_tuple < _NATIVE_PASSWORD_PLUGIN_GONE:
        return args, ()
    dropped = tuple(arg for arg in args if arg.startswith(_AUTHENTICATION_FLAG))
    return tuple(arg for arg in args if arg not in dropped), dropped


def server_flags(image: ResolvedImage, args: tuple[str, ...]) -> tuple[str, ...]:
    """What decides the shape of a data directory besides the image: the golden snapshot's key."""
    kept, _ = documented_flags(image, args)
    if image.software == "mysql":
        return (*kept, *RIG_FLAGS)
    return (*kept, *(flag for flag in RIG_FLAGS if not flag.startswith(_MYSQL_ONLY)))


def plan_databases(draft: Draft) -> tuple[ServerSpec, ...]:
    image, shape = draft.images["mysql"], draft.topology.database_server
    _, dropped = documented_flags(image, shape.args)
    for flag in dropped:
        draft.depart(
            "mysql", f"{flag} is not passed", f"{image.software} {image.version} does not know it (C2)", shape.section
        )
    draft.depart(
        "mysql",
        f"rig settings {' '.join(RIG_FLAGS)}",
        "they keep eleven servers small; durability stays at its safe defaults",
        shape.section,
    )
    return tuple(_server(draft, service) for service in draft.topology.databases)


def _server(draft: Draft, service: str) -> ServerSpec:
    topology = draft.topology
    database, shape = topology.databases[service], topology.database_server
    image = draft.images["mysql"]
    name = database.deployment
    root_secret = secret_name(name, "root-password")
    user_secret = secret_name(name, "password")
    requests, limits = draft.limits(shape.resources)
    namespace = draft.environment.namespace
    readiness = shape.probes.readiness
    return ServerSpec(
        name=name,
        kind="mysql",
        namespace=namespace,
        app=name,
        hostname=pod_name(name),
        address=draft.next_address(),
        aliases=draft.names(name, namespace),
        image=image,
        command=("mysqld", *server_flags(image, shape.args), f"--init-file={INIT_FILE}"),
        environment={},
        files=(FileSpec(INIT_FILE, _init_sql(database.schema_name, database.user, root_secret, user_secret), 0o644),),
        ports=(PortSpec("mysql", shape.port),),
        requests=requests,
        limits=limits,
        section=database.section,
        data_path=shape.data_path,
        persistent=draft.persistent,
        healthcheck=Healthcheck(readiness.command, float(readiness.initial_delay_s), float(readiness.period_s))
        if readiness and readiness.command
        else None,
        start_cost_cpu_s=1.3,
        labels=own_labels(name, DATABASE),
        facts={
            "service": service,
            "schema": database.schema_name,
            "user": database.user,
            "password_secret": user_secret,
            "root_password_secret": root_secret,
        },
    )


def _init_sql(schema: str, user: str, root_secret: str, user_secret: str) -> str:
    """Each server's own schema and user, not the document's one shared script (contradiction C1).

    ``--init-file`` runs it at every start, so each statement may find its work done. MySQL wants one statement a line.
    """
    lines = (
        f"ALTER USER 'root'@'localhost' IDENTIFIED BY '${{{root_secret}}}';",
        f"CREATE DATABASE IF NOT EXISTS `{schema}`;",
        f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '${{{user_secret}}}';",
        f"GRANT ALL PRIVILEGES ON `{schema}`.* TO '{user}'@'%';",
        f"CREATE USER IF NOT EXISTS '{EXPORTER_USER}'@'%' IDENTIFIED BY '${{{EXPORTER_SECRET}}}';",
        f"GRANT PROCESS, REPLICATION CLIENT ON *.* TO '{EXPORTER_USER}'@'%';",
    )
    return "\n".join(lines) + "\n"
