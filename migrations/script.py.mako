"""${message}

One idea per migration; safe for the previous release (its code runs against the new shape while hosts are
upgraded one by one): add first, drop a release later, never rename. Tested up and down on SQLite and PostgreSQL.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
