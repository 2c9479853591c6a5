"""Checks against the record, for a late answer of the vendor, or a late worker whose lane was taken."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome
from campaigns.store.backup.restored import lane_name
from campaigns.store.database.encoding import holdable
from campaigns.store.sending.attempts import OpenAttempt, kept_id
from campaigns.store.sending.identity import AttemptIdentity
from campaigns.store.sending.lanes import LaneClaim, hold_lane
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import attempt, attempt_outcome
from campaigns.store.tables.batches import batch


def hold_own_lane(connection: Connection, claim: LaneClaim) -> bool:
    """Take the lane's lock; False when the lane is no longer ours: somebody took it, or the database was restored.

    IDs that were read under the claim may then belong to other rows.
    """
    hold_lane(connection, claim.account_id)
    ours = select(lane.c.fence).where(
        lane.c.account_id == claim.account_id, lane.c.owner == claim.owner, lane.c.fence == claim.fence
    )
    return connection.scalar(ours) is not None


def attempt_stands(connection: Connection, opened: OpenAttempt) -> bool:
    """Whether this very attempt is on record.

    Its fence is unique for the account. In a restored or remade database the numbers may match by chance; its identity
    does not. An attempt that an earlier release kept has no identity.
    """
    row = connection.execute(
        select(attempt.c.started_at, attempt.c.request_sha256, account.c.created_at)
        .join(batch, batch.c.id == attempt.c.batch_id)
        .join(account, account.c.id == attempt.c.account_id)
        .where(
            attempt.c.account_id == opened.account_id,
            attempt.c.fence == opened.fence,
            attempt.c.batch_id == opened.batch_id,
            attempt.c.number == opened.number,
            batch.c.run_id == opened.run_id,
        )
    ).one_or_none()
    if row is None or opened.identity is None:
        return row is not None
    name = lane_name(opened.account_id, row.created_at)
    return opened.identity == AttemptIdentity(name, row.started_at, row.request_sha256)


def recorded_before(
    connection: Connection, opened: OpenAttempt, outcome: Outcome
) -> tuple[BatchState, datetime] | None:
    """The state of the batch and until when it waits, if this very outcome of the attempt is on record already."""
    row = connection.execute(
        select(batch.c.state, batch.c.available_at)
        .join(attempt_outcome, attempt_outcome.c.batch_id == batch.c.id)
        .where(
            attempt_outcome.c.batch_id == opened.batch_id,
            attempt_outcome.c.number == opened.number,
            attempt_outcome.c.kind == outcome.kind.value,
            attempt_outcome.c.message_id.is_not_distinct_from(kept_id(outcome)),
            attempt_outcome.c.error.is_not_distinct_from(holdable(connection, outcome.error)),
        )
    ).one_or_none()
    return None if row is None else (BatchState(row.state), row.available_at)
