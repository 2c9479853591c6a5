"""Migrations: bring a database to the newest schema, or report that it is not there yet."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from campaigns.domain.errors import NotAllowed
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.server_facts import require_sight

PACKAGE = Path(__file__).resolve().parents[2]


def scripts_folder() -> Path:
    """Where the migrations are: inside an installed package, or beside the package in a checkout."""
    installed = PACKAGE / "migrations"
    return installed if installed.is_dir() else PACKAGE.parent / "migrations"


def config(database_url: str) -> Config:
    """Alembic's configuration for one database, without a file."""
    made = Config()
    made.set_main_option("script_location", str(scripts_folder()))
    made.attributes["database_url"] = database_url
    return made


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database to `revision`. To do it twice, or twice at the same time, does it once."""
    command.upgrade(config(database_url), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take the database back to `revision`. What only the newer schema can hold is lost."""
    command.downgrade(config(database_url), revision)


def head() -> str:
    """The newest migration that this release knows."""
    found = ScriptDirectory(str(scripts_folder())).get_current_head()
    assert found is not None
    return found


def current(store: Store) -> str | None:
    """The migration that the database is at; None when it has no tables."""
    with store.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_head(store: Store) -> None:
    """Raise NotAllowed unless the database is at this release's newest migration."""
    found, wanted = current(store), head()
    if found == wanted:
        return
    if found is None:
        require_sight(store)
    state = "has no tables yet" if found is None else f"is at migration {found}, this release needs {wanted}"
    raise NotAllowed(f"The database {state}.", Remedy(Do.UPGRADE_DATABASE))


def check(database_url: str) -> None:
    """Raise NotAllowed unless the database is at head."""
    store = open_store(database_url)
    try:
        require_head(store)
    finally:
        store.close()
