"""``sim seed`` on the whole platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sim.runtime.stack import LiveStack
from sim.seeding.generate import generate
from tests.docker.platform.shopping import Shop

_TIMEOUT_S = 180
_SEED = 4


def seed(*options: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIM_ADMIN")}
    done = subprocess.run(
        [sys.executable, "-m", "sim", "seed", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        env=environment,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def shop(platform: LiveStack, gateway_url: str) -> Shop:
    return Shop.of(platform, gateway_url)


def test_a_shop_is_seeded_once(platform: LiveStack, shop: Shop) -> None:
    """Everything is there as generated; a second run changes nothing and says so; a larger one adds the rest."""
    options = ("--stack", platform.id, "--seed", str(_SEED), "--products", "10")
    code, out, err = seed(*options, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert (document["changed"], document["made"]["products"], document["made"]["images"]) == (True, 10, 10)

    for product in generate(_SEED, 10).products:
        seen = shop.call("GET", f"products/{product.sku}").document
        assert (seen["name"], seen["unit_price_cents"], seen["available"]) == (
            product.name,
            product.unit_price_cents,
            product.stock,
        )
        assert len(seen["images"]) == 1
    customer = document["customers"][0]
    token = shop.signed_in(customer["email"], customer["password"])
    assert shop.call("GET", "addresses", token=token).document["items"]

    code, out, err = seed(*options)
    assert code == 0, err
    assert "nothing to change" in out
    assert "made" not in out

    code, out, err = seed("--stack", platform.id, "--seed", str(_SEED), "--products", "12", "--json")
    assert code == 0, err
    assert json.loads(out)["made"].keys() <= {"products", "images", "stock receipts"}
    assert json.loads(out)["made"]["products"] == 2


def test_bad_input_is_said_and_nothing_is_changed(platform: LiveStack) -> None:
    """Exit 2: a stack that is not there, a URL nobody answers at, a password that is not the administrator's."""
    for options in (
        ("--stack", "none-of-that-name"),
        ("--url", "http://127.0.0.1:9", "--password", "x"),
        ("--url", "nonsense", "--password", "x"),
        ("--url", "http://127.0.0.1:9"),
        ("--stack", platform.id, "--password", "wrong"),
        ("--stack", platform.id, "--url", "http://127.0.0.1:9"),
    ):
        code, _, err = seed(*options)
        assert code == 2, (options, err)
        assert "Traceback" not in err
