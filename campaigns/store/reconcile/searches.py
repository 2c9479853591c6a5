"""Unknown batches that the vendor's queue is searched for: which, when next, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from campaigns.domain.states import BatchState, RunState
from campaigns.store.backup.restored import restored_at
from campaigns.store.database.encoding import holdable
from campaigns.store.holds.holds import vendor_refuses
from campaigns.store.reconcile.questions import may_ask
from campaigns.store.tables.accounts import lane
from campaigns.store.tables.attempts import attempt, evidence, message
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run


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


def account_is_looked_at(account_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that a batch of an account is being looked for: until then its lane sends nothing more."""
    return (
        select(batch.c.id).where(batch.c.account_id == account_id, batch.c.look_at.is_not(None)).correlate_except(batch)
    ).exists()


def look_is_due(now: datetime) -> list[ColumnElement[bool]]:
    """The conditions that a row of `batch`, with its run and its lane, is looked for now.

    Not while the vendor would be asked in vain, unless a late answer says it all.
    """
    late = select(evidence.c.id).where(evidence.c.batch_id == batch.c.id, *_is_late_message(batch.c.attempts))
    can_be_asked = and_(may_ask(now), ~vendor_refuses(batch.c.account_id, run.c.upstream))
    return [batch.c.look_at <= now, or_(can_be_asked, late.exists())]


def due_look(connection: Connection, account_id: str, *, now: datetime) -> LookedFor | None:
    """The batch of the account to look for now, the longest due first."""
    row = connection.execute(
        select(
            batch.c.id,
            batch.c.seq,
            batch.c.attempts,
            batch.c.looks,
            batch.c.size,
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
            lane.c.ask_failures,
        )
        .join(run, run.c.id == batch.c.run_id)
        .join(lane, lane.c.account_id == batch.c.account_id)
        .outerjoin(attempt, and_(attempt.c.batch_id == batch.c.id, attempt.c.number == batch.c.attempts))
        .where(batch.c.account_id == account_id, *look_is_due(now))
        .order_by(batch.c.look_at, batch.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return _looked_for(row, account_id)


def _looked_for(row: Any, account_id: str) -> LookedFor:
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
        row.look_at,
        row.ask_failures,
    )


def attempt_deadline(connection: Connection, batch_id: int, number: int) -> datetime:
    """Until when a request may have been on its way."""
    found: datetime = connection.execute(
        select(attempt.c.deadline_at).where(attempt.c.batch_id == batch_id, attempt.c.number == number)
    ).scalar_one()
    return found


def next_look_at(connection: Connection, account_id: str) -> datetime | None:
    """When the account is looked at next; None when nothing of it is looked for."""
    row = connection.execute(
        select(batch.c.look_at, lane.c.ask_at)
        .join(lane, lane.c.account_id == batch.c.account_id)
        .where(batch.c.account_id == account_id, batch.c.look_at.is_not(None))
        .order_by(batch.c.look_at)
        .limit(1)
    ).one_or_none()
    return None if row is None else max(row.look_at, row.ask_at or row.look_at)


def owned_among(connection: Connection, account_id: str, message_ids: Sequence[str]) -> set[str]:
    """Those of the vendor's message IDs that are ours."""
    return set(
        connection.scalars(
            select(message.c.message_id).where(
                message.c.account_id == account_id, message.c.message_id.in_(message_ids)
            )
        )
    )


def newest_owned(connection: Connection, account_id: str, *, before: datetime) -> str | None:
    """The newest message ID of the account that was ours before that time."""
    return connection.scalar(
        select(message.c.message_id)
        .where(message.c.account_id == account_id, message.c.at < before)
        .order_by(message.c.at.desc())
        .limit(1)
    )


def other_unknowns(connection: Connection, found: LookedFor) -> list[int]:
    """The runs of every other unresolved unknown batch of the account."""
    rows = connection.scalars(
        select(run.c.id)
        .join(batch, batch.c.run_id == run.c.id)
        .where(
            batch.c.account_id == found.account_id,
            batch.c.state == BatchState.UNKNOWN.value,
            batch.c.id != found.batch_id,
        )
        .distinct()
    )
    return list(rows)


def late_message(connection: Connection, batch_id: int, number: int) -> str | None:
    """The message ID that a late answer of this very attempt brought, if one did."""
    return connection.scalar(
        select(evidence.c.message_id).where(evidence.c.batch_id == batch_id, *_is_late_message(number)).limit(1)
    )


def _is_late_message(number: int | ColumnElement[int]) -> list[ColumnElement[bool]]:
    """The conditions that a row of `evidence` is a late answer of that attempt, and names a message."""
    return [evidence.c.number == number, evidence.c.kind == "late_answer", evidence.c.message_id.is_not(None)]


def settle_look(
    connection: Connection,
    found: LookedFor,
    to: BatchState,
    *,
    look_at: datetime | None,
    message_id: str | None,
    error: str | None,
    now: datetime,
) -> bool:
    """Count one look and move the batch, if it is still as it was seen; False when somebody decided meanwhile."""
    moved = connection.scalar(
        update(batch)
        .where(
            batch.c.id == found.batch_id,
            batch.c.state == BatchState.UNKNOWN.value,
            batch.c.attempts == found.number,
            batch.c.looks == found.looks,
            batch.c.look_at.is_not(None),
        )
        .values(
            state=to.value,
            looks=found.looks + 1,
            look_at=look_at,
            message_id=message_id,
            error=holdable(connection, error),
            available_at=now,
            updated_at=now,
        )
        .returning(batch.c.id)
    )
    return moved is not None


def look_again(connection: Connection, run_id: int | None, *, now: datetime) -> list[int]:
    """Look for every unknown batch (of a run) now, also for those given up; answers their run IDs."""
    statement = update(batch).where(batch.c.state == BatchState.UNKNOWN.value).values(look_at=now)
    if run_id is not None:
        statement = statement.where(batch.c.run_id == run_id)
    return list(connection.scalars(statement.returning(batch.c.run_id)))


def look_at_late_answer(connection: Connection, batch_id: int, number: int, *, now: datetime) -> None:
    """Look for a batch that was given up: a late answer of that attempt names its message, so nothing is asked."""
    connection.execute(
        update(batch)
        .where(
            batch.c.id == batch_id,
            batch.c.state == BatchState.UNKNOWN.value,
            batch.c.attempts == number,
            batch.c.look_at.is_(None),
        )
        .values(look_at=now)
    )


def was_found(connection: Connection, batch_id: int) -> bool:
    """Whether a batch was accepted because a search found it, which an operator may overrule."""
    found = select(evidence.c.id).where(
        evidence.c.batch_id == batch_id, evidence.c.kind == "look", evidence.c.message_id.is_not(None)
    )
    return connection.scalar(found.limit(1)) is not None


def was_ever_listed(connection: Connection, found: LookedFor) -> bool:
    """Whether any look at the attempt saw an item that could be it; items leave the vendor's list after a while."""
    details = connection.scalars(
        select(evidence.c.detail).where(
            evidence.c.batch_id == found.batch_id, evidence.c.number == found.number, evidence.c.kind == "look"
        )
    )
    return any((detail or {}).get("finding") == "unclear" for detail in details)
