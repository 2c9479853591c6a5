"""questions to the vendor and their answers, each a row; and when an account may be asked about again

Safe beside the previous release, which asks without writing rows: only what it asked in the last minutes is not known
when the rate budget is rebuilt, so do not empty Redis before every host has this release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSERT_ONLY = ("question", "answer")

INSTANT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

OF_A_RUN = sa.text("run_id IS NOT NULL")


def upgrade() -> None:
    make_question()
    op.create_table(
        "answer",
        sa.Column("question_id", ID, autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("replied", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("credits_used", sa.Integer(), nullable=True),
        sa.Column("found", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_answer_question_id")),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_answer")),
    )
    refuse_rewriting()
    op.create_index("unsend_by_time", "unsend", ["started_at"])
    op.add_column("lane", sa.Column("ask_at", INSTANT, nullable=True))
    op.add_column("lane", sa.Column("ask_failures", sa.Integer(), server_default=sa.text("0"), nullable=False))


def make_question() -> None:
    op.create_table(
        "question",
        sa.Column("id", ID, nullable=False),
        sa.Column("permit_key", sa.Text(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=True),
        sa.Column("run_id", ID, nullable=True),
        sa.Column("batch_id", ID, nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("look", sa.Integer(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('team', 'accounts', 'list', 'item', 'saved', 'overview')", name=op.f("ck_question_kind_is_known")
        ),
        sa.CheckConstraint(
            "purpose IN ('team', 'search', 'follow', 'recall', 'count', 'people', 'probe')",
            name=op.f("ck_question_purpose_is_known"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_question_account_id")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_question_batch_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_question_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint("permit_key", name=op.f("uq_question_permit_key")),
    )
    op.create_index("question_by_time", "question", ["asked_at"])
    op.create_index("question_of_account", "question", ["account_id", "asked_at"])
    op.create_index(
        "question_of_run", "question", ["run_id", "asked_at"], sqlite_where=OF_A_RUN, postgresql_where=OF_A_RUN
    )


def refuse_rewriting() -> None:
    """What is written here is never rewritten; on PostgreSQL by the function of the first migration."""
    for table in INSERT_ONLY:
        if op.get_bind().dialect.name == "sqlite":
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} rows are never rewritten'); END"
                )
            continue
        op.execute(
            f"CREATE TRIGGER {table}_no_rewriting BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncation BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
        )


def downgrade() -> None:
    op.drop_column("lane", "ask_failures")
    op.drop_column("lane", "ask_at")
    op.drop_index("unsend_by_time", table_name="unsend")
    op.drop_table("answer")
    op.drop_index("question_of_run", table_name="question", sqlite_where=OF_A_RUN, postgresql_where=OF_A_RUN)
    op.drop_index("question_of_account", table_name="question")
    op.drop_index("question_by_time", table_name="question")
    op.drop_table("question")
