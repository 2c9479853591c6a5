"""The recent requests in SQL, to rebuild the shared rate budget after Redis lost it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, func, select

from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.ports import RecentUse
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.backup.restored import lane_name
from campaigns.store.sending.identity import permit_key
from campaigns.store.tables.accounts import account
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome
from campaigns.store.tables.questions import answer, question
from campaigns.store.tables.recalls import unsend, unsend_outcome


def recent_requests(connection: Connection, *, now: datetime, within: timedelta) -> list[RecentUse]:
    """Every message, DELETE and question that began `within` that time.

    Requests that provably never left are not included: they gave their slots back.
    """
    began = now - within
    requests = [*_attempts(connection, began), *_deletes(connection, began), *_questions(connection, began)]
    return [
        RecentUse(
            each.key,
            each.account_id,
            _seconds(now, each.started_at),
            None if each.answered_at is None else _seconds(now, each.answered_at),
            each.is_reserved,
        )
        for each in requests
    ]


@dataclass(frozen=True, slots=True)
class _Request:
    key: str  # of its permit
    account_id: str
    started_at: datetime
    answered_at: datetime | None
    is_reserved: bool = False


def _attempts(connection: Connection, began: datetime) -> Iterator[_Request]:
    statement = (
        select(
            attempt.c.account_id, attempt.c.fence, account.c.created_at, attempt.c.started_at, *_result(attempt_outcome)
        )
        .join(account, account.c.id == attempt.c.account_id)
        .outerjoin(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .where(attempt.c.started_at > began)
    )
    return _under_fences(connection, statement)


def _deletes(connection: Connection, began: datetime) -> Iterator[_Request]:
    """The DELETEs that were made; a look may have settled one without a request."""
    statement = (
        select(unsend.c.account_id, unsend.c.fence, account.c.created_at, unsend.c.started_at, *_result(unsend_outcome))
        .join(account, account.c.id == unsend.c.account_id)
        .outerjoin(
            unsend_outcome,
            (unsend_outcome.c.recall_id == unsend.c.recall_id)
            & (unsend_outcome.c.batch_id == unsend.c.batch_id)
            & (unsend_outcome.c.number == unsend.c.number),
        )
        .where(unsend.c.started_at > began, unsend_outcome.c.by_look.is_not(True))
    )
    return _under_fences(connection, statement)


def _result(outcome: Table) -> tuple[Column[Any], ...]:
    return outcome.c.finished_at, outcome.c.kind, outcome.c.http_status


def _under_fences(connection: Connection, statement: Select[Any]) -> Iterator[_Request]:
    incarnation = find_incarnation(connection)
    for row in connection.execute(statement):
        never_left = row.kind == OutcomeKind.NOT_SENT.value and row.http_status is None
        if not never_left:
            at = None if row.http_status is None else row.finished_at
            key = permit_key(lane_name(row.account_id, row.created_at), row.fence, incarnation)
            yield _Request(key, row.account_id, row.started_at, at)


def _questions(connection: Connection, began: datetime) -> Iterator[_Request]:
    rows = connection.execute(
        select(question.c.permit_key, question.c.account_id, question.c.asked_at, answer.c.at, answer.c.replied)
        .outerjoin(answer, answer.c.question_id == question.c.id)
        .where(question.c.asked_at > began)
    )
    for row in rows:
        answered_at = row.at if row.replied else None
        yield _Request(row.permit_key, row.account_id or "", row.asked_at, answered_at, is_reserved=True)


def _seconds(now: datetime, at: datetime) -> float:
    return (now - at).total_seconds()


def was_ever_used(connection: Connection) -> bool:
    """Whether any request was ever made: then a permit may have been granted whose row is not here yet."""
    tables = (attempt.c.batch_id, unsend.c.batch_id, question.c.id)
    return any(connection.scalar(select(column).limit(1)) is not None for column in tables)


def cool_downs(connection: Connection, *, now: datetime) -> dict[str, float]:
    """The seconds that are left of each account's cool-down."""
    cooling = connection.execute(
        select(attempt.c.account_id, func.max(attempt_outcome.c.retry_at).label("until"))
        .join(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .where(attempt_outcome.c.retry_at > now)
        .group_by(attempt.c.account_id)
    )
    return {row.account_id: (row.until - now).total_seconds() for row in cooling}
