"""Runs and the holds on them."""

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
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from campaigns.domain.states import RunState
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.store.tables.columns import Id, Instant, metadata, one_of

run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign_id", ForeignKey("campaign.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("audience_version_id", ForeignKey("audience_version.id")),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("upstream", Text, nullable=False),
    Column("team", Text),  # unused since the first release: always NULL; the team is that of the account
    Column("kind", String(10), nullable=False),
    Column("launch", Integer),  # number of the launch of its campaign; NULL for reruns and occurrences
    Column("scheduled_for", Instant),
    Column("parent_run_id", ForeignKey("run.id")),
    Column("root_run_id", BigInteger),  # the first run of its lineage; NULL: this is the first
    Column("state", String(30), nullable=False),
    Column("reason", Text),
    Column("whole_list", Boolean, nullable=False, server_default=text("false")),
    Column("planned", BigInteger, nullable=False, server_default=text("0")),
    Column("batch_count", Integer, nullable=False, server_default=text("0")),
    Column("plan_sha256", String(64)),
    Column("suppressions", BigInteger, nullable=False, server_default=text("0")),  # its lane's number, at the plan
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("hinted_at", Instant),
    Column("planned_at", Instant),
    Column("served_at", Instant),  # when its last attempt was committed: the lane serves the run that waits longest
    Column("finished_at", Instant),
    Column("after_run_id", BigInteger),  # waits in `due` until that run has ended
    Column("resumes_at", Instant),  # it is outside its sending hours until then
    Column("expires_at", Instant),  # batches that are ready then are cancelled
    Column("occurrence", Integer),  # its number among the runs of its campaign that were opened to send
    Column("content", Integer),  # the number of the revision's content that it sends, from 1
    # Its message, if that is not its revision's: a content in turn, or one with variables filled in.
    Column("message", JSON(none_as_null=True)),
    Column("watch_at", Instant),  # it was handed over; when to ask the vendor what became of it
    ForeignKeyConstraint(["campaign_id", "revision"], ["revision.campaign_id", "revision.number"]),
    UniqueConstraint("campaign_id", "scheduled_for"),
    UniqueConstraint("campaign_id", "launch"),
    one_of("state", RunState),
    CheckConstraint("kind IN ('launch', 'schedule', 'rerun')", name="kind_is_known"),
    CheckConstraint("(kind = 'schedule') = (scheduled_for IS NOT NULL)", name="occurrence_has_time"),
    CheckConstraint("(kind = 'launch') = (launch IS NOT NULL)", name="launch_has_number"),
    CheckConstraint(
        "(kind = 'rerun') = (parent_run_id IS NOT NULL) AND (kind = 'rerun') = (root_run_id IS NOT NULL)",
        name="rerun_has_parent",
    ),
    CheckConstraint(
        "(state IN ('finished', 'finished_with_failures', 'cancelled', 'skipped')) = (finished_at IS NOT NULL)",
        name="ended_has_time",
    ),
    CheckConstraint("planned >= 0 AND batch_count >= 0", name="plan_fits"),
    Index("run_by_state", "state", "account_id"),
    Index("run_by_root", "root_run_id"),
    Index(
        "run_watched",
        "watch_at",
        sqlite_where=text("watch_at IS NOT NULL"),
        postgresql_where=text("watch_at IS NOT NULL"),
    ),
    Index(
        "run_expiring",
        "expires_at",
        sqlite_where=text("expires_at IS NOT NULL AND finished_at IS NULL"),
        postgresql_where=text("expires_at IS NOT NULL AND finished_at IS NULL"),
    ),
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
    # At most one open hold of each kind on a thing: ten batches that are refused for one reason make one hold.
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
