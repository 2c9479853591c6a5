"""versions beside digests and seals, seals over recalls, and no row written once is replaced on SQLite

Only columns are added, empty or with a default that says what the previous release writes, so it goes on beside this
one. Its `audit verify` cannot check what this release seals or cuts: ask this release's. On SQLite it cannot write an
outcome with a message ID that another batch owns already; that attempt then becomes unknown when its lease ends.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

USER_SETS = ("audience_version", "batch", "exclusion")

OF_RECALLS = ("recalls_covered", "unsends_covered", "recalls_sha256")


def upgrade() -> None:
    for table in USER_SETS:
        add_column(table, sa.Column("users_sha256_version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    add_column("seal", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    for name in OF_RECALLS:
        add_column("seal", sa.Column(name, sa.String(64) if name.endswith("sha256") else sa.LargeBinary()))
    if op.get_bind().dialect.name == "sqlite":
        for table in written_once():
            refuse_replacing(table)


def downgrade() -> None:
    """The columns stay: without them nobody could check what was sealed and cut meanwhile, even after a new upgrade.

    They are in nobody's way.
    """
    if op.get_bind().dialect.name == "sqlite":
        for table in written_once():
            op.execute(f"DROP TRIGGER IF EXISTS {table}_no_replacing")


def add_column(table: str, column: "sa.Column[Any]") -> None:
    """Add a column, unless a downgrade has left it."""
    if column.name not in [each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)]:
        op.add_column(table, column)


def written_once() -> list[str]:
    """The tables of which the migrations before refuse an UPDATE."""
    asked = sa.text("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name = tbl_name || '_no_update'")
    return sorted(op.get_bind().scalars(asked))


def refuse_replacing(table: str) -> None:
    """Refuse a row whose key stands already: INSERT OR REPLACE deletes that row, and fires no trigger for DELETE.

    `rowid` is a key of each table, whatever else is; SQLite has -1 there for a row that is to be given one.
    """
    same = [" AND ".join(f"{column} = NEW.{column}" for column in key) for key in (("rowid",), *unique_keys(table))]
    taken = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {key})" for key in same)  # noqa: S608 - names of ours
    op.execute(
        f"CREATE TRIGGER {table}_no_replacing BEFORE INSERT ON {table} WHEN {taken} "
        f"BEGIN SELECT RAISE(ABORT, '{table} rows are never rewritten'); END"
    )


def unique_keys(table: str) -> Iterator[tuple[str, ...]]:
    """The columns of each unique index of a table, its primary key among them unless that is the rowid."""
    connection = op.get_bind()
    for index in connection.execute(sa.text(f"PRAGMA index_list({table})")).mappings().all():
        if index["unique"]:
            columns = connection.execute(sa.text(f"PRAGMA index_info({index['name']})")).mappings().all()
            yield tuple(column["name"] for column in columns)
