"""The routes of contacts and their bodies: below ``/api/contacts``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sim.services.contract.route import PUBLIC, Route
from sim.services.contract.text import END, SINGLE_LINE, Email

Topic = Literal["question", "support", "partnership", "other"]
State = Literal["open", "answered", "closed"]
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=SINGLE_LINE)]


class SendForm(msgspec.Struct, frozen=True):
    """``website`` is a field people do not see and robots fill in: such a form is thanked for and thrown away."""

    name: Line
    email: Email
    subject: Line
    message: Annotated[str, Meta(min_length=1, max_length=5000)]
    topic: Topic = "question"
    website: Annotated[str, Meta(max_length=2000)] = ""


class Receipt(msgspec.Struct, frozen=True):
    """All a stranger learns of the form they sent."""

    form_id: str
    topic: Topic
    state: State
    created_at: datetime


class Form(msgspec.Struct, frozen=True):
    form_id: str
    name: str
    email: str
    topic: str
    subject: str
    message: str
    state: str
    created_at: datetime
    updated_at: datetime


class ListForms(msgspec.Struct, frozen=True):
    """Newest first; ``after`` is the ``next`` of the page before."""

    topic: Topic | None = None
    state: State | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(pattern=r"^[0-9]{0,18}" + END)] = ""


class FormPage(msgspec.Struct, frozen=True):
    items: tuple[Form, ...]
    next: str | None


class ChangeForm(msgspec.Struct, frozen=True):
    state: State


SEND: Final = Route(
    "contacts.send", "POST", "", "Send a contact form", PUBLIC, takes=SendForm, answers=Receipt, status=201
)
LIST: Final = Route(
    "contacts.list", "GET", "", "Contact forms, newest first", "contacts.read", query=ListForms, answers=FormPage
)
SHOW: Final = Route(
    "contacts.show", "GET", "/{form_id}", "One contact form", "contacts.read", answers=Form, problems=(404,)
)
CHANGE: Final = Route(
    "contacts.change",
    "PATCH",
    "/{form_id}",
    "Mark a form as answered or closed, or open it again",
    "contacts.read",
    takes=ChangeForm,
    answers=Form,
    problems=(404,),
)

ROUTES: Final = (SEND, LIST, SHOW, CHANGE)
