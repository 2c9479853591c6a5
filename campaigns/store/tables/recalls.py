"""Recalls (the row of a recall changes), and each unsend request with what it proved (written once)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    text,
)

from campaigns.domain.upstream.unsend_outcome import UnsendKind
from campaigns.store.tables.columns import Id, Instant, metadata, one_of

recall = Table(
    "recall",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("for_run_id", ForeignKey("run.id")),  # the run that waits in `due` until this has ended; NULL: none
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("available_at", Instant, nullable=False),  # the lane does nothing for it before then
    Column("waits_for", Text),  # why, in a word or two, for display
    Column("failures", Integer, nullable=False, server_default=text("0")),  # requests in a row that did not get through
    Column("finished_at", Instant),
    # Its result, in batches; NULL while it is open.
    Column("batches", Integer),
    Column("unsent", Integer),
    Column("failed", Integer),
    Column("unknown", Integer),
    UniqueConstraint("run_id", "for_run_id"),
    CheckConstraint("run_id <> for_run_id", name="not_for_itself"),
    CheckConstraint(
        "(finished_at IS NULL AND batches IS NULL AND unsent IS NULL AND failed IS NULL AND unknown IS NULL)"
        " OR (finished_at IS NOT NULL AND batches = unsent + failed AND unknown >= 0)",
        name="finished_has_counts",
    ),
    Index(
        "recall_open",
        "account_id",
        "available_at",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    # One recall at a time that an operator asked for. Recalls that a new run waits for may be open beside it.
    Index(
        "recall_open_by_run",
        "run_id",
        unique=True,
        sqlite_where=text("finished_at IS NULL AND for_run_id IS NULL"),
        postgresql_where=text("finished_at IS NULL AND for_run_id IS NULL"),
    ),
    Index(
        "recall_for_run",
        "for_run_id",
        sqlite_where=text("for_run_id IS NOT NULL"),
        postgresql_where=text("for_run_id IS NOT NULL"),
    ),
)


unsend = Table(
    "unsend",
    metadata,
    Column("recall_id", Id, ForeignKey("recall.id"), nullable=False),
    Column("batch_id", Id, ForeignKey("batch.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    PrimaryKeyConstraint("recall_id", "batch_id", "number"),
    UniqueConstraint("account_id", "fence"),
    CheckConstraint("number > 0 AND deadline_at > started_at", name="numbers_fit"),
    Index("unsend_by_time", "started_at"),
)


unsend_outcome = Table(
    "unsend_outcome",
    metadata,
    Column("recall_id", Id, nullable=False),
    Column("batch_id", Id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("by_look", Boolean, nullable=False),  # a look at the item settled it, without a DELETE
    Column("finished_at", Instant, nullable=False),
    Column("http_status", Integer),
    Column("upstream_status", Integer),
    Column("error", Text),
    Column("credits_used", Integer),
    Column("credits_balance", BigInteger),
    Column("limit_minute", Integer),
    Column("remaining_minute", Integer),
    Column("response", Text),
    PrimaryKeyConstraint("recall_id", "batch_id", "number"),
    ForeignKeyConstraint(["recall_id", "batch_id", "number"], ["unsend.recall_id", "unsend.batch_id", "unsend.number"]),
    one_of("kind", UnsendKind),
)
