"""Accounts, their lanes, and the heartbeats of workers and beats."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, ForeignKey, Integer, String, Table, Text, text

from campaigns.store.tables.columns import Instant, metadata

account = Table(
    "account",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("name", Text),
    Column("zone", String(64)),
    # The vendor that the account belongs to: a worker with another upstream refuses to serve it.
    Column("upstream", Text, nullable=False),
    Column("team", Text),  # reported by the vendor; NULL until it was first asked
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
    Column("available_at", Instant),  # pacing and back-off: no request for this account before then
    Column("waits_for", Text),  # why, in a word or two, for display
    Column("failures", Integer, nullable=False, server_default=text("0")),  # in a row that provably sent nothing
    # Grows whenever a suppression for the account is added: runs that were planned before must check again.
    Column("suppressions", BigInteger, nullable=False, server_default=text("0")),
    Column("ask_at", Instant),  # no question about this account before then; NULL: at any time
    Column("ask_failures", Integer, nullable=False, server_default=text("0")),  # questions in a row that got no answer
    Column("waits_since", Instant),  # when `available_at` was set; in the future: by a clock that was ahead
    CheckConstraint("fence >= 0", name="fence_grows"),
    CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="owner_has_lease"),
)


heartbeat = Table(
    "heartbeat",
    metadata,
    Column("component", String(40), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("seconds", Float),  # unused since the first release: always NULL
    Column("upstream", Text),  # which vendor a worker serves; NULL in the row that the previous release writes too
)
