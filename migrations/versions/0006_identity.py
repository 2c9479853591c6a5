"""what a restored database cannot repeat: its incarnation, the hosts that remember beside it, the form of each body

Safe beside the previous release, which asks none of it and writes attempts without a form.
"""

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    made = op.create_table(
        "incarnation",
        sa.Column("number", ID, nullable=False),
        sa.Column("value", sa.String(length=32), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_incarnation")),
        sa.UniqueConstraint("value", name=op.f("uq_incarnation_value")),
    )
    op.execute(
        made.insert().values(
            value=secrets.token_hex(16), at=datetime.now(UTC), actor="migration", reason="the first of this database"
        )
    )
    op.create_table(
        "host",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("forgotten_at", INSTANT, nullable=True),
        sa.Column("forgotten_by", sa.Text(), nullable=True),
        sa.Column("forget_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(forgotten_at IS NULL) = (forgotten_by IS NULL)", name=op.f("ck_host_forgotten_by_somebody")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host")),
    )
    op.add_column("attempt", sa.Column("form", sa.JSON(none_as_null=True), nullable=True))
    refuse_rewriting()


def refuse_rewriting() -> None:
    """An incarnation is never rewritten: a new one gets a row of its own."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER incarnation_no_{verb.lower()} BEFORE {verb} ON incarnation "
                "BEGIN SELECT RAISE(ABORT, 'incarnation rows are never rewritten'); END"
            )
        return
    for name, when in (
        ("rewriting", "BEFORE UPDATE OR DELETE ON incarnation FOR EACH ROW"),
        ("truncation", "BEFORE TRUNCATE ON incarnation FOR EACH STATEMENT"),
    ):
        op.execute(f"CREATE TRIGGER incarnation_no_{name} {when} EXECUTE FUNCTION refuse_rewriting()")


def downgrade() -> None:
    op.drop_column("attempt", "form")
    op.drop_table("host")
    op.drop_table("incarnation")
