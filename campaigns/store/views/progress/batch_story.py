"""All that is known about one batch: its requests, what proves what became of it, and what the vendor was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from campaigns.domain.errors import NotFound
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import BatchState, EvidenceKind
from campaigns.domain.upstream.unsend_outcome import UnsendKind
from campaigns.store.reconcile.message_sets import members_of, message_held
from campaigns.store.tables.attempts import evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.questions import answer, question
from campaigns.store.tables.recalls import unsend, unsend_outcome
from campaigns.store.views.progress.requests import RequestLine, requests_of_batch
from campaigns.store.views.text import as_id

MOST_QUESTIONS = 100
"""At most this many questions to the vendor are shown, the newest."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A piece of evidence about a batch."""

    kind: EvidenceKind
    at: datetime
    actor: str
    reason: str | None
    message_id: str | None
    number: int | None  # the request that it is about


@dataclass(frozen=True, slots=True)
class AskedOf:
    """A question to the vendor about a batch."""

    kind: str
    purpose: str
    asked_at: datetime
    answered_at: datetime | None
    replied: bool | None
    error: str | None
    credits_used: int | None


@dataclass(frozen=True, slots=True)
class BatchStory:
    """One batch of a run."""

    seq: int
    state: BatchState
    size: int
    message_id: str | None
    message_ids: Sequence[str]  # it has one of these, and nobody knows which
    available_at: datetime
    look_at: datetime | None  # when it is searched for next
    looks: int
    error: str | None
    first_user: str | None
    last_user: str | None
    half_of: int | None  # the number of the batch that it is a half of
    halves: Sequence[int]
    recalled_at: datetime | None
    requests: Sequence[RequestLine]
    proofs: Sequence[Proof]
    questions: Sequence[AskedOf]


def batch_story(connection: Connection, run_id: int, seq: int) -> BatchStory:
    """One batch of a run. Raises NotFound."""
    parent = batch.alias("parent")
    row = connection.execute(
        select(batch, parent.c.seq.label("half_of"))
        .outerjoin(parent, parent.c.id == batch.c.parent_batch_id)
        .where(batch.c.run_id == run_id, batch.c.seq == seq)
    ).one_or_none()
    if row is None:
        raise NotFound(f"Run {run_id} has no batch {seq}.", Remedy(Do.LIST_BATCHES, run=run_id))
    members = [] if row.message_set is None else members_of(connection, row.account_id, row.message_set)
    halves = (
        select(batch.c.seq)
        .where(batch.c.root_batch_id == (row.root_batch_id or row.id), batch.c.parent_batch_id == row.id)
        .order_by(batch.c.seq)
    )
    return BatchStory(
        seq=row.seq,
        state=BatchState(row.state),
        size=row.size,
        message_id=row.message_id,
        message_ids=[member.message_id for member in members],
        available_at=row.available_at,
        look_at=row.look_at,
        looks=row.looks,
        error=row.error,
        first_user=as_id(row.first_user),
        last_user=as_id(row.last_user),
        half_of=row.half_of,
        halves=list(connection.scalars(halves)),
        recalled_at=_recalled_at(connection, row.id),
        requests=requests_of_batch(connection, row.id),
        proofs=_proofs(connection, row.id),
        questions=_questions(connection, run_id, row.id),
    )


def _recalled_at(connection: Connection, batch_id: int) -> datetime | None:
    same_request = and_(
        unsend_outcome.c.recall_id == unsend.c.recall_id,
        unsend_outcome.c.batch_id == unsend.c.batch_id,
        unsend_outcome.c.number == unsend.c.number,
    )
    at: datetime | None = connection.scalar(
        select(func.min(unsend_outcome.c.finished_at))
        .select_from(batch)
        .join(unsend, and_(unsend.c.batch_id == batch.c.id, unsend.c.message_id == message_held()))
        .join(unsend_outcome, same_request)
        .where(batch.c.id == batch_id, unsend_outcome.c.kind == UnsendKind.UNSENT.value)
    )
    return at


def _proofs(connection: Connection, batch_id: int) -> list[Proof]:
    names = ("at", "actor", "reason", "message_id", "number")
    rows = connection.execute(select(evidence).where(evidence.c.batch_id == batch_id).order_by(evidence.c.id))
    return [Proof(EvidenceKind(row.kind), **{name: getattr(row, name) for name in names}) for row in rows]


def _questions(connection: Connection, run_id: int, batch_id: int) -> list[AskedOf]:
    rows = connection.execute(
        select(question, answer.c.at, answer.c.replied, answer.c.error, answer.c.credits_used)
        .outerjoin(answer, answer.c.question_id == question.c.id)
        .where(question.c.run_id == run_id, question.c.batch_id == batch_id)
        .order_by(question.c.asked_at.desc(), question.c.id.desc())
        .limit(MOST_QUESTIONS)
    )
    return [
        AskedOf(
            kind=row.kind,
            purpose=row.purpose,
            asked_at=row.asked_at,
            answered_at=row.at,
            replied=row.replied,
            error=row.error,
            credits_used=row.credits_used,
        )
        for row in rows
    ]
