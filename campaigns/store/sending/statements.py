"""The statements of the send path, built once and run by `prepared.run_prepared`.

A statement that moves a row checks its state and fence, and returns what it moved.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam, insert, literal_column, select, text, update

from campaigns.domain.states import RUN_SENDS, BatchState, RunState
from campaigns.store.holds.holds import run_is_held
from campaigns.store.holds.hours_and_expiry import run_is_in_time
from campaigns.store.recall.recalls import recall_is_due
from campaigns.store.reconcile.searches import account_is_looked_at
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import attempt, attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import revision
from campaigns.store.tables.columns import Instant
from campaigns.store.tables.runs import run

_SENDS: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in sorted(RUN_SENDS)]

RENEW_LANE = (
    update(lane)
    .where(
        lane.c.account_id == bindparam("account"),
        lane.c.owner == bindparam("held_by"),
        lane.c.fence == bindparam("held"),
        lane.c.lease_until > bindparam("now"),
    )
    .values(fence=lane.c.fence + 1, lease_until=bindparam("until"))
    .returning(lane.c.fence, lane.c.suppressions)
)
RUN_COLUMNS: dict[str, ColumnElement[Any]] = {
    "run_id": run.c.id,
    "campaign_id": run.c.campaign_id,
    "revision": run.c.revision,
    "run_state": run.c.state,
    "planned_suppressions": run.c.suppressions,
    "whole_list": run.c.whole_list,
    "account_hours": account.c.hours,
    "account_zone": account.c.zone,
    "expires": run.c.expires_at.is_not(None),
    "is_marked": revision.c.mark,
    "root_run_id": run.c.root_run_id,
}
"""What is read of a run, by the names of `ReadyBatch`; the driver's rows have these values in this order."""

OPEN_RUNS = (
    select(*(column.label(name) for name, column in RUN_COLUMNS.items()))
    .join(account, account.c.id == run.c.account_id)
    .join(revision, (revision.c.campaign_id == run.c.campaign_id) & (revision.c.number == run.c.revision))
    .where(
        run.c.account_id == bindparam("account"),
        run.c.upstream == bindparam("upstream"),
        run.c.state.in_(_SENDS),
        run_is_in_time(bindparam("now", type_=Instant)),
        ~run_is_held(),
        ~account_is_looked_at(run.c.account_id),
        ~recall_is_due(run.c.account_id, bindparam("now", type_=Instant)),
    )
    .order_by(run.c.served_at.is_not(None), run.c.served_at, run.c.id)
)
BATCH_COLUMNS: dict[str, ColumnElement[Any]] = {
    "id": batch.c.id,
    "seq": batch.c.seq,
    "attempts": batch.c.attempts,
    "failures": batch.c.failures,
    "size": batch.c.size,
    "first_user": batch.c.first_user,
    "last_user": batch.c.last_user,
    "users": batch.c.users,
    "halved_from": batch.c.root_batch_id,
}
"""What is read of a batch, in the same way."""

NEXT_BATCH = (
    select(*(column.label(name) for name, column in BATCH_COLUMNS.items()))
    .where(
        batch.c.run_id == bindparam("run"),
        batch.c.state == BatchState.READY.value,
        batch.c.available_at <= bindparam("now"),
    )
    .order_by(batch.c.rank, batch.c.seq)
    .limit(1)
)
START_BATCH = (
    update(batch)
    .where(batch.c.id == bindparam("batch"), batch.c.state == BatchState.READY.value)
    .values(
        state=BatchState.SENDING.value,
        fence=bindparam("new_fence"),
        lease_until=bindparam("until"),
        attempts=bindparam("number"),
        updated_at=bindparam("now"),
    )
    .returning(batch.c.id)
)
SERVE_RUN = (
    update(run)
    .where(run.c.id == bindparam("run"), run.c.state.in_(_SENDS))
    .values(state=RunState.SENDING.value, served_at=bindparam("now"))
    .returning(run.c.id)
)
SETTLE_BATCH = (
    update(batch)
    .where(
        batch.c.id == bindparam("batch"),
        batch.c.account_id == bindparam("of_account"),  # fences are counted by account
        batch.c.state == BatchState.SENDING.value,
        batch.c.fence == bindparam("held"),
    )
    .values(
        state=bindparam("to_state"),
        lease_until=None,
        available_at=bindparam("available"),
        failures=batch.c.failures + bindparam("failed"),
        message_id=bindparam("new_message"),
        error=bindparam("new_error"),
        looks=0,
        look_at=bindparam("look"),
        updated_at=bindparam("now"),
    )
    .returning(batch.c.id)
)
ANY_BATCH = (
    select(batch.c.id).where(batch.c.run_id == bindparam("run"), batch.c.state == bindparam("in_state")).limit(1)
)
# Both conditions: SQLite's trigger refuses a row that exists before ON CONFLICT applies, and on PostgreSQL another
# transaction may write the same row at the same moment.
OWN_MESSAGE = text(
    "INSERT INTO message (account_id, message_id, batch_id, at)"
    " SELECT CAST(:account AS VARCHAR), CAST(:message AS TEXT), CAST(:batch AS BIGINT), :at WHERE NOT EXISTS ("
    "SELECT 1 FROM message WHERE account_id = CAST(:account AS VARCHAR) AND message_id = CAST(:message AS TEXT))"
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=Instant))
ADD_ATTEMPT = insert(attempt)
ADD_OUTCOME = insert(attempt_outcome)
