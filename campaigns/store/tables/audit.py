"""Events and their seals. Written once."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from campaigns.store.tables.columns import Id, Instant, metadata

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
    # A row is written with each event, and deleted when the event is sealed: only here rows are deleted.
    Column("event_id", Id, ForeignKey("event.id"), primary_key=True, autoincrement=False),
)


seal = Table(
    "seal",
    metadata,
    Column("number", Id, primary_key=True, autoincrement=False),  # its place among all seals, from 1; without gaps
    Column("chain", String(100), nullable=False),  # run:ID, account:ID or global
    Column("position", BigInteger, nullable=False),  # its place in that chain, from 1; without gaps
    Column("event_id", ForeignKey("event.id"), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False),  # of the event and the digest before it in the chain
    Column("trail_sha256", String(64), nullable=False),  # of sha256 and the digest before it of all seals
    Column("sealed_at", Instant, nullable=False),
    # Of the event that ends a run: which attempts (by fence) and evidence (by ID) it covers, and their digest.
    Column("covered_attempts", LargeBinary),
    Column("covered_evidence", LargeBinary),
    Column("covered_sha256", String(64)),
    # What the digests are made of, see store/audit/canonical.py; 1: by the release before there were versions.
    Column("version", Integer, nullable=False, server_default=text("1")),
    # Of the event that finishes a recall: the run's finished recalls (by ID) and requests (by fence), and their digest.
    Column("recalls_covered", LargeBinary),
    Column("unsends_covered", LargeBinary),
    Column("recalls_sha256", String(64)),
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
