"""Read-only questions about the batches of a run and the requests made for them, in the documented JSON's keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from campaigns.store.recall.unsend_requests import UNSENT, unsent_at
from campaigns.store.reconcile.message_sets import sets_of_run
from campaigns.store.runs.runs import find_run
from campaigns.store.sending.replies import COLUMNS_OF_REPLY, reply_of
from campaigns.store.tables.attempts import attempt as attempt_table
from campaigns.store.tables.attempts import attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.views.text import as_id, as_text

ATTEMPTS = (
    select(
        batch.c.seq,
        attempt_table.c.number,
        attempt_table.c.started_at,
        attempt_table.c.request_sha256,
        attempt_table.c.recipients,
        attempt_table.c.worker,
        attempt_table.c.mark,
        attempt_outcome.c.finished_at,
        attempt_outcome.c.kind,
        attempt_outcome.c.message_id,
        attempt_outcome.c.error,
        *COLUMNS_OF_REPLY,
    )
    .join(batch, batch.c.id == attempt_table.c.batch_id)
    .outerjoin(
        attempt_outcome,
        (attempt_outcome.c.batch_id == attempt_table.c.batch_id) & (attempt_outcome.c.number == attempt_table.c.number),
    )
    .where(batch.c.run_id == bindparam("run"))
    .order_by(attempt_table.c.started_at, attempt_table.c.fence)
)
"""Every request of a run with what it proved, in the order they were made."""


def batches(connection: Connection, run_id: int, state: str | None = None) -> list[dict[str, Any]]:
    """The batches of a run, or those in one state, and which of them were taken back. Raises NotFound."""
    found = find_run(connection, run_id)
    unsent, sets = unsent_at(connection, run_id), sets_of_run(connection, found.account_id, run_id)
    statement = (
        select(batch, attempt_outcome.c.report)
        .outerjoin(
            attempt_outcome,
            (attempt_outcome.c.batch_id == batch.c.id) & (attempt_outcome.c.number == batch.c.attempts),
        )
        .where(batch.c.run_id == run_id)
        .order_by(batch.c.seq)
    )
    if state is not None:
        statement = statement.where(batch.c.state == state)
    return [
        {
            "seq": row.seq,
            "state": row.state,
            "size": row.size,
            "message_id": row.message_id,
            "message_ids": sets.get(row.message_set),
            "message": (row.report or {}).get("data") or None,  # as the last reply showed it, every field
            "attempts": row.attempts,
            "available_at": as_text(row.available_at),
            "error": row.error,
            "first_user": as_id(row.first_user),
            "last_user": as_id(row.last_user),
            "follow": UNSENT if row.id in unsent else None,
            "recalled_at": as_text(unsent.get(row.id)),
        }
        for row in connection.execute(statement)
    ]


def attempts(connection: Connection, run_id: int) -> list[dict[str, Any]]:
    """Every request of a run, in the order they were made; one without outcome is in flight. Raises NotFound."""
    find_run(connection, run_id)
    return [
        {
            "batch": row.seq,
            "number": row.number,
            "started_at": as_text(row.started_at),
            "finished_at": as_text(row.finished_at),
            "outcome": row.kind,
            "http_status": row.http_status,
            "upstream_status": row.upstream_status,
            "message_id": row.message_id,
            "request_sha256": row.request_sha256,
            "recipients": row.recipients,
            "credits_used": row.credits_used,
            "error": row.error,
            "worker": row.worker,
            "mark": row.mark,
            "reply": reply_of(row._mapping, attempt_outcome),  # noqa: SLF001 - the row's public name for it
        }
        for row in connection.execute(ATTEMPTS, {"run": run_id})
    ]
