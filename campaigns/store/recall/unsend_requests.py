"""Requests to unsend messages: which is made next, that it is made, what it proved.

A batch whose message was unsent stays `accepted`, since the vendor did take it; that it is unsent is known from the
outcomes of its requests. An outcome belongs to one message: a batch sent again after a decision has another message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, literal, or_, select

from campaigns.domain.errors import StaleClaim
from campaigns.domain.ids import run_name
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import ABANDONED_WORDS
from campaigns.domain.upstream.unsend_outcome import ENDS_IT, LOOKS_FIRST, YET_TO_BE_SEEN, UnsendKind, UnsendOutcome
from campaigns.store.database.encoding import holdable
from campaigns.store.recall.recalls import RecallRow, Standing
from campaigns.store.reconcile.message_sets import message_held
from campaigns.store.tables.batches import batch
from campaigns.store.tables.recalls import recall, unsend, unsend_outcome

UNSENT = UnsendKind.UNSENT.value
"""What `follow` shows of an accepted batch whose message was unsent."""


@dataclass(frozen=True, slots=True)
class WantedBack:
    """A batch whose message is still out, and what this recall has tried so far."""

    batch_id: int
    seq: int
    message_id: str
    tried: int  # requests committed
    in_flight: bool  # the last one has no outcome: its worker died
    doubts: int  # requests that were refused or proved nothing
    before: UnsendKind | None  # the outcome of the last of those
    words: str | None  # and its error
    confirmed: bool = False  # a reply confirmed that it is unsent, and no look has shown that yet


@dataclass(frozen=True, slots=True)
class OpenUnsend:
    """A committed request to unsend a message, whose outcome is not known yet."""

    recall_id: int
    batch_id: int
    number: int
    account_id: str
    message_id: str


def next_wanted(connection: Connection, recall_row: RecallRow) -> WantedBack | None:
    """The batch to unsend now: the newest of those that were tried least often; None when nothing is left to do."""
    tries = (
        select(
            unsend.c.batch_id,
            func.max(unsend.c.number).label("tried"),
            func.count(unsend_outcome.c.number).label("known"),
            func.sum(case((unsend_outcome.c.kind.in_(sorted(LOOKS_FIRST)), 1), else_=0)).label("doubts"),
            func.sum(case((unsend_outcome.c.error == YET_TO_BE_SEEN, 1), else_=0)).label("confirmed"),
        )
        .outerjoin(unsend_outcome, _same_request())
        .where(unsend.c.recall_id == recall_row.id)
        .group_by(unsend.c.batch_id)
        .subquery()
    )
    row = connection.execute(
        select(
            batch.c.id,
            batch.c.seq,
            message_held().label("message_id"),
            *tries.c["tried", "known", "doubts", "confirmed"],
        )
        .outerjoin(tries, tries.c.batch_id == batch.c.id)
        .where(
            _is_accepted_of(recall_row.run_id),
            message_held().is_not(None),
            ~is_unsent(),
            ~_has_ended(recall_row.id),
            ~_shares_with_what_stays(recall_row.run_id),
        )
        .order_by(func.coalesce(tries.c.tried, 0), batch.c.updated_at.desc(), batch.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    tried, known = row.tried or 0, row.known or 0
    before, words = _last_doubt(connection, recall_row.id, row.id)
    if known < tried:
        before, words = UnsendKind.UNCLEAR, ABANDONED_WORDS
    doubts = int(row.doubts or 0) + (tried - known)
    of_it = (row.id, row.seq, row.message_id)
    return WantedBack(*of_it, tried, known < tried, doubts, before, words, confirmed=bool(row.confirmed))


def _last_doubt(connection: Connection, recall_id: int, batch_id: int) -> tuple[UnsendKind | None, str | None]:
    row = connection.execute(
        select(unsend_outcome.c.kind, unsend_outcome.c.error)
        .where(
            unsend_outcome.c.recall_id == recall_id,
            unsend_outcome.c.batch_id == batch_id,
            unsend_outcome.c.kind.in_(sorted(LOOKS_FIRST)),
        )
        .order_by(unsend_outcome.c.number.desc())
        .limit(1)
    ).one_or_none()
    return (None, None) if row is None else (UnsendKind(row.kind), row.error)


def open_unsend(
    connection: Connection,
    found: RecallRow,
    wanted: WantedBack,
    *,
    fence: int,
    worker: str,
    now: datetime,
    deadline: timedelta,
) -> OpenUnsend:
    """Write a request before it is made; the caller holds the lane. Raises StaleClaim when it is no longer wanted."""
    still = select(recall.c.id).where(recall.c.id == found.id, recall.c.finished_at.is_(None))
    same = select(batch.c.id).where(
        batch.c.id == wanted.batch_id,
        message_held() == wanted.message_id,
        ~is_unsent(),
        ~_has_ended(found.id),
        ~_shares_with_what_stays(found.run_id),
    )
    if connection.scalar(still) is None or connection.scalar(same) is None:
        raise StaleClaim(f"Batch {wanted.seq} of run {run_name(found.run_id)} is no longer to be unsent.")
    if wanted.in_flight:
        abandoned = OpenUnsend(found.id, wanted.batch_id, wanted.tried, found.account_id, wanted.message_id)
        add_unsend_outcome(connection, abandoned, UnsendOutcome(UnsendKind.UNCLEAR, ABANDONED_WORDS), now=now)
    opened = OpenUnsend(found.id, wanted.batch_id, wanted.tried + 1, found.account_id, wanted.message_id)
    connection.execute(
        insert(unsend).values(
            recall_id=opened.recall_id,
            batch_id=opened.batch_id,
            number=opened.number,
            account_id=opened.account_id,
            message_id=opened.message_id,
            fence=fence,
            worker=worker,
            started_at=now,
            deadline_at=now + deadline,
        )
    )
    return opened


def add_unsend_outcome(
    connection: Connection, opened: OpenUnsend, outcome: UnsendOutcome, *, by_look: bool = False, now: datetime
) -> bool:
    """Write what a request proved; False when an outcome is there already: the lease ran out, and another went on.

    Also False when the database does not know the request, since it was restored from a backup meanwhile.
    """
    mine = and_(*(unsend.c[each.name] == getattr(opened, each.name) for each in fields(opened)))
    found = connection.execute(
        select(unsend_outcome.c.number).select_from(unsend).outerjoin(unsend_outcome, _same_request()).where(mine)
    ).one_or_none()
    if found is None or found.number is not None:
        return False
    report = outcome.report
    connection.execute(
        insert(unsend_outcome).values(
            recall_id=opened.recall_id,
            batch_id=opened.batch_id,
            number=opened.number,
            kind=outcome.kind.value,
            by_look=by_look,
            finished_at=now,
            http_status=outcome.http_status,
            upstream_status=outcome.upstream_status,
            error=holdable(connection, outcome.error),
            credits_used=report.credits_used,
            credits_balance=report.credits_balance,
            limit_minute=report.limit_minute,
            remaining_minute=report.remaining_minute,
            response=holdable(connection, outcome.response),
        )
    )
    return True


def standing_of(connection: Connection, run_id: int) -> Standing:
    """The accepted and the unknown batches of a run, and which of the accepted ones are unsent."""
    rows = connection.execute(
        select(batch.c.seq, batch.c.state, is_unsent().label("is_unsent"))
        .where(batch.c.run_id == run_id, batch.c.state.in_([BatchState.ACCEPTED.value, BatchState.UNKNOWN.value]))
        .order_by(batch.c.seq)
    ).all()
    accepted = [row for row in rows if row.state == BatchState.ACCEPTED]
    return Standing(
        unsent=[row.seq for row in accepted if row.is_unsent],
        out=[row.seq for row in accepted if not row.is_unsent],
        unknown=[row.seq for row in rows if row.state == BatchState.UNKNOWN],
    )


def unsent_at(connection: Connection, run_id: int, *, seen: bool = False) -> dict[int, datetime]:
    """When each batch of a run was unsent, by its ID; `seen`: only those that a look showed as unsent."""
    rows = connection.execute(
        select(batch.c.id, func.min(unsend_outcome.c.finished_at).label("at"))
        .join(unsend, and_(unsend.c.batch_id == batch.c.id, unsend.c.message_id == message_held()))
        .join(unsend_outcome, _same_request())
        .where(batch.c.run_id == run_id, unsend_outcome.c.kind == UnsendKind.UNSENT.value)
        .where(or_(unsend_outcome.c.by_look, literal(not seen)))
        .group_by(batch.c.id)
    )
    return {row.id: row.at for row in rows}


def why_still_out(connection: Connection, recall_id: int, seqs: Sequence[int]) -> dict[int, str]:
    """The error with which a recall gave these batches up; nothing for one that has no message ID."""
    rows = connection.execute(
        select(batch.c.seq, unsend_outcome.c.error)
        .join(batch, batch.c.id == unsend_outcome.c.batch_id)
        .where(
            unsend_outcome.c.recall_id == recall_id,
            unsend_outcome.c.kind == UnsendKind.IMPOSSIBLE.value,
            batch.c.seq.in_(seqs),
        )
    )
    return {row.seq: row.error for row in rows}


def is_unsent(of: Any = batch) -> ColumnElement[bool]:
    """The condition that the message that a row of `batch` has, or holds of its set, was unsent."""
    return (
        select(unsend.c.number)
        .join(unsend_outcome, _same_request())
        .where(
            unsend.c.batch_id == of.c.id,
            unsend.c.message_id == message_held(of),
            unsend_outcome.c.kind == UnsendKind.UNSENT.value,
        )
        .correlate(of)
        .exists()
    )


def _shares_with_what_stays(run_id: int) -> ColumnElement[bool]:
    """The condition that a row of `batch` shares its messages with a batch of a run that is not being recalled."""
    other = batch.alias("sharer")
    open_recall = select(recall.c.id).where(recall.c.run_id == other.c.run_id, recall.c.finished_at.is_(None))
    return (
        select(other.c.id)
        .where(
            other.c.account_id == batch.c.account_id,
            other.c.message_set == batch.c.message_set,
            other.c.run_id != run_id,
            ~open_recall.correlate(other).exists(),
            ~is_unsent(other),
        )
        .correlate(batch)
        .exists()
    )


def waits_for_decision(connection: Connection, run_id: int) -> list[int]:
    """The batches of a run that cannot be unsent before it is decided which of a set's messages are theirs."""
    rows = connection.scalars(
        select(batch.c.seq)
        .where(_is_accepted_of(run_id), ~is_unsent(), _shares_with_what_stays(run_id))
        .order_by(batch.c.seq)
    )
    return list(rows)


def _has_ended(recall_id: int) -> ColumnElement[bool]:
    """The condition that this recall is done with a row of `batch`."""
    return (
        select(unsend_outcome.c.number)
        .where(
            unsend_outcome.c.recall_id == recall_id,
            unsend_outcome.c.batch_id == batch.c.id,
            unsend_outcome.c.kind.in_(sorted(ENDS_IT)),
        )
        .correlate(batch)
        .exists()
    )


def _is_accepted_of(run_id: int) -> ColumnElement[bool]:
    return and_(batch.c.run_id == run_id, batch.c.state == BatchState.ACCEPTED.value)


def _same_request() -> ColumnElement[bool]:
    return and_(
        unsend_outcome.c.recall_id == unsend.c.recall_id,
        unsend_outcome.c.batch_id == unsend.c.batch_id,
        unsend_outcome.c.number == unsend.c.number,
    )
