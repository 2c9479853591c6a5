"""Unknown batches that the vendor's queue is searched for: which, when next, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, literal, or_, select, update

from campaigns.domain.states import BATCH_TAKEN, BatchState, RunState
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
"""At most this many batches are looked for by one question for the vendor's list; the others come next."""


@dataclass(frozen=True, slots=True)
class LookedFor:
    """An unknown batch that is being looked for, with its last attempt."""

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
    due_at: datetime  # since when this look is due: what was asked since then is known
    ask_failures: int  # questions in a row about the account that got no answer
    users: bytes | None = None
    first_user: int | None = None
    last_user: int | None = None
    is_accepted: bool = False  # decided so without an ID, which is looked up

    @property
    def key(self) -> tuple[int, int]:
        """The request that is looked for."""
        return self.batch_id, self.number


def account_is_looked_at(account_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that a batch of an account is being looked for: until then its lane sends nothing more."""
    return (
        select(batch.c.id).where(batch.c.account_id == account_id, batch.c.look_at.is_not(None)).correlate_except(batch)
    ).exists()


def account_has_look(upstream: str, now: datetime) -> ColumnElement[bool]:
    """The condition that a batch of the account of a row of `lane` is to be looked for, or looked up, now.

    Not while the vendor would be asked in vain, unless a late answer says it all. By the account alone: joined to runs,
    PostgreSQL may read all runs there ever were.
    """
    late = select(evidence.c.id).where(
        evidence.c.batch_id == batch.c.id,
        evidence.c.number == batch.c.attempts,
        evidence.c.kind == "late_answer",
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
    """The batches of the account to look for now, the longest due first, and those whose message is to be looked up."""
    found = [
        _looked_for(row, account_id, row.look_at if which is batch.c.look_at else row.find_at)
        for which in (batch.c.look_at, batch.c.find_at)
        for row in connection.execute(_asked(account_id).where(which <= now).order_by(which, batch.c.id))
    ]
    return found[:MOST_AT_ONCE]


def _asked(account_id: str) -> Select[Any]:
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
        row.id,
        row.seq,
        row.attempts,
        row.looks,
        None if row.whole_list else row.size,
        row.run_id,
        RunState(row.state),
        account_id,
        row.campaign_id,
        row.revision,
        started_at,
        max(known, default=started_at),
        was_restored,
        due_at,
        row.ask_failures,
        row.users,
        row.first_user,
        row.last_user,
        row.batch_state in BATCH_TAKEN,
    )


def attempt_deadline(connection: Connection, batch_id: int, number: int) -> datetime:
    """Until when a request may have been on its way."""
    found: datetime = connection.execute(
        select(attempt.c.deadline_at).where(attempt.c.batch_id == batch_id, attempt.c.number == number)
    ).scalar_one()
    return found


def newest_owned(connection: Connection, account_id: str, *, before: datetime) -> str | None:
    """The newest message ID of the account that was ours before that time."""
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
    """Count one look and move an unknown batch; False when it is not as it was seen: somebody decided meanwhile.

    `in_set`: the set of messages that it is taken with, and the one that it holds of them.
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
    """End the look-up of the message of an accepted batch, and give it the ID that was found if it has none."""
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
    """Look for every unknown batch (of a run) now, also for those given up; answers their run IDs.

    Those that were decided accepted, and whose message is not known, are looked up with them.
    """
    unknown = update(batch).where(batch.c.state == BatchState.UNKNOWN.value).values(look_at=now)
    nameless = (
        update(batch)
        .where(batch.c.state.in_(sorted(BATCH_TAKEN)), batch.c.message_id.is_(None), batch.c.message_set.is_(None))
        .values(find_at=now)
    )
    found: list[int] = []
    for statement in (unknown, nameless):
        of_these = statement if run_id is None else statement.where(batch.c.run_id == run_id)
        found += connection.scalars(of_these.returning(batch.c.run_id))
    return found


def look_now(connection: Connection, batch_id: int, number: int, *, now: datetime) -> None:
    """Have an unknown batch looked for now, if that request is still its last: something new is known of it."""
    connection.execute(
        update(batch)
        .where(batch.c.id == batch_id, batch.c.state == BatchState.UNKNOWN.value, batch.c.attempts == number)
        .values(look_at=now)
    )


def was_ever_listed(connection: Connection, found: LookedFor) -> bool:
    """Whether any look at the attempt saw an item that could be it; items leave the vendor's list after a while."""
    details = connection.scalars(
        select(evidence.c.detail).where(
            evidence.c.batch_id == found.batch_id, evidence.c.number == found.number, evidence.c.kind == "look"
        )
    )
    return any((detail or {}).get("finding") == "unclear" for detail in details)
