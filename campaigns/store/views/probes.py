"""Read-only views of probes: one probe, and the probes that may have left something at the vendor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, or_, select

from campaigns.domain.errors import NotFound
from campaigns.domain.probe.reading import ProbeEnd, ProbeReading
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.unsend_outcome import UnsendKind
from campaigns.store.probe.results import result_of
from campaigns.store.tables.attempts import evidence, message
from campaigns.store.tables.batches import batch
from campaigns.store.tables.probes import probe
from campaigns.store.tables.recalls import unsend_outcome


@dataclass(frozen=True, slots=True)
class ProbeView:
    """A probe, what it learned, and how it ended."""

    id: int
    account_id: str
    run_id: int
    user_id: int
    scheduled_for: datetime
    asked_at: datetime
    waits_for: str | None
    ended: ProbeEnd | None
    words: str | None  # why it ended
    state: BatchState  # of its batch
    is_searched: bool  # its answer was lost, and workers search for the message
    message_id: str | None  # the vendor's; None until an answer or a search names it
    result: ProbeReading | None


def probe_view(connection: Connection, probe_id: int) -> ProbeView:
    """One probe. Raises NotFound."""
    row = connection.execute(_probes().where(probe.c.id == probe_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no probe {probe_id}.")
    return _view(connection, row)


def probes_left(connection: Connection) -> list[ProbeView]:
    """Probes whose message may still be scheduled at the vendor, the oldest first.

    They are open and may have been sent, or their message became known after they had ended.
    """
    late = select(evidence.c.id).where(evidence.c.batch_id == batch.c.id, evidence.c.message_id.is_not(None))
    owned = select(message.c.message_id).where(message.c.batch_id == batch.c.id)
    deleted = select(unsend_outcome.c.number).where(
        unsend_outcome.c.batch_id == batch.c.id, unsend_outcome.c.kind == UnsendKind.UNSENT.value
    )
    came_late = or_(late.correlate(batch).exists(), owned.correlate(batch).exists())
    may_be_out = [state.value for state in (BatchState.SENDING, BatchState.UNKNOWN, BatchState.ACCEPTED)]
    is_open = probe.c.finished_at.is_(None) & (batch.c.state.in_(may_be_out) | owned.correlate(batch).exists())
    ended = probe.c.ended.is_not(None) & (probe.c.ended != ProbeEnd.GONE.value)
    asked = _probes().where(or_(is_open, ended & came_late & ~deleted.correlate(batch).exists()))
    return [_view(connection, row) for row in connection.execute(asked.order_by(probe.c.id)).all()]


def _probes() -> Select[Any]:
    owned = select(message.c.message_id).where(message.c.batch_id == batch.c.id).order_by(message.c.at.desc()).limit(1)
    late = (
        select(evidence.c.message_id)
        .where(evidence.c.batch_id == batch.c.id, evidence.c.message_id.is_not(None))
        .order_by(evidence.c.id.desc())
        .limit(1)
    )
    return select(
        probe,
        batch.c.state,
        batch.c.look_at,
        owned.correlate(batch).scalar_subquery().label("owned_id"),
        late.correlate(batch).scalar_subquery().label("late_id"),
    ).join(batch, batch.c.run_id == probe.c.run_id)


def _view(connection: Connection, row: Any) -> ProbeView:
    return ProbeView(
        id=row.id,
        account_id=row.account_id,
        run_id=row.run_id,
        user_id=row.user_id,
        scheduled_for=row.scheduled_for,
        asked_at=row.asked_at,
        waits_for=row.waits_for,
        ended=None if row.ended is None else ProbeEnd(row.ended),
        words=row.words,
        state=BatchState(row.state),
        is_searched=row.look_at is not None,
        message_id=row.owned_id or row.late_id,
        result=result_of(connection, row.id),
    )
