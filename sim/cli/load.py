"""``sim load``: shoppers at any gateway, at a rate that waits for nobody, and an honest summary."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from sim.cli import options
from sim.cli.load_summary import document, lines, saturated
from sim.cli.progress import console, is_live, say
from sim.clock import SystemClock
from sim.errors import EXIT_INTERRUPTED, EXIT_PASS, EXIT_UNKNOWN, BadInput
from sim.load.arrivals import customers_needed
from sim.load.enrolment import enrol
from sim.load.journeys import MIX, READ_ONLY, parse_mix
from sim.load.open_loop import Segment
from sim.load.people import People
from sim.load.samples import LoadReport
from sim.load.shop_engine import Crowdedness, locust_shop, spare_cores
from sim.seeding.client import checked_url, knock, new_session
from sim.servers.gateway import UrlGateway

_MOST_REQUESTS = 2_000_000
_DEFAULT_RATE_PER_S, _WARM_UP_S = 20.0, 3.0
_LONGEST_S = 4 * 3600.0
_FASTEST_PER_S = 50_000.0


_Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Entrance:
    """``storage`` maps hosts of signed URLs to where they are reached; ``own`` says it is a stack of the rig's."""

    url: str
    storage: Mapping[str, str]
    own: bool


@click.command()
@options.stack_option
@click.option("--url", metavar="URL", help="A gateway that is not of a stack here, such as http://127.0.0.1:8100.")
@click.option("--rate", type=float, default=_DEFAULT_RATE_PER_S, show_default=True, help="Requests a second.")
@click.option("--duration", default="30s", show_default=True, metavar="TIME", help="How long: 90, 90s, 5m, 1h.")
@click.option(
    "--users", type=click.IntRange(1, 10_000), metavar="N", help="Connections; more than twice the rate help nobody."
)
@click.option(
    "--mix",
    metavar="NAME=SHARE,…",
    help="Journeys and their shares: " + ", ".join(f"{name}={share:g}" for name, share in MIX.items()) + ".",
)
@click.option("--writing", is_flag=True, help="With --url: also journeys that register, order and write there.")
@click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Processes here. Default: a core stays free.")
@click.option(
    "--bind",
    metavar="HOST:PORT",
    default="",
    help="Where Locust workers of other machines join (locust -f sim/load/locustfile.py --worker --master-host …).",
)
@click.option("--remote", type=click.IntRange(1, 256), metavar="N", help="How many of them to wait for.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Repeat a load's random choices.")
@click.option(
    "--hdr",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the latencies as an HdrHistogram's percentiles (.hgrm).",
)
@options.json_option
@click.pass_context
def load(
    context: click.Context,
    *,
    stack: str | None,
    url: str | None,
    rate: float,
    duration: str,
    users: int | None,
    mix: str | None,
    writing: bool,
    workers: int | None,
    bind: str,
    remote: int | None,
    seed: int | None,
    hdr: Path | None,
    as_json: bool,
) -> None:
    """Send shoppers to a gateway, open loop: latency counts from when a request was due, not from when it was sent.

    A stack that is up is taken, or the URL given. There, without --writing, shoppers only look.
    """
    if url and stack:
        raise BadInput("A gateway is either a stack's or at a URL.", next_step="one of --stack and --url")
    if bool(bind) != bool(remote):
        raise BadInput(
            "Workers of other machines need a number and a place.", next_step="--bind 0.0.0.0:5557 --remote 2"
        )
    duration_s, rate_per_s = _duration_s(duration), _rate(rate)
    if rate_per_s * duration_s > _MOST_REQUESTS:
        raise BadInput(
            f"{rate_per_s * duration_s:,.0f} requests are more than {_MOST_REQUESTS:,}.",
            next_step="a lower --rate or a shorter --duration",
        )
    entrance = _Entrance(checked_url(url), {}, own=False) if url else _of_stack(stack)
    chosen = _mix(mix, entrance, writing=writing)
    drawn = secrets.randbelow(2**32) if seed is None else seed
    clock = SystemClock()
    with new_session() as session:
        knock(entrance.url, session)
    rng = random.Random(drawn)  # noqa: S311 - reproducible, not secret
    with _progress(quiet=as_json) as tell:
        people = enrol(
            UrlGateway(entrance.url),
            clock,
            rng,
            customers_needed(chosen, rate_per_s),
            lambda n, of: tell(f"enrolling {n}/{of}"),
        )
        people = People(people.goods, people.customers, entrance.storage)
        crowd = Crowdedness(
            chosen,
            people,
            str(drawn),
            rate_per_s,
            workers=workers or spare_cores(),
            remote=remote or 0,
            bind=bind,
            users=users or 0,
        )
        if bind:
            say(f"waiting at {bind} for {remote} Locust workers of other machines")
        report, interrupted = _played(crowd, entrance.url, Segment("load", rate_per_s, duration_s), tell)
    if hdr is not None:
        _keep(hdr, report)
    if as_json:
        click.echo(json.dumps(document(entrance.url, drawn, report), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines(entrance.url, drawn, report)))
    context.exit(EXIT_INTERRUPTED if interrupted else EXIT_UNKNOWN if saturated(report) else EXIT_PASS)


def _played(crowd: Crowdedness, url: str, segment: Segment, tell: _Tell) -> tuple[LoadReport, bool]:
    """The report, and whether it was cut short by the user: what was seen until then is told all the same."""
    with locust_shop(url, crowd, SystemClock()) as shop:
        tell("warming up")
        shop.play(Segment("warm-up", segment.rate_per_s, min(_WARM_UP_S, segment.duration_s)))
        tell(f"{segment.rate_per_s:g} requests a second for {segment.duration_s:g} s; Ctrl-C ends it")
        try:
            return shop.play(segment), False
        except KeyboardInterrupt:
            return shop.cut_short(segment), True


def _mix(text: str | None, entrance: _Entrance, *, writing: bool) -> Mapping[str, float]:
    usual = MIX if entrance.own or writing else READ_ONLY
    chosen = usual if text is None else parse_mix(text)
    if not (entrance.own or writing) and set(chosen) - set(READ_ONLY):
        raise BadInput(
            f"These journeys would write to {entrance.url}: {', '.join(sorted(set(chosen) - set(READ_ONLY)))}.",
            next_step="--writing if that platform is for that",
        )
    return chosen


def _rate(value: float) -> float:
    if not 0.1 <= value <= _FASTEST_PER_S:  # NaN is in no range
        raise BadInput(f"{value:g} is no rate.", next_step=f"--rate between 0.1 and {_FASTEST_PER_S:g}")
    return value


def _duration_s(text: str) -> float:
    """``90``, ``90s``, ``5m``, ``1h``. Raises BadInput for anything else, and for more than four hours."""
    number, unit = text.strip().rstrip("smh"), text.strip()[-1:]
    try:
        seconds = float(number) * {"m": 60.0, "h": 3600.0}.get(unit, 1.0)
    except ValueError:
        seconds = 0.0
    if not 1.0 <= seconds <= _LONGEST_S:
        raise BadInput(f"{text!r} is no duration.", next_step="--duration 30s, between 1s and 4h")
    return seconds


def _of_stack(stack: str | None) -> _Entrance:
    """Raises BadInput when the stack has no gateway that is up."""
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.stack import attached, choose  # noqa: PLC0415

    found = attached(connect(), choose(stack))
    states = found.engine.states()
    gateways = [server.name for server in found.plan.servers if server.kind == "gateway"]
    running = [name for name in gateways if states[name] == "running"]
    if not running:
        raise BadInput(
            f"Stack {found.id} has no gateway that runs.",
            evidence=", ".join(f"{name}: {states[name]}" for name in gateways),
            next_step="sim up without --only, or --url",
        )
    return _Entrance(found.servers.gateway(running[0]).url(), found.servers.storage_hosts(), own=True)


def _keep(path: Path, report: LoadReport) -> None:
    try:
        path.write_text(report.latencies.percentiles_text(), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}).", next_step="--hdr with another file") from error


@contextmanager
def _progress(*, quiet: bool) -> Iterator[_Tell]:
    """One line that says how far it is, on a terminal; elsewhere nothing until the end."""
    target = console()
    if quiet or not is_live(target):
        yield lambda _line: None
        return
    with target.status("knocking") as line:
        yield line.update
