"""The ground of the local builds: Debian trixie, pulled where a registry answers, else bootstrapped from packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from sim.images.apt import debian_mirror
from sim.images.building import Builder, took
from sim.images.candidate import BASE, REPOSITORY, base_name, base_pulls
from sim.images.lock import Lock
from sim.images.recipe import context_tar, large_temporary_folder, recipe_files
from sim.images.registry import Registries
from sim.images.resolution import NotHadError

_SUITE = "trixie"
_BOOTSTRAPPED = f"{REPOSITORY}/{BASE}:bootstrapped-{_SUITE}"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_BOOTSTRAP_DEADLINE_S = 600.0
_POLL_S = 0.2
# Nothing that runs in a container reads these.
_LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "var/cache/apt",
    "var/lib/apt/lists",
)


@dataclass(slots=True)
class Basis:
    """Made once, by whichever build needs it first; the others wait."""

    lock: Lock
    builder: Builder
    registries: Registries
    _made: str = ""
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def image(self) -> str:
        """The name to build on. Raises NotHadError."""
        with self._guard:
            if not self._made:
                self._made = self._present(base_name(self.lock)) or self._prepared(self._ground())
            return self._made

    def _present(self, name: str) -> str:
        try:
            self.builder.client.api.inspect_image(name)
        except ImageNotFound:
            return ""
        except (DockerException, RequestException) as error:
            raise NotHadError(f"the engine does not answer: {error}"[:300]) from error
        return name

    def _ground(self) -> str:
        """A plain Debian: the first reference a registry gives, else bootstrapped."""
        for way in base_pulls(self.lock):
            try:
                return self.registries.pull(way.pull)
            except NotHadError as refusal:
                if not refusal.told:
                    self.builder.say(f"base: {way.pull}: {refusal.reason}")
        return self._present(_BOOTSTRAPPED) or self._bootstrapped()

    def _prepared(self, ground: str) -> str:
        started_s = time.monotonic()
        name = base_name(self.lock)
        files = dict(recipe_files(self.lock.base.build[0]))
        mirror = debian_mirror()
        if mirror.startswith("https://") and _BUNDLE.exists():
            # A plain Debian trusts nobody yet: it takes this machine's word for its mirror.
            files["etc/ssl/certs/ca-certificates.crt"] = _BUNDLE
        with context_tar(files) as context:
            self.builder.build(context, name, {"BASE": ground, "MIRROR": mirror}, {"sim.image": BASE})
        whose = mirror or "the image's own mirror"
        self.builder.say(f"base: set to {whose} in {took(started_s)}")
        return name

    def _bootstrapped(self) -> str:
        lacking = _lacking()
        if lacking:
            raise NotHadError(f"no registry gives a Debian image, and {lacking}")
        started_s = time.monotonic()
        mirror = debian_mirror()
        if not mirror:
            raise NotHadError("no registry gives a Debian image, and this machine's apt names no Debian mirror")
        self.builder.say(f"base: bootstrapping Debian {_SUITE} from {mirror}")
        with tempfile.TemporaryDirectory(prefix="sim-base-", dir=large_temporary_folder()) as folder:
            root = Path(folder) / "root"
            # A mount namespace of its own: what debootstrap mounts is gone with it, however it ends.
            self._run(
                [
                    "unshare",
                    "--mount",
                    "debootstrap",
                    "--variant=minbase",
                    f"--keyring={_KEYRING}",
                    _SUITE,
                    str(root),
                    mirror,
                ]
            )
            excluded = [f"--exclude=./{path}/*" for path in _LEFT_OUT]
            with subprocess.Popen(
                ["tar", "--create", "--numeric-owner", "--one-file-system", "--directory", str(root), *excluded, "."],
                stdout=subprocess.PIPE,
            ) as tar:
                try:
                    self.builder.client.api.import_image_from_stream(
                        tar.stdout, repository=f"{REPOSITORY}/{BASE}", tag=_BOOTSTRAPPED.rpartition(":")[2]
                    )
                except (DockerException, RequestException) as error:
                    tar.kill()
                    raise NotHadError(f"the engine did not take the bootstrapped system: {error}"[:300]) from error
            if tar.returncode:
                raise NotHadError(f"packing the bootstrapped system failed (exit {tar.returncode})")
        self.builder.say(f"base: bootstrapped in {took(started_s)}")
        return _BOOTSTRAPPED

    def _run(self, command: Sequence[str]) -> None:
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            deadline_s = time.monotonic() + _BOOTSTRAP_DEADLINE_S
            while process.poll() is None:
                if self.builder.stop.is_set() or time.monotonic() > deadline_s:
                    process.kill()
                    process.wait()
                    raise NotHadError(
                        f"debootstrap did not end within {_BOOTSTRAP_DEADLINE_S:.0f} s, or was interrupted"
                    )
                self.builder.stop.wait(_POLL_S)
            log.seek(0)
            tail = "".join(deque(log, maxlen=12))
        if process.returncode:
            raise NotHadError(f"debootstrap failed (exit {process.returncode})", tail)


def _lacking() -> str:
    """What this machine lacks to bootstrap Debian; empty when nothing."""
    if os.geteuid() != 0:
        return "only root can bootstrap one from packages"
    if not shutil.which("debootstrap") or not shutil.which("unshare"):
        return "debootstrap is not installed (apt-get install debootstrap)"
    if not _KEYRING.exists():
        return "Debian's archive keys are not installed (apt-get install debian-archive-keyring)"
    return ""
