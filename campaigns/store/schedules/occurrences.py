"""The runs that a schedule opens: one row for each occurrence, sent or skipped, and who waits for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from campaigns.domain.schedules.overlap import OpenRun
from campaigns.domain.schedules.timing import Timing, timing_from_json
from campaigns.domain.states import RUN_MOVES, RUN_OPEN, RunState
from campaigns.store.audit.events import Act, EventKind, record_events
from campaigns.store.recall.recalls import waits_for_recall
from campaigns.store.tables.audit import event
from campaigns.store.tables.campaigns import revision
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class OccurrenceRow:
    """The row that an occurrence has already."""

    run_id: int
    state: RunState


@dataclass(frozen=True, slots=True)
class Skipped:
    """An occurrence that is deliberately not sent, and why."""

    at: datetime
    reason: str


def rows_between(
    connection: Connection, campaign_id: int, start: datetime, end: datetime
) -> dict[datetime, OccurrenceRow]:
    """The rows of a campaign's occurrences from one instant to another, both included."""
    rows = connection.execute(
        select(run.c.scheduled_for, run.c.id, run.c.state).where(
            run.c.campaign_id == campaign_id, run.c.scheduled_for >= start, run.c.scheduled_for <= end
        )
    )
    return {row.scheduled_for: OccurrenceRow(row.id, RunState(row.state)) for row in rows}


def last_opened(connection: Connection, campaign_id: int) -> datetime | None:
    """The latest occurrence that was opened to send; it may be handed over ahead of its time."""
    last: datetime | None = connection.scalar(
        select(func.max(run.c.scheduled_for)).where(
            run.c.campaign_id == campaign_id, run.c.state != RunState.SKIPPED.value
        )
    )
    return last


def has_row(connection: Connection, campaign_id: int, occurrence: datetime) -> bool:
    """Whether an occurrence was opened or skipped before."""
    found = select(run.c.id).where(run.c.campaign_id == campaign_id, run.c.scheduled_for == occurrence)
    return connection.scalar(found) is not None


def open_runs(connection: Connection, campaign_id: int) -> list[OpenRun]:
    """The campaign's runs in which something may still happen by itself, in the order they were made."""
    rows = connection.execute(
        select(run.c.id, run.c.created_at, run.c.after_run_id, _waits().label("waits"))
        .where(run.c.campaign_id == campaign_id, run.c.state.in_(sorted(RUN_OPEN)))
        .order_by(run.c.id)
    )
    return [OpenRun(row.id, row.created_at, row.after_run_id if row.waits else None) for row in rows]


def _waits() -> ColumnElement[bool]:
    return and_(run.c.state == RunState.DUE.value, waits_for_another())


def add_skipped(
    connection: Connection, skipped: Sequence[Skipped], *, now: datetime, actor: str, **columns: Any
) -> list[int]:
    """Write occurrences that are deliberately not sent, a few statements for any number; returns their runs, in order.

    `columns` are what their rows have in common. The unique key refuses a second row for an occurrence.
    """
    if not skipped:
        return []
    common = {
        "kind": "schedule",
        "state": RunState.SKIPPED.value,
        "actor": actor,
        "created_at": now,
        "finished_at": now,
        **columns,
    }
    rows = [{**common, "scheduled_for": one.at, "reason": one.reason} for one in skipped]
    # By their times: asked to keep the order of the rows, SQLAlchemy inserts one by one on SQLite.
    made = {
        row.scheduled_for: row.id
        for row in connection.execute(insert(run).returning(run.c.id, run.c.scheduled_for), rows)
    }
    record_events(
        connection,
        EventKind.RUN_SKIPPED,
        [
            {"run_id": made[one.at], "reason": one.reason, "detail": {"scheduled_for": one.at.isoformat()}}
            for one in skipped
        ],
        at=now,
        actor=actor,
        campaign_id=columns["campaign_id"],
        account_id=columns["account_id"],
    )
    return [made[one.at] for one in skipped]


def take_up_skipped(
    connection: Connection, run_id: int, *, now: datetime, actor: str, reason: str | None, **columns: Any
) -> bool:
    """Open a skipped occurrence after all; False when somebody did before."""
    RUN_MOVES[RunState.SKIPPED][RunState.DUE]
    skipped = connection.scalar(select(run.c.reason).where(run.c.id == run_id))
    moved = connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state == RunState.SKIPPED.value)
        .values(state=RunState.DUE.value, finished_at=None, hinted_at=None, reason=reason, **columns)
        .returning(run.c.campaign_id, run.c.account_id, run.c.scheduled_for)
    ).one_or_none()
    if moved is None:
        return False
    Act(connection, now, actor).record(
        EventKind.RUN_BACKFILLED,
        run_id=run_id,
        campaign_id=moved.campaign_id,
        account_id=moved.account_id,
        reason=reason,
        detail={"scheduled_for": moved.scheduled_for.isoformat(), "skipped": skipped, "revision": columns["revision"]},
    )
    return True


def waits_for_another() -> ColumnElement[bool]:
    """The condition that a row of `run` must not start yet: another run has not ended, or is being taken back."""
    earlier = run.alias("earlier")
    has_not_ended = select(earlier.c.id).where(
        earlier.c.id == run.c.after_run_id, earlier.c.state.in_(sorted(RUN_OPEN))
    )
    return or_(and_(run.c.after_run_id.is_not(None), has_not_ended.exists()), waits_for_recall())


def must_wait(connection: Connection, run_id: int) -> bool:
    """Whether a due run must not be planned yet; the caller holds the lane's lock.

    What it waited for may have ended while a run that stood before that goes on, as when somebody cancelled the one in
    the middle of a line: then it waits for that.
    """
    row = connection.execute(
        select(run.c.campaign_id, run.c.after_run_id, waits_for_another().label("waits")).where(run.c.id == run_id)
    ).one()
    if row.after_run_id is None or row.waits:
        return bool(row.waits)
    going_on = connection.scalars(
        select(run.c.id)
        .where(
            run.c.campaign_id == row.campaign_id,
            run.c.id != run_id,
            run.c.state.in_(sorted(RUN_OPEN)),
            ~_waits(),
            # Of two whose turn has come, the older one goes first.
            or_(run.c.state != RunState.DUE.value, run.c.id < run_id),
        )
        .order_by(run.c.id)
    ).all()
    if going_on:
        connection.execute(update(run).where(run.c.id == run_id).values(after_run_id=going_on[-1], hinted_at=None))
    return bool(going_on)


def timings_since(connection: Connection, campaign_id: int) -> list[tuple[datetime, Timing]]:
    """What each revision of a campaign says about time, and since when, the oldest first."""
    rows = connection.execute(
        select(revision.c.created_at, revision.c.timing)
        .where(revision.c.campaign_id == campaign_id)
        .order_by(revision.c.number)
    )
    return [(row.created_at, timing_from_json(row.timing)) for row in rows]


def first_armed(connection: Connection, campaign_id: int) -> datetime | None:
    """When a campaign was armed for the first time."""
    armed: datetime | None = connection.scalar(
        select(func.min(event.c.at)).where(
            event.c.campaign_id == campaign_id, event.c.kind == EventKind.CAMPAIGN_ARMED.value
        )
    )
    return armed
