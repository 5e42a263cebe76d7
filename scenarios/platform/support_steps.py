"""The journeys of what surrounds a sale: sites, tickets, forms, letters, questions, payments, dead letters."""

from __future__ import annotations

from scenarios.platform.buying_steps import ADMIN, CUSTOMER, NOBODY, OTHER, SAGA_S
from scenarios.platform.walking import entrance
from sim.checks.journey import ANY, Holds, Step

SITE = {"name": "Sim {mark}", "locale": "fr-FR", "currency": "EUR", "hosts": ["{slug}.example.com"]}

WEBSITES = (
    *entrance(CUSTOMER, ADMIN),
    Step("a site", "PUT", "/api/websites/{slug}", 201, ADMIN, body=SITE, shows={"site": "{slug}"}),
    Step("anybody sees it", "GET", "/api/websites/{slug}", 200, shows={"currency": "EUR", "maintenance": False}),
    Step("by its host", "GET", "/api/websites/by-host/{slug}.example.com", 200, shows={"site": "{slug}"}),
    Step("another site with its host", "PUT", "/api/websites/{slug}-2", 409, ADMIN, body=SITE),
    Step("a customer may not", "PUT", "/api/websites/{slug}", 403, CUSTOMER, body=SITE),
    Step("a stranger may not", "PUT", "/api/websites/{slug}", 401, body=SITE),
    Step(
        "a currency that is none",
        "PATCH",
        "/api/websites/{slug}",
        422,
        ADMIN,
        body={"currency": "euro"},
    ),
    Step(
        "close for maintenance",
        "PATCH",
        "/api/websites/{slug}",
        200,
        ADMIN,
        body={"maintenance": True},
        shows={"maintenance": True},
    ),
    Step(
        "everybody knows at once",
        "GET",
        "/api/websites/{slug}",
        200,
        shows={"maintenance": True},
        within_s=2.0,
    ),
    Step("remove it", "DELETE", "/api/websites/{slug}", 204, ADMIN),
    Step("it is gone", "GET", "/api/websites/{slug}", 404, within_s=2.0),
)

FILE = b"what is wrong with it, in words"
SAV = (
    *entrance(CUSTOMER, OTHER, ADMIN),
    Step("a stranger opens none", "POST", "/api/sav", 401, body={"subject": "S", "message": "M"}),
    Step(
        "open a ticket",
        "POST",
        "/api/sav",
        201,
        CUSTOMER,
        body={"subject": "Sim {mark}", "message": "It does not work."},
        shows={"state": "open", "messages.#": 1},
        keeps={"ticket_id": "ticket_id"},
    ),
    Step("a ticket about nothing", "POST", "/api/sav", 422, CUSTOMER, body={"subject": "", "message": "M"}),
    Step("somebody else's does not exist", "GET", "/api/sav/{ticket_id}", 404, OTHER),
    Step("a customer may not move it", "PATCH", "/api/sav/{ticket_id}", 403, CUSTOMER, body={"state": "closed"}),
    Step(
        "staff answer",
        "POST",
        "/api/sav/{ticket_id}/messages",
        201,
        ADMIN,
        body={"message": "Have you tried turning it off?"},
        shows={"author": "staff"},
    ),
    Step(
        "it waits for the customer",
        "GET",
        "/api/sav/{ticket_id}",
        200,
        CUSTOMER,
        shows={"state": "pending", "messages.#": 2},
    ),
    Step(
        "announce a file",
        "POST",
        "/api/sav/{ticket_id}/attachments",
        201,
        CUSTOMER,
        body={"file_name": "words.txt", "content_type": "text/plain", "size_bytes": len(FILE)},
        shows={"attachment.stored": False, "method": "PUT"},
        keeps={"attachment_id": "attachment.attachment_id"},
        hides={"upload_url": "url"},
    ),
    Step(
        "complete it before it is there",
        "POST",
        "/api/sav/{ticket_id}/attachments/{attachment_id}/complete",
        409,
        CUSTOMER,
    ),
    Step("upload it", "PUT", "{upload_url}", 200, follows=True, content=FILE, content_type="text/plain"),
    Step(
        "complete it",
        "POST",
        "/api/sav/{ticket_id}/attachments/{attachment_id}/complete",
        200,
        CUSTOMER,
        shows={"stored": True},
    ),
    Step(
        "ask for it",
        "GET",
        "/api/sav/{ticket_id}/attachments/{attachment_id}",
        200,
        CUSTOMER,
        shows={"attachment.size_bytes": len(FILE)},
        hides={"download_url": "url"},
    ),
    Step("fetch it", "GET", "{download_url}", 200, follows=True),
    Step("somebody else may not", "GET", "/api/sav/{ticket_id}/attachments/{attachment_id}", 404, OTHER),
)
# The URL without its signature: what a stranger could guess.
SAV_CLOSED = (
    Step("without a signature the bucket is closed", "GET", "{bare_url}", 403, follows=True),
    Step("close the ticket", "PATCH", "/api/sav/{ticket_id}", 200, ADMIN, body={"state": "closed"}),
    Step(
        "a closed ticket takes no more", "POST", "/api/sav/{ticket_id}/messages", 409, CUSTOMER, body={"message": "!"}
    ),
)

FORM = {
    "name": "Sim Stranger",
    "email": "{other_email}",
    "subject": "Sim {mark}",
    "message": "Help.",
    "topic": "support",
}
CONTACTS = (
    *entrance(CUSTOMER, ADMIN),
    Step("send a form", "POST", "/api/contacts", 201, body=FORM, shows={"state": "open"}, keeps={"form_id": "form_id"}),
    Step("a form from nowhere", "POST", "/api/contacts", 422, body={**FORM, "email": "nowhere"}),
    Step("a stranger may not read it", "GET", "/api/contacts/{form_id}", 401),
    Step("a customer neither", "GET", "/api/contacts/{form_id}", 403, CUSTOMER),
    Step("staff may", "GET", "/api/contacts/{form_id}", 200, ADMIN, shows={"subject": "Sim {mark}"}),
    Step(
        "it became a ticket",
        "GET",
        "/api/sav?email={other_email}",
        200,
        ADMIN,
        shows={"items.*.subject": ["Sim {mark}"]},
        within_s=SAGA_S,
    ),
    Step(
        "and its sender was told",
        "GET",
        "/api/newsletters/messages?reference={form_id}",
        200,
        ADMIN,
        shows={"items.*.email": ["{other_email}"]},
        within_s=SAGA_S,
    ),
    Step(
        "answered",
        "PATCH",
        "/api/contacts/{form_id}",
        200,
        ADMIN,
        body={"state": "answered"},
        shows={"state": "answered"},
    ),
    Step("a form that does not exist", "GET", f"/api/contacts/{NOBODY}", 404, ADMIN),
)

NEWSLETTERS = (
    *entrance(CUSTOMER, ADMIN),
    Step("ask for the newsletter", "POST", "/api/newsletters/subscribers", 200, body={"email": "{other_email}"}),
    Step("for nobody", "POST", "/api/newsletters/subscribers", 422, body={"email": "nobody"}),
    Step(
        "it is not confirmed yet",
        "GET",
        "/api/newsletters/subscribers?email={other_email}",
        200,
        ADMIN,
        shows={"items.*.state": ["pending"]},
        within_s=SAGA_S,
    ),
    Step("a customer may not see who", "GET", "/api/newsletters/subscribers", 403, CUSTOMER),
    Step("a stranger neither", "GET", "/api/newsletters/subscribers", 401),
    Step(
        "the mail that asks to confirm",
        "GET",
        "/api/newsletters/messages?email={other_email}",
        200,
        ADMIN,
        shows={"items.*.template": ["confirm-subscription"]},
        hides={"mail": "items.0.text"},
        within_s=SAGA_S,
    ),
    Step(
        "confirm with a token that is none",
        "POST",
        "/api/newsletters/subscribers/confirm",
        404,
        body={"token": "A" * 43},
    ),
)
# The token stands in the mail.
NEWSLETTERS_CONFIRMED = (
    Step(
        "confirm",
        "POST",
        "/api/newsletters/subscribers/confirm",
        200,
        body={"token": "{token}"},
        shows={"state": "confirmed"},
    ),
    Step(
        "it is confirmed",
        "GET",
        "/api/newsletters/subscribers?email={other_email}",
        200,
        ADMIN,
        shows={"items.*.state": ["confirmed"]},
    ),
)

_QUESTION = {
    "slug": "{slug}",
    "category": "sim",
    "question": "Is {mark} a question?",
    "answer": "It is.",
    "position": 1,
}
QUESTIONS = (
    *entrance(CUSTOMER, ADMIN),
    Step(
        "add a question",
        "POST",
        "/api/questions",
        201,
        ADMIN,
        body=_QUESTION,
        shows={"helpful": 0},
        keeps={"question_id": "question_id"},
    ),
    Step("the slug again", "POST", "/api/questions", 409, ADMIN, body=_QUESTION),
    Step("a question without an answer", "POST", "/api/questions", 422, ADMIN, body={"slug": "a", "category": "sim"}),
    Step("a customer may not", "POST", "/api/questions", 403, CUSTOMER, body=_QUESTION),
    Step("anybody finds it", "GET", "/api/questions?q={mark}", 200, shows={"items.*.slug": ["{slug}"]}, within_s=5.0),
    Step("a stranger has no vote", "POST", "/api/questions/{question_id}/votes", 401, body={"helpful": True}),
    Step(
        "it helped",
        "POST",
        "/api/questions/{question_id}/votes",
        200,
        CUSTOMER,
        body={"helpful": True},
        shows={"helpful": 1, "unhelpful": 0},
    ),
    Step(
        "it did not, after all",
        "POST",
        "/api/questions/{question_id}/votes",
        200,
        CUSTOMER,
        body={"helpful": False},
        shows={"helpful": 0, "unhelpful": 1},
    ),
    Step("remove it", "DELETE", "/api/questions/{question_id}", 204, ADMIN),
    Step("it is gone", "GET", "/api/questions/{question_id}", 404),
)

PAYMENTS = (
    *entrance(CUSTOMER),
    Step("a stranger pays nothing", "POST", "/api/payments", 401, body={"order_id": NOBODY, "method": "card"}),
    Step("payments are planned", "POST", "/api/payments", 501, CUSTOMER, body={"order_id": NOBODY, "method": "card"}),
    Step("and none is there", "GET", f"/api/payments/{NOBODY}", 501, CUSTOMER),
    Step("refunds are for staff", "POST", f"/api/payments/{NOBODY}/refund", 403, CUSTOMER),
)

MESSAGES_BROKER = (
    *entrance(CUSTOMER, ADMIN),
    Step("a stranger sees no dead letters", "GET", "/api/messages-broker/dead-letters/contacts", 401),
    Step("a customer neither", "GET", "/api/messages-broker/dead-letters/contacts", 403, CUSTOMER),
    Step(
        "every service's queues",
        "GET",
        "/api/messages-broker/topology",
        200,
        ADMIN,
        shows={"items.#": ANY, "items.0.delivery_limit": 5},
    ),
    Step("a service that does not exist", "GET", "/api/messages-broker/dead-letters/nobody", 404, ADMIN),
    Step("how full they are", "GET", "/api/messages-broker/queues", 200, ADMIN, shows={"items.#": ANY}),
)
# Between the two a message that nobody understands is put into a queue.
MESSAGES_BROKER_DEAD = (
    Step(
        "the dead letter is shown",
        "GET",
        "/api/messages-broker/dead-letters/contacts?limit=100",
        200,
        ADMIN,
        shows={"items.*.message_id": Holds("{message_id}")},
        within_s=SAGA_S,
    ),
    Step(
        "send it once more",
        "POST",
        "/api/messages-broker/dead-letters/contacts/requeue",
        200,
        ADMIN,
        body={"message_ids": ["{message_id}"]},
        shows={"requeued": 1},
        within_s=5.0,
    ),
    Step(
        "it died again",
        "GET",
        "/api/messages-broker/dead-letters/contacts?limit=100",
        200,
        ADMIN,
        shows={"items.*.message_id": Holds("{message_id}")},
        within_s=SAGA_S,
    ),
)
