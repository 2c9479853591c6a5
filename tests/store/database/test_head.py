"""The newest migration, read from the files, is the one that Alembic knows."""

from __future__ import annotations

from alembic.script import ScriptDirectory

from campaigns.store.database.migrations import head, scripts_folder


def test_the_newest_migration_is_the_one_that_alembic_knows() -> None:
    assert head() == ScriptDirectory(str(scripts_folder())).get_current_head()
