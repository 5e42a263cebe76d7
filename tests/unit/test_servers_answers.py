"""Reading what servers print: environments, routes, durations, error documents, names, batch output."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import Refused, RigError, Unreachable
from sim.servers.alertmanager import receiver_of
from sim.servers.durations import printed_duration_s
from sim.servers.mysql_admin import LocalAdmin, quoted_identifier, quoted_text
from sim.servers.rabbitmq import rabbit_environment, server_name
from sim.servers.s3_error import s3_error_code


def _admin(code: int, *outputs: str) -> LocalAdmin:
    """Each call gives the next of ``outputs``, the last one again and again."""
    left = list(outputs)

    def execute(_server: str, _argv: Sequence[str], _environment: Mapping[str, str]) -> tuple[int, str]:
        return code, left.pop(0) if len(left) > 1 else left[0]

    return LocalAdmin("auth-service-mysql", "root-pw", execute)


def test_a_node_name_gives_its_server_name() -> None:
    """Long, short and bare names."""
    assert server_name("rabbit@rabbitmq-cluster-server-2.nodes.e-commerce") == "rabbitmq-cluster-server-2"
    assert server_name("rabbit@host") == "host"
    assert server_name("") == ""


@pytest.mark.parametrize(
    ("effective", "key", "value"),
    [
        ({"vm_memory_high_watermark": 0.8}, "vm_memory_high_watermark.relative", 0.8),
        ({"vm_memory_high_watermark": ["absolute", 100]}, "vm_memory_high_watermark.absolute", 100),
        ({"disk_free_limit": ["mem_relative", 2.0]}, "disk_free_limit.relative", 2.0),
        ({"disk_free_limit": 50000000}, "disk_free_limit.absolute", 50000000),
        ({"default_queue_type": "rabbit_quorum_queue"}, "default_queue_type", "quorum"),
        ({"heartbeat": 60}, "heartbeat", 60),
    ],
)
def test_the_effective_environment_is_spelt_as_the_configuration(
    effective: dict[str, Any], key: str, value: object
) -> None:
    """A relative limit is found under its dotted key; a warning before the JSON does no harm."""
    output = "warning: overriding the cookie\n" + json.dumps({"rabbit": effective, "kernel": {}})
    assert rabbit_environment(output)[key] == value


@pytest.mark.parametrize("output", ["", "Error: unable to perform", '{"kernel": {}}'])
def test_an_environment_that_is_none_is_the_rigs_error(output: str) -> None:
    """Never an empty environment, which a judge could take for evidence."""
    with pytest.raises(RigError):
        rabbit_environment(output)


_ROUTES = {
    "receiver": "default",
    "routes": [
        {"matchers": ['severity="critical"', 'team!="nobody"'], "receiver": "pager"},
        {"match": {"severity": "warning"}, "receiver": "mail"},
        {"match_re": {"severity": "in.*"}, "routes": [{"matchers": ["severity=~inf."], "receiver": "hook"}]},
    ],
}


@pytest.mark.parametrize(
    ("severity", "receiver"), [("critical", "pager"), ("warning", "mail"), ("info", "hook"), ("none", "default")]
)
def test_a_severity_ends_where_alertmanager_would_send_it(severity: str, receiver: str) -> None:
    """Each of the three spellings of a condition, a nested route, and the root for the rest."""
    assert receiver_of(_ROUTES, {"severity": severity}) == receiver


def test_a_condition_nobody_can_read_matches_nothing() -> None:
    """A route that is not understood is not taken for one that fits."""
    route = {"receiver": "default", "routes": [{"matchers": ["{severity"], "receiver": "pager"}]}
    assert receiver_of(route, {"severity": "critical"}) == "default"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2592000), ("4w2d", 2592000), ("120h0m0s", 432000), ("1m30s", 90), ("500ms", 0.5)]
)
def test_printed_durations_are_seconds(text: str, seconds: float) -> None:
    """Prometheus' and Go's spellings."""
    assert printed_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d30", "30 d", "30d or 50GiB"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A guess would be worse."""
    with pytest.raises(ValueError, match="not a duration"):
        printed_duration_s(text)


def test_an_s3_error_code_is_found_and_nothing_is_made_up() -> None:
    """From the document; empty for a page that is something else."""
    assert s3_error_code(b"<?xml?><Error><Code>AccessDenied</Code><Message>no</Message></Error>") == "AccessDenied"
    assert s3_error_code(b"<html>502 Bad Gateway</html>") == ""


def test_batch_output_is_rows_with_their_escapes_undone() -> None:
    """Tabs part cells, a printed tab or newline stays inside its cell."""
    assert _admin(0, "a\tb\\tc\\\\d\nx\ty\\n\nsim: end of answer\n").rows("SELECT") == (("a", "b\tc\\d"), ("x", "y\n"))


def test_a_server_that_is_not_there_is_unreachable_and_a_refusal_keeps_its_code() -> None:
    """2002 is silence, 1064 an answer, a client that cannot run the rig's fault."""
    with pytest.raises(Unreachable):
        _admin(1, "ERROR 2002 (HY000): Can't connect to local MySQL server").rows("SELECT")
    with pytest.raises(Refused) as refusal:
        _admin(1, "ERROR 1064 (42000) at line 1: You have an error").rows("SELEC")
    assert refusal.value.code == "1064"
    with pytest.raises(RigError):
        _admin(127, "sh: mysql: not found").rows("SELECT")


def test_an_answer_that_was_lost_on_the_way_is_asked_for_again() -> None:
    """Nothing at all is not an empty table: without its last line an answer is none, and never evidence."""
    assert _admin(0, "", "a\tb\nsim: end of answer\n").rows("SHOW GRANTS") == (("a", "b"),)
    assert _admin(0, "sim: end of answer\n").rows("SELECT 1 WHERE FALSE") == ()
    with pytest.raises(RigError, match="lost"):
        _admin(0, "").rows("SHOW GRANTS")
    assert _admin(0, "").rows("GRANT ALL ON x.* TO y") == ()


def test_grants_of_an_absent_account_are_none() -> None:
    """1141 is the answer 'no such grant'; any other code stays a refusal."""
    assert _admin(1, "ERROR 1141 (42000) at line 1: There is no such grant").grants("x", "%") == ()
    with pytest.raises(Refused):
        _admin(1, "ERROR 1045 (28000): Access denied").grants("x", "%")


@given(st.text())
def test_a_quoted_text_ends_only_where_it_should(value: str) -> None:
    """Either refused, or a string whose inner quotes are all doubled and that has no escapes."""
    try:
        literal = quoted_text(value)
    except RigError:
        return
    inner = literal[1:-1]
    assert "\\" not in inner
    assert "'" not in inner.replace("''", "")
    assert inner.replace("''", "'") == value


@pytest.mark.parametrize("name", ["", "a`b", "a.b", "a b", "x" * 65])
def test_an_identifier_of_other_characters_is_refused(name: str) -> None:
    """Nothing that could leave its backticks."""
    with pytest.raises(RigError):
        quoted_identifier(name)
