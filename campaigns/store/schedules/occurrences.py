"""The runs that a schedule opens: one row for each occurrence, sent or skipped, and which run waits for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from campaigns.domain.schedules.overlap import OpenRun
from campaigns.domain.schedules.timing import Timing, timing_from_json
from campaigns.domain.states import BATCH_TAKEN, RUN_MOVES, RUN_OPEN, BatchState, RunKind, RunState
from campaigns.store.audit.events import Act, EventKind, record_events
from campaigns.store.recall.recalls import waits_for_recall
from campaigns.store.tables.audit import event
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import revision
from campaigns.store.tables.runs import run

MAY_HAVE_REACHED = frozenset({*BATCH_TAKEN, BatchState.UNKNOWN})
"""States of a batch of a run that has ended whose fans have the message, or may have it."""


@dataclass(frozen=True, slots=True)
class OccurrenceRow:
    """The row that an occurrence already has."""

    run_id: int
    state: RunState


@dataclass(frozen=True, slots=True)
class Skipped:
    """An occurrence that is deliberately not sent, with the reason."""

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
    """The latest occurrence that was opened to send. It may be in the future: the vendor then holds its run."""
    last: datetime | None = connection.scalar(
        select(func.max(run.c.scheduled_for)).where(
            run.c.campaign_id == campaign_id, run.c.state != RunState.SKIPPED.value
        )
    )
    return last


def has_row(connection: Connection, campaign_id: int, occurrence: datetime) -> bool:
    """Whether an occurrence was opened or skipped before."""
    row = select(run.c.id).where(run.c.campaign_id == campaign_id, run.c.scheduled_for == occurrence)
    return connection.scalar(row) is not None


def skipped_after(connection: Connection, campaign_id: int, moment: datetime) -> list[datetime]:
    """The occurrences after a moment that were skipped ahead of their time, in order."""
    return list(
        connection.scalars(
            select(run.c.scheduled_for)
            .where(
                run.c.campaign_id == campaign_id,
                run.c.state == RunState.SKIPPED.value,
                run.c.scheduled_for > moment,
            )
            .order_by(run.c.scheduled_for)
        )
    )


def count_skipped(connection: Connection, campaign_id: int) -> int:
    """How many occurrences of a campaign are skipped by now."""
    count = select(func.count()).where(run.c.campaign_id == campaign_id, run.c.state == RunState.SKIPPED.value)
    return int(connection.scalar(count) or 0)


def opened_since(connection: Connection, campaign_id: int, since: datetime) -> list[int]:
    """The runs of a campaign that were opened since then and reached somebody, or still may; reruns are left out.

    A rerun goes to those alone who were not reached. An occurrence that was skipped and sent after all counts from
    then on.
    """
    taken_up = select(event.c.id).where(
        event.c.run_id == run.c.id, event.c.kind == EventKind.RUN_BACKFILLED.value, event.c.at >= since
    )
    reached = select(batch.c.id).where(batch.c.run_id == run.c.id, batch.c.state.in_(sorted(MAY_HAVE_REACHED)))
    return list(
        connection.scalars(
            select(run.c.id)
            .where(
                run.c.campaign_id == campaign_id,
                run.c.kind != RunKind.RERUN.value,
                or_(run.c.created_at >= since, taken_up.exists()),
                or_(run.c.state.in_(sorted(RUN_OPEN)), reached.exists()),
            )
            .order_by(run.c.id)
        )
    )


def unfinished_runs(connection: Connection, campaign_id: int) -> list[OpenRun]:
    """The campaign's runs that have not ended, in the order in which they were made."""
    rows = connection.execute(
        select(run.c.id, run.c.created_at, run.c.after_run_id, _waits().label("waits"))
        .where(run.c.campaign_id == campaign_id, run.c.state.in_(sorted(RUN_OPEN)))
        .order_by(run.c.id)
    )
    return [OpenRun(row.id, row.created_at, row.after_run_id if row.waits else None) for row in rows]


def _waits() -> ColumnElement[bool]:
    return and_(run.c.state == RunState.DUE.value, waits_for_another())


def add_skipped(act: Act, skipped: Sequence[Skipped], **columns: Any) -> list[int]:
    """Write occurrences that are deliberately not sent, in a few statements for any number; returns their runs.

    The runs are in the order of `skipped`; `columns` are what their rows have in common. The unique key refuses a
    second row for an occurrence.
    """
    if not skipped:
        return []
    common = {
        "kind": RunKind.SCHEDULE.value,
        "state": RunState.SKIPPED.value,
        "actor": act.actor,
        "created_at": act.now,
        "finished_at": act.now,
        **columns,
    }
    rows = [{**common, "scheduled_for": occurrence.at, "reason": occurrence.reason} for occurrence in skipped]
    # By their times: asked to keep the order of the rows, SQLAlchemy inserts one by one on SQLite.
    run_ids = {
        row.scheduled_for: row.id
        for row in act.connection.execute(insert(run).returning(run.c.id, run.c.scheduled_for), rows)
    }
    record_events(
        act.connection,
        EventKind.RUN_SKIPPED,
        [
            {
                "run_id": run_ids[occurrence.at],
                "reason": occurrence.reason,
                "detail": {"scheduled_for": occurrence.at.isoformat()},
            }
            for occurrence in skipped
        ],
        at=act.now,
        actor=act.actor,
        campaign_id=columns["campaign_id"],
        account_id=columns["account_id"],
    )
    return [run_ids[occurrence.at] for occurrence in skipped]


def take_up_skipped(act: Act, run_id: int, *, reason: str, **columns: Any) -> bool:
    """Open a skipped occurrence after all; False when it was opened before."""
    RUN_MOVES[RunState.SKIPPED][RunState.DUE]
    skipped = act.connection.scalar(select(run.c.reason).where(run.c.id == run_id))
    moved = act.connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state == RunState.SKIPPED.value)
        .values(state=RunState.DUE.value, finished_at=None, hinted_at=None, reason=reason, **columns)
        .returning(run.c.campaign_id, run.c.account_id, run.c.scheduled_for)
    ).one_or_none()
    if moved is None:
        return False
    act.record(
        EventKind.RUN_BACKFILLED,
        run_id=run_id,
        campaign_id=moved.campaign_id,
        account_id=moved.account_id,
        reason=reason,
        detail={"scheduled_for": moved.scheduled_for.isoformat(), "skipped": skipped, "revision": columns["revision"]},
    )
    return True


def waits_for_another() -> ColumnElement[bool]:
    """The condition that a row of `run` must not start yet: another run has not ended, or is being recalled."""
    earlier = run.alias("earlier")
    has_not_ended = select(earlier.c.id).where(
        earlier.c.id == run.c.after_run_id, earlier.c.state.in_(sorted(RUN_OPEN))
    )
    return or_(and_(run.c.after_run_id.is_not(None), has_not_ended.exists()), waits_for_recall())


def must_wait(connection: Connection, run_id: int) -> bool:
    """Whether a due run must not be planned yet: it waits for another run, or for a recall. Changes nothing."""
    return bool(connection.scalar(select(waits_for_another()).select_from(run).where(run.c.id == run_id)))


def requeue_behind_open_run(connection: Connection, run_id: int) -> None:
    """Let a due run that was queued wait for the last run that still goes on, when what it waited for has ended.

    That happens when somebody cancels the run in the middle of a queue: what was before that one still goes on. Changes
    nothing when the run waits anyway, was never queued, or nothing goes on. The caller holds the lane's lock.
    """
    row = connection.execute(
        select(run.c.campaign_id, run.c.after_run_id, waits_for_another().label("waits")).where(run.c.id == run_id)
    ).one()
    if row.after_run_id is None or row.waits:
        return
    last = connection.scalar(
        select(func.max(run.c.id)).where(
            run.c.campaign_id == row.campaign_id,
            run.c.id != run_id,
            run.c.state.in_(sorted(RUN_OPEN)),
            ~_waits(),
            # Of two whose turn has come, the older one goes first.
            or_(run.c.state != RunState.DUE.value, run.c.id < run_id),
        )
    )
    if last is not None:
        connection.execute(update(run).where(run.c.id == run_id).values(after_run_id=last, hinted_at=None))


def timings_since(connection: Connection, campaign_id: int) -> list[tuple[datetime, Timing]]:
    """The timing of each revision of a campaign, and when that was written, the oldest first.

    The first one is as old as the campaign.
    """
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
