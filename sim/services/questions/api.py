"""The routes of questions and their bodies: below ``/api/questions``."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sim.services.contract.route import PUBLIC, SIGNED_IN, Route
from sim.services.contract.text import END, SINGLE_LINE

SLUG: Final = r"^[a-z0-9]+(-[a-z0-9]+)*" + END
Category = Annotated[str, Meta(max_length=60, pattern=SLUG)]


class QuestionBody(msgspec.Struct, frozen=True):
    """Lower ``position`` stands first."""

    slug: Annotated[str, Meta(max_length=100, pattern=SLUG)]
    category: Category
    question: Annotated[str, Meta(min_length=1, max_length=300, pattern=SINGLE_LINE)]
    answer: Annotated[str, Meta(min_length=1, max_length=10_000)]
    position: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class Question(msgspec.Struct, frozen=True):
    question_id: str
    slug: str
    category: str
    question: str
    answer: str
    position: int
    helpful: int
    unhelpful: int


class ListQuestions(msgspec.Struct, frozen=True):
    """``q`` finds words and beginnings of words, best match first; ``after`` is the ``next`` of the page before."""

    q: Annotated[str, Meta(max_length=200)] = ""
    category: Annotated[str, Meta(max_length=60)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(pattern=r"^[0-9]{0,6}" + END)] = ""


class QuestionPage(msgspec.Struct, frozen=True):
    items: tuple[Question, ...]
    next: str | None


class CategoryCount(msgspec.Struct, frozen=True):
    category: str
    questions: int


class CategoryList(msgspec.Struct, frozen=True):
    items: tuple[CategoryCount, ...]


class Vote(msgspec.Struct, frozen=True):
    helpful: bool


LIST: Final = Route(
    "questions.list",
    "GET",
    "",
    "Questions in order, or those that match",
    PUBLIC,
    query=ListQuestions,
    answers=QuestionPage,
)
SHOW: Final = Route(
    "questions.show", "GET", "/{question_id}", "One question", PUBLIC, answers=Question, problems=(404,)
)
CATEGORIES: Final = Route(
    "questions.categories", "GET", "/categories", "Categories and how much each holds", PUBLIC, answers=CategoryList
)
CREATE: Final = Route(
    "questions.create",
    "POST",
    "",
    "Add a question; 409 when the slug is taken",
    "questions.write",
    takes=QuestionBody,
    answers=Question,
    status=201,
    problems=(409,),
)
REPLACE: Final = Route(
    "questions.replace",
    "PUT",
    "/{question_id}",
    "Replace a question; its votes stay",
    "questions.write",
    takes=QuestionBody,
    answers=Question,
    problems=(404, 409),
)
DELETE: Final = Route(
    "questions.delete",
    "DELETE",
    "/{question_id}",
    "Remove a question with its votes",
    "questions.write",
    status=204,
    problems=(404,),
)
VOTE: Final = Route(
    "questions.vote",
    "POST",
    "/{question_id}/votes",
    "Say whether it helped; voting again changes the vote",
    SIGNED_IN,
    takes=Vote,
    answers=Question,
    problems=(404,),
)

ROUTES: Final = (LIST, SHOW, CATEGORIES, CREATE, REPLACE, DELETE, VOTE)
