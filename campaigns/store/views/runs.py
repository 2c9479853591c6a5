"""Read-only questions about runs, with the keys of the documented JSON."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from campaigns.domain.states import RUN_OPEN, BatchState
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.reconcile.questions import questions_of_run
from campaigns.store.runs.content import said_by_run
from campaigns.store.runs.runs import books, find_run
from campaigns.store.tables.accounts import lane
from campaigns.store.tables.attempts import attempt_outcome
from campaigns.store.tables.audience import exclusion
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import hold, run
from campaigns.store.views.recalls import recalled
from campaigns.store.views.run_times import times_of
from campaigns.store.views.text import as_text

TIMES_OF_A_RUN = ("created_at", "planned_at", "served_at", "finished_at")


def runs(connection: Connection, campaign_id: int | None = None) -> list[dict[str, Any]]:
    """Runs, the newest first, of one campaign or of all."""
    if campaign_id is not None:
        find_campaign(connection, campaign_id)
    statement = select(
        run.c.id,
        run.c.campaign_id,
        campaign.c.name,
        run.c.account_id,
        run.c.kind,
        run.c.state,
        run.c.scheduled_for,
        run.c.reason,
        run.c.planned,
        run.c.batch_count,
        run.c.created_at,
        run.c.finished_at,
    ).join(campaign, campaign.c.id == run.c.campaign_id)
    if campaign_id is not None:
        statement = statement.where(run.c.campaign_id == campaign_id)
    return [
        {
            "id": row.id,
            "campaign_id": row.campaign_id,
            "campaign": row.name,
            "account": row.account_id,
            "kind": row.kind,
            "state": row.state,
            "scheduled_for": as_text(row.scheduled_for),
            "reason": row.reason,
            "planned": row.planned,
            "batches": row.batch_count,
            "created_at": as_text(row.created_at),
            "finished_at": as_text(row.finished_at),
        }
        for row in connection.execute(statement.order_by(run.c.id.desc()))
    ]


def run_of(connection: Connection, run_id: int) -> dict[str, Any]:
    """One run with its books, its batches by state and its holds; counts are recipients. Raises NotFound."""
    found = find_run(connection, run_id)
    counted = books(connection, run_id)
    return {
        "id": found.id,
        "campaign_id": found.campaign_id,
        "revision": found.revision,
        "account": found.account_id,
        "upstream": found.upstream,
        "kind": found.kind,
        "parent_run_id": found.parent_run_id,
        "scheduled_for": as_text(found.scheduled_for),
        "state": found.state.value,
        "planned": counted.planned,
        "recipients": None if found.whole_list else counted.planned,
        "accepted": counted.accepted,
        "saved": counted.saved,
        "rejected": counted.rejected,
        "unknown": counted.unknown,
        "cancelled": counted.cancelled,
        "waiting": counted.waiting,
        **recalled(connection, run_id),
        "excluded": _excluded(connection, run_id),
        "batches": _batches_by_state(connection, run_id),
        "holds": holds_of(connection, run_id),
        "lane": _lane(connection, found.account_id) if found.state in RUN_OPEN else None,
        "whole_list": found.whole_list,
        "credits_used": _credits_used(connection, run_id),
        **questions_of_run(connection, run_id),
        **_history(connection, run_id),
        **said_by_run(connection, run_id),
        **times_of(connection, found),
        "eta": None,
    }


def _excluded(connection: Connection, run_id: int) -> dict[str, int]:
    rows = connection.execute(select(exclusion.c.reason, exclusion.c.size).where(exclusion.c.run_id == run_id))
    return {row.reason: row.size for row in rows}


def _history(connection: Connection, run_id: int) -> dict[str, Any]:
    columns = (run.c.reason, run.c.actor, run.c.after_run_id, *(run.c[name] for name in TIMES_OF_A_RUN))
    row = connection.execute(select(*columns).where(run.c.id == run_id)).one()
    times = {name: as_text(getattr(row, name)) for name in TIMES_OF_A_RUN}
    return {"reason": row.reason, "actor": row.actor, "after_run_id": row.after_run_id, **times}


def _batches_by_state(connection: Connection, run_id: int) -> dict[str, int]:
    counted = connection.execute(
        select(batch.c.state, func.count()).where(batch.c.run_id == run_id).group_by(batch.c.state)
    )
    found = {row[0]: row[1] for row in counted}
    return {state.value: found[state.value] for state in BatchState if state.value in found}


def _credits_used(connection: Connection, run_id: int) -> int:
    return int(
        connection.scalar(
            select(func.coalesce(func.sum(attempt_outcome.c.credits_used), 0))
            .join(batch, batch.c.id == attempt_outcome.c.batch_id)
            .where(batch.c.run_id == run_id)
        )
        or 0
    )


def _lane(connection: Connection, account_id: str) -> dict[str, Any]:
    row = connection.execute(
        select(lane.c.owner, lane.c.available_at, lane.c.waits_for).where(lane.c.account_id == account_id)
    ).one()
    return {"owner": row.owner, "available_at": as_text(row.available_at), "waits_for": row.waits_for}


def holds_of(connection: Connection, run_id: int) -> list[dict[str, Any]]:
    """The open holds that pause a run: its own, its account's and its team's."""
    found = find_run(connection, run_id)
    rows = connection.execute(
        select(hold.c.id, hold.c.scope, hold.c.kind, hold.c.reason, hold.c.actor, hold.c.opened_at)
        .where(
            hold.c.closed_at.is_(None),
            (hold.c.run_id == run_id) | (hold.c.account_id == found.account_id) | (hold.c.upstream == found.upstream),
        )
        .order_by(hold.c.id)
    )
    return [{**row._asdict(), "opened_at": as_text(row.opened_at)} for row in rows]
