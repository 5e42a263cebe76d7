"""Network policies given on the command line: rendered, enforced, judged by the document."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from sim.cli import app

Program = Callable[..., int]
_SCENARIO = "isolation/cache-edges"


@pytest.fixture
def sim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """The program, run in memory in an empty folder; its exit code."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["sim", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    yield run
    signal.signal(signal.SIGTERM, before)


def test_rendered_policies_are_enforced_as_the_documents_own(sim: Program) -> None:
    """There and back: what is rendered for kubectl is what is tried here."""
    assert sim("render", "policies", "mine") == 0
    assert sim("run", "--runtime", "fake", "--policies", "mine", _SCENARIO) == 0


def test_a_loosened_manifest_fails(sim: Program) -> None:
    """Redis opened to all of the main namespace: the document does not say so."""
    assert sim("render", "policies", "mine") == 0
    file = Path("mine/e-commerce-dev.yaml")
    documents = list(yaml.safe_load_all(file.read_text()))
    for document in documents:
        if document["metadata"]["name"].startswith("allow-cache-users"):
            document["spec"]["podSelector"] = {}
            for way, peers in (("ingress", "from"), ("egress", "to")):
                for rule in document["spec"].get(way, ()):
                    rule[peers] = [{"podSelector": {}}]
    file.write_text(yaml.safe_dump_all(documents))
    assert sim("run", "--runtime", "fake", "--policies", "mine", _SCENARIO) == 1


def test_without_policies_it_is_unknown(sim: Program) -> None:
    """Everything is open by order: nothing was shown."""
    assert sim("run", "--runtime", "fake", "--no-policies", _SCENARIO) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--policies", "mine", "--no-policies"), "leave one out"),
        (("--policies", "nowhere"), "nowhere"),
        (("--policies", "empty"), "empty"),
        (("--policies", "wrong"), "spec.policyTypes"),
    ],
)
def test_what_cannot_be_enforced_is_bad_input(
    sim: Program, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    """One message, with the file and the field where there is one; nothing is started."""
    Path("empty").mkdir()
    Path("wrong").mkdir()
    wrong = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}}
    Path("wrong/a.yaml").write_text(yaml.safe_dump({**wrong, "spec": {"podSelector": {}, "policyTypes": ["Both"]}}))
    assert sim("run", "--runtime", "fake", *arguments, _SCENARIO) == 2
    assert said in capsys.readouterr().err
