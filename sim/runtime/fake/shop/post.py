"""How events travel: from a publisher's outbox, over the broker, into what each subscriber does once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sim.runtime.fake.shop.model import Hearing, Letter, Shelves
from sim.services.contract.events import EVENT_BY_NAME

GATEWAY = "gateway"


@dataclass(slots=True)
class Post:
    """``runs``: the service has a process; ``works``: it has its database; ``open_``: the broker has a majority."""

    shelves: Shelves
    hearings: Mapping[tuple[str, str], Hearing]
    runs: Callable[[str], bool]
    works: Callable[[str], bool]
    open_: Callable[[], bool]
    note: Callable[[str, str, str], None]

    def carry(self) -> None:
        """Bring every event as far as it gets by now."""
        while self._publish() or self._deliver():
            pass

    def last_words(self, service: str) -> None:
        """The service died this instant: what was due was published before; the rest stays in its outbox."""
        books = self.shelves.books[service]
        now_s = self.shelves.now_s()
        if self.open_():
            for letter in [letter for letter in books.outbox if letter.due_s <= now_s]:
                self._send(service, letter)
        if self.shelves.switches.loses_outbox_when_killed:
            books.outbox.clear()

    def _publish(self) -> bool:
        now_s = self.shelves.now_s()
        sent = False
        for service, books in self.shelves.books.items():
            for letter in tuple(books.outbox):
                if letter.due_s <= now_s and self.runs(service) and self.works(service) and self.open_():
                    self._send(service, letter)
                    sent = True
        return sent

    def _send(self, service: str, letter: Letter) -> None:
        self.shelves.books[service].outbox.remove(letter)
        copies = 2 if self.shelves.switches.forgets_what_it_heard else 1
        for subscriber in EVENT_BY_NAME[letter.event].subscribers:
            if subscriber != GATEWAY and letter.event not in self.shelves.switches.loses_event:
                self.shelves.books[subscriber].waiting.extend([letter] * copies)

    def _deliver(self) -> bool:
        heard = False
        for service, books in self.shelves.books.items():
            while books.waiting and self.runs(service) and self.works(service) and self.open_():
                letter = books.waiting.pop(0)
                heard = True
                if letter.message_id in books.heard and not self.shelves.switches.forgets_what_it_heard:
                    continue
                books.heard.add(letter.message_id)
                hearing = self.hearings.get((service, letter.event))
                if hearing is not None:
                    hearing(self.shelves, letter.payload, letter.trace_id)
                    self.note(service, letter.trace_id, f"{letter.event} handled")
        return heard
