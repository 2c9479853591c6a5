"""which vendor a worker serves, and accounts that a person removed

Only columns are added, which are empty for what is there. The previous release beside this one leaves them empty: its
workers count as serving a vendor that is not known, and its `accounts list` still shows a removed account.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("heartbeat", sa.Column("upstream", sa.Text(), nullable=True))
    op.add_column("account", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("account", "removed_at")
    op.execute("DELETE FROM heartbeat WHERE upstream IS NOT NULL")
    op.drop_column("heartbeat", "upstream")
