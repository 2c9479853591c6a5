"""the first tables

One idea per migration; safe for the previous release (its code runs against the new shape while hosts are
upgraded one by one): add first, drop a release later, never rename. Tested up and down on SQLite and PostgreSQL.
"""

import sqlalchemy as sa
from alembic import op

INSERT_ONLY = (
    "attempt",
    "attempt_outcome",
    "audience_version",
    "event",
    "evidence",
    "exclusion",
    "message",
    "revision",
    "seal",
)
"""What is written here is never rewritten: the audit rests on it, so the database itself refuses."""

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("component", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("component", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "suppression",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("user_id > 0", name=op.f("ck_suppression_user_fits")),
        sa.PrimaryKeyConstraint("account_id", "user_id", name=op.f("pk_suppression")),
    )
    with op.batch_alter_table("suppression", schema=None) as batch_op:
        batch_op.create_index("suppression_newest", ["account_id", "created_at"], unique=False)

    op.create_table(
        "campaign",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("launches", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'scheduled') = (due_at IS NOT NULL)", name=op.f("ck_campaign_scheduled_has_time")),
        sa.CheckConstraint(
            "state IN ('draft', 'scheduled', 'launched', 'archived')", name=op.f("ck_campaign_state_is_known")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_campaign_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
    )
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.create_index(
            "campaigns_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.create_table(
        "lane",
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hinted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("suppressions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name=op.f("ck_lane_owner_has_lease")),
        sa.CheckConstraint("fence >= 0", name=op.f("ck_lane_fence_grows")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_lane_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_lane")),
    )
    op.create_table(
        "audience_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("skipped_bad", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("first_user", sa.BigInteger(), nullable=False),
        sa.Column("last_user", sa.BigInteger(), nullable=False),
        sa.Column("users_sha256", sa.String(length=64), nullable=False),
        sa.Column("users", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "size > 0 AND first_user > 0 AND first_user <= last_user AND size <= last_user - first_user + 1",
            name=op.f("ck_audience_version_users_fit"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_audience_version_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audience_version")),
    )
    with op.batch_alter_table("audience_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("audience_version_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "revision",
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("audience_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("on_unknown", sa.String(length=10), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("accept_local_suppressions", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("on_unknown IN ('hold', 'resend')", name=op.f("ck_revision_on_unknown_is_known")),
        sa.CheckConstraint("batch_size > 0", name=op.f("ck_revision_batch_size_fits")),
        sa.ForeignKeyConstraint(
            ["audience_version_id"], ["audience_version.id"], name=op.f("fk_revision_audience_version_id")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_revision_campaign_id")),
        sa.PrimaryKeyConstraint("campaign_id", "number", name=op.f("pk_revision")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("audience_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("launch", sa.Integer(), nullable=True),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parent_run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("root_run_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("whole_list", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("planned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("batch_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("plan_sha256", sa.String(length=64), nullable=True),
        sa.Column("suppressions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hinted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'launch') = (launch IS NOT NULL)", name=op.f("ck_run_launch_has_number")),
        sa.CheckConstraint(
            "(kind = 'rerun') = (parent_run_id IS NOT NULL) AND (kind = 'rerun') = (root_run_id IS NOT NULL)",
            name=op.f("ck_run_rerun_has_parent"),
        ),
        sa.CheckConstraint(
            "(kind = 'schedule') = (scheduled_for IS NOT NULL)", name=op.f("ck_run_occurrence_has_time")
        ),
        sa.CheckConstraint(
            "(state IN ('finished', 'finished_with_failures', 'cancelled', 'skipped')) = (finished_at IS NOT NULL)",
            name=op.f("ck_run_ended_has_time"),
        ),
        sa.CheckConstraint("kind IN ('launch', 'schedule', 'rerun')", name=op.f("ck_run_kind_is_known")),
        sa.CheckConstraint(
            "state IN ('due', 'planned', 'sending', 'cancelling', 'finished', 'finished_with_failures', 'cancelled', 'skipped')",
            name=op.f("ck_run_state_is_known"),
        ),
        sa.CheckConstraint("planned >= 0 AND batch_count >= 0", name=op.f("ck_run_plan_fits")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_run_account_id")),
        sa.ForeignKeyConstraint(
            ["audience_version_id"], ["audience_version.id"], name=op.f("fk_run_audience_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id", "revision"],
            ["revision.campaign_id", "revision.number"],
            name=op.f("fk_run_campaign_id_revision"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_run_campaign_id")),
        sa.ForeignKeyConstraint(["parent_run_id"], ["run.id"], name=op.f("fk_run_parent_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("campaign_id", "launch", name=op.f("uq_run_campaign_id_launch")),
        sa.UniqueConstraint("campaign_id", "scheduled_for", name=op.f("uq_run_campaign_id_scheduled_for")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index("run_by_root", ["root_run_id"], unique=False)
        batch_op.create_index("run_by_state", ["state", "account_id"], unique=False)

    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("parent_batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("root_batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("rank", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("first_user", sa.BigInteger(), nullable=True),
        sa.Column("last_user", sa.BigInteger(), nullable=True),
        sa.Column("users_sha256", sa.String(length=64), nullable=True),
        sa.Column("users", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name=op.f("ck_batch_sending_has_lease")),
        sa.CheckConstraint("message_id IS NULL OR state = 'accepted'", name=op.f("ck_batch_message_id_is_of_accepted")),
        sa.CheckConstraint("look_at IS NULL OR state = 'unknown'", name=op.f("ck_batch_only_unknown_is_looked_for")),
        sa.CheckConstraint(
            "state IN ('ready', 'sending', 'accepted', 'rejected', 'unknown', 'cancelled', 'split')",
            name=op.f("ck_batch_state_is_known"),
        ),
        sa.CheckConstraint(
            "(users IS NULL AND users_sha256 IS NULL AND first_user IS NULL AND last_user IS NULL AND size = 1) OR (users IS NOT NULL AND users_sha256 IS NOT NULL AND first_user IS NOT NULL AND last_user IS NOT NULL AND size > 0 AND first_user > 0 AND first_user <= last_user AND size <= last_user - first_user + 1)",
            name=op.f("ck_batch_users_fit"),
        ),
        sa.CheckConstraint(
            "seq > 0 AND attempts >= 0 AND failures >= 0 AND fence >= 0", name=op.f("ck_batch_numbers_fit")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_batch_account_id")),
        sa.ForeignKeyConstraint(["parent_batch_id"], ["batch.id"], name=op.f("fk_batch_parent_batch_id")),
        sa.ForeignKeyConstraint(["root_batch_id"], ["batch.id"], name=op.f("fk_batch_root_batch_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_batch_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("run_id", "seq", name=op.f("uq_batch_run_id_seq")),
    )
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.create_index(
            "batch_in_flight_by_account",
            ["account_id"],
            unique=True,
            sqlite_where=sa.text("state = 'sending'"),
            postgresql_where=sa.text("state = 'sending'"),
        )
        batch_op.create_index(
            "batch_looked_for",
            ["account_id", "look_at"],
            unique=False,
            sqlite_where=sa.text("look_at IS NOT NULL"),
            postgresql_where=sa.text("look_at IS NOT NULL"),
        )
        batch_op.create_index(
            "batch_by_root",
            ["root_batch_id"],
            unique=False,
            sqlite_where=sa.text("root_batch_id IS NOT NULL"),
            postgresql_where=sa.text("root_batch_id IS NOT NULL"),
        )
        batch_op.create_index("batch_of_user", ["first_user", "last_user"], unique=False)
        batch_op.create_index(
            "batch_ready_by_run",
            ["run_id", "rank", "seq"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index(
            "batch_unknown_by_account",
            ["account_id"],
            unique=False,
            sqlite_where=sa.text("state = 'unknown'"),
            postgresql_where=sa.text("state = 'unknown'"),
        )

    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=True),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("batch_seq", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_event_account_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_event_campaign_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_event_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("event_by_campaign", ["campaign_id"], unique=False)
        batch_op.create_index(batch_op.f("event_run_id"), ["run_id"], unique=False)

    op.create_table(
        "unsealed",
        sa.Column(
            "event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_unsealed_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_unsealed")),
    )
    op.create_table(
        "seal",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("chain", sa.String(length=100), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("trail_sha256", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covered_attempts", sa.LargeBinary(), nullable=True),
        sa.Column("covered_evidence", sa.LargeBinary(), nullable=True),
        sa.Column("covered_sha256", sa.String(length=64), nullable=True),
        sa.CheckConstraint("number > 0 AND position > 0 AND position <= number", name=op.f("ck_seal_numbers_fit")),
        sa.CheckConstraint(
            "(covered_sha256 IS NULL) = (covered_attempts IS NULL)"
            " AND (covered_sha256 IS NULL) = (covered_evidence IS NULL)",
            name=op.f("ck_seal_covered_is_whole"),
        ),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_seal_event_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seal")),
        sa.UniqueConstraint("chain", "position", name=op.f("uq_seal_chain_position")),
        sa.UniqueConstraint("event_id", name=op.f("uq_seal_event_id")),
    )
    with op.batch_alter_table("seal", schema=None) as batch_op:
        batch_op.create_index(
            "seal_of_ended_run",
            ["number"],
            unique=False,
            sqlite_where=sa.text("covered_sha256 IS NOT NULL"),
            postgresql_where=sa.text("covered_sha256 IS NOT NULL"),
        )

    op.create_table(
        "exclusion",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("first_user", sa.BigInteger(), nullable=False),
        sa.Column("last_user", sa.BigInteger(), nullable=False),
        sa.Column("users_sha256", sa.String(length=64), nullable=False),
        sa.Column("users", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "size > 0 AND first_user > 0 AND first_user <= last_user AND size <= last_user - first_user + 1",
            name=op.f("ck_exclusion_users_fit"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_exclusion_run_id")),
        sa.PrimaryKeyConstraint("run_id", "reason", name=op.f("pk_exclusion")),
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("account_id", sa.String(length=80), nullable=True),
        sa.Column("upstream", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(scope = 'run') = (run_id IS NOT NULL) AND (scope = 'account') = (account_id IS NOT NULL) AND (scope = 'team') = (upstream IS NOT NULL)",
            name=op.f("ck_hold_scope_names_one"),
        ),
        sa.CheckConstraint("scope IN ('run', 'account', 'team')", name=op.f("ck_hold_scope_is_known")),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name=op.f("ck_hold_closed_by_somebody")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_hold_account_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_hold_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(
            "hold_open_by_account",
            ["account_id", "kind"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL AND scope = 'account'"),
            postgresql_where=sa.text("closed_at IS NULL AND scope = 'account'"),
        )
        batch_op.create_index(
            "hold_open_by_run",
            ["run_id", "kind"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL AND scope = 'run'"),
            postgresql_where=sa.text("closed_at IS NULL AND scope = 'run'"),
        )
        batch_op.create_index(
            "hold_open_by_team",
            ["upstream", "kind"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL AND scope = 'team'"),
            postgresql_where=sa.text("closed_at IS NULL AND scope = 'team'"),
        )

    op.create_table(
        "attempt",
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("previous", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("request_bytes", sa.Integer(), nullable=False),
        sa.Column("recipients", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "deadline_at > started_at AND recipients > 0 AND request_bytes > 0", name=op.f("ck_attempt_numbers_fit")
        ),
        sa.CheckConstraint(
            "number > 0 AND (number = 1) = (previous IS NULL)", name=op.f("ck_attempt_first_has_no_previous")
        ),
        sa.CheckConstraint("previous IS NULL OR previous = number - 1", name=op.f("ck_attempt_previous_is_one_before")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_attempt_account_id")),
        sa.ForeignKeyConstraint(
            ["batch_id", "previous"],
            ["attempt_outcome.batch_id", "attempt_outcome.number"],
            name="fk_attempt_follows_outcome",
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_attempt_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_attempt")),
        sa.UniqueConstraint("account_id", "fence", name=op.f("uq_attempt_account_id_fence")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index("attempt_by_time", ["started_at"], unique=False)

    op.create_table(
        "evidence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint("kind IN ('late_answer', 'look', 'decision')", name=op.f("ck_evidence_kind_is_known")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_evidence_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("evidence_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "message",
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_message_account_id")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_message_batch_id")),
        sa.PrimaryKeyConstraint("account_id", "message_id", name=op.f("pk_message")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("message_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "attempt_outcome",
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("upstream_status", sa.Integer(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("credits_used", sa.Integer(), nullable=True),
        sa.Column("credits_balance", sa.BigInteger(), nullable=True),
        sa.Column("limit_minute", sa.Integer(), nullable=True),
        sa.Column("remaining_minute", sa.Integer(), nullable=True),
        sa.Column("report", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'accepted') = (message_id IS NOT NULL)", name=op.f("ck_attempt_outcome_accepted_has_message_id")
        ),
        sa.CheckConstraint(
            "kind IN ('accepted', 'rejected', 'unknown', 'not_sent', 'throttled', 'held')",
            name=op.f("ck_attempt_outcome_kind_is_known"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id", "number"],
            ["attempt.batch_id", "attempt.number"],
            name=op.f("fk_attempt_outcome_batch_id_number"),
        ),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_attempt_outcome")),
    )
    with op.batch_alter_table("attempt_outcome", schema=None) as batch_op:
        batch_op.create_index(
            "outcome_retry",
            ["retry_at"],
            unique=False,
            sqlite_where=sa.text("retry_at IS NOT NULL"),
            postgresql_where=sa.text("retry_at IS NOT NULL"),
        )

    if op.get_bind().dialect.name == "postgresql":
        # The two tables refer to each other; SQLite takes the rule when it makes the first one, PostgreSQL cannot.
        op.create_foreign_key(
            "fk_attempt_follows_outcome",
            "attempt",
            "attempt_outcome",
            ["batch_id", "previous"],
            ["batch_id", "number"],
        )
    refuse_rewriting()


def refuse_rewriting() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in INSERT_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} rows are never rewritten'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% rows are never rewritten', TG_TABLE_NAME; END $$"
    )
    for table in INSERT_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_rewriting BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_attempt_follows_outcome", "attempt", type_="foreignkey")
    with op.batch_alter_table("attempt_outcome", schema=None) as batch_op:
        batch_op.drop_index(
            "outcome_retry",
            sqlite_where=sa.text("retry_at IS NOT NULL"),
            postgresql_where=sa.text("retry_at IS NOT NULL"),
        )

    op.drop_table("attempt_outcome")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("message_batch_id"))

    op.drop_table("message")
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("evidence_batch_id"))

    op.drop_table("evidence")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index("attempt_by_time")

    op.drop_table("attempt")
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.drop_index(
            "hold_open_by_team",
            sqlite_where=sa.text("closed_at IS NULL AND scope = 'team'"),
            postgresql_where=sa.text("closed_at IS NULL AND scope = 'team'"),
        )
        batch_op.drop_index(
            "hold_open_by_run",
            sqlite_where=sa.text("closed_at IS NULL AND scope = 'run'"),
            postgresql_where=sa.text("closed_at IS NULL AND scope = 'run'"),
        )
        batch_op.drop_index(
            "hold_open_by_account",
            sqlite_where=sa.text("closed_at IS NULL AND scope = 'account'"),
            postgresql_where=sa.text("closed_at IS NULL AND scope = 'account'"),
        )

    op.drop_table("hold")
    op.drop_table("exclusion")
    with op.batch_alter_table("seal", schema=None) as batch_op:
        batch_op.drop_index(
            "seal_of_ended_run",
            sqlite_where=sa.text("covered_sha256 IS NOT NULL"),
            postgresql_where=sa.text("covered_sha256 IS NOT NULL"),
        )

    op.drop_table("seal")
    op.drop_table("unsealed")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("event_run_id"))
        batch_op.drop_index("event_by_campaign")

    op.drop_table("event")
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.drop_index(
            "batch_unknown_by_account",
            sqlite_where=sa.text("state = 'unknown'"),
            postgresql_where=sa.text("state = 'unknown'"),
        )
        batch_op.drop_index(
            "batch_ready_by_run", sqlite_where=sa.text("state = 'ready'"), postgresql_where=sa.text("state = 'ready'")
        )
        batch_op.drop_index("batch_of_user")
        batch_op.drop_index(
            "batch_by_root",
            sqlite_where=sa.text("root_batch_id IS NOT NULL"),
            postgresql_where=sa.text("root_batch_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "batch_looked_for",
            sqlite_where=sa.text("look_at IS NOT NULL"),
            postgresql_where=sa.text("look_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "batch_in_flight_by_account",
            sqlite_where=sa.text("state = 'sending'"),
            postgresql_where=sa.text("state = 'sending'"),
        )

    op.drop_table("batch")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index("run_by_state")
        batch_op.drop_index("run_by_root")

    op.drop_table("run")
    op.drop_table("revision")
    with op.batch_alter_table("audience_version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("audience_version_campaign_id"))

    op.drop_table("audience_version")
    op.drop_table("lane")
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_index(
            "campaigns_due", sqlite_where=sa.text("due_at IS NOT NULL"), postgresql_where=sa.text("due_at IS NOT NULL")
        )

    op.drop_table("campaign")
    with op.batch_alter_table("suppression", schema=None) as batch_op:
        batch_op.drop_index("suppression_newest")

    op.drop_table("suppression")
    op.drop_table("heartbeat")
    op.drop_table("account")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_rewriting()")
