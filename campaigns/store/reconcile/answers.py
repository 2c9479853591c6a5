"""What the vendor's own answers to an attempt have said beside its outcome, and whether one accepted it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from campaigns.domain.upstream.outcome import PROVES_NOT_SENT, OutcomeKind
from campaigns.store.reconcile.ownership import owners_among
from campaigns.store.tables.attempts import attempt_outcome, evidence

FAILED = "failed"
"""The finding of an answer that named a message and a fault together."""


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """What an answer proved that came after its attempt had been settled as unknown."""

    kind: OutcomeKind
    message_id: str | None
    error: str | None


def late_answer(connection: Connection, account_id: str, batch_id: int, number: int) -> LateAnswer | None:
    """The late answer of this very attempt that proves something: one with a message ID of its own, else the newest."""
    rows = connection.execute(
        select(evidence.c.message_id, evidence.c.detail)
        .where(evidence.c.batch_id == batch_id, evidence.c.number == number, evidence.c.kind == "late_answer")
        .order_by(evidence.c.id.desc())
    ).all()
    owners = owners_among(connection, account_id, [row.message_id for row in rows if row.message_id is not None])
    for row in rows:
        proves = (row.detail or {}).get("outcome") == OutcomeKind.ACCEPTED.value
        if proves and row.message_id is not None and owners.get(row.message_id) == batch_id:
            return LateAnswer(OutcomeKind.ACCEPTED, row.message_id, None)
    for row in rows:
        kind = (row.detail or {}).get("outcome")
        if row.message_id is None and kind in PROVES_NOT_SENT:
            return LateAnswer(OutcomeKind(kind), None, (row.detail or {}).get("error"))
    return None


def failed_message(
    connection: Connection, account_id: str, batch_id: int, number: int
) -> tuple[str, str | None] | None:
    """The message that the answer to an attempt named together with a fault, and the vendor's words."""
    rows = connection.execute(
        select(evidence.c.message_id, evidence.c.reason, evidence.c.detail)
        .where(
            evidence.c.batch_id == batch_id,
            evidence.c.number == number,
            evidence.c.kind.in_(["look", "late_answer"]),
            evidence.c.message_id.is_not(None),
        )
        .order_by(evidence.c.id)
    ).all()
    owners = owners_among(connection, account_id, [row.message_id for row in rows])
    for row in rows:
        detail = row.detail or {}
        has_failed = detail.get("finding") == FAILED or detail.get("outcome") == OutcomeKind.UNKNOWN.value
        if has_failed and owners.get(row.message_id) == batch_id:
            return row.message_id, row.reason or detail.get("error")
    return None


def was_answered(connection: Connection, batch_id: int, number: int, message_id: str | None) -> bool:
    """Whether the vendor's own answer to this attempt accepted it as this message, and not a search or an operator."""
    if message_id is None:
        return False
    outcome = select(attempt_outcome.c.number).where(
        attempt_outcome.c.batch_id == batch_id,
        attempt_outcome.c.number == number,
        attempt_outcome.c.message_id == message_id,
    )
    return connection.scalar(outcome.limit(1)) is not None
