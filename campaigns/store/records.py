"""The tables whose rows are written once: what was planned, attempted, learned, what happened, and its seals.

The audit rests on them, so the database refuses to change or delete a row (triggers of the first migration). User
sets are portable Roaring bitmaps (docs/decisions/0002).
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from campaigns.domain.outcome import OutcomeKind
from campaigns.store.columns import Id, Instant, metadata, one_of, user_set

revision = Table(
    "revision",
    metadata,
    Column("campaign_id", ForeignKey("campaign.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("message", JSON, nullable=False),
    Column("audience_version_id", ForeignKey("audience_version.id")),  # NULL: whole lists
    Column("batch_size", Integer, nullable=False),
    Column("on_unknown", String(10), nullable=False),
    Column("starts_at", Instant),  # one-time schedule
    Column("zone", String(64)),
    Column("accept_local_suppressions", Boolean, nullable=False, server_default=text("false")),
    Column("sha256", String(64), nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("timing", JSON(none_as_null=True)),  # domain/timing.py; NULL: it starts by hand or at starts_at
    Column("contents", JSON(none_as_null=True)),  # messages that occurrences take in turn; NULL: only `message`
    PrimaryKeyConstraint("campaign_id", "number"),
    CheckConstraint("batch_size > 0", name="batch_size_fits"),
    CheckConstraint("on_unknown IN ('hold', 'resend')", name="on_unknown_is_known"),
)


audience_version = Table(
    "audience_version",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign_id", ForeignKey("campaign.id"), nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("skipped_bad", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    *user_set(),
)


exclusion = Table(
    "exclusion",
    metadata,
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("reason", Text, nullable=False),
    *user_set(),
    PrimaryKeyConstraint("run_id", "reason"),
)


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
    PrimaryKeyConstraint("batch_id", "number"),
    UniqueConstraint("account_id", "fence"),
    # One open attempt per batch: the next may be written only when the outcome of the one before stands.
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
    Column("retry_at", Instant),  # throttled: not before
    Column("credits_used", Integer),
    Column("credits_balance", BigInteger),
    Column("limit_minute", Integer),
    Column("remaining_minute", Integer),
    Column("report", JSON(none_as_null=True)),  # the rest of what the reply said about itself
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
)


evidence = Table(
    "evidence",
    metadata,
    Column("id", Id, primary_key=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("number", Integer),  # the attempt it speaks of
    Column("kind", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("message_id", Text),
    Column("detail", JSON(none_as_null=True)),
    CheckConstraint("kind IN ('late_answer', 'look', 'decision')", name="kind_is_known"),
)


message = Table(
    "message",
    metadata,
    # The vendor's message IDs that are ours; the key says that one is owned once per account.
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "message_id"),
)


event = Table(
    "event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("account_id", ForeignKey("account.id")),
    Column("campaign_id", ForeignKey("campaign.id")),
    Column("run_id", ForeignKey("run.id"), index=True),
    Column("batch_seq", Integer),
    Column("reason", Text),
    Column("detail", JSON(none_as_null=True)),
    Index("event_by_campaign", "campaign_id"),
)


unsealed = Table(
    "unsealed",
    metadata,
    # Written with each event and deleted when it is sealed: the one table here whose rows go.
    Column("event_id", Id, ForeignKey("event.id"), primary_key=True, autoincrement=False),
)


seal = Table(
    "seal",
    metadata,
    Column("number", Id, primary_key=True, autoincrement=False),  # its place in the trail, from 1; without gaps
    Column("chain", String(100), nullable=False),  # run:ID, account:ID or global
    Column("position", BigInteger, nullable=False),  # its place in that chain, from 1; without gaps
    Column("event_id", ForeignKey("event.id"), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False),  # over the chain's digest before it and the event
    Column("trail_sha256", String(64), nullable=False),  # over the trail's digest before it and sha256
    Column("sealed_at", Instant, nullable=False),
    # Of the event that ends a run: which attempts (by fence) and evidence (by ID) it speaks for, and their digest.
    Column("covered_attempts", LargeBinary),
    Column("covered_evidence", LargeBinary),
    Column("covered_sha256", String(64)),
    UniqueConstraint("chain", "position"),
    CheckConstraint("number > 0 AND position > 0 AND position <= number", name="numbers_fit"),
    CheckConstraint(
        "(covered_sha256 IS NULL) = (covered_attempts IS NULL)"
        " AND (covered_sha256 IS NULL) = (covered_evidence IS NULL)",
        name="covered_is_whole",
    ),
    Index(
        "seal_of_ended_run",
        "number",
        sqlite_where=text("covered_sha256 IS NOT NULL"),
        postgresql_where=text("covered_sha256 IS NOT NULL"),
    ),
)
