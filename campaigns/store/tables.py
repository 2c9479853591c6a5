"""The tables whose rows move: accounts, lanes, campaigns, runs, batches, holds, suppressions.

Each states the rules that the database itself keeps. Indexes are named for the question they answer. What is written
once and never rewritten is in `records.py`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
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

from campaigns.domain.outcome import HoldScope
from campaigns.domain.states import BatchState, CampaignState, RunState
from campaigns.store.columns import Id, Instant, metadata, one_of, user_set

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
    Column("due_for", Instant),  # the next occurrence itself, where it opens at another time (jitter, hand-off)
    Column("occurrences", Integer, nullable=False, server_default=text("0")),  # opened to send, by the schedule
    Column("paused_at", Instant),  # its schedule: what comes due meanwhile is skipped
    Column("paused_by", Text),
    Column("pause_reason", Text),
    one_of("state", CampaignState),
    CheckConstraint("(state = 'scheduled') = (due_at IS NOT NULL)", name="scheduled_has_time"),
    Index(
        "campaigns_due", "due_at", sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")
    ),
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
    Column("after_run_id", BigInteger),  # waits in `due` until that run has ended
    Column("resumes_at", Instant),  # outside its sending hours until then
    Column("expires_at", Instant),  # what is ready then is cancelled
    Column("occurrence", Integer),  # the how-manieth of its campaign that was opened to send
    Column("content", Integer),  # which of the revision's contents it sends, from 1
    # What it says, where that is not what its revision says: a content in turn, or variables filled in.
    Column("message", JSON(none_as_null=True)),
    Column("watch_at", Instant),  # it was handed over, and the vendor is asked then what became of it
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


batch = Table(
    "batch",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("parent_batch_id", ForeignKey("batch.id")),
    Column("root_batch_id", ForeignKey("batch.id")),  # the batch that halving began with; NULL: not halved from any
    Column("state", String(20), nullable=False),
    # Which go first: halves (-1) before whole batches (0), so that one family tells soon whether it is one bad user.
    Column("rank", Integer, nullable=False, server_default=text("0")),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("available_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # requests committed
    Column("failures", Integer, nullable=False, server_default=text("0")),  # of them, those that provably never left
    Column("message_id", Text),
    Column("error", Text),
    Column("looks", Integer, nullable=False, server_default=text("0")),  # how often the vendor was asked for it
    Column("look_at", Instant),  # when it is looked for next; NULL: it is not, or not any more
    Column("updated_at", Instant, nullable=False),
    *user_set(optional=True),
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


heartbeat = Table(
    "heartbeat",
    metadata,
    Column("component", String(40), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("seconds", Float),  # how long its last round took
)
