"""``sim capacity``: what a load takes, what saturates first, and what the document's autoscaling table is worth."""

from __future__ import annotations

import json
import math
import textwrap
from pathlib import Path

import click

from sim.capacity.calibration import Calibration, default_calibration, read_calibration
from sim.capacity.findings import Finding, findings
from sim.capacity.forecast import Forecast, Platform
from sim.capacity.runs import calibration_of_run
from sim.capacity.stations import deployments
from sim.cli import options
from sim.errors import EXIT_PASS, EXIT_PLATFORM_FAILED, BadInput
from sim.preparing import read_document
from sim.report.capacity import document, lines, milliseconds, percent, rate, sources, verdict
from sim.report.write import LATEST, find_run
from sim.topology.model import EnvironmentName

_MOST_PER_S = 1e9
_SWEEP_USERS = (100, 1_000, 10_000, 100_000, 1_000_000)
_WIDTH = 80


@click.command()
@click.option("--rps", type=click.FloatRange(0, _MOST_PER_S, min_open=True), metavar="N", help="Requests a second.")
@click.option(
    "--users",
    type=click.FloatRange(0, _MOST_PER_S, min_open=True),
    metavar="N",
    help="Shoppers at a time, with the journeys' think times, in place of a rate.",
)
@click.option(
    "--env",
    "environment",
    type=click.Choice(options.ENVIRONMENTS),
    default="production",
    show_default=True,
    help="Whose replicas, limits and autoscalers.",
)
@options.topology_option
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Measured costs: a file that --calibrate wrote, or a run's folder. Default: the last of this machine, else"
    " sim's own.",
)
@click.option("--calibrate", is_flag=True, help="Load a stack that is up to its knee; keep and use what that costs.")
@click.option("--on", "stack", metavar="STACK", help="Which stack to measure on. Default: the only one.")
@options.json_option
@click.pass_context
def capacity(
    context: click.Context,
    *,
    rps: float | None,
    users: float | None,
    environment: EnvironmentName,
    topology_path: Path | None,
    calibration: Path | None,
    calibrate: bool,
    stack: str | None,
    as_json: bool,
) -> None:
    """Foretell what a load takes: pods, latency, what saturates first, which maximum helps nobody.

    From processor time measured on the servers that ran, not from the images of the document: read it as the shape of
    the answer. Without --rps or --users, 100 to 1,000,000 shoppers. Exit 1 when the load is not carried.
    """
    if not all(math.isfinite(load) for load in (rps, users) if load is not None):
        raise BadInput("A load is a number.", next_step="sim capacity --rps 5000")
    if rps is not None and users is not None:
        raise BadInput("A load is either a rate or a number of users.", next_step="one of --rps and --users")
    if calibrate and calibration is not None:
        raise BadInput("--calibrate measures what --calibration gives.", next_step="leave one of them out")
    if stack and not calibrate:
        raise BadInput("--on names a stack to measure on.", next_step="add --calibrate")
    measured = _measured(stack) if calibrate else _chosen(calibration)
    topology = read_document(topology_path).topology
    bound_s = topology.gateway.objectives.p99_s
    platform = Platform(deployments(topology, environment), measured)
    if rps is None and users is None:
        _sweep(platform, environment, bound_s, as_json=as_json)
        context.exit(EXIT_PASS)
    rate_per_s = rps if rps is not None else platform.rate_of(users or 0.0)
    shoppers = users if users is not None else platform.users_of(rate_per_s)
    forecast = platform.forecast(rate_per_s, bound_s)
    found = findings(platform, forecast, bound_s)
    if as_json:
        told = document(forecast, found, measured, environment=environment, p99_bound_s=bound_s, users=shoppers)
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print(forecast, found, measured, environment=environment, bound_s=bound_s, shoppers=shoppers)
    carried = not forecast.overrun and forecast.latency.p99_s <= bound_s
    context.exit(EXIT_PASS if carried else EXIT_PLATFORM_FAILED)


def _chosen(path: Path | None) -> Calibration:
    if path is not None:
        return calibration_of_run(find_run(path)) if path.is_dir() or path.name == LATEST else read_calibration(path)
    from sim.runtime.calibrations import latest_calibration  # noqa: PLC0415 - its folder is the runtime's

    kept = latest_calibration()
    return read_calibration(kept) if kept is not None else default_calibration()


def _measured(stack: str | None) -> Calibration:
    from sim.cli.calibrating import calibrate_on  # noqa: PLC0415 - drivers load when a stack is really touched

    return calibrate_on(stack)


def _print(
    forecast: Forecast,
    found: tuple[Finding, ...],
    measured: Calibration,
    *,
    environment: str,
    bound_s: float,
    shoppers: float,
) -> None:
    latency = forecast.latency
    click.echo(f"{rate(forecast.rate_per_s)} requests/s ({rate(shoppers)} shoppers at a time), {environment}")
    click.secho(verdict(forecast, bound_s), bold=True)
    click.echo(
        f"Latency: mean {milliseconds(latency.mean_s)}, p95 {milliseconds(latency.p95_s)},"
        f" p99 {milliseconds(latency.p99_s)}"
    )
    shown, idle = lines(forecast)
    click.echo(f"\n  {'':<26} {'pods':>10} {'cores busy':>10} {'of limit':>11} {'carries at most':>16}")
    for line in shown:
        mark = "✗" if line.overrun else "▸" if line.first else " "
        click.echo(
            f"{mark} {line.name:<26} {line.pods:>10} {line.busy:>10} {line.utilisation:>11} {line.carries:>14}/s"
        )
    if idle:
        click.echo(_wrapped(f"not asked by these shoppers: {', '.join(row.deployment.name for row in idle)}", "  "))
    cluster = forecast.cluster
    click.echo(
        f"\nCluster: {cluster.pods} pods request {cluster.request_cores:.1f} cores and"
        f" {cluster.request_memory_bytes / 2**30:.1f} GiB (limits {cluster.limit_cores:.1f} cores,"
        f" {cluster.limit_memory_bytes / 2**30:.1f} GiB)"
    )
    for finding in found:
        click.echo(_wrapped(f"{finding.kind.value}: {', '.join(finding.names)} {finding.text}", "- ", "  "))
    click.secho(_wrapped(sources(measured), ""), dim=True)


def _wrapped(text: str, first: str, rest: str | None = None) -> str:
    indent = first if rest is None else rest
    return textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)


def _sweep(platform: Platform, environment: str, bound_s: float, *, as_json: bool) -> None:
    """A line an order of magnitude."""
    forecasts = {}
    for users in _SWEEP_USERS:
        forecasts[users] = platform.forecast(platform.rate_of(users), bound_s)
    if as_json:
        told = [
            document(
                forecast,
                findings(platform, forecast, bound_s),
                platform.calibration,
                environment=environment,
                p99_bound_s=bound_s,
                users=users,
            )
            for users, forecast in forecasts.items()
        ]
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    click.echo(f"{environment}, shoppers of the journeys' mix\n")
    click.echo(f"{'shoppers':>9} {'requests/s':>10} {'p99':>11} {'pods':>4} {'cores':>5}  busiest, of its limit")
    for users, forecast in forecasts.items():
        busiest = max(forecast.rows, key=lambda row: row.utilisation)
        click.echo(
            f"{rate(users):>9} {rate(forecast.rate_per_s):>10} {milliseconds(forecast.latency.p99_s):>11}"
            f" {forecast.cluster.pods:>4} {forecast.cluster.request_cores:>5.0f} "
            f" {busiest.deployment.name} {percent(busiest.utilisation)}"
        )
    last = forecasts[_SWEEP_USERS[0]]
    click.echo()
    click.echo(
        _wrapped(
            f"At most {rate(last.sustained_per_s)} requests/s within {milliseconds(bound_s)}; then {last.bottleneck}"
            f" saturates. More of one load: sim capacity --users N.",
            "",
        )
    )
    click.secho(_wrapped(sources(platform.calibration), ""), dim=True)
