"""What a killed rig leaves of making images is swept, too."""

from __future__ import annotations

from sim.images.ensure import ensure_images
from sim.images.leftovers import remove_finished_tasks
from sim.images.store import LABEL_TASK
from sim.runtime.engine import connect


def test_a_finished_helper_is_removed_and_a_working_one_is_not() -> None:
    """Only containers that no longer run are leftovers; one that runs has a rig waiting for it."""
    client = connect()
    image = ensure_images(["pause"], say=print)["pause"].reference
    finished = client.containers.create(image, labels={LABEL_TASK: "test"})
    working = client.containers.run(image, labels={LABEL_TASK: "test"}, detach=True)
    try:
        assert remove_finished_tasks(client) >= 1
        left = {c.id for c in client.containers.list(all=True, filters={"label": f"{LABEL_TASK}=test"})}
        assert left == {working.id}
        assert finished.id not in left
    finally:
        working.remove(force=True)
