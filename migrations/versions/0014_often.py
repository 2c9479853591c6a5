"""that more than one run in 24 hours for the same people is meant

Only a column is added, which is empty in the revisions there are. The previous release beside this one writes revisions
that do not allow it, and arms schedules without asking; what it arms goes on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("revision", sa.Column("often", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("revision", "often")
