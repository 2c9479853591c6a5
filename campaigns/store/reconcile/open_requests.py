"""Requests that may have reached the vendor and own no item, whatever was decided about their batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, literal_column, select

from campaigns.domain.reconcile.windows import ARRIVES_WITHIN, VendorDate
from campaigns.domain.states import BatchState, EvidenceKind
from campaigns.domain.upstream.outcome import PROVES_NOT_SENT, OutcomeKind
from campaigns.store.backup.restored import restored_at
from campaigns.store.reconcile.ownership import owners_among
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome, evidence, message
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run

MEASURED = 20
"""The error of the vendor's clock is measured from this many of its newest replies."""

TELLS = timedelta(minutes=2)
"""A reply that was recorded later than this after its request began is not used to measure the clock."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request without an item, and the state of its batch."""

    batch_id: int
    number: int
    seq: int
    run_id: int
    state: BatchState
    is_last: bool  # the batch has made no later request
    looks: int
    message_id: str | None  # of the batch
    size: int | None
    started_at: datetime
    arrives_until: datetime
    denied: frozenset[str]
    users: bytes | None  # None: whole lists
    mark: str | None  # the mark in its text
    form: dict[str, Any] | None  # how its body was built

    @property
    def key(self) -> tuple[int, int]:
        """The key of the request: its batch and its number."""
        return self.batch_id, self.number


@dataclass(slots=True)
class _Known:
    """The evidence about one request."""

    ids: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    is_refuted: bool = False
    last_search: datetime | None = None
    newest_look: datetime | None = None


def open_requests(connection: Connection, account_id: str, *, since: datetime, now: datetime) -> list[OpenRequest]:
    """The account's requests without an item that began after `since`, and every unknown batch without a request.

    A restored database lacks requests. A batch that is unknown for that reason has one here, with the widest window.
    """
    rows = [
        *connection.execute(_of_unknown_outcome(account_id, since)),
        *connection.execute(_of_unknown_batch(account_id)),
    ]
    known = _evidence(connection, {row.id for row in rows})
    owners = owners_among(
        connection, account_id, sorted({message_id for of_it in known.values() for message_id in of_it.ids})
    )
    requests = []
    for row in rows:
        number = row.number if row.number is not None else row.attempts
        of_it = known.get((row.id, number), _Known())
        if of_it.is_refuted or any(owners.get(message_id) == row.id for message_id in of_it.ids):
            continue
        requests.append(_open(row, number, of_it, now))
    return sorted(requests, key=lambda request: (request.started_at, request.key))


def _of_unknown_outcome(account_id: str, since: datetime) -> Select[Any]:
    """Each request with an unknown outcome. The literal lets the database use the partial index."""
    return (
        _columns(account_id)
        .select_from(attempt_outcome)
        .join(attempt, OUTCOME_OF_ATTEMPT)
        .join(batch, batch.c.id == attempt.c.batch_id)
        .join(run, run.c.id == batch.c.run_id)
        .where(
            attempt_outcome.c.kind == literal_column("'unknown'"),
            batch.c.account_id == account_id,
            attempt.c.started_at >= since,
        )
    )


def _of_unknown_batch(account_id: str) -> Select[Any]:
    """Each unknown batch whose last request, if one is on record, has another outcome."""
    last = and_(attempt.c.batch_id == batch.c.id, attempt.c.number == batch.c.attempts)
    return (
        _columns(account_id)
        .select_from(batch)
        .join(run, run.c.id == batch.c.run_id)
        .outerjoin(attempt, last)
        .outerjoin(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .where(
            batch.c.account_id == account_id,
            batch.c.state == literal_column("'unknown'"),
            attempt_outcome.c.kind.is_distinct_from(OutcomeKind.UNKNOWN.value),
        )
    )


def _columns(account_id: str) -> Select[Any]:
    return select(
        batch.c.id,
        batch.c.seq,
        batch.c.run_id,
        batch.c.state,
        batch.c.attempts,
        batch.c.looks,
        batch.c.look_at,
        batch.c.message_id,
        batch.c.message_set,
        batch.c.size,
        batch.c.users,
        run.c.whole_list,
        run.c.planned_at,
        attempt.c.number,
        attempt.c.recipients,
        attempt.c.started_at,
        attempt.c.deadline_at,
        attempt.c.mark,
        attempt.c.form,
        restored_at(account_id).label("restored_at"),
    )


def _evidence(connection: Connection, batch_ids: Iterable[int]) -> dict[tuple[int, int], _Known]:
    known: dict[tuple[int, int], _Known] = {}
    rows = connection.execute(
        select(evidence).where(evidence.c.batch_id.in_(sorted(batch_ids))).order_by(evidence.c.id)
    )
    for row in rows:
        of_it, detail = known.setdefault((row.batch_id, row.number), _Known()), row.detail or {}
        if "named_by" in detail:
            of_it.denied.add(row.message_id)
        elif row.message_id is not None:
            of_it.ids.add(row.message_id)
        elif row.kind == EvidenceKind.LATE_ANSWER.value:
            of_it.is_refuted |= detail.get("outcome") in PROVES_NOT_SENT
        if row.kind == EvidenceKind.LOOK.value and "look" in detail:
            of_it.newest_look = row.at
            if detail.get("last") and of_it.last_search is None:
                of_it.last_search = row.at
    return known


def _open(row: Any, number: int, known: _Known, now: datetime) -> OpenRequest:
    is_last = number == row.attempts
    started_at = row.started_at or row.planned_at
    was_restored = is_last and row.restored_at is not None and row.restored_at >= started_at
    deadline_at = max(filter(None, (row.deadline_at, row.restored_at if was_restored else None)), default=started_at)
    until = max(deadline_at + ARRIVES_WITHIN, known.newest_look or deadline_at)
    if known.last_search is not None and not was_restored:
        until = known.last_search
    elif is_last and row.look_at is not None:
        until = now
    return OpenRequest(
        batch_id=row.id,
        number=number,
        seq=row.seq,
        run_id=row.run_id,
        state=BatchState(row.state),
        is_last=is_last and row.message_set is None,
        looks=row.looks,
        message_id=row.message_id,
        size=None if row.whole_list else (row.recipients or row.size),
        started_at=started_at,
        arrives_until=min(until, now),
        denied=frozenset(known.denied),
        users=row.users,
        mark=row.mark,
        form=row.form,
    )


@dataclass(frozen=True, slots=True)
class Anchor:
    """A listed message whose ID is in the vendor's own reply to us, and when its request was open."""

    message_id: str
    started_at: datetime
    finished_at: datetime


def anchors_among(connection: Connection, account_id: str, message_ids: Sequence[str]) -> list[Anchor]:
    """The listed messages whose IDs are in the vendor's replies, with the times of their requests."""
    rows = connection.execute(
        select(message.c.message_id, attempt.c.started_at, attempt_outcome.c.finished_at)
        .join(
            attempt_outcome,
            and_(
                attempt_outcome.c.batch_id == message.c.batch_id,
                attempt_outcome.c.message_id == message.c.message_id,
            ),
        )
        .join(attempt, OUTCOME_OF_ATTEMPT)
        .where(message.c.account_id == account_id, message.c.message_id.in_(message_ids))
    )
    return [Anchor(**row) for row in rows.mappings()]


def vendor_dates(connection: Connection, upstream: str) -> list[VendorDate]:
    """The `Date` header of the vendor's newest replies, on any account."""
    rows = connection.execute(
        select(attempt.c.started_at, attempt_outcome.c.finished_at, attempt_outcome.c.report)
        .join(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .join(batch, batch.c.id == attempt.c.batch_id)
        .join(run, run.c.id == batch.c.run_id)
        .where(run.c.upstream == upstream, attempt_outcome.c.http_status.is_not(None))
        .order_by(attempt.c.started_at.desc())
        .limit(MEASURED)
    )
    return [
        VendorDate(datetime.fromisoformat(row.report["date"]), row.started_at, row.finished_at)
        for row in rows
        if isinstance(row.report, dict) and isinstance(row.report.get("date"), str)
        if row.finished_at - row.started_at <= TELLS
    ]
