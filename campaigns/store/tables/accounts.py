"""Accounts, their lanes, and signs of life of the parts."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, ForeignKey, Integer, String, Table, Text, text

from campaigns.store.tables.columns import Instant, metadata

account = Table(
    "account",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("name", Text),
    Column("zone", String(64)),
    # What it is bound to: a lane of another upstream refuses it.
    Column("upstream", Text, nullable=False),
    Column("team", Text),  # learned from the vendor; NULL until the vendor was first asked
    Column("created_at", Instant, nullable=False),
    Column("hours", String(11)),  # when it may send, such as 09:00-22:00 in its zone; NULL: at any time
    Column("removed_at", Instant),  # a person removed it: it is hidden, and nothing new is opened on it
)


lane = Table(
    "lane",
    metadata,
    Column("account_id", ForeignKey("account.id"), primary_key=True),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("owner", Text),
    Column("lease_until", Instant),
    Column("hinted_at", Instant),
    Column("available_at", Instant),  # pacing and back-off: nothing starts on this account before
    Column("waits_for", Text),  # the reason, in a word or two, for display
    Column("failures", Integer, nullable=False, server_default=text("0")),  # attempts in a row that never left
    # Grows whenever a suppression that concerns the account is added: a run planned before must look again.
    Column("suppressions", BigInteger, nullable=False, server_default=text("0")),
    Column("ask_at", Instant),  # nothing is asked about this account before; NULL: at any time
    Column("ask_failures", Integer, nullable=False, server_default=text("0")),  # questions in a row that got no answer
    Column("waits_since", Instant),  # when `available_at` was set; to come: by a clock that was ahead
    CheckConstraint("fence >= 0", name="fence_grows"),
    CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="owner_has_lease"),
)


heartbeat = Table(
    "heartbeat",
    metadata,
    Column("component", String(40), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("seconds", Float),  # how long its last round took
    Column("upstream", Text),  # which vendor a worker serves; NULL in the row that the previous release writes too
)
