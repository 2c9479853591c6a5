"""Questions to the vendor: the questions and their answers, what is known from them, and when to ask again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, literal, or_, select, update

from campaigns.domain.upstream.questions import (
    BY_THEMSELVES,
    Purpose,
    Question,
    QuestionKind,
    kept_item,
    kept_list,
)
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.store.audit.events import EventKind
from campaigns.store.holds.holds import vendor_refuses
from campaigns.store.tables.accounts import lane
from campaigns.store.tables.audit import event
from campaigns.store.tables.questions import answer, question

ITS_OWN = answer.c.question_id == question.c.id


def add_question(
    connection: Connection, new: Question, *, permit_key: str, upstream: str, actor: str, now: datetime
) -> int:
    """Write a question before it is asked; returns its ID. A question without an answer may have been asked."""
    made = connection.scalar(
        insert(question)
        .values(
            permit_key=permit_key,
            upstream=upstream,
            kind=new.kind.value,
            purpose=new.purpose.value,
            account_id=new.account_id,
            run_id=new.run_id,
            batch_id=new.batch_id,
            message_id=new.message_id,
            look=new.look,
            actor=actor,
            asked_at=now,
        )
        .returning(question.c.id)
    )
    assert isinstance(made, int)
    return made


def add_answer(
    connection: Connection,
    question_id: int,
    *,
    permit_key: str,
    replied: bool,
    error: str | None,
    credits_used: int | None,
    found: dict[str, Any] | None,
    now: datetime,
) -> bool:
    """Write the answer to a question. The key refuses a second answer.

    False, with nothing written: the database was restored meanwhile and does not know the question; another one may
    have its number by now.
    """
    its_own = select(question.c.id).where(question.c.id == question_id, question.c.permit_key == permit_key)
    if connection.scalar(its_own) is None:
        return False
    connection.execute(
        insert(answer).values(
            question_id=question_id, at=now, replied=replied, error=error, credits_used=credits_used, found=found
        )
    )
    return True


def asked_since(moment: datetime) -> ColumnElement[bool]:
    """The condition that a row of `question` was asked then or later."""
    return question.c.asked_at >= moment


def asked_for_look(batch_id: int, look: int, *, due_at: datetime) -> ColumnElement[bool]:
    """The condition that a look may use the answer to a row of `question`.

    It was asked after the look was due, for any reason, or for this very look.
    """
    its_own = and_(question.c.asked_at == due_at, question.c.batch_id == batch_id, question.c.look == look)
    return or_(question.c.asked_at > due_at, its_own)


def known_list(connection: Connection, account_id: str, fresh: ColumnElement[bool]) -> list[QueueItem] | None:
    """The newest list of the account's messages among the `fresh` answers; None: there is none."""
    newest = connection.scalar(
        select(answer.c.found)
        .join(question, ITS_OWN)
        .where(
            question.c.account_id == account_id,
            question.c.kind == QuestionKind.LIST.value,
            answer.c.found.is_not(None),
            fresh,
        )
        .order_by(question.c.id.desc())
        .limit(1)
    )
    return None if newest is None else kept_list(newest)


@dataclass(frozen=True, slots=True)
class KnownItem:
    """What the vendor showed of one message."""

    asked_at: datetime
    content: ItemContent | None  # None: it did not show the message


def known_items(connection: Connection, account_id: str, fresh: ColumnElement[bool]) -> dict[str, KnownItem]:
    """The newest `fresh` answer about each message of the account, by message ID."""
    rows = connection.execute(
        select(question.c.message_id, question.c.asked_at, answer.c.found)
        .join(answer, ITS_OWN)
        .where(
            question.c.account_id == account_id,
            question.c.kind == QuestionKind.ITEM.value,
            answer.c.found.is_not(None),
            fresh,
        )
        .order_by(question.c.id)
    )
    return {row.message_id: KnownItem(row.asked_at, kept_item(row.found)) for row in rows}


def counts_not_kept(connection: Connection, run_id: int, *, since: datetime) -> dict[str, ItemContent | None]:
    """Answers about sent counts of a run since then that did not become evidence, because the caller broke off.

    By message ID; None: the vendor did not show the message.
    """
    kept_at = _last_event(connection, run_id, EventKind.COUNTS_ASKED)
    answers = (
        select(question.c.message_id, answer.c.found)
        .join(answer, ITS_OWN)
        .where(
            question.c.run_id == run_id,
            question.c.purpose == Purpose.COUNT.value,
            question.c.asked_at >= since,
            answer.c.found.is_not(None),
        )
        .order_by(question.c.id)
    )
    rows = connection.execute(answers if kept_at is None else answers.where(question.c.asked_at > kept_at))
    return {row.message_id: kept_item(row.found) for row in rows}


def _last_event(connection: Connection, run_id: int, kind: EventKind) -> datetime | None:
    last: datetime | None = connection.scalar(
        select(func.max(event.c.at)).where(event.c.run_id == run_id, event.c.kind == kind.value)
    )
    return last


def asked_by_themselves(connection: Connection, run_id: int) -> int:
    """How many questions workers have asked about a run since an operator last asked for a search of it."""
    newest = _last_event(connection, run_id, EventKind.SEARCH_ASKED)
    count = select(func.count()).where(
        question.c.run_id == run_id, question.c.purpose.in_([purpose.value for purpose in BY_THEMSELVES])
    )
    return connection.scalar(count if newest is None else count.where(question.c.asked_at >= newest)) or 0


def first_asked(connection: Connection, run_id: int, purpose: Purpose) -> datetime | None:
    """When the first question for that purpose was asked about a run; None: none was."""
    first: datetime | None = connection.scalar(
        select(func.min(question.c.asked_at)).where(question.c.run_id == run_id, question.c.purpose == purpose.value)
    )
    return first


def questions_of_run(connection: Connection, run_id: int) -> dict[str, int]:
    """How many questions were asked about a run, and their credits.

    A question whose answer names no credits, or that got none, counts as one credit: that is its price.
    """
    row = connection.execute(
        select(
            func.count().label("questions"),
            func.coalesce(func.sum(case((answer.c.credits_used.is_(None), 1), else_=answer.c.credits_used)), 0).label(
                "credits"
            ),
        )
        .select_from(question)
        .outerjoin(answer, ITS_OWN)
        .where(question.c.run_id == run_id)
    ).one()
    return {"questions": row.questions, "question_credits": int(row.credits)}


def may_ask(now: datetime) -> ColumnElement[bool]:
    """The condition that questions about the account of a row of `lane` need not wait."""
    return or_(lane.c.ask_at.is_(None), lane.c.ask_at <= now)


def account_may_be_asked(connection: Connection, account_id: str, *, upstream: str, now: datetime) -> bool:
    """Whether the vendor may be asked about the account now: no question failed just before, and it is not refused."""
    may_be_asked = select(lane.c.account_id).where(
        lane.c.account_id == account_id, may_ask(now), ~vendor_refuses(lane.c.account_id, literal(upstream))
    )
    return connection.scalar(may_be_asked) is not None


def ask_failures(connection: Connection, account_id: str) -> int:
    """How many questions about the account in a row got no usable answer."""
    return connection.scalar(select(lane.c.ask_failures).where(lane.c.account_id == account_id)) or 0


def ask_later(connection: Connection, account_id: str, *, until: datetime, failures: int) -> None:
    """Let nobody ask about the account before that time."""
    connection.execute(update(lane).where(lane.c.account_id == account_id).values(ask_at=until, ask_failures=failures))


def ask_freely(connection: Connection, account_id: str) -> None:
    """Reset the failures of questions about the account: one was answered."""
    connection.execute(
        update(lane)
        .where(lane.c.account_id == account_id, or_(lane.c.ask_failures > 0, lane.c.ask_at.is_not(None)))
        .values(ask_at=None, ask_failures=0)
    )


def last_obstacle(connection: Connection, account_id: str) -> tuple[datetime, str] | None:
    """When the last question about the account that failed was asked, and its error."""
    row = connection.execute(
        select(question.c.asked_at, answer.c.error)
        .join(answer, ITS_OWN)
        .where(and_(question.c.account_id == account_id, answer.c.error.is_not(None)))
        .order_by(question.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.asked_at, row.error)
