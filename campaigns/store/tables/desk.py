"""What the desk and its API remember: idempotency keys, and who may do what."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from campaigns.store.tables.columns import Id, Instant, metadata

idempotency_key = Table(
    "idempotency_key",
    metadata,
    # Written in the transaction of the act that it belongs to; the answer follows in the last one of the same act.
    Column("id", Id, primary_key=True),
    Column("scope", Text, nullable=False),  # who sent it: the same key of another operator is another key
    Column("value", String(255), nullable=False),
    Column("request_sha256", String(64), nullable=False),  # method, path, and body
    Column("at", Instant, nullable=False, index=True),
    Column("status", Integer),  # NULL: the act has not ended, or its process died
    Column("answer", JSON(none_as_null=True)),
    UniqueConstraint("scope", "value"),
    CheckConstraint("answer IS NULL OR status IS NOT NULL", name="answer_has_status"),
)


desk_operator = Table(
    "desk_operator",
    metadata,
    # A person or a program at the desk. It is never deleted: the audit and the tokens name it.
    Column("id", Id, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),  # in lower case
    Column("password", Text),  # its argon2id digest; NULL: nobody can log in with a password
    Column("rights", JSON, nullable=False),  # words of domain.access.rights.Right
    Column("accounts", JSON(none_as_null=True)),  # IDs of accounts; NULL: every account
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("disabled_at", Instant),
    CheckConstraint("name = lower(name) AND name <> ''", name="name_is_lower"),
)


desk_session = Table(
    "desk_session",
    metadata,
    # One login of one browser. Of the ID in its cookie only the digest is stored.
    Column("id", Id, primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("operator_id", ForeignKey("desk_operator.id"), nullable=False, index=True),
    Column("incarnation", String(64), nullable=False),  # of the database: a restore ends every session
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),  # written at most once a minute
    Column("expires_at", Instant, nullable=False, index=True),
    Column("ended_at", Instant),
    Column("address", Text),
)


api_token = Table(
    "api_token",
    metadata,
    # A token acts as its operator, with at most the rights of both. Only its digest is stored.
    Column("id", Id, primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("last_four", String(4), nullable=False),
    Column("name", String(64), nullable=False),
    Column("operator_id", ForeignKey("desk_operator.id"), nullable=False, index=True),
    Column("is_live", Boolean, nullable=False),  # false: for a desk whose vendor is the sandbox
    Column("rights", JSON, nullable=False),
    Column("accounts", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),  # written at most once a minute
    Column("revoked_at", Instant),
    Column("revoked_by", Text),
    CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_is_whole"),
)


login_link = Table(
    "login_link",
    metadata,
    # Lets one person choose a password, once. Only the digest of its code is stored.
    Column("id", Id, primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("operator_id", ForeignKey("desk_operator.id")),  # NULL: for the first operator, who chooses a name too
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
)


login_failure = Table(
    "login_failure",
    metadata,
    # Tries to log in that did not succeed, for each name and each address; deleted a day after the last one.
    Column("subject", String(80), primary_key=True),  # a keyed digest: people type passwords into the wrong field
    Column("failures", Integer, nullable=False),
    Column("last_at", Instant, nullable=False, index=True),
    Column("wait_until", Instant, nullable=False),
    CheckConstraint("failures > 0", name="failures_are_counted"),
)


access_rule = Table(
    "access_rule",
    metadata,
    # One row; no row: every rule is off.
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("four_eyes", Boolean, nullable=False),  # whoever wrote the newest revision may not launch it
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", Text, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
