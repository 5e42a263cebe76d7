"""Disk full: the volume a server writes to has no room left.

Two bounded means, never the host's own disk. A volume of a limited size is filled to its last block. A broker is told
that the room it must keep free is more than there is, which is its own documented alarm (section 6,
``disk_free_limit``). Anywhere else the fault takes no effect and says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.errors import RigError
from sim.faults.fault import InForce, Sight, Step, in_force, mending
from sim.remedy import Remedy
from sim.scenario import Control, Stage

LARGEST_BYTES = 2 * 2**30
"""A volume larger than this is not filled: it may well be the host's."""

_FILLER = "sim-disk-full"
_NO_ROOM_KIB = 64
_ALARM_SET, _ALARM_CLEARED = "disk resource limit alarm set", "disk resource limit alarm cleared"
_EXABYTE = str(10**18)


@dataclass(frozen=True, slots=True)
class DiskFull:
    target: str
    name: str = "disk full"

    def inject(self, stage: Stage) -> InForce:
        spec = stage.plan.server(self.target)
        if spec.kind == "rabbitmq":
            return self._alarmed(stage)
        return self._filled(stage, spec.data_path or "/")

    def _alarmed(self, stage: Stage) -> InForce:
        documented = stage.topology.broker.config.get("disk_free_limit.relative", "1.0")
        limit = ("rabbitmqctl", "set_disk_free_limit")
        remedies = (Remedy("inside", self.target, (*limit, "mem_relative", documented)),)
        sets: list[int] = []

        def alarm(control: Control) -> None:
            sets.append(control.logs(self.target).count(_ALARM_SET))
            code, output = control.execute(self.target, (*limit, _EXABYTE))
            if code != 0:
                raise RigError(f"{self.target} took no disk limit.", evidence=output[-300:])

        def alarmed(control: Control) -> Sight:
            logs = control.logs(self.target)
            seen = logs.count(_ALARM_SET) > sets[0]
            return Sight(seen, f"its log {'says' if seen else 'does not say'}: {_ALARM_SET}")

        def cleared(control: Control) -> Sight:
            logs = control.logs(self.target)
            seen = logs.rfind(_ALARM_CLEARED) > logs.rfind(_ALARM_SET) or logs.count(_ALARM_SET) == 0
            return Sight(seen, f"its log {'says' if seen else 'does not say'}: {_ALARM_CLEARED}")

        return in_force(
            stage, self.name, self.target, Step(alarm, alarmed, 30.0), mending(remedies, cleared, 60.0), remedies
        )

    def _filled(self, stage: Stage, path: str) -> InForce:
        filler = f"{path.rstrip('/')}/{_FILLER}"
        remedies = (Remedy("inside", self.target, ("rm", "-f", filler)),)

        def fill(control: Control) -> None:
            size_kib, _ = self._room_kib(control, path)
            if size_kib * 1024 > LARGEST_BYTES:
                raise RigError(
                    f"The volume of {self.target} is not filled: {path} lies on {size_kib / 2**20:.1f} GiB, which may "
                    "be the host's own disk.",
                    next_step=f"a volume of at most {LARGEST_BYTES // 2**30} GiB",
                )
            control.execute(self.target, ("dd", "if=/dev/zero", f"of={filler}", "bs=4k"))  # ends for want of room

        def full(control: Control) -> Sight:
            size_kib, free_kib = self._room_kib(control, path)
            return Sight(free_kib < _NO_ROOM_KIB, f"{free_kib} of {size_kib} KiB free under {path}")

        def roomy(control: Control) -> Sight:
            size_kib, free_kib = self._room_kib(control, path)
            code, _ = control.execute(self.target, ("test", "-e", filler))
            return Sight(code != 0, f"{free_kib} of {size_kib} KiB free under {path}")

        return in_force(stage, self.name, self.target, Step(fill, full), mending(remedies, roomy), remedies)

    def _room_kib(self, control: Control, path: str) -> tuple[int, int]:
        """(size, free) of the file system under ``path``."""
        code, output = control.execute(self.target, ("df", "-Pk", path))
        fields = output.splitlines()[-1].split() if output else []
        if code != 0 or len(fields) < 4 or not fields[1].isdigit():
            raise RigError(f"{self.target} does not say how much room it has.", evidence=output[-200:])
        return int(fields[1]), int(fields[3])
