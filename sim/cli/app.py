"""The program ``sim``: its commands, and how it ends. A user never sees a traceback."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from sim import __version__
from sim.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_PASS, EXIT_UNKNOWN, SimError

# command → (module, attribute, help): loaded when called, so that `sim --help` costs no driver's import.
_COMMANDS = {
    "doctor": ("sim.cli.doctor", "doctor", "Is this machine fit for a stack? Says what to do if not."),
    "images": ("sim.cli.images", "images", "List, get, lock, export and import the servers' images."),
    "up": ("sim.cli.up", "up", "Start the documented servers and leave them running."),
    "seed": ("sim.cli.seed", "seed", "Fill a running platform with a believable shop."),
    "load": ("sim.cli.load", "load", "Send shoppers to a gateway at a steady rate; an honest summary."),
    "status": ("sim.cli.stacks", "status", "Show each server's state, ports and fidelity."),
    "logs": ("sim.cli.stacks", "logs", "Print a server's log."),
    "reset": ("sim.cli.reset", "reset", "Make a stack what it was when it came up: fresh, in seconds."),
    "down": ("sim.cli.stacks", "down", "Remove a stack: containers, network, volumes, credentials."),
    "sweep": ("sim.cli.stacks", "sweep", "Remove what dead rigs left behind."),
    "list": ("sim.cli.listing", "list_scenarios", "List scenarios and the section each rests on."),
    "run": ("sim.cli.run", "run", "Rehearse scenarios, judge what was seen, write a report."),
    "drill": ("sim.cli.drill", "drill", "Watch one failover drill, and get its runbook."),
    "fault": ("sim.cli.fault", "fault", "Break something on a stack that is up, and mend it."),
    "judge": ("sim.cli.judge", "judge", "Judge a finished run again, from its files alone."),
    "capacity": ("sim.cli.capacity", "capacity", "What does a load take, and what saturates first?"),
    "compare": ("sim.cli.compare", "compare_runs", "Compare two builds by their runs; a change only beyond noise."),
    "policy": ("sim.cli.policy", "policy", "What network policies allow, from manifests alone."),
    "render": ("sim.cli.render", "render", "Write the platform as Compose, Prometheus, tables."),
}


class _Commands(click.Group):
    """The table above as a click group, in its order."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """From the table, where click would load every command to ask it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sim")
def cli() -> None:
    """Start the documented e-commerce platform's real servers on this machine and verify the document's promises.

    \b
    sim up                    all documented servers, ready to use
    sim run 'conformance/*'   a stack of its own, scenarios, a report, nothing left behind
    sim judge reports/latest  the same verdicts again, from the files alone

    Exit codes: 0 pass, 1 the platform failed, 2 bad input, 3 unknown (the rig could not tell), 130 interrupted.
    """  # noqa: D301 - the control character tells click to keep the lines below it as they are


def main() -> NoReturn:
    """Run the command line and leave with the contract's exit code."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        result = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _leave(_interrupted())
    except KeyboardInterrupt:
        _leave(_interrupted())
    except click.ClickException as error:
        error.show()
        _leave(EXIT_BAD_INPUT)
    except SimError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        _leave(error.exit_code)
    except SystemExit:
        # Click's answer to a reader (head, less) that has seen enough. Its code would blame the platform, and what was
        # not said to the end is no pass.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(EXIT_UNKNOWN)
    except Exception as error:  # noqa: BLE001 - the last boundary: keep the cause in a file, tell the user where
        click.echo(
            f"{click.style('error:', fg='red', bold=True)} a mistake of sim's own: {type(error).__name__}: {error}\n"
            f"Try: report it with {_saved_traceback()}",
            err=True,
        )
        _leave(EXIT_UNKNOWN)
    _leave(result if isinstance(result, int) else EXIT_PASS)


def _leave(code: int) -> NoReturn:
    sys.exit(code)


def _interrupted() -> int:
    click.echo("interrupted", err=True)
    return EXIT_INTERRUPTED


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _saved_traceback() -> Path:
    with tempfile.NamedTemporaryFile("w", prefix="sim-", suffix=".txt", delete=False) as file:
        traceback.print_exc(file=file)
    return Path(file.name)
