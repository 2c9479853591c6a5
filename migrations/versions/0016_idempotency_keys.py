"""idempotency keys of the desk and its API

Safe beside the previous release, which has neither and does not read the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", sa.JSON(none_as_null=True)),
        sa.CheckConstraint("answer IS NULL OR status IS NOT NULL", name=op.f("ck_idempotency_key_answer_has_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("scope", "value", name=op.f("uq_idempotency_key_scope_value")),
    )
    op.create_index(op.f("idempotency_key_at"), "idempotency_key", ["at"])


def downgrade() -> None:
    op.drop_table("idempotency_key")
