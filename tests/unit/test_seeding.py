"""The seeded shop, as data; and the client that fills it, against a real HTTP server that misbehaves as told."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from sim.errors import BadInput, Refused, Unreachable
from sim.seeding.client import Shopkeeper, checked_url, knock, new_session
from sim.seeding.fill import password_of
from sim.seeding.generate import generate
from sim.services.addresses.postal import normalised_postal_code
from sim.services.auth.api import Register
from sim.services.newsletters.api import TemplateForm
from sim.services.products.api import CategoryDraft, ImageUpload, ProductDraft, StockChange
from sim.services.questions.api import QuestionBody
from sim.services.websites.api import SiteBody


def test_a_seed_is_a_shop() -> None:
    """The same seed gives the same to the last byte, another seed another shop with SKUs of its own."""
    assert generate(7, 30) == generate(7, 30)
    ours, theirs = ({product.sku for product in generate(seed, 200).products} for seed in (1, 2))
    assert not ours & theirs


def test_more_of_a_seed_are_the_same_and_some_more() -> None:
    """So that a shop can grow by seeding it again."""
    assert generate(3, 100).products[:40] == generate(3, 40).products


def test_no_two_products_look_alike() -> None:
    """Names and SKUs, even of two thousand; all categories have some; some are scarce, few are sold out."""
    products = generate(1, 2000).products
    assert len({product.sku for product in products}) == len({product.name for product in products}) == 2000
    assert {product.category for product in products[:8]} == {category.slug for category in generate(1, 1).categories}
    assert 0 < sum(product.stock == 0 for product in products) < 200


def test_the_platform_would_take_it() -> None:
    """Everything fits the schemas of the services it is for."""
    shop = generate(5, 50)

    def fits(kind: type, **fields: object) -> None:
        msgspec.convert(fields, kind)

    for category in shop.categories:
        fits(CategoryDraft, slug=category.slug, name=category.name)
    for product in shop.products:
        fits(
            ProductDraft,
            sku=product.sku,
            name=product.name,
            description=product.description,
            category=product.category,
            unit_price_cents=product.unit_price_cents,
        )
        fits(ImageUpload, content_type="image/png", content=product.image)
        if product.stock:
            fits(StockChange, change=product.stock, reason="opening stock")
    for question in shop.questions:
        fits(
            QuestionBody,
            slug=question.slug,
            category=question.category,
            question=question.question,
            answer=question.answer,
            position=question.position,
        )
    for template in shop.templates:
        fits(TemplateForm, subject=template.subject, html=template.html, text=template.text)
    for site in shop.sites:
        fits(
            SiteBody,
            name=site.name,
            locale=site.locale,
            currency="EUR",
            hosts=[site.host],
            settings=dict(site.settings),
        )
    for customer in shop.customers:
        fits(Register, email=customer.email, name=customer.name, password=password_of("secret", customer.email))
        for address in customer.addresses:
            assert normalised_postal_code(address.country, address.postal_code) == address.postal_code


def test_pictures_are_png() -> None:
    """Signature, checksums, size and as many bytes as the header says."""
    image = generate(1, 1).products[0].image
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        kind, data = image[at + 4 : at + 8], image[at + 8 : at + 8 + length]
        assert struct.unpack(">I", image[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)


def test_a_customers_password_is_the_administrators_to_know() -> None:
    """The same each time, another for each customer and each administrator's password."""
    assert password_of("a", "x@example.com") == password_of("a", "x@example.com")
    assert len({password_of(secret, email) for secret in "ab" for email in ("x@example.com", "y@example.com")}) == 4


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1:8100", "ftp://host", "http://", "http://u@host", "http://h:99999", "http://h/?q"]
)
def test_a_url_that_is_no_gateways_is_refused(text: str) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(BadInput):
        checked_url(text)


def test_a_url_may_end_in_a_slash() -> None:
    """And lead through a path."""
    assert checked_url(" http://127.0.0.1:8100/ ") == "http://127.0.0.1:8100"
    assert checked_url("https://shop.example/front/") == "https://shop.example/front"


@dataclass
class Clockwork:
    """Time that passes only by sleeping."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now_s(self) -> float:
        return self.now

    def sleep_s(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Scripted:
    """Answers in turn, the last one for ever; ``seen`` are the requests."""

    answers: list[tuple[int, object, dict[str, str]]]
    url: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def gateway(*answers: tuple[int, object, dict[str, str]]) -> Iterator[Scripted]:
    script = Scripted(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            script.seen.append((self.command, self.path, dict(self.headers)))
            status, document, headers = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - the server's own names

        def log_message(self, *_arguments: object) -> None:
            """Nothing to say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()


def test_what_passes_is_waited_for_and_asked_again_as_the_same_call() -> None:
    """503 and 429 with Retry-After: a pause as asked for, then the same Idempotency-Key."""
    with gateway((503, {}, {"Retry-After": "2"}), (429, {}, {"Retry-After": "1"}), (201, {"a": 1}, {})) as script:
        clock = Clockwork()
        with new_session() as session:
            answer = Shopkeeper(script.url, session, clock).call("POST", "/api/x", body={})
    assert (answer.status, answer.document) == (201, {"a": 1})
    assert clock.slept == [2.0, 1.0]
    assert len({headers["Idempotency-Key"] for _, _, headers in script.seen}) == 1


def test_patience_ends() -> None:
    """A gateway that only ever says 503 is unreachable after half a minute, with what it said last."""
    with gateway((503, {"detail": "The database cannot be reached."}, {"Retry-After": "60"})) as script:
        clock = Clockwork()
        with new_session() as session, pytest.raises(Unreachable, match="The database cannot be reached"):
            Shopkeeper(script.url, session, clock).call("GET", "/api/x")
    assert 20 <= clock.now <= 30


def test_a_refusal_is_said_at_once() -> None:
    """403 is not waited for."""
    with gateway((403, {"detail": "Not yours."}, {})) as script:
        clock = Clockwork()
        with new_session() as session, pytest.raises(Refused, match="Not yours"):
            Shopkeeper(script.url, session, clock).call("GET", "/api/x")
    assert clock.slept == []


def test_signing_in_lends_its_token_to_what_follows() -> None:
    """A wrong password is no exception: nobody is signed in."""
    with gateway((200, {"access_token": "t0k"}, {}), (200, {}, {}), (401, {}, {})) as script, new_session() as session:
        stranger = Shopkeeper(script.url, session, Clockwork())
        user = stranger.signed_in("a@example.com", "right")
        assert user is not None
        user.call("GET", "/api/x")
        assert script.seen[1][2]["Authorization"] == "Bearer t0k"
        assert stranger.signed_in("a@example.com", "wrong") is None


def test_nobody_there_is_bad_input() -> None:
    """A port nobody listens on, and a server that is something else."""
    with new_session() as session:
        with gateway((404, {}, {})) as script, pytest.raises(BadInput, match="not the gateway"):
            knock(script.url, session)
        with pytest.raises(BadInput, match="No gateway answers"):
            knock(script.url, session)
