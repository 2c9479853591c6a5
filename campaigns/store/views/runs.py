"""One run as people and programs see it, with all that is stored about it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from campaigns.domain.states import RUN_OPEN, BatchState, HoldKind, RunKind, RunState
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.store.reconcile.questions import questions_of_run
from campaigns.store.runs.content import content_of_run
from campaigns.store.runs.runs import RunRow, books, find_run
from campaigns.store.runs.times import OpenHours, times_of
from campaigns.store.tables.accounts import lane
from campaigns.store.tables.attempts import attempt_outcome
from campaigns.store.tables.audience import exclusion
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import hold
from campaigns.store.views.recalls import RecallView, recalls_of


@dataclass(frozen=True, slots=True)
class HoldView:
    """An open hold that pauses a run."""

    id: int
    scope: HoldScope
    kind: HoldKind
    reason: str
    actor: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LaneView:
    """Who sends for the account of a run, and what the account waits for."""

    owner: str | None
    available_at: datetime | None
    waits_for: str | None


@dataclass(frozen=True, slots=True)
class RunView:
    """One run with all that is stored about it. Counts are recipients, but those of `batches`."""

    id: int
    campaign_id: int
    revision: int
    account: str
    upstream: str
    kind: RunKind
    parent_run_id: int | None
    scheduled_for: datetime | None
    state: RunState
    planned: int
    recipients: int | None  # None: whole lists, whose users the vendor alone knows
    accepted: int
    saved: int
    rejected: int
    unknown: int
    cancelled: int
    waiting: int
    recalled: int
    recall: RecallView | None
    waits_for_recall_of: list[int]
    excluded: dict[str, int]  # by reason
    batches: dict[BatchState, int]
    holds: list[HoldView]
    lane: LaneView | None  # None: the run has ended
    whole_list: bool
    credits_used: int
    questions: int
    question_credits: int
    reason: str | None
    actor: str
    after_run_id: int | None
    created_at: datetime
    planned_at: datetime | None
    served_at: datetime | None
    finished_at: datetime | None
    occurrence: int | None
    content: int | None
    text: str
    scheduled_date: datetime | None
    sending_hours: list[OpenHours]
    resumes_at: datetime | None
    next_batch_at: datetime | None
    last_batch_at: datetime | None
    expires_at: datetime | None
    expired: int


def run_of(connection: Connection, run_id: int) -> RunView:
    """One run with its books, its batches by state and its open holds. Raises NotFound."""
    row = find_run(connection, run_id)
    counts, questions = books(connection, run_id), questions_of_run(connection, run_id)
    return RunView(
        id=row.id,
        campaign_id=row.campaign_id,
        revision=row.revision,
        account=row.account_id,
        upstream=row.upstream,
        kind=row.kind,
        parent_run_id=row.parent_run_id,
        scheduled_for=row.scheduled_for,
        state=row.state,
        recipients=None if row.whole_list else counts.planned,
        **_fields_of(counts),
        **_fields_of(recalls_of(connection, run_id)),
        excluded=_excluded(connection, run_id),
        batches=_batches_by_state(connection, run_id),
        holds=holds_on(connection, row),
        lane=_lane(connection, row.account_id) if row.state in RUN_OPEN else None,
        whole_list=row.whole_list,
        credits_used=_credits_used(connection, run_id),
        questions=questions["questions"],
        question_credits=questions["question_credits"],
        reason=row.reason,
        actor=row.actor,
        after_run_id=row.after_run_id,
        created_at=row.created_at,
        planned_at=row.planned_at,
        served_at=row.served_at,
        finished_at=row.finished_at,
        **_fields_of(content_of_run(connection, run_id)),
        **_fields_of(times_of(connection, row)),
    )


def holds_on(connection: Connection, row: RunRow) -> list[HoldView]:
    """The open holds that pause a run: its own, its account's and its team's."""
    rows = connection.execute(
        select(hold.c.id, hold.c.scope, hold.c.kind, hold.c.reason, hold.c.actor, hold.c.opened_at)
        .where(
            hold.c.closed_at.is_(None),
            (hold.c.run_id == row.id) | (hold.c.account_id == row.account_id) | (hold.c.upstream == row.upstream),
        )
        .order_by(hold.c.id)
    )
    return [
        HoldView(
            id=each.id,
            scope=HoldScope(each.scope),
            kind=HoldKind(each.kind),
            reason=each.reason,
            actor=each.actor,
            opened_at=each.opened_at,
        )
        for each in rows
    ]


def holds_of(connection: Connection, run_id: int) -> list[HoldView]:
    """The open holds that pause the run with this ID. Raises NotFound."""
    return holds_on(connection, find_run(connection, run_id))


def _fields_of(part: Any) -> dict[str, Any]:
    """The fields of a part of the answer that was read apart; they have the names of the whole."""
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _excluded(connection: Connection, run_id: int) -> dict[str, int]:
    rows = connection.execute(select(exclusion.c.reason, exclusion.c.size).where(exclusion.c.run_id == run_id))
    return {row.reason: row.size for row in rows}


def _batches_by_state(connection: Connection, run_id: int) -> dict[BatchState, int]:
    rows = connection.execute(
        select(batch.c.state, func.count().label("batches")).where(batch.c.run_id == run_id).group_by(batch.c.state)
    )
    counts = {row.state: int(row.batches) for row in rows}
    return {state: counts[state.value] for state in BatchState if state.value in counts}


def _credits_used(connection: Connection, run_id: int) -> int:
    return int(
        connection.scalar(
            select(func.coalesce(func.sum(attempt_outcome.c.credits_used), 0))
            .join(batch, batch.c.id == attempt_outcome.c.batch_id)
            .where(batch.c.run_id == run_id)
        )
        or 0
    )


def _lane(connection: Connection, account_id: str) -> LaneView:
    row = connection.execute(
        select(lane.c.owner, lane.c.available_at, lane.c.waits_for).where(lane.c.account_id == account_id)
    ).one()
    return LaneView(owner=row.owner, available_at=row.available_at, waits_for=row.waits_for)
