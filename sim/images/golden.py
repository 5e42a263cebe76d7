"""Golden MySQL: an image whose data directory is initialised already, so that N servers start without doing it N times.

The snapshot holds an empty server: no account but a root without password that only the server's own host may use, no
time zone tables, no ``auto.cnf`` (each server writes its own UUID), and the TLS key pair this machine's initialisation
generated. Durability is the server's own default: nothing about a commit is set here.
"""

from __future__ import annotations

import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from sim.errors import RigError
from sim.images.building import Builder, took
from sim.images.candidate import REPOSITORY
from sim.images.model import ResolvedImage
from sim.images.recipe import context_tar, large_temporary_folder, short_key
from sim.images.resolution import NotHadError
from sim.images.store import LABEL_COMPONENT, LABEL_TASK, LABEL_VERSION
from sim.runtime.engine import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

DATA_PATH = "/var/lib/mysql"
LABEL_GOLDEN_OF = "sim.golden-of"  # the content id of the image it was initialised with
# Raise it when the way a snapshot is made changes.
_SCHEMA = 2
_DEADLINE_S = 180
# The smallest the server takes: a fresh directory needs none of it, and each container copies what is there.
_SMALL_REDO = "--innodb-redo-log-capacity=8388608"
_LEFT_OUT = ("auto.cnf", "*.pid", "*.err", "*.sock", "*.sock.lock", "ibtmp1", "#innodb_temp/*", "binlog.*", "aria_log*")
_DOCKERFILE = f"""\
FROM {{parent}}
ADD data.tar {PurePosixPath(DATA_PATH).parent}/
USER mysql
ENTRYPOINT []
CMD ["mysqld"]
"""


def golden_mysql(
    image: ResolvedImage,
    flags: Sequence[str],
    say: Callable[[str], None],
    *,
    client: docker.DockerClient | None = None,
) -> ResolvedImage:
    """``image`` with a data directory initialised under ``flags``, made once for each image and set of flags.

    Raises RigError with the server's own words when it does not initialise.
    """
    client = client or connect()
    name = golden_name(image, flags)
    digest = _present(client, name)
    if digest is None:
        started_s = time.monotonic()
        say(f"mysql: initialising a data directory with {image.software} {image.version}")
        try:
            digest = _made(client, image, flags, name, Builder(client, say))
        except NotHadError as error:
            raise RigError(
                f"The data directory of {image.reference} could not be kept: {error.reason}.", evidence=error.evidence
            ) from error
        except (DockerException, RequestException) as error:
            raise RigError(
                "The engine failed while a data directory was initialised.",
                evidence=str(error)[:300],
                next_step="sim doctor",
            ) from error
        say(f"mysql: data directory initialised in {took(started_s)}")
    told = "starts from an initialised data directory"
    return replace(image, reference=name, digest=digest, reason=f"{image.reason}; {told}" if image.reason else told)


def golden_name(image: ResolvedImage, flags: Sequence[str]) -> str:
    """Changes with the image's content, the flags, and how snapshots are made."""
    return f"{REPOSITORY}/{image.component}:golden-{short_key([image.digest, *flags, f'schema {_SCHEMA}'])}"


def _present(client: docker.DockerClient, name: str) -> str | None:
    try:
        return str(client.api.inspect_image(name)["Id"])
    except ImageNotFound:
        return None
    except (DockerException, RequestException) as error:
        raise RigError("The engine does not answer.", evidence=str(error)[:300], next_step="sim doctor") from error


def _made(client: docker.DockerClient, image: ResolvedImage, flags: Sequence[str], name: str, builder: Builder) -> str:
    with (
        _initialised(client, image, flags) as container,
        tempfile.TemporaryDirectory(prefix="sim-golden-", dir=large_temporary_folder()) as folder,
    ):
        data = Path(folder) / "data.tar"
        _snapshot(container, data)
        dockerfile = _DOCKERFILE.format(parent=image.digest)
        labels = {LABEL_COMPONENT: image.component, LABEL_VERSION: image.version, LABEL_GOLDEN_OF: image.digest}
        with context_tar({"data.tar": data}, {"Dockerfile": dockerfile}) as context:
            return builder.build(context, name, {}, labels)


@contextmanager
def _initialised(client: docker.DockerClient, image: ResolvedImage, flags: Sequence[str]) -> Iterator[Any]:
    """A stopped container that has initialised its data directory; gone afterwards, its volume with it."""
    container = client.containers.create(
        image.digest,
        entrypoint=[],
        command=_initialise_command(image, flags),
        user="mysql",
        network_disabled=True,
        labels={LABEL_TASK: "initialise"},
    )
    try:
        container.start()
        try:
            code = int(container.wait(timeout=_DEADLINE_S)["StatusCode"])
        except RequestException as error:
            raise RigError(
                f"{image.reference} did not initialise a data directory within {_DEADLINE_S} s.",
                evidence=container.logs(tail=10).decode(errors="replace"),
            ) from error
        if code != 0:
            raise RigError(
                f"{image.reference} does not initialise a data directory (exit {code}) with {' '.join(flags)}.",
                evidence=container.logs(tail=10).decode(errors="replace"),
            )
        yield container
    finally:
        container.remove(force=True, v=True)


def _initialise_command(image: ResolvedImage, flags: Sequence[str]) -> list[str]:
    if image.software == "mariadb":
        # Its installer gives every name of the host a root without password; only the local one is to stay.
        install = (
            f"mariadb-install-db --datadir={DATA_PATH} --auth-root-authentication-method=normal --skip-test-db --force"
        )
        purge = "DELETE FROM mysql.global_priv WHERE User='root' AND Host<>'localhost';"
        return ["sh", "-c", f'{install} && echo "{purge}" | mariadbd --bootstrap --datadir={DATA_PATH}']
    return ["mysqld", *flags, _SMALL_REDO, f"--datadir={DATA_PATH}", "--initialize-insecure"]


def _snapshot(container: Any, target: Path) -> None:
    """The data directory as a tar with its owners. Read out rather than committed: a volume is in no commit."""
    stream, _ = container.get_archive(DATA_PATH)
    with (
        tempfile.TemporaryFile(dir=large_temporary_folder()) as raw,
        target.open("wb") as out,
    ):
        for chunk in stream:
            raw.write(chunk)
        raw.seek(0)
        _filter(raw, out)


def _filter(source: IO[bytes], target: IO[bytes]) -> None:
    with tarfile.open(fileobj=source) as whole, tarfile.open(fileobj=target, mode="w") as kept:
        for member in whole:
            if not left_out(PurePosixPath(member.name), _LEFT_OUT):
                kept.addfile(member, whole.extractfile(member) if member.isreg() else None)


def left_out(path: PurePosixPath, patterns: Iterable[str]) -> bool:
    """``path`` begins with the data directory's own name."""
    inner = PurePosixPath(*path.parts[1:])
    return any(inner.match(pattern) and len(inner.parts) == len(PurePosixPath(pattern).parts) for pattern in patterns)
