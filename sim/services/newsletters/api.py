"""Routes and bodies of e-mail, below ``/api/newsletters``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sim.services.contract.route import PUBLIC, Route
from sim.services.contract.text import END, SINGLE_LINE, Email

MANAGE: Final = "newsletters.manage"

TemplateName = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,62}" + END)]
Topic = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,31}" + END)]
Locale = Annotated[str, Meta(pattern="^[a-z]{2}(-[A-Z]{2})?" + END, description="language, with or without country")]
Token = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{43}" + END, description="from an e-mail")]
Limit = Annotated[int, Meta(ge=1, le=100)]
After = Annotated[str, Meta(pattern="^[0-9]{1,18}" + END)] | None
SubscriberState = Literal["pending", "confirmed", "unsubscribed"]
CampaignState = Literal["draft", "sending", "sent"]


class NewSubscriber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topics`` are what to write about; none means everything."""

    email: Email
    name: Annotated[str, Meta(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*" + END)] = ""
    locale: Locale = "fr"
    topics: Annotated[tuple[Topic, ...], Meta(max_length=20)] = ()


class Invitation(msgspec.Struct, frozen=True):
    """The same whoever it is: what is known of an address is told to that address alone."""

    detail: str


class Presented(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Token


class Subscription(msgspec.Struct, frozen=True):
    state: SubscriberState


class Subscriber(msgspec.Struct, frozen=True):
    subscriber_id: str
    email: str
    name: str
    locale: str
    topics: tuple[str, ...]
    state: SubscriberState
    created_at: datetime


class SubscriberQuery(msgspec.Struct, frozen=True):
    """``after`` is the ``next`` of the page before."""

    state: SubscriberState | None = None
    email: Email | None = None
    limit: Limit = 20
    after: After = None


class Subscribers(msgspec.Struct, frozen=True):
    """Newest first."""

    items: tuple[Subscriber, ...]
    next: str | None


class TemplateForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``{{name}}`` stands for the variable ``name``; in ``html`` its value is escaped."""

    subject: Annotated[str, Meta(pattern=SINGLE_LINE, max_length=200)]
    html: Annotated[str, Meta(min_length=1, max_length=200_000)]
    text: Annotated[str, Meta(min_length=1, max_length=50_000)]


class TemplateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``html_url`` is where the bucket has it, null until it could be put there."""

    name: str
    version: int
    subject: str
    variables: tuple[str, ...]
    html_url: str | None
    created_at: datetime


class Template(TemplateSummary, frozen=True, kw_only=True):
    html: str
    text: str


class TemplateQuery(msgspec.Struct, frozen=True):
    limit: Limit = 20
    after: TemplateName | None = None


class VersionQuery(msgspec.Struct, frozen=True):
    """The latest, if none is named."""

    version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class Templates(msgspec.Struct, frozen=True):
    """The latest version of each, by name."""

    items: tuple[TemplateSummary, ...]
    next: str | None


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is meant: confirmed subscribers, of a topic (those who named none want all) or a language or both."""

    topic: Topic | None = None
    locale: Locale | None = None


class NewCampaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    template: TemplateName
    segment: Segment = Segment()


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """``recipients`` are those meant: until it is sending, as of now; ``sent`` are the mails written."""

    campaign_id: str
    template: str
    template_version: int | None
    segment: Segment
    state: CampaignState
    recipients: int
    sent: int
    created_at: datetime
    sent_at: datetime | None


class MailQuery(msgspec.Struct, frozen=True):
    """``reference`` is the id of an order, a ticket, a form, a user or a campaign."""

    email: Email | None = None
    reference: Annotated[str, Meta(max_length=64, pattern=r"^[\x21-\x7e]+" + END)] | None = None
    template: TemplateName | None = None
    limit: Limit = 20
    after: After = None


class Mail(msgspec.Struct, frozen=True):
    message_id: str
    reference: str
    template: str
    template_version: int
    sender: str
    email: str
    subject: str
    text: str
    html: str
    created_at: datetime


class Mails(msgspec.Struct, frozen=True):
    """Newest first."""

    items: tuple[Mail, ...]
    next: str | None


ROUTES: Final = (
    Route(
        "newsletters.subscribe",
        "POST",
        "/subscribers",
        "Ask for the newsletter; an e-mail holds the token to confirm with. The answer does not tell who is known",
        PUBLIC,
        takes=NewSubscriber,
        answers=Invitation,
    ),
    Route(
        "newsletters.confirm",
        "POST",
        "/subscribers/confirm",
        "Confirm a subscription with the token of its e-mail",
        PUBLIC,
        takes=Presented,
        answers=Subscription,
        problems=(404,),
    ),
    Route(
        "newsletters.unsubscribe",
        "POST",
        "/subscribers/unsubscribe",
        "End a subscription with the token that every newsletter holds",
        PUBLIC,
        takes=Presented,
        answers=Subscription,
        problems=(404,),
    ),
    Route(
        "newsletters.list-subscribers",
        "GET",
        "/subscribers",
        "Subscribers",
        MANAGE,
        answers=Subscribers,
        query=SubscriberQuery,
    ),
    Route(
        "newsletters.list-templates", "GET", "/templates", "Templates", MANAGE, answers=Templates, query=TemplateQuery
    ),
    Route(
        "newsletters.show-template",
        "GET",
        "/templates/{name}",
        "One template, its latest version or another",
        MANAGE,
        answers=Template,
        query=VersionQuery,
        problems=(404,),
    ),
    Route(
        "newsletters.put-template",
        "PUT",
        "/templates/{name}",
        "Make a new version of a template, unless it is as the latest; 422 where braces make no variable",
        MANAGE,
        takes=TemplateForm,
        answers=Template,
        problems=(422,),
    ),
    Route(
        "newsletters.create-campaign",
        "POST",
        "/campaigns",
        "Prepare a campaign; 422 where its template asks for what no subscriber has",
        MANAGE,
        takes=NewCampaign,
        answers=Campaign,
        status=201,
        problems=(422,),
    ),
    Route(
        "newsletters.show-campaign",
        "GET",
        "/campaigns/{campaign_id}",
        "A campaign and how far it is",
        MANAGE,
        answers=Campaign,
        problems=(404,),
    ),
    Route(
        "newsletters.send-campaign",
        "POST",
        "/campaigns/{campaign_id}/send",
        "Start sending with the template as it is now; sending again changes nothing",
        MANAGE,
        answers=Campaign,
        status=202,
        problems=(404,),
    ),
    Route(
        "newsletters.list-messages",
        "GET",
        "/messages",
        "The mails written, as their readers would see them",
        MANAGE,
        answers=Mails,
        query=MailQuery,
    ),
)
