"""What the desk and its API remember: idempotency keys, and operations."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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
