"""Stands that several files share, each raised once, when first asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docker.services import content_stand, orders_stand


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[content_stand.Front]:
    """Auth, websites, contacts and questions behind a gateway."""
    with content_stand.front(tmp_path_factory.mktemp("front")) as made:
        yield made


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[orders_stand.Stand]:
    """Orders, deliveries and addresses; baskets and products are played by the test."""
    with orders_stand.standing(tmp_path_factory.mktemp("orders")) as made:
        yield made
