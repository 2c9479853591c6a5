"""marks in texts, chosen with each revision and recorded with each attempt; probes of accounts and what they learned

Safe beside the previous release, which sends without marks and knows no probe: it would list the campaign of a probe
among the others. So probe no account, and give no campaign a mark, before every host has this release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

MARKED = sa.text("mark IS NOT NULL")
OPEN = sa.text("finished_at IS NULL")


def upgrade() -> None:
    op.add_column("revision", sa.Column("mark", sa.Boolean(), nullable=True))
    op.add_column("attempt", sa.Column("mark", sa.String(length=16), nullable=True))
    op.create_index(
        "attempt_by_mark",
        "attempt",
        ["account_id", "mark"],
        unique=True,
        sqlite_where=MARKED,
        postgresql_where=MARKED,
    )
    # Both databases take a rule with a new column, and SQLite adds none to a table that stands.
    op.execute(
        "ALTER TABLE campaign ADD COLUMN kind VARCHAR(10) DEFAULT 'campaign' NOT NULL "
        "CONSTRAINT ck_campaign_kind_is_known CHECK (kind IN ('campaign', 'probe'))"
    )
    make_probe()
    make_probe_result()
    refuse_rewriting("probe_result")


def make_probe() -> None:
    op.create_table(
        "probe",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("media", sa.Text(), nullable=True),
        sa.Column("scheduled_for", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("available_at", INSTANT, nullable=False),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("recalls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("ended", sa.String(length=10), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.CheckConstraint("ended IN ('gone', 'refused', 'cancelled')", name=op.f("ck_probe_ended_is_known")),
        sa.CheckConstraint("(finished_at IS NULL) = (ended IS NULL)", name=op.f("ck_probe_finished_has_end")),
        sa.CheckConstraint(
            "user_id > 0 AND looks >= 0 AND recalls >= 0 AND failures >= 0", name=op.f("ck_probe_numbers_fit")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_probe_account_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_probe_campaign_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_probe_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probe")),
        sa.UniqueConstraint("run_id", name=op.f("uq_probe_run_id")),
    )
    op.create_index(
        "probe_open_by_account", "probe", ["account_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )


def make_probe_result() -> None:
    op.create_table(
        "probe_result",
        sa.Column("probe_id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("basis", sa.String(length=10), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("scheduled_for", INSTANT, nullable=False),
        sa.Column("shown_for", INSTANT, nullable=True),
        sa.Column("mark", sa.Boolean(), nullable=True),
        sa.Column("line_breaks", sa.String(length=10), nullable=True),
        sa.Column("escapes", sa.String(length=10), nullable=True),
        sa.Column("priced", sa.Boolean(), nullable=False),
        sa.Column("is_free", sa.Boolean(), nullable=True),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("media", sa.Text(), nullable=True),
        sa.Column("list_lag_seconds", sa.Float(), nullable=True),
        sa.Column("list_size", sa.Integer(), nullable=False),
        sa.Column("list_reaches_back_to", INSTANT, nullable=True),
        sa.Column("in_item", sa.Boolean(), nullable=False),
        sa.Column("in_overview", sa.Boolean(), nullable=False),
        sa.Column("clock_skew_seconds", sa.Float(), nullable=True),
        sa.Column("echo", sa.JSON(), nullable=True),
        sa.CheckConstraint(
            "line_breaks IN ('kept', 'br', 'paragraph', 'space', 'lost', 'changed')",
            name=op.f("ck_probe_result_line_breaks_is_known"),
        ),
        sa.CheckConstraint("escapes IN ('kept', 'escaped', 'changed')", name=op.f("ck_probe_result_escapes_is_known")),
        sa.CheckConstraint("basis = 'scheduled'", name=op.f("ck_probe_result_basis_is_known")),
        sa.CheckConstraint("list_size >= 0", name=op.f("ck_probe_result_numbers_fit")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_probe_result_account_id")),
        sa.ForeignKeyConstraint(["probe_id"], ["probe.id"], name=op.f("fk_probe_result_probe_id")),
        sa.PrimaryKeyConstraint("probe_id", name=op.f("pk_probe_result")),
    )
    op.create_index(op.f("probe_result_account_id"), "probe_result", ["account_id"])


def refuse_rewriting(table: str) -> None:
    """What is written here is never rewritten; on PostgreSQL by the function of the first migration."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} rows are never rewritten'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_no_rewriting BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncation BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )


def downgrade() -> None:
    probes = op.get_bind().scalar(sa.text("SELECT count(*) FROM probe WHERE finished_at IS NULL"))
    if probes:
        raise RuntimeError(
            f"{probes} probes are open: their messages are scheduled at the vendor, and the previous release would "
            "delete none. Let them end first."
        )
    op.drop_index(op.f("probe_result_account_id"), table_name="probe_result")
    op.drop_table("probe_result")
    op.drop_index("probe_open_by_account", table_name="probe", sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_table("probe")
    op.drop_column("campaign", "kind")
    op.drop_index("attempt_by_mark", table_name="attempt", sqlite_where=MARKED, postgresql_where=MARKED)
    op.drop_column("attempt", "mark")
    op.drop_column("revision", "mark")
