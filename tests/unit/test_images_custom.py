"""References a user may give for a real service's image."""

from __future__ import annotations

import pytest
from docker import DockerClient

from sim.errors import BadInput
from sim.images.custom import resolve_custom


@pytest.mark.parametrize("reference", ["", " ", "Auth:1", "auth:", "auth service", "-v", "auth@sha256:12", "a:b:c"])
def test_what_is_no_reference_is_bad_input(reference: str) -> None:
    """Told before any engine is asked, with the service's name and how one is written."""
    unasked = DockerClient(base_url="tcp://127.0.0.1:1", version="1.41")
    with pytest.raises(BadInput, match="auth-service"):
        resolve_custom(unasked, "auth-service", reference, offline=False)
