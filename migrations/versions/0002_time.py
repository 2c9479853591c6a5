"""schedules, sending hours, and what a run says when it is not what its revision says

Only columns that may stay empty are added, so the previous release goes on beside it. It knows neither recurring
schedules nor sending hours, so write the first of them when every host has this release.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

# Without constraints: SQLite adds none to a table that stands, and making it anew would break what refers to it.
COLUMNS: dict[str, list[tuple[str, Any]]] = {
    "account": [("hours", sa.String(length=11))],
    "revision": [("timing", sa.JSON()), ("contents", sa.JSON())],
    "campaign": [
        ("due_for", INSTANT),
        ("occurrences", sa.Integer()),
        ("paused_at", INSTANT),
        ("paused_by", sa.Text()),
        ("pause_reason", sa.Text()),
    ],
    "run": [
        ("after_run_id", sa.BigInteger()),
        ("resumes_at", INSTANT),
        ("expires_at", INSTANT),
        ("occurrence", sa.Integer()),
        ("content", sa.Integer()),
        ("message", sa.JSON()),
    ],
}

OPEN_EXPIRY = sa.text("expires_at IS NOT NULL AND finished_at IS NULL")


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for name, kind in columns:
            counts = name == "occurrences"
            default = sa.text("0") if counts else None
            op.add_column(table, sa.Column(name, kind, server_default=default, nullable=not counts))
    op.create_index("run_expiring", "run", ["expires_at"], sqlite_where=OPEN_EXPIRY, postgresql_where=OPEN_EXPIRY)


def downgrade() -> None:
    op.drop_index("run_expiring", table_name="run")
    for table, columns in reversed(COLUMNS.items()):
        for name, _kind in reversed(columns):
            op.drop_column(table, name)
