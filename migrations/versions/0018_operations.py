"""operations: acts on many runs at once, and long checks

Safe beside the previous release, which does not read the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "operation",
        sa.Column("id", ID, nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("filter", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("as_of", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("result", sa.JSON(none_as_null=True)),
        sa.Column("claimed_by", sa.Text()),
        sa.Column("claimed_until", INSTANT),
        sa.Column("aborted_at", INSTANT),
        sa.Column("aborted_by", sa.Text()),
        sa.Column("finished_at", INSTANT),
        sa.CheckConstraint("total >= 0 AND steps >= 0", name=op.f("ck_operation_numbers_fit")),
        sa.CheckConstraint("(claimed_by IS NULL) = (claimed_until IS NULL)", name=op.f("ck_operation_claim_has_time")),
        sa.CheckConstraint("(aborted_by IS NULL) = (aborted_at IS NULL)", name=op.f("ck_operation_abort_has_actor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
    )
    is_open = sa.text("finished_at IS NULL")
    op.create_index("operation_open", "operation", ["id"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "operation_target",
        sa.Column("operation_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False, server_default=sa.text("'waiting'")),
        sa.Column("at", INSTANT),
        sa.Column("answer", sa.JSON(none_as_null=True)),
        sa.Column("error", sa.Text()),
        sa.Column("code", sa.String(40)),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'failed', 'left')", name=op.f("ck_operation_target_state_is_known")
        ),
        sa.CheckConstraint("(state = 'waiting') = (at IS NULL)", name=op.f("ck_operation_target_end_has_time")),
        sa.CheckConstraint(
            "(state = 'failed') = (error IS NOT NULL)", name=op.f("ck_operation_target_failure_has_words")
        ),
        sa.CheckConstraint("size > 0", name=op.f("ck_operation_target_numbers_fit")),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"], name=op.f("fk_operation_target_operation_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_operation_target_run_id")),
        sa.PrimaryKeyConstraint("operation_id", "run_id", name=op.f("pk_operation_target")),
    )
    op.create_index("operation_target_by_state", "operation_target", ["operation_id", "state"])
    op.create_table(
        "operation_batch",
        sa.Column("operation_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id", "run_id"],
            ["operation_target.operation_id", "operation_target.run_id"],
            name=op.f("fk_operation_batch_operation_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("operation_id", "run_id", "seq", name=op.f("pk_operation_batch")),
    )


def downgrade() -> None:
    op.drop_table("operation_batch")
    op.drop_table("operation_target")
    op.drop_table("operation")
