"""that what is doubtful in a text is meant so, and whether the vendor reads mark-up; modes of texts stand in messages

Only columns are added, which are empty for what stands. The previous release beside this one holds the runs of messages
with a mode as unreadable instead of sending their texts unescaped; resume them when it is gone. It would send lists
with user IDs without the IDs: create no such campaign before every host has this release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("revision", sa.Column("as_written", sa.Boolean(), nullable=True))
    op.add_column("probe_result", sa.Column("mark_up", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("probe_result", "mark_up")
    op.drop_column("revision", "as_written")
