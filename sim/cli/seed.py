"""``sim seed``: a believable shop, put into a running platform through its gateway."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import click

from sim.cli import options
from sim.cli.progress import console, is_live
from sim.clock import SystemClock
from sim.errors import BadInput
from sim.seeding.client import Shopkeeper, checked_url, knock, new_session
from sim.seeding.fill import Outcome, Progress, fill
from sim.seeding.generate import MOST_PRODUCTS, generate
from sim.services.catalogue import SERVICE_MODULES

_LARGEST_SEED = 2**63 - 1
_WIDTH = 80
_DEFAULT_EMAIL = "admin@example.com"


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where the gateway is and who goes in."""

    url: str
    email: str
    password: str


@click.command()
@options.stack_option
@click.option("--url", metavar="URL", help="A gateway that is not of a stack here, such as http://127.0.0.1:8100.")
@click.option(
    "--seed", type=click.IntRange(0, _LARGEST_SEED), default=1, show_default=True, help="The same seed, the same shop."
)
@click.option(
    "--products",
    type=click.IntRange(1, MOST_PRODUCTS),
    default=60,
    show_default=True,
    metavar="N",
    help="How many products; more of a seed are the same ones and some more.",
)
@click.option("--email", envvar="SIM_ADMIN_EMAIL", metavar="ADDRESS", help="The administrator. Also SIM_ADMIN_EMAIL.")
@click.option(
    "--password",
    envvar="SIM_ADMIN_PASSWORD",
    metavar="SECRET",
    help="Their password, better given as SIM_ADMIN_PASSWORD. Default: the stack's own.",
)
@options.json_option
def seed(
    *,
    stack: str | None,
    url: str | None,
    seed: int,
    products: int,
    email: str | None,
    password: str | None,
    as_json: bool,
) -> None:
    """Fill the platform with a shop: catalogue, pictures, stock, FAQ, newsletters, sites, customers.

    What is there stays as it is: a second run changes nothing, and one cut short is completed.
    """
    if url and stack:
        raise BadInput("A gateway is either a stack's or at a URL.", next_step="one of --stack and --url")
    entrance = _at_url(url, email, password) if url else _of_stack(stack, email, password)
    shop = generate(seed, products)
    with new_session() as session:
        knock(entrance.url, session)
        gateway = Shopkeeper(entrance.url, session, SystemClock())
        with _progress(quiet=as_json) as progress:
            outcome = fill(gateway, entrance.email, entrance.password, shop, progress)
    if as_json:
        click.echo(json.dumps(_document(entrance.url, seed, outcome), indent=2, ensure_ascii=False))
    else:
        _print(entrance.url, seed, outcome)


def _at_url(url: str, email: str | None, password: str | None) -> Entrance:
    if not password:
        raise BadInput("The administrator's password is not known.", next_step="SIM_ADMIN_PASSWORD=… sim seed --url …")
    return Entrance(checked_url(url), email or _DEFAULT_EMAIL, password)


def _of_stack(stack: str | None, email: str | None, password: str | None) -> Entrance:
    """What is not given is the stack's own. Raises BadInput when the stack has no gateway that is up."""
    from sim.runtime.engine import connect  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.stack import attached, choose  # noqa: PLC0415

    found = attached(connect(), choose(stack))
    gateways = [server for server in found.plan.servers if server.kind == "gateway"]
    states = found.engine.states()
    running = [server for server in gateways if states[server.name] == "running"]
    if not running:
        raise BadInput(
            f"Stack {found.id} has no gateway that runs.",
            evidence=", ".join(f"{server.name}: {states[server.name]}" for server in gateways),
            next_step="sim up without --only, or --url",
        )
    absent = sorted(SERVICE_MODULES.keys() - {s.facts["service"] for s in found.plan.servers if s.kind == "service"})
    if absent:
        raise BadInput(
            f"Stack {found.id} is no whole shop: it runs without {', '.join(absent)}.",
            next_step="sim up without --only",
        )
    facts = next((server.facts for server in found.plan.servers if "admin_email" in server.facts), {})
    secret = found.secrets.get(facts.get("admin_password_secret", ""), "")
    if not (password or secret):
        raise BadInput(f"Stack {found.id} has no auth service to sign in at.", next_step="sim up without --only")
    return Entrance(
        f"http://{found.engine.endpoint(running[0].name, 'http')}",
        email or facts.get("admin_email", _DEFAULT_EMAIL),
        password or secret,
    )


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    """One line that says how far it is, on a terminal; elsewhere nothing until the end."""
    target = console()
    if quiet or not is_live(target):
        yield lambda _what, _done, _total: None
        return
    with target.status("signing in") as line:
        yield lambda what, done, total: line.update(f"{what} ({done}/{total})")


def _document(url: str, seed: int, outcome: Outcome) -> dict[str, object]:
    return {
        "url": url,
        "seed": seed,
        "changed": outcome.changed,
        "made": dict(outcome.made),
        "there_already": dict(outcome.there),
        "customers": outcome.customers,
        "customers_with_other_passwords": outcome.strangers,
    }


def _print(url: str, seed: int, outcome: Outcome) -> None:
    click.echo(f"seed {seed} at {url}")
    if outcome.changed:
        click.echo(_listed("made", outcome.made))
    if outcome.there:
        click.echo(_listed("there already" if outcome.changed else "nothing to change", outcome.there))
    for customer in outcome.customers:
        click.echo(f"customer {customer['email']}  password {customer['password']}")
    for email in outcome.strangers:
        click.echo(f"customer {email} has another password and was left alone")


def _listed(title: str, counts: Mapping[str, int]) -> str:
    items = ", ".join(f"{count} {what}" for what, count in counts.items())
    return textwrap.fill(f"{title}: {items}", _WIDTH, subsequent_indent="  ")
