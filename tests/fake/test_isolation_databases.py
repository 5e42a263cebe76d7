"""``isolation/databases`` end to end on the modelled platform."""

from __future__ import annotations

import pytest

from scenarios.isolation.databases import DATABASES
from sim.checks.access import LOGIN
from sim.checks.walls import CANARY
from sim.errors import RigError
from sim.runtime.fake.mysql import FakeAccount
from sim.runtime.fake.platform import FakePlatform
from sim.verdict import Status
from tests.fake.drill_rehearsal import Sabotage, judged, rehearse

_SCENARIO = DATABASES
_AUTH, _ORDERS = "auth-service-mysql", "orders-service-mysql"
_FAST = 200.0
_NATIVE = "mysql_native_password"


def _password(platform: FakePlatform, server: str) -> str:
    return platform.secrets[platform.plan.server(server).facts["password_secret"]]


def _foreign_account(platform: FakePlatform) -> None:
    account = FakeAccount(_password(platform, _AUTH), _NATIVE, [("SELECT", "orders_db.*")])
    platform.databases[_ORDERS].accounts["auth_user", "%"] = account


def _shared_script(platform: FakePlatform) -> None:
    """What the document's one init script would do where it does not fail (contradiction C1)."""
    account = FakeAccount(_password(platform, _AUTH), _NATIVE, [("ALL PRIVILEGES", "auth_db.*")])
    platform.databases[_ORDERS].accounts["auth_user", "%"] = account
    platform.databases[_ORDERS].schemas.add("auth_db")


def _all_schemas(platform: FakePlatform) -> None:
    platform.databases[_AUTH].accounts["auth_user", "%"].grants = [("ALL PRIVILEGES", "*.*")]


def _remote_root(platform: FakePlatform) -> None:
    root = platform.plan.server(_AUTH).facts["root_password_secret"]
    platform.databases[_AUTH].accounts["root", "%"] = FakeAccount(platform.secrets[root], _NATIVE)


def _nameless(platform: FakePlatform) -> None:
    platform.databases[_AUTH].accounts["", "%"] = FakeAccount("", _NATIVE)


def _no_database(platform: FakePlatform) -> None:
    platform.databases[_AUTH].schemas.discard("auth_db")


def _no_user(platform: FakePlatform) -> None:
    del platform.databases[_AUTH].accounts["auth_user", "%"]


def test_a_conformant_platform_passes_with_every_edge_probed_and_the_canary_seen() -> None:
    """All users on all servers, root and a nameless account too; the control saw both answers; nothing stays behind."""
    drill = rehearse(_SCENARIO, speed=_FAST)
    assert drill.result.verdict is Status.PASS, drill.result.reason
    pairs = {(o.detail["user"], o.target) for o in drill.of(LOGIN)}
    assert len(pairs) == 11 * 11 + 2 * 11
    assert [o.detail["phase"] for o in drill.of(CANARY)] == ["open", "closed"]
    users = {user for state in drill.platform.databases.values() for user, _ in state.accounts}
    assert not any(user.startswith("canary") for user in users)


def test_no_password_is_written_down() -> None:
    """A history never holds a secret of the stack."""
    drill = rehearse(_SCENARIO, speed=_FAST)
    text = "\n".join(o.to_json() for o in drill.observations)
    assert not any(secret in text for secret in drill.platform.secrets.values())


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (_foreign_account, f"auth_user on {_ORDERS}"),
        (_shared_script, f"auth_user on {_ORDERS} naming auth_db"),
        (_all_schemas, f"auth_user on {_AUTH} naming mysql"),
        (_remote_root, f"root on {_AUTH}"),
        (_nameless, f"anonymous on {_AUTH}"),
        (_no_database, f"auth_user on {_AUTH} naming auth_db"),
        (_no_user, f"auth_user on {_AUTH} naming auth_db"),
    ],
)
def test_a_breach_fails_and_is_named(spoil: Sabotage, named: str) -> None:
    """Whoever gets in where the document keeps him out, or is kept out of his own, fails the scenario by name."""
    result = rehearse(_SCENARIO, spoil, speed=_FAST).result
    assert result.verdict is Status.FAIL, result.reason
    assert any(line.startswith(named) for line in result.evidence), result.evidence


def test_a_server_that_is_down_is_unknown_not_isolated() -> None:
    """Silence is not a refusal: the edges to a dead server are open questions, named."""
    result = rehearse(_SCENARIO, lambda p: p.control.kill(_AUTH), speed=_FAST).result
    assert result.verdict is Status.UNKNOWN
    assert _AUTH in result.reason


def _mute_canary(platform: FakePlatform) -> None:
    """Accounts that are made do not come to be: a probe of the open edge sees it closed."""
    for state in platform.databases.values():
        state.accounts = _Sealed(state.accounts)


class _Sealed(dict[tuple[str, str], FakeAccount]):
    def __setitem__(self, key: tuple[str, str], account: FakeAccount) -> None:
        pass


class _Sticky(dict[tuple[str, str], FakeAccount]):
    def pop(self, *_: object) -> None:  # type: ignore[override]
        return None


def _sticky_canary(platform: FakePlatform) -> None:
    """Accounts that are dropped stay."""
    for state in platform.databases.values():
        state.accounts = _Sticky(state.accounts)


@pytest.mark.parametrize(("spoil", "phase"), [(_mute_canary, "open"), (_sticky_canary, "closed")])
def test_a_canary_that_is_not_seen_makes_it_unknown(spoil: Sabotage, phase: str) -> None:
    """A probe that cannot see an open edge open, or a closed one closed, has shown nothing."""
    result = rehearse(_SCENARIO, spoil, speed=_FAST).result
    assert result.verdict is Status.UNKNOWN
    assert "cannot see" in result.reason
    assert phase in result.reason


def test_without_one_observation_it_is_unknown() -> None:
    """A pair that nobody tried is named, and no pass is given; without the canary neither."""
    drill = rehearse(_SCENARIO, speed=_FAST)
    login = drill.of(LOGIN)[0]
    result = judged(_SCENARIO, [o for o in drill.observations if o is not login])
    assert result.verdict is Status.UNKNOWN
    assert login.target in result.reason
    assert judged(_SCENARIO, drill.of(LOGIN)).verdict is Status.UNKNOWN
    assert judged(_SCENARIO, ()).verdict is Status.UNKNOWN


def test_a_fault_of_the_rig_is_unknown() -> None:
    """What breaks in the rig is never the platform's."""

    def broken(platform: FakePlatform) -> None:
        def sql(_: str) -> None:
            raise RigError("The engine went away.")

        platform.servers.sql = sql  # type: ignore[method-assign,assignment]

    assert rehearse(_SCENARIO, broken, speed=_FAST).result.verdict is Status.UNKNOWN
