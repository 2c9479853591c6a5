"""Batches: the recipients of one request."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from campaigns.domain.states import BatchState
from campaigns.store.tables.columns import Id, Instant, metadata, one_of, user_set, user_set_version

batch = Table(
    "batch",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("parent_batch_id", ForeignKey("batch.id")),
    Column("root_batch_id", ForeignKey("batch.id")),  # the batch that was halved first; NULL: it is not a half
    Column("state", String(20), nullable=False),
    # Order of sending: halves (-1) before whole batches (0), so that one bad user is soon found.
    Column("rank", Integer, nullable=False, server_default=text("0")),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("available_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # requests committed
    Column("failures", Integer, nullable=False, server_default=text("0")),  # of them, those that provably sent nothing
    Column("message_id", Text),
    Column("error", Text),
    Column("looks", Integer, nullable=False, server_default=text("0")),  # number of searches for it at the vendor
    Column("look_at", Instant),  # when the next search is due; NULL: none is
    Column("updated_at", Instant, nullable=False),
    *user_set(optional=True),
    Column("find_at", Instant),  # decided accepted without an ID: when its message is looked up
    # The batch is accepted, but its message is only known to be one of a set: that of the account's batches with this
    # number. Each of them has one of the IDs, so that these can be counted and unsent; which is whose is not known.
    Column("message_set", BigInteger),
    Column("set_message_id", Text),
    user_set_version(),
    UniqueConstraint("run_id", "seq"),
    one_of("state", BatchState),
    CheckConstraint("seq > 0 AND attempts >= 0 AND failures >= 0 AND fence >= 0", name="numbers_fit"),
    CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="sending_has_lease"),
    CheckConstraint("message_id IS NULL OR state IN ('accepted', 'saved')", name="message_id_is_of_accepted"),
    CheckConstraint("look_at IS NULL OR state = 'unknown'", name="only_unknown_is_looked_for"),
    # One request in flight per account: an unexplained message at the vendor can belong to one attempt only.
    Index(
        "batch_in_flight_by_account",
        "account_id",
        unique=True,
        sqlite_where=text("state = 'sending'"),
        postgresql_where=text("state = 'sending'"),
    ),
    Index(
        "batch_ready_by_run",
        "run_id",
        "rank",
        "seq",
        sqlite_where=text("state = 'ready'"),
        postgresql_where=text("state = 'ready'"),
    ),
    Index(
        "batch_unknown_by_account",
        "account_id",
        sqlite_where=text("state = 'unknown'"),
        postgresql_where=text("state = 'unknown'"),
    ),
    Index(
        "batch_looked_for",
        "account_id",
        "look_at",
        sqlite_where=text("look_at IS NOT NULL"),
        postgresql_where=text("look_at IS NOT NULL"),
    ),
    Index(
        "batch_by_root",
        "root_batch_id",
        sqlite_where=text("root_batch_id IS NOT NULL"),
        postgresql_where=text("root_batch_id IS NOT NULL"),
    ),
    Index("batch_of_user", "first_user", "last_user"),
    Index(
        "batch_to_find",
        "account_id",
        "find_at",
        sqlite_where=text("find_at IS NOT NULL"),
        postgresql_where=text("find_at IS NOT NULL"),
    ),
    Index(
        "batch_of_set",
        "account_id",
        "message_set",
        sqlite_where=text("message_set IS NOT NULL"),
        postgresql_where=text("message_set IS NOT NULL"),
    ),
)
