"""Registries, asked once a run through the engine: which answer, and what they let us pull."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docker.errors import DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException

from sim.images.reference import registry_of
from sim.images.resolution import NotHadError

if TYPE_CHECKING:
    import docker

ASK_TIMEOUT_S = 4.5
_RATE_LIMITED = re.compile(r"toomanyrequests|too many requests|\b429\b|rate limit", re.IGNORECASE)
_NO_SUCH_IMAGE = re.compile(
    r"manifest unknown|not found|does not exist|name unknown|no such manifest|repository .* denied|requested access",
    re.IGNORECASE,
)
# What the engine says when nobody is there, as opposed to an answer we do not like.
_SILENCE = re.compile(
    r"no such host|connection refused|timeout|timed out|deadline exceeded|unreachable|no route|connection reset|"
    r"temporary failure|server misbehaving|handshake|\bEOF\b|x509|certificate|proxyconnect|HTTP response to HTTPS",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Registries:
    """What was learnt about each registry in this run. Thread-safe: each is asked by one caller, the others wait.

    ``expected`` are references that may be wanted: whoever needs the first answer has all their registries asked.
    """

    client: docker.DockerClient
    say: Callable[[str], None]
    offline: bool = False
    expected: Sequence[str] = ()
    _refusals: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, references: Iterable[str]) -> None:
        """One question to each registry not asked before, all at once: at most ASK_TIMEOUT_S in total."""
        with self._lock:
            first: dict[str, str] = {}
            for reference in references:
                first.setdefault(registry_of(reference), reference)
            new = {host: reference for host, reference in first.items() if host not in self._refusals}
            if not new:
                return
            if self.offline:
                self._refusals |= dict.fromkeys(new, "not asked (offline)")
                return
            with ThreadPoolExecutor(len(new)) as pool:
                self._refusals |= dict(zip(new, pool.map(self._question, new.values()), strict=True))
            silent = [f"{host} ({self._refusals[host]})" for host in new if self._refusals[host]]
            if silent:
                self.say(f"registries that give no images now: {', '.join(silent)}")

    def refusal(self, reference: str) -> str:
        """Why the reference's registry is of no use in this run; empty when it is."""
        self.ask([reference, *self.expected])
        return self._refusals[registry_of(reference)]

    def _question(self, reference: str) -> str:
        """Any answer will do, even "no such image": only silence and a rate limit rule a registry out."""
        api = self.client.api
        try:
            answer = api.get(f"{api.base_url}/v{api.api_version}/distribution/{reference}/json", timeout=ASK_TIMEOUT_S)
        except RequestException as error:
            return "does not answer" if "timed out" in str(error).lower() else "cannot be asked"
        if answer.ok or not answer.text:
            return ""
        if _RATE_LIMITED.search(answer.text):
            return "rate limit reached (429)"
        return "does not answer" if _SILENCE.search(answer.text) else ""

    def digest(self, reference: str) -> str:
        """The digest a tag has now. Raises NotHadError."""
        refusal = self.refusal(reference)
        if refusal:
            raise NotHadError(f"registry {refusal}")
        try:
            return str(self.client.api.inspect_distribution(reference)["Descriptor"]["digest"])
        except (DockerException, RequestException) as error:
            raise NotHadError(self._told(reference, str(error))) from error

    def pull(self, reference: str) -> str:
        """Pull by name or by digest and return the image's content id. Raises NotHadError."""
        refusal = self.refusal(reference)
        if refusal:
            raise NotHadError(f"registry {refusal}", told=True)
        self.say(f"pulling {reference}")
        try:
            for event in self.client.api.pull(reference, stream=True, decode=True):
                if "error" in event:
                    raise NotHadError(self._told(reference, str(event["error"])))
            return str(self.client.api.inspect_image(reference)["Id"])
        except (ImageNotFound, NotFound) as error:
            raise NotHadError(self._told(reference, f"not found: {error.explanation}")) from error
        except (DockerException, RequestException) as error:
            raise NotHadError(self._told(reference, str(error))) from error

    def _told(self, reference: str, said: str) -> str:
        """The engine's words as one of a few reasons; a registry that stopped giving is not asked again."""
        host = registry_of(reference)
        if _RATE_LIMITED.search(said):
            self._refusals[host] = "rate limit reached (429)"
            return "rate limit reached (429)"
        if _NO_SUCH_IMAGE.search(said):
            return "the registry has no image of this digest" if "@" in reference else "the registry has no such image"
        if _SILENCE.search(said):
            self._refusals[host] = "stopped answering"
            return "registry stopped answering"
        return said[:300]
