"""Audience versions, exclusions and suppressions."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, String, Table, Text

from campaigns.store.tables.columns import Id, Instant, metadata, user_set, user_set_version

suppression = Table(
    "suppression",
    metadata,
    Column("user_id", BigInteger, nullable=False),
    Column("account_id", String(80), nullable=False),  # '' means all accounts
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "user_id"),
    CheckConstraint("user_id > 0", name="user_fits"),
    Index("suppression_newest", "account_id", "created_at"),
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
    user_set_version(),
)


exclusion = Table(
    "exclusion",
    metadata,
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("reason", Text, nullable=False),
    *user_set(),
    user_set_version(),
    PrimaryKeyConstraint("run_id", "reason"),
)
