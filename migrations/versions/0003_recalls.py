"""recalls: which runs were to be taken back, and each request for it with what it proved

Only tables are added, so the previous release goes on beside it. It carries no recall out, so ask for the first one
when every host has this release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSERT_ONLY = ("unsend", "unsend_outcome")

INSTANT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NUMBERED = ("recall_id", "batch_id", "number")

OPEN = sa.text("finished_at IS NULL")
ASKED_BY_OPERATOR = sa.text("finished_at IS NULL AND for_run_id IS NULL")
FOR_A_RUN = sa.text("for_run_id IS NOT NULL")


def upgrade() -> None:
    make_recall()
    make_unsend()
    refuse_rewriting()


def make_recall() -> None:
    op.create_table(
        "recall",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("for_run_id", ID, nullable=True),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("available_at", INSTANT, nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("batches", sa.Integer(), nullable=True),
        sa.Column("unsent", sa.Integer(), nullable=True),
        sa.Column("failed", sa.Integer(), nullable=True),
        sa.Column("unknown", sa.Integer(), nullable=True),
        sa.CheckConstraint("run_id <> for_run_id", name=op.f("ck_recall_not_for_itself")),
        sa.CheckConstraint(
            "(finished_at IS NULL AND batches IS NULL AND unsent IS NULL AND failed IS NULL AND unknown IS NULL)"
            " OR (finished_at IS NOT NULL AND batches = unsent + failed AND unknown >= 0)",
            name=op.f("ck_recall_finished_has_counts"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recall_account_id")),
        sa.ForeignKeyConstraint(["for_run_id"], ["run.id"], name=op.f("fk_recall_for_run_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_recall_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall")),
        sa.UniqueConstraint("run_id", "for_run_id", name=op.f("uq_recall_run_id_for_run_id")),
    )
    for name, columns, is_unique, where in (
        ("recall_open", ["account_id", "available_at"], False, OPEN),
        ("recall_open_by_run", ["run_id"], True, ASKED_BY_OPERATOR),
        ("recall_for_run", ["for_run_id"], False, FOR_A_RUN),
    ):
        op.create_index(name, "recall", columns, unique=is_unique, sqlite_where=where, postgresql_where=where)


def make_unsend() -> None:
    op.create_table(
        "unsend",
        sa.Column("recall_id", ID, nullable=False),
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("deadline_at", INSTANT, nullable=False),
        sa.CheckConstraint("number > 0 AND deadline_at > started_at", name=op.f("ck_unsend_numbers_fit")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_unsend_account_id")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_unsend_batch_id")),
        sa.ForeignKeyConstraint(["recall_id"], ["recall.id"], name=op.f("fk_unsend_recall_id")),
        sa.PrimaryKeyConstraint(*NUMBERED, name=op.f("pk_unsend")),
        sa.UniqueConstraint("account_id", "fence", name=op.f("uq_unsend_account_id_fence")),
    )
    op.create_index(op.f("unsend_batch_id"), "unsend", ["batch_id"])
    op.create_table(
        "unsend_outcome",
        sa.Column("recall_id", ID, nullable=False),
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("by_look", sa.Boolean(), nullable=False),
        sa.Column("finished_at", INSTANT, nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("upstream_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("credits_used", sa.Integer(), nullable=True),
        sa.Column("credits_balance", sa.BigInteger(), nullable=True),
        sa.Column("limit_minute", sa.Integer(), nullable=True),
        sa.Column("remaining_minute", sa.Integer(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('unsent', 'refused', 'unclear', 'not_sent', 'throttled', 'held', 'impossible')",
            name=op.f("ck_unsend_outcome_kind_is_known"),
        ),
        sa.ForeignKeyConstraint(
            NUMBERED, [f"unsend.{name}" for name in NUMBERED], name=op.f("fk_unsend_outcome_recall_id_batch_id_number")
        ),
        sa.PrimaryKeyConstraint(*NUMBERED, name=op.f("pk_unsend_outcome")),
    )


def refuse_rewriting() -> None:
    """What is written here is never rewritten; on PostgreSQL by the function of the first migration."""
    if op.get_bind().dialect.name == "sqlite":
        for table in INSERT_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} rows are never rewritten'); END"
                )
        return
    for table in INSERT_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_rewriting BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
        )


def downgrade() -> None:
    op.drop_table("unsend_outcome")
    op.drop_index(op.f("unsend_batch_id"), table_name="unsend")
    op.drop_table("unsend")
    for name, where in (
        ("recall_for_run", FOR_A_RUN),
        ("recall_open_by_run", ASKED_BY_OPERATOR),
        ("recall_open", OPEN),
    ):
        op.drop_index(name, table_name="recall", sqlite_where=where, postgresql_where=where)
    op.drop_table("recall")
