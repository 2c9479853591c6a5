"""The searches for unknown batches in the vendor's queue: which are due, and their results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, literal, or_, select, update

from campaigns.domain.reconcile.search import Finding
from campaigns.domain.states import BATCH_TAKEN, BatchState, EvidenceKind, RunState
from campaigns.domain.upstream.outcome import PROVES_NOT_SENT
from campaigns.store.backup.restored import restored_at
from campaigns.store.database.encoding import holdable
from campaigns.store.holds.holds import vendor_refuses
from campaigns.store.reconcile.questions import may_ask
from campaigns.store.tables.accounts import lane
from campaigns.store.tables.attempts import attempt, evidence, message
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run

MOST_AT_ONCE = 100
"""One question for the vendor's list searches for at most this many batches; the others come next."""


@dataclass(frozen=True, slots=True)
class LookedFor:
    """An unknown batch that is searched for, with its last attempt."""

    batch_id: int
    seq: int
    number: int
    looks: int
    size: int | None  # None: a whole list
    run_id: int
    run_state: RunState
    account_id: str
    campaign_id: int
    revision: int
    started_at: datetime
    deadline_at: datetime
    was_restored: bool  # the database was restored since: later requests for the batch may be missing from it
    due_at: datetime  # when this look came due: answers since then need not be asked for again
    ask_failures: int  # questions in a row about the account that got no answer
    users: bytes | None = None
    first_user: int | None = None
    last_user: int | None = None
    is_accepted: bool = False  # an operator decided so without an ID, which is looked up

    @property
    def key(self) -> tuple[int, int]:
        """The request that is searched for."""
        return self.batch_id, self.number


def account_is_looked_at(account_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that a batch of an account is searched for: meanwhile its lane sends nothing."""
    return (
        select(batch.c.id).where(batch.c.account_id == account_id, batch.c.look_at.is_not(None)).correlate_except(batch)
    ).exists()


def account_has_look(upstream: str, now: datetime) -> ColumnElement[bool]:
    """The condition that a batch of the account of a row of `lane` is to be searched for, or looked up, now.

    Not while the vendor refuses, unless a late answer settles the batch. By the account alone: joined to runs,
    PostgreSQL may read all runs there ever were.
    """
    late = select(evidence.c.id).where(
        evidence.c.batch_id == batch.c.id,
        evidence.c.number == batch.c.attempts,
        evidence.c.kind == EvidenceKind.LATE_ANSWER.value,
        or_(
            evidence.c.message_id.is_not(None),
            evidence.c.detail["outcome"].as_string().in_([kind.value for kind in sorted(PROVES_NOT_SENT)]),
        ),
    )
    can_be_asked = and_(may_ask(now), ~vendor_refuses(lane.c.account_id, literal(upstream)))
    of_it = batch.c.account_id == lane.c.account_id
    due = select(batch.c.id).where(of_it, or_(batch.c.look_at <= now, batch.c.find_at <= now))
    return or_(and_(can_be_asked, due.exists()), due.where(late.exists()).exists())


def due_looks(connection: Connection, account_id: str, *, now: datetime) -> list[LookedFor]:
    """The batches of the account to search for now, the longest due first, then those whose message is looked up."""
    due = [
        _looked_for(row, account_id, row.look_at if which is batch.c.look_at else row.find_at)
        for which in (batch.c.look_at, batch.c.find_at)
        for row in connection.execute(_searched(account_id).where(which <= now).order_by(which, batch.c.id))
    ]
    return due[:MOST_AT_ONCE]


def _searched(account_id: str) -> Select[Any]:
    return (
        select(
            batch.c.id,
            batch.c.seq,
            batch.c.state.label("batch_state"),
            batch.c.attempts,
            batch.c.looks,
            batch.c.size,
            batch.c.users,
            batch.c.first_user,
            batch.c.last_user,
            run.c.id.label("run_id"),
            run.c.state,
            run.c.whole_list,
            run.c.campaign_id,
            run.c.revision,
            run.c.planned_at,
            attempt.c.started_at,
            attempt.c.deadline_at,
            restored_at(account_id).label("restored_at"),
            batch.c.look_at,
            batch.c.find_at,
            lane.c.ask_failures,
        )
        .join(run, run.c.id == batch.c.run_id)
        .join(lane, lane.c.account_id == batch.c.account_id)
        .outerjoin(attempt, and_(attempt.c.batch_id == batch.c.id, attempt.c.number == batch.c.attempts))
        .where(batch.c.account_id == account_id)
    )


def _looked_for(row: Any, account_id: str, due_at: datetime) -> LookedFor:
    started_at = row.started_at or row.planned_at
    was_restored = row.restored_at is not None and row.restored_at >= started_at
    known = [at for at in (row.deadline_at, row.restored_at if was_restored else None) if at is not None]
    return LookedFor(
        batch_id=row.id,
        seq=row.seq,
        number=row.attempts,
        looks=row.looks,
        size=None if row.whole_list else row.size,
        run_id=row.run_id,
        run_state=RunState(row.state),
        account_id=account_id,
        campaign_id=row.campaign_id,
        revision=row.revision,
        started_at=started_at,
        deadline_at=max(known, default=started_at),
        was_restored=was_restored,
        due_at=due_at,
        ask_failures=row.ask_failures,
        users=row.users,
        first_user=row.first_user,
        last_user=row.last_user,
        is_accepted=row.batch_state in BATCH_TAKEN,
    )


def attempt_deadline(connection: Connection, batch_id: int, number: int) -> datetime:
    """Until when a request may have left."""
    deadline: datetime = connection.execute(
        select(attempt.c.deadline_at).where(attempt.c.batch_id == batch_id, attempt.c.number == number)
    ).scalar_one()
    return deadline


def newest_owned(connection: Connection, account_id: str, *, before: datetime) -> str | None:
    """The newest message ID of the account that was ours before that time; None: there is none."""
    return connection.scalar(
        select(message.c.message_id)
        .where(message.c.account_id == account_id, message.c.at < before)
        .order_by(message.c.at.desc())
        .limit(1)
    )


def settle_look(
    connection: Connection,
    batch_id: int,
    number: int,
    looks: int,
    to: BatchState,
    *,
    look_at: datetime | None,
    message_id: str | None,
    error: str | None,
    now: datetime,
    in_set: tuple[int, str] | None = None,
) -> bool:
    """Count one look and move an unknown batch; False when it has changed, because somebody decided meanwhile.

    `in_set`: the set of messages that it is accepted with, and the one of them that it holds.
    """
    message_set, set_message_id = in_set or (None, None)
    moved = connection.scalar(
        update(batch)
        .where(
            batch.c.id == batch_id,
            batch.c.state == BatchState.UNKNOWN.value,
            batch.c.attempts == number,
            batch.c.looks == looks,
        )
        .values(
            state=to.value,
            looks=looks + 1,
            look_at=look_at,
            message_id=message_id,
            message_set=message_set,
            set_message_id=set_message_id,
            error=holdable(connection, error),
            available_at=now,
            updated_at=now,
        )
        .returning(batch.c.id)
    )
    return moved is not None


def settle_find(connection: Connection, batch_id: int, number: int, *, message_id: str | None, now: datetime) -> None:
    """End the look-up of an accepted batch's message; give the batch the ID that was found if it has none."""
    of_it = (batch.c.id == batch_id, batch.c.attempts == number)
    connection.execute(update(batch).where(*of_it, batch.c.find_at.is_not(None)).values(find_at=None))
    if message_id is not None:
        has_none = (batch.c.message_id.is_(None), batch.c.message_set.is_(None))
        connection.execute(
            update(batch)
            .where(*of_it, *has_none, batch.c.state.in_(sorted(BATCH_TAKEN)))
            .values(message_id=message_id, updated_at=now)
        )


def look_again(connection: Connection, run_id: int | None, *, now: datetime) -> list[int]:
    """Search for every unknown batch (of a run) now, also for those given up; returns the run ID of each batch.

    Batches that were decided accepted, and whose message is not known, are looked up too.
    """
    unknown = update(batch).where(batch.c.state == BatchState.UNKNOWN.value).values(look_at=now)
    nameless = (
        update(batch)
        .where(batch.c.state.in_(sorted(BATCH_TAKEN)), batch.c.message_id.is_(None), batch.c.message_set.is_(None))
        .values(find_at=now)
    )
    run_ids: list[int] = []
    for statement in (unknown, nameless):
        of_these = statement if run_id is None else statement.where(batch.c.run_id == run_id)
        run_ids += connection.scalars(of_these.returning(batch.c.run_id))
    return run_ids


def look_now(connection: Connection, batch_id: int, number: int, *, now: datetime) -> None:
    """Search for an unknown batch now, if that request is still its last: there is new evidence about it."""
    connection.execute(
        update(batch)
        .where(batch.c.id == batch_id, batch.c.state == BatchState.UNKNOWN.value, batch.c.attempts == number)
        .values(look_at=now)
    )


def was_ever_listed(connection: Connection, searched: LookedFor) -> bool:
    """Whether any look for the attempt saw an item that could be it; items leave the vendor's list after a while."""
    details = connection.scalars(
        select(evidence.c.detail).where(
            evidence.c.batch_id == searched.batch_id,
            evidence.c.number == searched.number,
            evidence.c.kind == EvidenceKind.LOOK.value,
        )
    )
    return any((detail or {}).get("finding") == Finding.UNCLEAR.value for detail in details)
