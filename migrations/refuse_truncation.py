"""What is written once cannot be emptied either: PostgreSQL's TRUNCATE passes by the triggers for each row.

The body of a migration that waits for its number; SQLite has no such statement.
"""

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
