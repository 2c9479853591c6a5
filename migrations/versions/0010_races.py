"""when a lane was told to wait, so that a clock that was once ahead lets nobody wait for longer

Safe beside the previous release, which leaves the column empty: then the time that it waits for stands.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lane", sa.Column("waits_since", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("lane", "waits_since")
