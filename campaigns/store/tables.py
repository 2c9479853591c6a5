"""Every table, with the rules that the database itself keeps.

Attempts, outcomes, evidence, revisions, audience versions, exclusions and events are insert-only. Indexes are named
for the question they answer. User sets are portable Roaring bitmaps (ADR 0002).
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from campaigns.domain.outcome import HoldScope, OutcomeKind
from campaigns.domain.states import BatchState, CampaignState, RunState

metadata = MetaData(
    naming_convention={
        "ix": "%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC; SQLite keeps it as text in UTC, which sorts as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column declared INTEGER."""


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """The rule that a column holds one of an enumeration's words."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


def user_set(*, optional: bool = False) -> list[Any]:
    """The columns of one packed user set, and the rules that make its numbers fit each other.

    `optional`: a whole-list batch names no users, since only the vendor knows who is on the list.
    """
    fits = "size > 0 AND first_user > 0 AND first_user <= last_user AND size <= last_user - first_user + 1"
    rule = f"(users IS NULL AND size = 1 AND first_user IS NULL AND last_user IS NULL) OR ({fits})" if optional else fits
    return [
        Column("size", BigInteger, nullable=False),
        Column("first_user", BigInteger, nullable=optional),
        Column("last_user", BigInteger, nullable=optional),
        Column("users_sha256", String(64), nullable=optional),
        Column("users", LargeBinary, nullable=optional),
        CheckConstraint(rule, name="users_fit"),
    ]


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
    Column("waits_for", Text),  # why, in a word or two, for people
    Column("failures", Integer, nullable=False, server_default=text("0")),  # attempts in a row that never left
    # Grows whenever a suppression that concerns the account is added: a run planned before must look again.
    Column("suppressions", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("fence >= 0", name="fence_grows"),
    CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="owner_has_lease"),
)

campaign = Table(
    "campaign",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("launches", Integer, nullable=False, server_default=text("0")),
    Column("due_at", Instant),  # set while scheduled
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    one_of("state", CampaignState),
    CheckConstraint("(state = 'scheduled') = (due_at IS NOT NULL)", name="scheduled_has_time"),
    Index("campaigns_due", "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")),
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
    PrimaryKeyConstraint("campaign_id", "number"),
    CheckConstraint("batch_size > 0", name="batch_size_fits"),
    CheckConstraint("on_unknown IN ('hold', 'resend')", name="on_unknown_is_known"),
)

run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign_id", ForeignKey("campaign.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("audience_version_id", ForeignKey("audience_version.id")),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("upstream", Text, nullable=False),
    Column("team", Text),
    Column("kind", String(10), nullable=False),
    Column("launch", Integer),  # which launch of its campaign; NULL for reruns and occurrences
    Column("scheduled_for", Instant),
    Column("parent_run_id", ForeignKey("run.id")),
    Column("root_run_id", BigInteger),  # the first run of its lineage; NULL: it is the first itself
    Column("state", String(30), nullable=False),
    Column("reason", Text),
    Column("whole_list", Boolean, nullable=False, server_default=text("false")),
    Column("planned", BigInteger, nullable=False, server_default=text("0")),
    Column("batch_count", Integer, nullable=False, server_default=text("0")),
    Column("plan_sha256", String(64)),
    Column("suppressions", BigInteger, nullable=False, server_default=text("0")),  # its lane's number at the plan
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("hinted_at", Instant),
    Column("planned_at", Instant),
    Column("served_at", Instant),  # when its last attempt was committed: the lane serves the longest unserved first
    Column("finished_at", Instant),
    ForeignKeyConstraint(["campaign_id", "revision"], ["revision.campaign_id", "revision.number"]),
    UniqueConstraint("campaign_id", "scheduled_for"),
    UniqueConstraint("campaign_id", "launch"),
    one_of("state", RunState),
    CheckConstraint("kind IN ('launch', 'schedule', 'rerun')", name="kind_is_known"),
    CheckConstraint("(kind = 'schedule') = (scheduled_for IS NOT NULL)", name="occurrence_has_time"),
    CheckConstraint("(kind = 'launch') = (launch IS NOT NULL)", name="launch_has_number"),
    CheckConstraint("(kind = 'rerun') = (parent_run_id IS NOT NULL)", name="rerun_has_parent"),
    CheckConstraint(
        "(state IN ('finished', 'finished_with_failures', 'cancelled', 'skipped')) = (finished_at IS NOT NULL)",
        name="ended_has_time",
    ),
    CheckConstraint("planned >= 0 AND batch_count >= 0", name="plan_fits"),
    Index("run_by_state", "state", "account_id"),
    Index("run_by_root", "root_run_id"),
)

exclusion = Table(
    "exclusion",
    metadata,
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("reason", Text, nullable=False),
    *user_set(),
    PrimaryKeyConstraint("run_id", "reason"),
)

batch = Table(
    "batch",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("parent_batch_id", ForeignKey("batch.id")),
    Column("state", String(20), nullable=False),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("available_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # requests committed
    Column("failures", Integer, nullable=False, server_default=text("0")),  # of them, those that provably never left
    Column("message_id", Text),
    Column("error", Text),
    Column("updated_at", Instant, nullable=False),
    *user_set(optional=True),
    UniqueConstraint("run_id", "seq"),
    one_of("state", BatchState),
    CheckConstraint("seq > 0 AND attempts >= 0 AND failures >= 0 AND fence >= 0", name="numbers_fit"),
    CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="sending_has_lease"),
    CheckConstraint("message_id IS NULL OR state = 'accepted'", name="message_id_is_of_accepted"),
    # One request in flight per account: an unexplained message at the vendor can belong to one attempt only.
    Index(
        "batch_in_flight_by_account",
        "account_id",
        unique=True,
        sqlite_where=text("state = 'sending'"),
        postgresql_where=text("state = 'sending'"),
    ),
    Index(
        "batch_ready_by_run", "run_id", "seq", sqlite_where=text("state = 'ready'"), postgresql_where=text("state = 'ready'")
    ),
    Index(
        "batch_unknown_by_account",
        "account_id",
        sqlite_where=text("state = 'unknown'"),
        postgresql_where=text("state = 'unknown'"),
    ),
    Index("batch_of_user", "first_user", "last_user"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("batch_id", ForeignKey("batch.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("previous", Integer),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("request_sha256", String(64), nullable=False),
    Column("request_bytes", Integer, nullable=False),
    Column("recipients", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    PrimaryKeyConstraint("batch_id", "number"),
    UniqueConstraint("account_id", "fence"),
    # One open attempt per batch: the next may be written only when the outcome of the one before stands.
    ForeignKeyConstraint(
        ["batch_id", "previous"],
        ["attempt_outcome.batch_id", "attempt_outcome.number"],
        name="fk_attempt_follows_outcome",
        use_alter=True,
    ),
    CheckConstraint("number > 0 AND (number = 1) = (previous IS NULL)", name="first_has_no_previous"),
    CheckConstraint("previous IS NULL OR previous = number - 1", name="previous_is_one_before"),
    CheckConstraint("deadline_at > started_at AND recipients > 0 AND request_bytes > 0", name="numbers_fit"),
    Index("attempt_by_time", "started_at"),
)

attempt_outcome = Table(
    "attempt_outcome",
    metadata,
    Column("batch_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("finished_at", Instant, nullable=False),
    Column("http_status", Integer),
    Column("upstream_status", Integer),
    Column("message_id", Text),
    Column("error", Text),
    Column("retry_at", Instant),  # throttled: not before
    Column("credits_used", Integer),
    Column("credits_balance", BigInteger),
    Column("limit_minute", Integer),
    Column("remaining_minute", Integer),
    Column("report", JSON(none_as_null=True)),  # the rest of what the reply said about itself
    Column("response", Text),
    PrimaryKeyConstraint("batch_id", "number"),
    ForeignKeyConstraint(["batch_id", "number"], ["attempt.batch_id", "attempt.number"]),
    one_of("kind", OutcomeKind),
    CheckConstraint("(kind = 'accepted') = (message_id IS NOT NULL)", name="accepted_has_message_id"),
    Index("outcome_retry", "retry_at", sqlite_where=text("retry_at IS NOT NULL"), postgresql_where=text("retry_at IS NOT NULL")),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Id, primary_key=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("number", Integer),  # the attempt it speaks of
    Column("kind", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("message_id", Text),
    Column("detail", JSON(none_as_null=True)),
    CheckConstraint("kind IN ('late_answer', 'decision')", name="kind_is_known"),
)

message = Table(
    "message",
    metadata,
    # The vendor's message IDs that are ours; the key says that one is owned once per account.
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("batch_id", ForeignKey("batch.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "message_id"),
)

hold = Table(
    "hold",
    metadata,
    Column("id", Id, primary_key=True),
    Column("scope", String(10), nullable=False),
    Column("run_id", ForeignKey("run.id")),
    Column("account_id", ForeignKey("account.id")),
    Column("upstream", Text),
    Column("kind", String(30), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Text),
    Column("close_reason", Text),
    one_of("scope", HoldScope),
    CheckConstraint(
        "(scope = 'run') = (run_id IS NOT NULL) AND (scope = 'account') = (account_id IS NOT NULL)"
        " AND (scope = 'team') = (upstream IS NOT NULL)",
        name="scope_names_one",
    ),
    CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_by_somebody"),
    # One open hold of a kind on a thing: ten batches refused for one reason are one hold.
    *(
        Index(
            f"hold_open_by_{scope}",
            column,
            "kind",
            unique=True,
            sqlite_where=text(f"closed_at IS NULL AND scope = '{scope}'"),
            postgresql_where=text(f"closed_at IS NULL AND scope = '{scope}'"),
        )
        for scope, column in (("run", "run_id"), ("account", "account_id"), ("team", "upstream"))
    ),
)

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

event = Table(
    "event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("account_id", ForeignKey("account.id")),
    Column("campaign_id", ForeignKey("campaign.id")),
    Column("run_id", ForeignKey("run.id"), index=True),
    Column("batch_seq", Integer),
    Column("reason", Text),
    Column("detail", JSON(none_as_null=True)),
    Index("event_by_campaign", "campaign_id"),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("component", String(40), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("seconds", Float),  # how long its last round took
)
