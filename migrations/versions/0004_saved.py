"""batches that the vendor only keeps are saved, not accepted; when a run that was handed over is looked after

The previous release does not know the state `saved`: it reads such a run's books as out of balance. So send nothing
with `--save-for-later`, and hand nothing over, before every host has this release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATES = "'ready', 'sending', 'accepted', {saved}'rejected', 'unknown', 'cancelled', 'split'"

RULES = {
    "ck_batch_state_is_known": ("state IN ({states})",) * 2,
    "ck_batch_message_id_is_of_accepted": (
        "message_id IS NULL OR state = 'accepted'",
        "message_id IS NULL OR state IN ('accepted', 'saved')",
    ),
}

WATCHED = sa.text("watch_at IS NOT NULL")


def upgrade() -> None:
    widen(old=0, new=1)
    op.add_column("run", sa.Column("watch_at", sa.DateTime(timezone=True)))
    op.create_index("run_watched", "run", ["watch_at"], sqlite_where=WATCHED, postgresql_where=WATCHED)


def downgrade() -> None:
    saved = op.get_bind().scalar(sa.text("SELECT count(*) FROM batch WHERE state = 'saved'"))
    if saved:
        raise RuntimeError(f"{saved} batches are saved, a state that the previous release does not know.")
    op.drop_index("run_watched", table_name="run")
    op.drop_column("run", "watch_at")
    widen(old=1, new=0)


def widen(*, old: int, new: int) -> None:
    """Put one rule of each pair in the place of the other."""
    for name, pair in RULES.items():
        rules = [rule.format(states=STATES.format(saved="'saved', " * place)) for place, rule in enumerate(pair)]
        if op.get_bind().dialect.name == "sqlite":
            rewrite(name, rules[old], rules[new])
        else:
            op.drop_constraint(op.f(name), "batch", type_="check")
            op.create_check_constraint(op.f(name), "batch", rules[new])


def rewrite(name: str, old: str, new: str) -> None:
    """Change a rule in the table's definition, as SQLite's page on ALTER TABLE says for rules that no row breaks.

    Making the table anew would copy every recipient, and drop what refers to it. Nothing on the disk changes but the
    definition, in the same transaction as the rest; every connection reads it again when the version goes up.
    """
    connection = op.get_bind()
    asked = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'batch'")
    before = str(connection.scalar(asked))
    after = before.replace(f"CONSTRAINT {name} CHECK ({old})", f"CONSTRAINT {name} CHECK ({new})")
    if after == before:
        raise RuntimeError(f"The table batch has no rule {name} as it was made: {before}")
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = 'batch'"), {"sql": after}
    )
    connection.execute(sa.text(f"PRAGMA schema_version = {int(version or 0) + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = OFF"))
