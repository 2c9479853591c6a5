"""Campaigns and their immutable revisions."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from campaigns.domain.states import CampaignState
from campaigns.store.tables.columns import Id, Instant, metadata, one_of

campaign = Table(
    "campaign",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("launches", Integer, nullable=False, server_default=text("0")),
    Column("due_at", Instant),  # set while the state is scheduled
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("due_for", Instant),  # the next occurrence, if its run is opened at another time (jitter, hand-off)
    Column("occurrences", Integer, nullable=False, server_default=text("0")),  # runs that the schedule opened to send
    Column("paused_at", Instant),  # its schedule: occurrences are skipped while it is set
    Column("paused_by", Text),
    Column("pause_reason", Text),
    Column("kind", String(10), nullable=False, server_default=text("'campaign'")),  # 'probe': made by `campaigns probe`
    one_of("state", CampaignState),
    CheckConstraint("(state = 'scheduled') = (due_at IS NOT NULL)", name="scheduled_has_time"),
    CheckConstraint("kind IN ('campaign', 'probe')", name="kind_is_known"),
    Index(
        "campaigns_due", "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")
    ),
)


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
    Column("timing", JSON(none_as_null=True)),  # domain/schedules/timing.py; NULL: by hand, or at starts_at
    Column("contents", JSON(none_as_null=True)),  # messages that its runs send in turn; NULL: only `message`
    Column("mark", Boolean),  # each text has an invisible mark; NULL: written before there were marks, so it has none
    Column("as_written", Boolean),  # its placeholders and characters are intended; NULL: nobody was asked
    Column("often", Boolean),  # more than one run in 24 hours is intended; NULL: nobody was asked
    PrimaryKeyConstraint("campaign_id", "number"),
    CheckConstraint("batch_size > 0", name="batch_size_fits"),
    CheckConstraint("on_unknown IN ('hold', 'resend')", name="on_unknown_is_known"),
)
