"""Attempts: the locking writes of the send path, each guarded by the fence, so that a late writer changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from campaigns.domain.errors import StaleClaim
from campaigns.domain.states import BatchState, RunState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.store.database.encoding import holdable
from campaigns.store.database.prepared import run_prepared
from campaigns.store.reconcile.ownership import take_again
from campaigns.store.sending.identity import AttemptIdentity, permit_key
from campaigns.store.sending.lanes import LaneClaim
from campaigns.store.sending.statements import (
    ADD_ATTEMPT,
    ADD_OUTCOME,
    NEXT_BATCH,
    OPEN_RUNS,
    OWN_MESSAGE,
    RENEW_LANE,
    SERVE_RUN,
    SETTLE_BATCH,
    START_BATCH,
)
from campaigns.store.tables.batches import batch


@dataclass(frozen=True, slots=True)
class ReadyBatch:
    """A batch that may be sent now, and what of its run the send must know."""

    id: int
    seq: int
    attempts: int
    failures: int
    size: int
    first_user: int | None
    last_user: int | None
    users: bytes | None  # None: whole lists
    run_id: int
    run_state: RunState
    campaign_id: int
    revision: int
    whole_list: bool
    planned_suppressions: int  # the lane's suppression number when the run was planned
    account_hours: str | None = None
    account_zone: str | None = None
    expires: bool = False  # some time, which has not come yet
    is_marked: bool = False  # each request for it carries a mark in its text
    root_run_id: int | None = None  # of a rerun: the run that was not one
    halved_from: int | None = None  # the batch that halving began with

    @property
    def lineage(self) -> int:
        """The run that this one and all other reruns go back to."""
        return self.root_run_id or self.run_id

    @property
    def may_repeat(self) -> bool:
        """Whether an earlier request of the lineage may have named users of this batch."""
        return bool(self.attempts or self.halved_from or self.root_run_id)


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """A committed attempt whose outcome is not known yet."""

    batch_id: int
    batch_seq: int
    number: int
    failures: int  # of the batch, before this attempt
    run_id: int
    account_id: str
    fence: int
    saves: bool = False  # the vendor is asked to keep the message for later
    permit_key: str = ""  # what the pacer knows this request by; empty: read back from SQL
    identity: AttemptIdentity | None = None  # None: read back from SQL


def renew_lane(
    connection: Connection, claim: LaneClaim, *, now: datetime, lease: timedelta
) -> tuple[LaneClaim, int] | None:
    """Take the lane's lock, a new fence and a new lease; None when the lane is no longer ours.

    Also answers the lane's suppression number.
    """
    row = run_prepared(
        connection,
        RENEW_LANE,
        {
            "account": claim.account_id,
            "held_by": claim.owner,
            "held": claim.fence,
            "now": now,
            "until": now + lease,
        },
    ).fetchone()
    if row is None:
        return None
    fence, suppressions = row
    return replace(claim, fence=fence), suppressions


def next_batch(connection: Connection, account_id: str, *, upstream: str, now: datetime) -> ReadyBatch | None:
    """The batch to send now: of the account's open runs that may send the one served longest ago, in ID order."""
    asked = {"account": account_id, "upstream": upstream, "now": now}
    for opened in run_prepared(connection, OPEN_RUNS, asked).fetchall():
        run_id, campaign_id, revision, state, suppressions, whole_list, hours, zone, expires, mark, root = opened
        row = run_prepared(connection, NEXT_BATCH, {"run": run_id, "now": now}).fetchone()
        if row is not None:
            of_run = (run_id, RunState(state), campaign_id, revision, bool(whole_list), suppressions)
            *of_batch, halved_from = row
            return ReadyBatch(*(*of_batch, *of_run, hours, zone, bool(expires), bool(mark), root, halved_from))
    return None


def open_attempt(
    connection: Connection,
    claim: LaneClaim,
    ready: ReadyBatch,
    *,
    recipients: int,
    body_sha256: str,
    body_bytes: int,
    form: dict[str, Any],
    now: datetime,
    deadline: timedelta,
    lease: timedelta,
    mark: str | None = None,
) -> OpenAttempt:
    """Write the attempt and move its batch to `sending`. Once this is committed, a crash means unknown.

    The caller holds the lane under `claim` and chose the batch in the same transaction. Raises StaleClaim, to roll all
    of it back, should the batch or its run not be there to send any more.
    """
    number = ready.attempts + 1
    started = run_prepared(
        connection,
        START_BATCH,
        {"batch": ready.id, "new_fence": claim.fence, "until": now + lease, "number": number, "now": now},
    ).fetchone()
    served = run_prepared(connection, SERVE_RUN, {"run": ready.run_id, "now": now}).fetchone()
    if started is None or served is None:
        raise StaleClaim(f"Batch {ready.seq} of run {ready.run_id} is not there to send any more.")
    run_prepared(
        connection,
        ADD_ATTEMPT,
        {
            "batch_id": ready.id,
            "number": number,
            "previous": number - 1 or None,
            "account_id": claim.account_id,
            "fence": claim.fence,
            "request_sha256": body_sha256,
            "request_bytes": body_bytes,
            "recipients": recipients,
            "worker": claim.owner,
            "started_at": now,
            "deadline_at": now + deadline,
            "form": form,
            "mark": mark,
        },
    )
    return OpenAttempt(
        ready.id,
        ready.seq,
        number,
        ready.failures,
        ready.run_id,
        claim.account_id,
        claim.fence,
        permit_key=permit_key(claim.name, claim.fence, claim.incarnation),
        identity=AttemptIdentity(claim.name, now, body_sha256),
    )


def settle_batch(
    connection: Connection,
    opened: OpenAttempt,
    to: BatchState,
    *,
    now: datetime,
    available_at: datetime | None = None,
    counts_as_failure: bool = False,
    message_id: str | None = None,
    error: str | None = None,
    look_at: datetime | None = None,
) -> bool:
    """Move a batch out of `sending`, if the attempt still holds it; False when the claim was lost."""
    settled = run_prepared(
        connection,
        SETTLE_BATCH,
        {
            "batch": opened.batch_id,
            "of_account": opened.account_id,
            "held": opened.fence,
            "to_state": to.value,
            "available": available_at or now,
            "failed": int(counts_as_failure),
            "new_message": message_id,
            "new_error": holdable(connection, error),
            "look": look_at,
            "now": now,
        },
    ).fetchone()
    return settled is not None


def add_outcome(
    connection: Connection, opened: OpenAttempt, outcome: Outcome, *, now: datetime, retry_at: datetime | None
) -> None:
    """Write what an attempt proved. The key refuses a second outcome of the same attempt."""
    report = outcome.report
    rest: dict[str, Any] = {
        "credits_note": report.credits_note,
        "is_cached": report.is_cached,
        "cache_note": report.cache_note,
        "cached_at": report.cached_at,
        "limit_day": report.limit_day,
        "remaining_day": report.remaining_day,
        "limits_notice": report.limits_notice,
        "data": report.data,
        "date": report.date,
    }
    run_prepared(
        connection,
        ADD_OUTCOME,
        {
            "batch_id": opened.batch_id,
            "number": opened.number,
            "kind": outcome.kind.value,
            "finished_at": now,
            "http_status": outcome.http_status,
            "upstream_status": outcome.upstream_status,
            "message_id": kept_id(outcome),
            "error": holdable(connection, outcome.error),
            "retry_at": retry_at,
            "credits_used": report.credits_used,
            "credits_balance": report.credits_balance,
            "limit_minute": report.limit_minute,
            "remaining_minute": report.remaining_minute,
            "report": rest if outcome.http_status is not None else None,
            "response": holdable(connection, outcome.response),
        },
    )


def kept_id(outcome: Outcome) -> str | None:
    """The message ID that stands in the outcome; that of an answer which also says a fault is evidence beside it."""
    return outcome.message_id if outcome.kind is OutcomeKind.ACCEPTED else None


def own_message(connection: Connection, opened: OpenAttempt, message_id: str, *, now: datetime) -> bool:
    """Record that a vendor's message is ours; False when another batch of the account owns it already."""
    added = run_prepared(
        connection,
        OWN_MESSAGE,
        {"account": opened.account_id, "message": message_id, "batch": opened.batch_id, "at": now},
    )
    if added.rowcount == 1:
        return True
    return take_again(connection, opened.account_id, message_id, opened.batch_id, now=now)


def expired_attempts(connection: Connection, *, now: datetime, account_id: str | None = None) -> list[OpenAttempt]:
    """Attempts in flight whose lease has ended, in the order of their batches: their workers are gone, or too late."""
    statement = select(
        batch.c.id,
        batch.c.seq,
        batch.c.attempts,
        batch.c.failures,
        batch.c.run_id,
        batch.c.account_id,
        batch.c.fence,
    ).where(batch.c.state == BatchState.SENDING.value, batch.c.lease_until <= now)
    if account_id is not None:
        statement = statement.where(batch.c.account_id == account_id)
    # Sorted here: asked for this order, SQLite reads every batch there is instead of the index of those in flight.
    return sorted((OpenAttempt(*row) for row in connection.execute(statement)), key=lambda found: found.batch_id)
