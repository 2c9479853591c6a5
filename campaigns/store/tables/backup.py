"""What distinguishes a restored database from the one before, and the hosts that remember fences."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, String, Table, Text

from campaigns.store.tables.columns import Id, Instant, metadata

incarnation = Table(
    "incarnation",
    metadata,
    # Written once: a new row when a restored backup is recognised. The newest row counts.
    Column("number", Id, primary_key=True),
    Column("value", String(32), nullable=False, unique=True),  # random, so no other database and no backup repeats it
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
)


host = Table(
    "host",
    metadata,
    Column("id", String(32), primary_key=True),  # random, from a file of its CAMPAIGNS_HOME
    Column("name", Text, nullable=False),  # the name of the machine, for display
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("forgotten_at", Instant),  # no lane waits for it since then; NULL again when it comes back
    Column("forgotten_by", Text),
    Column("forget_reason", Text),
    CheckConstraint("(forgotten_at IS NULL) = (forgotten_by IS NULL)", name="forgotten_by_somebody"),
)
