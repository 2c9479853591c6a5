"""The vendor's answers to an attempt that are kept beside its outcome, and whether one of them accepted it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from campaigns.domain.states import EvidenceKind
from campaigns.domain.upstream.outcome import PROVES_NOT_SENT, OutcomeKind
from campaigns.store.reconcile.ownership import owners_among
from campaigns.store.tables.attempts import attempt_outcome, evidence

FAILED = "failed"
"""The finding in evidence of an answer that named a message together with a fault."""


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """An answer that came after its attempt was settled as unknown, and proves something."""

    kind: OutcomeKind
    message_id: str | None
    error: str | None


def late_answer(connection: Connection, account_id: str, batch_id: int, number: int) -> LateAnswer | None:
    """The late answer of this attempt that proves something: one with a message ID of its own, else the newest."""
    rows = connection.execute(
        select(evidence.c.message_id, evidence.c.detail)
        .where(
            evidence.c.batch_id == batch_id,
            evidence.c.number == number,
            evidence.c.kind == EvidenceKind.LATE_ANSWER.value,
        )
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
    """The message that the answer to an attempt named together with a fault, and the vendor's error text."""
    rows = connection.execute(
        select(evidence.c.message_id, evidence.c.reason, evidence.c.detail)
        .where(
            evidence.c.batch_id == batch_id,
            evidence.c.number == number,
            evidence.c.kind.in_([EvidenceKind.LOOK.value, EvidenceKind.LATE_ANSWER.value]),
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
    """Whether the vendor's answer to this attempt named this message, rather than a search or an operator."""
    if message_id is None:
        return False
    outcome = select(attempt_outcome.c.number).where(
        attempt_outcome.c.batch_id == batch_id,
        attempt_outcome.c.number == number,
        attempt_outcome.c.message_id == message_id,
    )
    return connection.scalar(outcome.limit(1)) is not None
