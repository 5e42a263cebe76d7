"""What a developer and CI run. Each session sets up all it needs, the container engine included."""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests"]
nox.options.reuse_existing_virtualenvs = True


def _install(session: nox.Session) -> None:
    session.install("-q", "-e", ".[tests,lint,services]")


def _provision(session: nox.Session) -> None:
    """An engine and the documented servers' images; both are kept and reused where they are present."""
    session.run("sim", "doctor", "--provision")
    session.run("sim", "images", "ensure")


@nox.session
def verify(session: nox.Session) -> None:
    """The main job: engine, images, stack, scenarios, report, teardown. ``-- --full`` runs every scenario.

    ``--jobs 2`` behind it rehearses on two stacks at once.
    """
    _install(session)
    _provision(session)
    arguments = list(session.posargs)
    essential = [] if "--full" in arguments else ["--essential"]
    session.run("sim", "run", *essential, *(a for a in arguments if a != "--full"))


@nox.session
def tests(session: nox.Session) -> None:
    """Lint, types, layers, then the tests: pure, on the fake, on real servers. ``-- ARGS`` go to pytest alone."""
    _install(session)
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    _check_style(session)
    session.run("mypy")
    session.run("lint-imports")
    session.run("pytest", "tests/unit", "tests/fake")
    _provision(session)
    session.run("pytest", "tests/docker")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    _install(session)
    _check_style(session)


def _check_style(session: nox.Session) -> None:
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types."""
    _install(session)
    session.run("mypy")


@nox.session
def layers(session: nox.Session) -> None:
    """Imports go one way."""
    _install(session)
    session.run("lint-imports")


@nox.session
def bench(session: nox.Session) -> None:
    """Ratios side by side in one run; the table is kept in reports/."""
    _install(session)
    _provision(session)
    session.run("sim", "images", "ensure", "compose")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Derived files: the Compose project, the services' contract, the scenario table."""
    _install(session)
    session.run("sim", "render", "compose", "compose")
    session.run("sim", "render", "contract", "compose")
    session.run("sim", "render", "scenarios", "scenarios")
