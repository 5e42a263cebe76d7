"""What a golden data directory leaves out, and what its name depends on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from sim.images.golden import _LEFT_OUT, golden_name, left_out
from sim.images.model import ResolvedImage
from sim.verdict import Fidelity

IMAGE = ResolvedImage("mysql", "mysql:8.0", "sim/mysql:a", "sha256:a", "mysql", "9.7.4", Fidelity.SAME_SOFTWARE)


@pytest.mark.parametrize(
    "name", ["mysql/auto.cnf", "mysql/host.pid", "mysql/binlog.000001", "mysql/#innodb_temp/t.ibt"]
)
def test_what_belongs_to_one_server_is_left_out(name: str) -> None:
    """Each server started from the snapshot makes these for itself."""
    assert left_out(PurePosixPath(name), _LEFT_OUT)


@pytest.mark.parametrize("name", ["mysql", "mysql/mysql.ibd", "mysql/#innodb_redo/#ib_redo1", "mysql/shop/auto.cnf"])
def test_data_is_kept(name: str) -> None:
    """Only the directory's own top is filtered."""
    assert not left_out(PurePosixPath(name), _LEFT_OUT)


def test_name_follows_image_and_flags() -> None:
    """Another image or other flags are another snapshot; where the image is found is not."""
    name = golden_name(IMAGE, ("--a",))
    assert golden_name(IMAGE, ("--b",)) != name
    assert golden_name(replace(IMAGE, digest="sha256:b"), ("--a",)) != name
    assert golden_name(replace(IMAGE, reference="elsewhere"), ("--a",)) == name
