"""Probes: ask for one, find its next step, and end it.

A probe is a campaign of its own kind with one run, one batch and one user. Its batch goes through the lane like any
other; its row here holds what happens afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, select, update

from campaigns.domain.probe.reading import ProbeEnd
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.domain.upstream.unsend_outcome import UnsendKind
from campaigns.store.audit.events import Act
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome, message
from campaigns.store.tables.batches import batch
from campaigns.store.tables.probes import probe, probe_result
from campaigns.store.tables.recalls import recall, unsend_outcome
from campaigns.store.tables.runs import run

IS_OPEN = probe.c.finished_at.is_(None)

SETTLED = (BatchState.ACCEPTED, BatchState.REJECTED, BatchState.CANCELLED)
"""A probe has a next step only in these states; before, the lane sends it, or searches for its lost answer."""


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """An open probe, with the state of its one batch."""

    id: int
    account_id: str
    campaign_id: int
    run_id: int
    scheduled_for: datetime
    media: str | None  # the vault ID that was sent with a price; None: the message was free
    looks: int
    recalls: int
    failures: int
    state: BatchState
    error: str | None  # of its batch
    message_id: str | None  # the vendor's ID, once it is known; kept after the message was deleted
    mark: str | None
    started_at: datetime | None  # its last request
    accepted_at: datetime | None  # when the answer named the message ID; None: a search found the ID
    is_read: bool
    is_deleted: bool  # the vendor no longer shows it
    recalled_at: datetime | None  # when its last recall ended


def add_probe(act: Act, account_id: str, **columns: Any) -> int:
    """Add a probe; the index refuses a second open one of the account."""
    values = {
        "account_id": account_id,
        "actor": act.actor,
        "asked_at": act.now,
        "available_at": act.now,
        **columns,
    }
    made = act.connection.scalar(insert(probe).values(**values).returning(probe.c.id))
    assert isinstance(made, int)
    return made


def open_probe(connection: Connection, account_id: str) -> int | None:
    """The ID of the account's open probe; None: there is none."""
    return connection.scalar(select(probe.c.id).where(probe.c.account_id == account_id, IS_OPEN))


def due_probe(connection: Connection, account_id: str, *, upstream: str, now: datetime) -> ProbeRow | None:
    """The account's open probe, if its next step is due."""
    wanted = _open_probes().where(probe.c.account_id == account_id, *_is_due(upstream, now))
    row = connection.execute(wanted).mappings().one_or_none()
    return None if row is None else ProbeRow(**{**row, "state": BatchState(row["state"])})


def due_probes(upstream: str, now: datetime) -> Select[Any]:
    """A SELECT of the accounts with a probe whose next step is due."""
    return (
        select(probe.c.account_id)
        .join(run, run.c.id == probe.c.run_id)
        .join(batch, batch.c.run_id == run.c.id)
        .where(*_is_due(upstream, now))
    )


def change_probe(connection: Connection, seen: ProbeRow, **columns: Any) -> bool:
    """Change an open probe; False when somebody changed it since it was `seen`."""
    changed = connection.scalar(
        update(probe)
        .where(
            probe.c.id == seen.id,
            IS_OPEN,
            probe.c.looks == seen.looks,
            probe.c.recalls == seen.recalls,
            probe.c.failures == seen.failures,
        )
        .values(**columns)
        .returning(probe.c.id)
    )
    return changed is not None


def finish_probe(connection: Connection, seen: ProbeRow, ended: ProbeEnd, *, words: str | None, now: datetime) -> bool:
    """End a probe; False when somebody changed it since it was `seen`."""
    return change_probe(connection, seen, finished_at=now, ended=ended.value, words=words, waits_for=None)


def _is_due(upstream: str, now: datetime) -> list[ColumnElement[bool]]:
    return [
        IS_OPEN,
        probe.c.available_at <= now,
        run.c.upstream == upstream,
        batch.c.state.in_([state.value for state in SETTLED]),
        ~_is_recalled(),
    ]


def _is_recalled() -> ColumnElement[bool]:
    under_way = select(recall.c.id).where(recall.c.run_id == probe.c.run_id, recall.c.finished_at.is_(None))
    return under_way.correlate(probe).exists()


def _open_probes() -> Select[Any]:
    last = and_(attempt.c.batch_id == batch.c.id, attempt.c.number == batch.c.attempts)
    answered = and_(
        OUTCOME_OF_ATTEMPT,
        attempt_outcome.c.kind == OutcomeKind.ACCEPTED.value,
    )
    owned = select(message.c.message_id).where(message.c.batch_id == batch.c.id).order_by(message.c.at.desc()).limit(1)
    is_read = select(probe_result.c.probe_id).where(probe_result.c.probe_id == probe.c.id)
    recalled = select(func.max(recall.c.finished_at)).where(recall.c.run_id == probe.c.run_id)
    deleted = select(unsend_outcome.c.number).where(
        unsend_outcome.c.batch_id == batch.c.id, unsend_outcome.c.kind == UnsendKind.UNSENT.value
    )
    return (
        select(
            *(probe.c[name] for name in ("id", "account_id", "campaign_id", "run_id", "scheduled_for")),
            *(probe.c[name] for name in ("media", "looks", "recalls", "failures")),
            batch.c.state,
            batch.c.error,
            owned.correlate(batch).scalar_subquery().label("message_id"),
            attempt.c.mark,
            attempt.c.started_at,
            attempt_outcome.c.finished_at.label("accepted_at"),
            is_read.correlate(probe).exists().label("is_read"),
            deleted.correlate(batch).exists().label("is_deleted"),
            recalled.correlate(probe).scalar_subquery().label("recalled_at"),
        )
        .join(run, run.c.id == probe.c.run_id)
        .join(batch, batch.c.run_id == run.c.id)
        .outerjoin(attempt, last)
        .outerjoin(attempt_outcome, answered)
    )
