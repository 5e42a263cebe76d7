"""``python -m sim.services [NAME]``: one service, or the gateway, as a process of its own.

Without a name it is the one of ``SERVICE_NAME``, so that the image starts by its own command as a real one must.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from sim.services.catalogue import SERVICE_MODULES
from sim.services.chassis.context import deployment_of
from sim.services.contract.message import GATEWAY

_USAGE = 2


def main(arguments: list[str]) -> int:
    """The exit code; only the chosen service is imported."""
    modules = {deployment_of(key): module for key, module in SERVICE_MODULES.items()}
    name = ""
    if len(arguments) <= 1:
        name = arguments[0] if arguments else os.environ.get("SERVICE_NAME", "")
    if name == GATEWAY:
        return int(import_module("sim.services.gateway.run").main() or 0)
    if name not in modules:
        known = "\n  ".join([GATEWAY, *modules])
        what = f"There is no service {name!r}." if name else "Which service?"
        sys.stderr.write(f"{what}\nUsage: python -m sim.services [NAME]\nNAME is one of\n  {known}\n")
        return _USAGE
    from sim.services.chassis.run import run  # noqa: PLC0415 - the gateway has no use for it

    return run(name, import_module(f"{modules[name]}.service").SERVICE, os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
