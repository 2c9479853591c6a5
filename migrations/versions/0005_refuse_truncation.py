"""what is written once cannot be emptied either: PostgreSQL's TRUNCATE passes by the triggers for each row

Safe beside the previous release, which empties nothing. SQLite has no such statement.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

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
    "unsend",
    "unsend_outcome",
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in INSERT_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_truncation BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in INSERT_ONLY:
        op.execute(f"DROP TRIGGER {table}_no_truncation ON {table}")
