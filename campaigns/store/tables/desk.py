"""What the desk and its API remember: idempotency keys, who may do what, and operations."""

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
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from campaigns.domain.operations import TargetState
from campaigns.store.tables.columns import Id, Instant, metadata, one_of

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


operation = Table(
    "operation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("act", String(20), nullable=False),
    Column("filter", JSON(none_as_null=True), nullable=False),  # as it was asked for
    Column("options", JSON(none_as_null=True), nullable=False),  # of the act, such as the decision
    Column("as_of", Text),  # the moment of the picture that was acted on; NULL: it is about no targets
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("address", Text),
    Column("asked_at", Instant, nullable=False),
    Column("total", BigInteger, nullable=False),  # targets, or steps
    Column("steps", BigInteger, nullable=False, server_default=text("0")),  # of a check: those that are done
    Column("result", JSON(none_as_null=True)),  # of a check
    Column("claimed_by", Text),
    Column("claimed_until", Instant),  # nobody else works on it until then; a crash leaves it to the next one after
    Column("aborted_at", Instant),
    Column("aborted_by", Text),
    Column("finished_at", Instant),  # NULL: it goes on
    CheckConstraint("total >= 0 AND steps >= 0", name="numbers_fit"),
    CheckConstraint("(claimed_by IS NULL) = (claimed_until IS NULL)", name="claim_has_time"),
    CheckConstraint("(aborted_by IS NULL) = (aborted_at IS NULL)", name="abort_has_actor"),
    Index(
        "operation_open",
        "id",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
)


operation_target = Table(
    "operation_target",
    metadata,
    # A run that an operation is about. The row leaves `waiting` in the transaction of the act on the run.
    Column("operation_id", Id, ForeignKey("operation.id"), nullable=False),
    Column("run_id", Id, ForeignKey("run.id"), nullable=False),
    Column("size", BigInteger, nullable=False),  # 1, or the batches of the run that are decided
    Column("state", String(10), nullable=False, server_default=text("'waiting'")),
    Column("at", Instant),
    Column("answer", JSON(none_as_null=True)),  # of the verb
    Column("error", Text),  # why it was refused
    Column("code", String(40)),
    PrimaryKeyConstraint("operation_id", "run_id"),
    one_of("state", TargetState),
    CheckConstraint("(state = 'waiting') = (at IS NULL)", name="end_has_time"),
    CheckConstraint("(state = 'failed') = (error IS NOT NULL)", name="failure_has_words"),
    CheckConstraint("size > 0", name="numbers_fit"),
    Index("operation_target_by_state", "operation_id", "state"),
)


operation_batch = Table(
    "operation_batch",
    metadata,
    # The batches of a target, where the act is about some of them: those of the picture that was acted on.
    Column("operation_id", Id, nullable=False),
    Column("run_id", Id, nullable=False),
    Column("seq", Integer, nullable=False),
    PrimaryKeyConstraint("operation_id", "run_id", "seq"),
    ForeignKeyConstraint(["operation_id", "run_id"], ["operation_target.operation_id", "operation_target.run_id"]),
)
