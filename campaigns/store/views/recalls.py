"""Read-only questions about recalls, in the documented JSON's keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from campaigns.domain.states import BatchState
from campaigns.store.recall.recalls import IS_OPEN
from campaigns.store.recall.unsend_requests import is_unsent, standing_of
from campaigns.store.sending.replies import reply_of
from campaigns.store.tables.batches import batch
from campaigns.store.tables.recalls import recall, unsend, unsend_outcome
from campaigns.store.views.text import as_text


def recalled(connection: Connection, run_id: int) -> dict[str, Any]:
    """What `runs show` says of recalls: of this run, and of the runs that are taken back before it may start."""
    recipients = select(func.coalesce(func.sum(batch.c.size), 0)).where(
        batch.c.run_id == run_id, batch.c.state == BatchState.ACCEPTED.value, is_unsent()
    )
    waits_for = select(recall.c.run_id).where(recall.c.for_run_id == run_id, IS_OPEN).order_by(recall.c.run_id)
    return {
        "recalled": int(connection.scalar(recipients) or 0),
        "recall": _newest(connection, run_id),
        "waits_for_recall_of": list(connection.scalars(waits_for)),
    }


def _newest(connection: Connection, run_id: int) -> dict[str, Any] | None:
    """The newest recall of a run, counted in batches; while it is open, as they stand now."""
    row = connection.execute(
        select(recall).where(recall.c.run_id == run_id).order_by(recall.c.id.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    if row.finished_at is None:
        standing = standing_of(connection, run_id)
        counts = (len(standing.unsent) + len(standing.out), len(standing.unsent), None, len(standing.unknown))
    else:
        counts = (row.batches, row.unsent, row.failed, row.unknown)
    return {
        "requested_at": as_text(row.requested_at),
        "actor": row.actor,
        "reason": row.reason,
        "for_run_id": row.for_run_id,
        "finished_at": as_text(row.finished_at),
        **dict(zip(("batches", "unsent", "failed", "unknown"), counts, strict=True)),
        "available_at": as_text(row.available_at) if row.finished_at is None and row.waits_for else None,
        "waits_for": row.waits_for,
    }


def requests_to_unsend(connection: Connection, run_id: int) -> list[dict[str, Any]]:
    """Every request that was made to take a run back, in the order they were made; one without outcome is in flight."""
    rows = connection.execute(
        select(batch.c.seq, unsend, unsend_outcome)
        .join(batch, batch.c.id == unsend.c.batch_id)
        .outerjoin(
            unsend_outcome,
            (unsend_outcome.c.recall_id == unsend.c.recall_id)
            & (unsend_outcome.c.batch_id == unsend.c.batch_id)
            & (unsend_outcome.c.number == unsend.c.number),
        )
        .where(batch.c.run_id == run_id)
        .order_by(unsend.c.started_at, unsend.c.fence)
    ).mappings()
    return [
        {
            "batch": row[batch.c.seq],
            "number": row[unsend.c.number],
            "message_id": row[unsend.c.message_id],
            "started_at": as_text(row[unsend.c.started_at]),
            "finished_at": as_text(row[unsend_outcome.c.finished_at]),
            "outcome": row[unsend_outcome.c.kind],
            "by_look": row[unsend_outcome.c.by_look],
            "http_status": row[unsend_outcome.c.http_status],
            "credits_used": row[unsend_outcome.c.credits_used],
            "error": row[unsend_outcome.c.error],
            "worker": row[unsend.c.worker],
            "reply": reply_of(row, unsend_outcome),
        }
        for row in rows
    ]
