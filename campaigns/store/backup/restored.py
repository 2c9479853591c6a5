"""A database that was restored from a backup, and what must not be sent before a person has checked it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, func, or_, select, update

from campaigns.domain.states import BatchState, HoldKind, RunState
from campaigns.store.backup.incarnation import incarnation_in_force
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import attempt
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import hold, run

MAY_HAVE_BEEN_SENT = "the database was restored from a backup: this may have been sent since"

CLOCKS_DIFFER = timedelta(minutes=10)
"""The clock of a restored database may be behind that of the lost one by this much: what was due comes due again."""


_LANES = select(account.c.id, account.c.created_at, lane.c.fence, incarnation_in_force().label("incarnation")).join(
    lane, lane.c.account_id == account.c.id
)


@dataclass(frozen=True, slots=True)
class LaneFence:
    """A lane by its name in the fence book, and its fence in the database."""

    account_id: str
    name: str
    fence: int
    incarnation: str  # of the database


def lane_fence(connection: Connection, account_id: str) -> LaneFence | None:
    """The lane's name in the fence book, and its fence; None when there is no such account.

    The name includes the account's creation time: a remade database never matches old fences, a backup always does.
    """
    row = connection.execute(_LANES.where(account.c.id == account_id)).one_or_none()
    return None if row is None else _lane(row)


def every_lane_fence(connection: Connection) -> list[LaneFence]:
    """The lane of every account."""
    return [_lane(row) for row in connection.execute(_LANES.order_by(account.c.id))]


def _lane(row: Row[Any]) -> LaneFence:
    return LaneFence(
        account_id=row.id,
        name=lane_name(row.id, row.created_at),
        fence=row.fence,
        incarnation=row.incarnation,
    )


def lane_name(account_id: str, made_at: datetime) -> str:
    """The name in the fence book of the lane of an account that was created at that time."""
    return f"{account_id}@{made_at.astimezone(UTC):%Y%m%dT%H%M%S.%f}"


def restored_at(account_id: str | ColumnElement[str]) -> ScalarSelect[datetime]:
    """When the account's last restore was recognised: requests from before that time may be missing.

    Every row of the backup is from that time or before, whatever the clocks showed.
    """
    return (
        select(func.max(hold.c.opened_at))
        .where(hold.c.account_id == account_id, hold.c.kind == HoldKind.RESTORED.value)
        .scalar_subquery()
    )


def newest_row(connection: Connection, account_id: str) -> datetime | None:
    """The newest time on a campaign, run, request or restore of an account; None: it has none.

    The clock of the lost database may have been ahead of the clock of this one.
    """
    newest = (
        select(func.max(campaign.c.created_at)).where(campaign.c.account_id == account_id),
        select(func.max(run.c.created_at)).where(run.c.account_id == account_id),
        select(func.max(attempt.c.started_at)).where(attempt.c.account_id == account_id),
        select(func.max(hold.c.opened_at)).where(
            hold.c.account_id == account_id, hold.c.kind == HoldKind.RESTORED.value
        ),
    )
    return max(filter(None, (connection.scalar(query) for query in newest)), default=None)


def raise_fence(connection: Connection, account_id: str, fence: int, *, below: int) -> bool:
    """Take the lane's lock and raise its fence; False when it is no longer below `below`: somebody else acted."""
    raised = connection.scalar(
        update(lane)
        .where(lane.c.account_id == account_id, lane.c.fence < below)
        .values(fence=fence)
        .returning(lane.c.fence)
    )
    return raised is not None


def newest_attempt(connection: Connection, account_id: str) -> datetime | None:
    """The time of the account's newest request in this copy of the database: the backup is not older than that."""
    newest: datetime | None = connection.scalar(
        select(attempt.c.started_at).where(attempt.c.account_id == account_id).order_by(attempt.c.fence.desc()).limit(1)
    )
    return newest


def lost_periods(connection: Connection, account_id: str) -> list[tuple[datetime | None, datetime]]:
    """The periods in which requests of an account are missing: from the newest that a copy has, to its restore.

    A period starts with None where the copy has no request.
    """
    restored = connection.scalars(
        select(hold.c.opened_at)
        .where(hold.c.account_id == account_id, hold.c.kind == HoldKind.RESTORED.value)
        .order_by(hold.c.id)
    ).all()
    newest = select(attempt.c.started_at).where(attempt.c.account_id == account_id).order_by(attempt.c.fence.desc())
    return [(connection.scalar(newest.where(attempt.c.started_at < at).limit(1)), at) for at in restored]


def rerun_may_repeat(connection: Connection, run_id: int) -> bool:
    """Whether a rerun of a run may repeat a message that was sent in the time that a restore lost.

    It may for a run from before a restore, and for a run whose lineage was put on hold for a restore and never resumed:
    whoever cancelled it may have seen its message at the vendor.
    """
    older = select(run.c.id).where(run.c.id == run_id, run.c.created_at <= restored_at(run.c.account_id))
    of_lineage = run.alias("of_lineage")
    first = func.coalesce(run.c.root_run_id, run.c.id)
    never_resumed = (
        select(hold.c.id)
        .join(of_lineage, of_lineage.c.id == hold.c.run_id)
        .join(run, or_(of_lineage.c.id == first, of_lineage.c.root_run_id == first))
        .where(run.c.id == run_id, hold.c.kind == HoldKind.RESTORED.value, hold.c.closed_at.is_(None))
    )
    return connection.scalar(older) is not None or connection.scalar(never_resumed.limit(1)) is not None


def opening_may_repeat(connection: Connection, campaign_id: int, *, sent_from: datetime | None = None) -> bool:
    """Whether a new run of a campaign may repeat a message that was sent in the time that a restore lost.

    It may for the first run of each campaign from before the newest restore, until somebody has resumed or cancelled
    it: no row shows what a lost launch, edit or cancellation did. And it may for an occurrence that may have been sent
    before the restore; `sent_from`: the earliest time at which it can have been.
    """
    newest = connection.execute(
        select(func.max(hold.c.id), func.max(hold.c.opened_at))
        .join(campaign, campaign.c.account_id == hold.c.account_id)
        .where(campaign.c.id == campaign_id, hold.c.kind == HoldKind.RESTORED.value)
        .having(func.max(hold.c.opened_at) >= func.max(campaign.c.created_at))
    ).one_or_none()
    if newest is None:
        return False
    restore_id, at = newest
    if sent_from is not None and sent_from <= at + CLOCKS_DIFFER:
        return True
    return not _somebody_looked(connection, campaign_id, restore_id)


def _somebody_looked(connection: Connection, campaign_id: int, restore_id: int) -> bool:
    """Whether the campaign's last run on hold for a restore was resumed or cancelled. Hold IDs only grow."""
    last = connection.execute(
        select(hold.c.closed_at, run.c.state)
        .join(run, run.c.id == hold.c.run_id)
        .where(run.c.campaign_id == campaign_id, hold.c.kind == HoldKind.RESTORED.value, hold.c.id > restore_id)
        .order_by(hold.c.id.desc())
        .limit(1)
    ).one_or_none()
    cancelled = {RunState.CANCELLING, RunState.CANCELLED}
    return last is not None and (last.closed_at is not None or RunState(last.state) in cancelled)


def batch_may_repeat(connection: Connection, batch_id: int, number: int) -> bool:
    """Whether a request began before a restore, so that a later one for its batch may be lost.

    Proof that this request sent nothing then proves nothing about its batch.
    """
    older = select(attempt.c.number).where(
        attempt.c.batch_id == batch_id,
        attempt.c.number == number,
        attempt.c.started_at <= restored_at(attempt.c.account_id),
    )
    return connection.scalar(older) is not None


def doubt_ready_batches(connection: Connection, account_id: str, *, now: datetime) -> dict[int, list[int]]:
    """Move every ready batch of an account to unknown; returns their numbers by run.

    Workers do not search for them on their own: batches with the same text cannot be distinguished, and each look costs
    credits. An operator asks for the search.
    """
    moved = connection.execute(
        update(batch)
        .where(batch.c.account_id == account_id, batch.c.state == BatchState.READY.value)
        .values(state=BatchState.UNKNOWN.value, error=MAY_HAVE_BEEN_SENT, updated_at=now)
        .returning(batch.c.run_id, batch.c.seq)
    )
    by_run: dict[int, list[int]] = {}
    for run_id, seq in moved:
        by_run.setdefault(run_id, []).append(seq)
    return by_run


def runs_not_planned(connection: Connection, account_id: str) -> list[int]:
    """Runs of an account whose recipients are not frozen yet."""
    return list(
        connection.scalars(
            select(run.c.id).where(run.c.account_id == account_id, run.c.state == RunState.DUE.value).order_by(run.c.id)
        )
    )
