"""What may end a handler besides an answer and a Problem."""

from __future__ import annotations

from sim.services.chassis.service import Reply


class Contention(Exception):  # noqa: N818 - a state of the database, cured by doing it again
    """Rolled back because others were at the same rows (deadlock, lock time-out); the whole handler runs again."""


class AlreadyAnswered(Exception):  # noqa: N818 - the good end of a repeated request
    """This message was done before; ``reply`` is what was answered then, its body as encoded JSON."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("answered before")
        self.reply = reply


class AlreadyDone(Exception):  # noqa: N818 - the good end of a repeated event
    """This event had its effects before."""
