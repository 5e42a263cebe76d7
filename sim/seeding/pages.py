"""The shop's words to its customers: frequent questions, newsletter templates, sites."""

from __future__ import annotations

from typing import Final

from sim.seeding.shop import Question, Site, Template


def _question(position: int, category: str, slug: str, question: str, answer: str) -> Question:
    return Question(slug, category, question, answer, position * 10)


QUESTIONS: Final = tuple(
    _question(position, *parts)
    for position, parts in enumerate(
        (
            (
                "delivery",
                "when-will-my-order-arrive",
                "When will my order arrive?",
                "What is ordered before noon on a working day leaves that day and arrives two or three days later.",
            ),
            (
                "delivery",
                "which-countries-do-you-deliver-to",
                "Which countries do you deliver to?",
                "France, Belgium, Luxembourg, Germany and most of the European Union. The checkout tells you at once.",
            ),
            (
                "delivery",
                "how-can-i-follow-my-parcel",
                "How can I follow my parcel?",
                "Your order's page shows a tracking code as soon as the parcel is ready, and every step it takes.",
            ),
            (
                "orders",
                "can-i-cancel-an-order",
                "Can I cancel an order?",
                "Yes, until it is shipped: open the order and choose Cancel. What you ordered goes back on the shelf.",
            ),
            (
                "orders",
                "why-is-my-basket-different-today",
                "Why is my basket different today?",
                "It follows the catalogue: prices are those of now, and what is no longer sold leaves the basket.",
            ),
            (
                "orders",
                "how-long-are-articles-reserved",
                "How long are the articles in my basket reserved?",
                "A basket reserves nothing. At the checkout everything is held for you until the order is confirmed.",
            ),
            (
                "payment",
                "how-can-i-pay",
                "How can I pay?",
                "Online payment is being prepared. Until then every order comes with an invoice, due in thirty days.",
            ),
            (
                "returns",
                "how-do-i-return-an-article",
                "How do I return an article?",
                "Within thirty days, unused: open a ticket with your order's number, and we send you a label.",
            ),
            (
                "returns",
                "my-article-arrived-damaged",
                "My article arrived damaged. What now?",
                "We are sorry! Open a ticket and attach a photograph: we replace it, or give your money back.",
            ),
            (
                "account",
                "i-forgot-my-password",
                "I forgot my password. How do I get in again?",
                "Write to us by the contact form from the address of your account. We never ask for a password.",
            ),
            (
                "account",
                "how-do-i-leave-the-newsletter",
                "How do I leave the newsletter?",
                "Every newsletter ends with a link that does just that, at once and without a question.",
            ),
        )
    )
)


def _template(name: str, subject: str, heading: str, *paragraphs: str) -> Template:
    html = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    return Template(
        name,
        subject,
        f'<!doctype html>\n<html lang="en">\n<body>\n<h1>{heading}</h1>\n{html}<p>{{{{sender}}}}</p>\n</body></html>\n',
        "\n\n".join((heading, *paragraphs, "{{sender}}")) + "\n",
    )


TEMPLATES: Final = (
    _template(
        "new-arrivals",
        "New on our shelves, {{name}}",
        "Fresh from the workshop",
        "Hello {{name}}, this month's new things are in: lamps that read with you, pans that outlast us all.",
        "They are few, and they do not wait. Neither should you.",
    ),
    _template(
        "spring-sale",
        "Spring cleaning: up to 30 % off",
        "The shelves want sunlight",
        "Hello {{name}}, until the end of the month, garden and outdoor things are up to 30 % off.",
    ),
    _template(
        "repair-week",
        "Bring it back to life: repair week",
        "Repaired is better than replaced",
        "Hello {{name}}, for a week all spare parts come at cost, with instructions that fit on one page.",
    ),
)

SITES: Final = (
    Site(
        "fr", "La Boutique", "fr-FR", "fr.shop.example", {"theme.colour": "#b5471b", "delivery.free_from_cents": 6000}
    ),
    Site("be", "De Winkel", "nl-BE", "be.shop.example", {"theme.colour": "#1b5fb5", "delivery.free_from_cents": 7500}),
    Site("de", "Der Laden", "de-DE", "de.shop.example", {"theme.colour": "#2f7d4f", "delivery.free_from_cents": 7500}),
    Site("outlet", "The Outlet", "en-GB", "outlet.shop.example", {"theme.colour": "#7a2f7d", "catalogue.outlet": True}),
)
