"""Probes of accounts (the row of a probe changes), and what each learned (written once)."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from campaigns.domain.probe.reading import SCHEDULED, Escapes, LineBreaks, ProbeEnd
from campaigns.store.tables.columns import Id, Instant, metadata, one_of

probe = Table(
    "probe",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("campaign_id", ForeignKey("campaign.id"), nullable=False),
    Column("run_id", ForeignKey("run.id"), nullable=False, unique=True),
    Column("user_id", BigInteger, nullable=False),
    Column("media", Text),  # the vault ID that was sent with a price; NULL: it was free
    Column("scheduled_for", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("available_at", Instant, nullable=False),  # the lane does nothing for it before then
    Column("looks", Integer, nullable=False, server_default=text("0")),  # looks at the list before the message was read
    Column("recalls", Integer, nullable=False, server_default=text("0")),  # number of requests to delete it
    Column("failures", Integer, nullable=False, server_default=text("0")),  # questions in a row without an answer
    Column("waits_for", Text),  # why it does not go on, for display
    Column("finished_at", Instant),
    Column("ended", String(10)),
    Column("words", Text),  # why it ended in this way
    one_of("ended", ProbeEnd),
    CheckConstraint("(finished_at IS NULL) = (ended IS NULL)", name="finished_has_end"),
    CheckConstraint("user_id > 0 AND looks >= 0 AND recalls >= 0 AND failures >= 0", name="numbers_fit"),
    # One at a time: a second message of the same text could not be distinguished from the first.
    Index(
        "probe_open_by_account",
        "account_id",
        unique=True,
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
)


probe_result = Table(
    "probe_result",
    metadata,
    Column("probe_id", Id, ForeignKey("probe.id"), primary_key=True, autoincrement=False),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("basis", String(10), nullable=False),  # what was looked at: a scheduled message, not a sent one
    Column("message_id", Text, nullable=False),
    Column("scheduled_for", Instant, nullable=False),
    Column("shown_for", Instant),
    Column("mark", Boolean),  # whether marks survive
    Column("line_breaks", String(10)),
    Column("escapes", String(10)),
    Column("priced", Boolean, nullable=False),
    Column("is_free", Boolean),
    Column("price", Text),
    Column("media", Text),
    Column("list_lag_seconds", Float),
    Column("list_size", Integer, nullable=False),
    Column("list_reaches_back_to", Instant),
    Column("in_item", Boolean, nullable=False),
    Column("in_overview", Boolean, nullable=False),
    Column("clock_skew_seconds", Float),
    Column("echo", JSON(none_as_null=True)),  # the text as the vendor showed it, by where it did
    Column("mark_up", Boolean),  # whether a tag and an entity are read as such; NULL: not asked, or not shown
    one_of("line_breaks", LineBreaks),
    one_of("escapes", Escapes),
    CheckConstraint(f"basis = '{SCHEDULED}'", name="basis_is_known"),
    CheckConstraint("list_size >= 0", name="numbers_fit"),
)
