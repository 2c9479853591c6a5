"""Attempts: the writes of the send path. Each checks the fence, so that a late writer changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from campaigns.domain.errors import StaleClaim
from campaigns.domain.ids import run_name
from campaigns.domain.states import BatchState, RunState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.store.database.encoding import holdable
from campaigns.store.database.prepared import run_prepared
from campaigns.store.reconcile.ownership import take_again
from campaigns.store.reconcile.searches import attempt_deadline
from campaigns.store.sending.identity import AttemptIdentity, permit_key
from campaigns.store.sending.lanes import LaneClaim
from campaigns.store.sending.statements import (
    ADD_ATTEMPT,
    ADD_OUTCOME,
    BATCH_COLUMNS,
    NEXT_BATCH,
    OPEN_RUNS,
    OWN_MESSAGE,
    RENEW_LANE,
    RUN_COLUMNS,
    SERVE_RUN,
    SETTLE_BATCH,
    START_BATCH,
)
from campaigns.store.tables.batches import batch


@dataclass(frozen=True, slots=True)
class ReadyBatch:
    """A batch that may be sent now, with what a send needs to know about its run."""

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
    expires: bool = False  # its run has an expiry, which has not come yet
    is_marked: bool = False  # each of its requests carries a mark in the text
    root_run_id: int | None = None  # of a rerun: the run that was not one
    halved_from: int | None = None  # the batch that the halving began with

    @property
    def lineage(self) -> int:
        """The first run of this run and all its reruns."""
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
    permit_key: str = ""  # the pacer's name for this request; empty when read back from SQL
    identity: AttemptIdentity | None = None  # None when read back from SQL


def renew_lane(
    connection: Connection, claim: LaneClaim, *, now: datetime, lease: timedelta
) -> tuple[LaneClaim, int] | None:
    """Take the lane's lock, a new fence and a new lease; None when the lane is no longer ours.

    Also returns the lane's suppression number.
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
    """The batch to send now: the first one of the run that was served longest ago, among those that may send."""
    values = {"account": account_id, "upstream": upstream, "now": now}
    for row in run_prepared(connection, OPEN_RUNS, values).fetchall():
        run = dict(zip(RUN_COLUMNS, row, strict=True))
        first = run_prepared(connection, NEXT_BATCH, {"run": run["run_id"], "now": now}).fetchone()
        if first is not None:
            # A driver's row has no names, and SQLite has no booleans.
            flags = {name: bool(run[name]) for name in ("whole_list", "expires", "is_marked")}
            batch_columns = dict(zip(BATCH_COLUMNS, first, strict=True))
            return ReadyBatch(**{**run, **flags, "run_state": RunState(run["run_state"]), **batch_columns})
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

    The caller holds the lane under `claim` and chose the batch in the same transaction. Raises StaleClaim, to roll the
    whole transaction back, if the batch or its run can no longer be sent.
    """
    number = ready.attempts + 1
    started = run_prepared(
        connection,
        START_BATCH,
        {"batch": ready.id, "new_fence": claim.fence, "until": now + lease, "number": number, "now": now},
    ).fetchone()
    served = run_prepared(connection, SERVE_RUN, {"run": ready.run_id, "now": now}).fetchone()
    if started is None or served is None:
        raise StaleClaim(f"Batch {ready.seq} of run {run_name(ready.run_id)} can no longer be sent.")
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
    """Write the outcome of an attempt. The key refuses a second outcome of the same attempt."""
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
    """The message ID that is stored with the outcome. The ID of an answer that also reports a fault is evidence."""
    return outcome.message_id if outcome.kind is OutcomeKind.ACCEPTED else None


def own_message(connection: Connection, account_id: str, batch_id: int, message_id: str, *, now: datetime) -> bool:
    """Record that a vendor's message belongs to a batch; False when another batch of the account owns it already."""
    added = run_prepared(
        connection, OWN_MESSAGE, {"account": account_id, "message": message_id, "batch": batch_id, "at": now}
    )
    if added.rowcount == 1:
        return True
    return take_again(connection, account_id, message_id, batch_id, now=now)


def first_look(connection: Connection, opened: OpenAttempt, *, settle_seconds: float, now: datetime) -> datetime:
    """When the vendor is first searched for an unknown: the settle time after its request can no longer arrive."""
    deadline = attempt_deadline(connection, opened.batch_id, opened.number)
    return max(deadline, now) + timedelta(seconds=settle_seconds)


def expired_attempts(connection: Connection, *, now: datetime, account_id: str | None = None) -> list[OpenAttempt]:
    """Attempts in flight whose lease has ended, in the order of their batches: their workers are gone, or too late."""
    statement = select(
        batch.c.id.label("batch_id"),
        batch.c.seq.label("batch_seq"),
        batch.c.attempts.label("number"),
        batch.c.failures,
        batch.c.run_id,
        batch.c.account_id,
        batch.c.fence,
    ).where(batch.c.state == BatchState.SENDING.value, batch.c.lease_until <= now)
    if account_id is not None:
        statement = statement.where(batch.c.account_id == account_id)
    # Sorted here: with ORDER BY, SQLite reads every batch there is instead of the index of those in flight.
    expired = [OpenAttempt(**row) for row in connection.execute(statement).mappings()]
    return sorted(expired, key=lambda attempt: attempt.batch_id)
