"""Questions and votes in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pymysql.err import IntegrityError

from sim.services.chassis.service import Row, Transaction
from sim.services.contract.problem import Problem, not_found
from sim.services.questions.api import CategoryCount, Question, QuestionBody

COLUMNS: Final = (
    "SELECT q.id, q.slug, q.category, q.question, q.answer, q.position,"
    " (SELECT COUNT(*) FROM votes v WHERE v.question_id = q.id AND v.helpful) AS helpful,"
    " (SELECT COUNT(*) FROM votes v WHERE v.question_id = q.id AND NOT v.helpful) AS unhelpful FROM questions q"
)
MATCH: Final = "MATCH (q.question, q.answer) AGAINST (%s IN BOOLEAN MODE)"


def slug_taken(slug: str) -> Problem:
    """The slug's is the only unique key that a new or changed question can meet."""
    return Problem(409, f"Another question has the slug {slug}.")


def question_of(row: Row) -> Question:
    return Question(
        question_id=row["id"],
        slug=row["slug"],
        category=row["category"],
        question=row["question"],
        answer=row["answer"],
        position=row["position"],
        helpful=row["helpful"],
        unhelpful=row["unhelpful"],
    )


def ordered(tx: Transaction, category: str, limit: int, offset: int) -> list[Question]:
    rows = tx.rows(
        COLUMNS + " WHERE (%s = '' OR q.category = %s) ORDER BY q.position, q.slug LIMIT %s OFFSET %s",
        category,
        category,
        limit,
        offset,
    )
    return [question_of(row) for row in rows]


def matching(tx: Transaction, words: str, category: str, limit: int, offset: int) -> list[Question]:
    """Best match first; ``words`` is a query in boolean mode."""
    rows = tx.rows(
        f"{COLUMNS} WHERE {MATCH} AND (%s = '' OR q.category = %s)"
        f" ORDER BY {MATCH} DESC, q.position, q.slug LIMIT %s OFFSET %s",
        words,
        category,
        category,
        words,
        limit,
        offset,
    )
    return [question_of(row) for row in rows]


def existing(tx: Transaction, question_id: str) -> Question:
    """Problem 404 when there is no such question."""
    row = tx.row(COLUMNS + " WHERE q.id = %s", question_id)
    if row is None:
        raise not_found("This question")
    return question_of(row)


def categories(tx: Transaction) -> tuple[CategoryCount, ...]:
    rows = tx.rows("SELECT category, COUNT(*) AS questions FROM questions GROUP BY category ORDER BY category")
    return tuple(CategoryCount(row["category"], row["questions"]) for row in rows)


def create(tx: Transaction, question_id: str, body: QuestionBody, now: datetime) -> None:
    """Problem 409 when the slug is another's."""
    try:
        tx.execute(
            "INSERT INTO questions (id, slug, category, question, answer, position, created_at, updated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            question_id,
            body.slug,
            body.category,
            body.question,
            body.answer,
            body.position,
            now,
            now,
        )
    except IntegrityError:
        raise slug_taken(body.slug) from None


def replace(tx: Transaction, question_id: str, body: QuestionBody, now: datetime) -> None:
    """Problem 409 when the slug is another's; a question that is not there stays away."""
    try:
        tx.execute(
            "UPDATE questions SET slug = %s, category = %s, question = %s, answer = %s, position = %s, updated_at = %s"
            " WHERE id = %s",
            body.slug,
            body.category,
            body.question,
            body.answer,
            body.position,
            now,
            question_id,
        )
    except IntegrityError:
        raise slug_taken(body.slug) from None


def vote(tx: Transaction, question_id: str, user_id: str, *, helpful: bool, now: datetime) -> None:
    if tx.row("SELECT id FROM questions WHERE id = %s FOR SHARE", question_id) is None:
        raise not_found("This question")
    tx.execute(
        "INSERT INTO votes (question_id, user_id, helpful, updated_at) VALUES (%s, %s, %s, %s) AS new"
        " ON DUPLICATE KEY UPDATE helpful = new.helpful, updated_at = new.updated_at",
        question_id,
        user_id,
        helpful,
        now,
    )
