"""Prove from the rows that recalls unsent only messages of their own run, counted right, and were waited for."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, and_, func, or_, select

from campaigns.domain.ids import run_name
from campaigns.domain.upstream.unsend_outcome import UnsendKind
from campaigns.store.reconcile.message_sets import message_held
from campaigns.store.tables.attempts import message, ownership
from campaigns.store.tables.batches import batch
from campaigns.store.tables.recalls import recall, unsend, unsend_outcome
from campaigns.store.tables.runs import run


def recall_faults(connection: Connection) -> Iterator[str]:
    """Messages of other batches that were unsent, recalls with a wrong count, and runs that did not wait."""
    yield from _messages_of_others(connection)
    yield from _counts_without_requests(connection)
    yield from _runs_that_did_not_wait(connection)


def _messages_of_others(connection: Connection) -> Iterator[str]:
    its_own = and_(
        message.c.account_id == unsend.c.account_id,
        message.c.message_id == unsend.c.message_id,
        message.c.batch_id == unsend.c.batch_id,
    )
    given_later = and_(
        ownership.c.account_id == unsend.c.account_id,
        ownership.c.message_id == unsend.c.message_id,
        ownership.c.batch_id == unsend.c.batch_id,
    )
    rows = connection.execute(
        select(batch.c.run_id, batch.c.seq, unsend.c.message_id)
        .join(batch, batch.c.id == unsend.c.batch_id)
        .where(
            ~select(message.c.batch_id).where(its_own).exists(),
            ~select(ownership.c.id).where(given_later).exists(),
        )
        .order_by(batch.c.run_id, batch.c.seq, unsend.c.number)
    )
    for row in rows:
        name = f"run {run_name(row.run_id)} batch {row.seq}"
        yield f"{name}: message {row.message_id} was to be unsent, but it is not its own"


def _counts_without_requests(connection: Connection) -> Iterator[str]:
    """Recalls whose count differs from what they and earlier recalls of the same run unsent.

    A lower count is right only where an operator has decided since that a batch was not sent: then it has no message.
    """
    did = (
        select(func.count(unsend.c.batch_id.distinct()))
        .join(
            unsend_outcome,
            and_(*(unsend_outcome.c[key] == unsend.c[key] for key in ("recall_id", "batch_id", "number"))),
        )
        .join(batch, batch.c.id == unsend.c.batch_id)
        .where(unsend_outcome.c.kind == UnsendKind.UNSENT.value)
    )
    still = did.where(unsend.c.recall_id == recall.c.id, message_held() == unsend.c.message_id)
    here, ever = still.scalar_subquery(), did.where(batch.c.run_id == recall.c.run_id).scalar_subquery()
    rows = connection.execute(
        select(recall.c.id, recall.c.run_id, recall.c.unsent, here.label("here"), ever.label("ever"))
        .where(recall.c.finished_at.is_not(None), or_(recall.c.unsent < here, recall.c.unsent > ever))
        .order_by(recall.c.id)
    )
    for row in rows:
        fact = f"its requests unsent {row.here}, and all of the run's {row.ever}"
        yield f"run {run_name(row.run_id)}: recall {row.id} counts {row.unsent} batches as unsent, but {fact}"


def _runs_that_did_not_wait(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        select(run.c.id, recall.c.run_id)
        .join(run, run.c.id == recall.c.for_run_id)
        .where(
            run.c.planned_at.is_not(None),
            or_(recall.c.finished_at.is_(None), recall.c.finished_at > run.c.planned_at),
        )
        .order_by(run.c.id, recall.c.id)
    )
    for row in rows:
        yield (
            f"run {run_name(row.id)}: planned before the recall of run {run_name(row.run_id)} had ended, for which it "
            "was to wait"
        )
