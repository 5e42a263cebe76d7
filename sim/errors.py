"""Errors a user may see. Each says what, where, how long, the last evidence and the next step.

Exit codes are part of the command line's contract: 1 the platform failed, 2 bad input, 3 the rig could not tell,
130 interrupted.
"""

from __future__ import annotations

EXIT_PASS = 0
EXIT_PLATFORM_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_UNKNOWN = 3
EXIT_INTERRUPTED = 130


class SimError(Exception):
    """Anything the user is told in one message, without a traceback.

    ``what`` is a sentence; ``evidence`` the last thing seen (a log tail, a server's answer); ``next_step`` a command or
    an action.
    """

    exit_code = EXIT_UNKNOWN

    def __init__(self, what: str, *, evidence: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.evidence = evidence.strip()
        self.next_step = next_step.strip()

    def __str__(self) -> str:
        lines = [self.what]
        if self.evidence:
            lines.append(f"Last evidence: {self.evidence}")
        if self.next_step:
            lines.append(f"Try: {self.next_step}")
        return "\n".join(lines)


class BadInput(SimError):  # noqa: N818 - reads as what the user gave, not as our failure
    """The user's file, option or name is wrong; nothing was started or changed."""

    exit_code = EXIT_BAD_INPUT


class RigError(SimError):
    """The rig could not do its work: engine, image, network, disk. Never blamed on the platform."""

    exit_code = EXIT_UNKNOWN


class NotReady(SimError):  # noqa: N818 - the Kubernetes term
    """A server did not become ready in time. ``server`` names it; ``waited_s`` says how long."""

    exit_code = EXIT_UNKNOWN

    def __init__(self, server: str, waited_s: float, state: str, *, evidence: str = "", next_step: str = "") -> None:
        super().__init__(
            f"{server} not ready after {waited_s:.0f} s ({state}).", evidence=evidence, next_step=next_step
        )
        self.server = server
        self.waited_s = waited_s
        self.state = state


class Unreachable(SimError):  # noqa: N818 - an observation more than an error
    """No answer from a server: refused, reset, timed out. Evidence of down, never of blocked."""

    exit_code = EXIT_UNKNOWN


class Refused(SimError):  # noqa: N818 - an observation more than an error
    """A server answered no where the caller's question leaves no room for a no. ``code`` is the protocol's own."""

    exit_code = EXIT_UNKNOWN

    def __init__(self, what: str, code: str, *, evidence: str = "", next_step: str = "") -> None:
        super().__init__(what, evidence=evidence, next_step=next_step)
        self.code = code
