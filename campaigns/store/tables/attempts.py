"""Attempts, their outcomes, evidence, and the message IDs of our requests. Written once."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    text,
)

from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.tables.columns import Id, Instant, metadata, one_of

attempt = Table(
    "attempt",
    metadata,
    Column("batch_id", Id, ForeignKey("batch.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("previous", Integer),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("request_sha256", String(64), nullable=False),
    Column("request_bytes", Integer, nullable=False),
    Column("recipients", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    Column("form", JSON(none_as_null=True)),  # how its body was built; NULL: by a release that did not record it
    Column("mark", String(16)),  # the invisible mark in its text (domain/messages/marks.py); NULL: it has none
    PrimaryKeyConstraint("batch_id", "number"),
    UniqueConstraint("account_id", "fence"),
    # One open attempt per batch: the next needs the recorded outcome of the one before.
    ForeignKeyConstraint(
        ["batch_id", "previous"],
        ["attempt_outcome.batch_id", "attempt_outcome.number"],
        name="fk_attempt_follows_outcome",
        use_alter=True,
    ),
    CheckConstraint("number > 0 AND (number = 1) = (previous IS NULL)", name="first_has_no_previous"),
    CheckConstraint("previous IS NULL OR previous = number - 1", name="previous_is_one_before"),
    CheckConstraint("deadline_at > started_at AND recipients > 0 AND request_bytes > 0", name="numbers_fit"),
    Index("attempt_by_time", "started_at"),
    Index(
        "attempt_by_mark",
        "account_id",
        "mark",
        unique=True,
        sqlite_where=text("mark IS NOT NULL"),
        postgresql_where=text("mark IS NOT NULL"),
    ),
)


attempt_outcome = Table(
    "attempt_outcome",
    metadata,
    Column("batch_id", Id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("finished_at", Instant, nullable=False),
    Column("http_status", Integer),
    Column("upstream_status", Integer),
    Column("message_id", Text),
    Column("error", Text),
    Column("retry_at", Instant),  # throttled: no retry before then
    Column("credits_used", Integer),
    Column("credits_balance", BigInteger),
    Column("limit_minute", Integer),
    Column("remaining_minute", Integer),
    Column("report", JSON(none_as_null=True)),  # the other recorded fields of the reply
    Column("response", Text),
    PrimaryKeyConstraint("batch_id", "number"),
    ForeignKeyConstraint(["batch_id", "number"], ["attempt.batch_id", "attempt.number"]),
    one_of("kind", OutcomeKind),
    CheckConstraint("(kind = 'accepted') = (message_id IS NOT NULL)", name="accepted_has_message_id"),
    Index(
        "outcome_retry",
        "retry_at",
        sqlite_where=text("retry_at IS NOT NULL"),
        postgresql_where=text("retry_at IS NOT NULL"),
    ),
    Index(
        "outcome_unknown",
        "batch_id",
        "number",
        sqlite_where=text("kind = 'unknown'"),
        postgresql_where=text("kind = 'unknown'"),
    ),
)

OUTCOME_OF_ATTEMPT = and_(
    attempt_outcome.c.batch_id == attempt.c.batch_id, attempt_outcome.c.number == attempt.c.number
)
"""The join of an attempt and its outcome. An attempt without one is in flight."""


evidence = Table(
    "evidence",
    metadata,
    Column("id", Id, primary_key=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("number", Integer),  # the attempt that it is about
    Column("kind", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("message_id", Text),
    Column("detail", JSON(none_as_null=True)),
    CheckConstraint("kind IN ('late_answer', 'look', 'decision')", name="kind_is_known"),
    Index(
        "evidence_with_id",
        "at",
        sqlite_where=text("message_id IS NOT NULL"),
        postgresql_where=text("message_id IS NOT NULL"),
    ),
)


message = Table(
    "message",
    metadata,
    # The vendor's message IDs of our requests. The key ensures that one batch of an account owns each of them.
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "message_id"),
)


ownership = Table(
    "ownership",
    metadata,
    # A message ID that its batch gave back, or that another batch took after that. The newest row counts; an ID without
    # a row belongs to the batch of its row in `message`.
    Column("id", Id, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("batch_id", ForeignKey("batch.id")),  # NULL: it was given back, and belongs to no batch
    Column("at", Instant, nullable=False),
    ForeignKeyConstraint(["account_id", "message_id"], ["message.account_id", "message.message_id"]),
    Index("ownership_of_message", "account_id", "message_id"),
)
