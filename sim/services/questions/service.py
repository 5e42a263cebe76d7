"""Questions as the chassis runs it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

from sim.services.chassis.service import Call, Reply, Service
from sim.services.contract.problem import not_found
from sim.services.questions import api, faq
from sim.services.questions.api import CategoryList, Question, QuestionPage
from sim.services.questions.search import boolean_query


def list_questions(call: Call) -> QuestionPage:
    query, offset = call.query, int(call.query.after or 0)
    words = boolean_query(query.q)
    if query.q.strip() and not words:
        return QuestionPage((), None)
    with call.context.transaction() as tx:
        if words:
            found = faq.matching(tx, words, query.category, query.limit + 1, offset)
        else:
            found = faq.ordered(tx, query.category, query.limit + 1, offset)
    return QuestionPage(tuple(found[: query.limit]), str(offset + query.limit) if len(found) > query.limit else None)


def show(call: Call) -> Question:
    with call.context.transaction() as tx:
        return faq.existing(tx, call.path["question_id"])


def categories(call: Call) -> CategoryList:
    with call.context.transaction() as tx:
        return CategoryList(faq.categories(tx))


def create(call: Call) -> Reply:
    question_id = str(uuid.uuid4())
    with call.context.transaction() as tx:
        faq.create(tx, question_id, call.body, datetime.now(UTC))
        return tx.answer(faq.existing(tx, question_id))


def replace(call: Call) -> Reply:
    question_id = call.path["question_id"]
    with call.context.transaction() as tx:
        faq.replace(tx, question_id, call.body, datetime.now(UTC))
        return tx.answer(faq.existing(tx, question_id))


def delete(call: Call) -> Reply:
    with call.context.transaction() as tx:
        if not tx.execute("DELETE FROM questions WHERE id = %s", call.path["question_id"]):
            raise not_found("This question")
        return tx.answer(None)


def vote(call: Call) -> Reply:
    question_id = call.path["question_id"]
    with call.context.transaction() as tx:
        faq.vote(tx, question_id, call.caller.user_id, helpful=call.body.helpful, now=datetime.now(UTC))
        return tx.answer(faq.existing(tx, question_id))


SERVICE: Final = Service(
    key="questions",
    routes=api.ROUTES,
    handlers={
        api.LIST.name: list_questions,
        api.SHOW.name: show,
        api.CATEGORIES.name: categories,
        api.CREATE.name: create,
        api.REPLACE.name: replace,
        api.DELETE.name: delete,
        api.VOTE.name: vote,
    },
    migrations="sim.services.questions.migrations",
)
