"""People who buy one thing after the other, whatever happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from scenarios.platform.selling import Sale
from scenarios.platform.shoppers import Shopper
from sim.errors import SimError
from sim.history import Outcome


@dataclass(slots=True)
class Crowd:
    """People who buy one thing after the other until told to stop; ``accepted`` counts their orders."""

    stop: threading.Event = field(default_factory=threading.Event)
    accepted: int = 0


@contextmanager
def buying(sale: Sale, people: list[tuple[Shopper, str]]) -> Iterator[Crowd]:
    crowd = Crowd()
    threads = [
        threading.Thread(target=_buy, args=(sale, crowd, shopper, address_id, number), daemon=True)
        for number, (shopper, address_id) in enumerate(people)
    ]
    for thread in threads:
        thread.start()
    try:
        yield crowd
    finally:
        crowd.stop.set()
        for thread in threads:
            thread.join(60.0)


def _buy(sale: Sale, crowd: Crowd, shopper: Shopper, address_id: str, number: int) -> None:
    turn = 0
    while not crowd.stop.is_set():
        turn += 1
        try:
            sale.fill(shopper)
        except SimError:
            sale.stage.clock.sleep_s(0.1)
            continue
        # One basket may be ordered once: what was cleared meanwhile is refused (409), which buys nothing.
        reply = sale.check_out(shopper, address_id, f"{sale.sku}-{number}-{turn}")
        if reply.accepted:
            crowd.accepted += 1
        elif reply.outcome is Outcome.UNSURE:
            sale.stage.clock.sleep_s(0.1)
