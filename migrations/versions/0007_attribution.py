"""who owns a message ID when a first attribution was wrong, or when only a set of batches is known to own a set of IDs

Safe beside the previous release: every new column may be empty, and an ID that was given back still counts as ours
there, so that nobody else takes it. Late answers on record own their message IDs from now on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

INDEXES = (
    ("evidence_with_id", "evidence", ["at"], "message_id IS NOT NULL"),
    ("outcome_unknown", "attempt_outcome", ["batch_id", "number"], "kind = 'unknown'"),
    ("batch_to_find", "batch", ["account_id", "find_at"], "find_at IS NOT NULL"),
    ("batch_of_set", "batch", ["account_id", "message_set"], "message_set IS NOT NULL"),
)

COLUMNS = (("find_at", INSTANT), ("message_set", sa.BigInteger()), ("set_message_id", sa.Text()))


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("batch", sa.Column(name, kind))
    for name, table, columns, where in INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    make_ownership()
    refuse_rewriting()
    own_late_answers()


def make_ownership() -> None:
    op.create_table(
        "ownership",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("batch_id", ID, nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_ownership_account_id")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_ownership_batch_id")),
        sa.ForeignKeyConstraint(
            ["account_id", "message_id"],
            ["message.account_id", "message.message_id"],
            name=op.f("fk_ownership_account_id_message_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ownership")),
    )
    op.create_index("ownership_of_message", "ownership", ["account_id", "message_id"])


def refuse_rewriting() -> None:
    """As in the first migration: what is written here is never rewritten."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER ownership_no_{verb.lower()} BEFORE {verb} ON ownership "
                "BEGIN SELECT RAISE(ABORT, 'ownership rows are never rewritten'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER ownership_no_rewriting BEFORE UPDATE OR DELETE ON ownership "
        "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute(
        "CREATE TRIGGER ownership_no_truncation BEFORE TRUNCATE ON ownership "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    )


def own_late_answers() -> None:
    """A message ID that a late answer brought, and nobody has, belongs to the batch that was answered."""
    op.execute(
        "INSERT INTO message (account_id, message_id, batch_id, at) "
        "SELECT batch.account_id, evidence.message_id, evidence.batch_id, min(evidence.at) "
        "FROM evidence JOIN batch ON batch.id = evidence.batch_id "
        "WHERE evidence.kind = 'late_answer' AND evidence.message_id IS NOT NULL "
        "GROUP BY batch.account_id, evidence.message_id, evidence.batch_id ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    op.drop_index("ownership_of_message", table_name="ownership")
    op.drop_table("ownership")
    for name, table, _, where in INDEXES:
        op.drop_index(name, table_name=table, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    for name, _ in COLUMNS:
        op.drop_column("batch", name)
