"""Migrations: bring a database to the newest schema, or report that it is not there yet.

Every command asks for the newest migration, so it is read from the migrations' files: importing alembic for it takes
a third of the time of `campaigns list`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from campaigns.domain.errors import NotAllowed
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.server_facts import require_sight

if TYPE_CHECKING:
    from alembic.config import Config

PACKAGE = Path(__file__).resolve().parents[2]

_NAMES = re.compile(r"""^(revision|down_revision) = ["']([^"']+)["']$""", re.MULTILINE)


def scripts_folder() -> Path:
    """Where the migrations are: inside an installed package, or beside the package in a checkout."""
    installed = PACKAGE / "migrations"
    return installed if installed.is_dir() else PACKAGE.parent / "migrations"


def config(database_url: str) -> Config:
    """Alembic's configuration for one database, without a file."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(scripts_folder()))
    made.attributes["database_url"] = database_url
    return made


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database to `revision`. To do it twice, or twice at the same time, does it once."""
    from alembic import command

    command.upgrade(config(database_url), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take the database back to `revision`. What only the newer schema can hold is lost."""
    from alembic import command

    command.downgrade(config(database_url), revision)


def head() -> str:
    """The newest migration of this release: the one that no other migration builds on."""
    names = [dict(_NAMES.findall(path.read_text())) for path in (scripts_folder() / "versions").glob("*.py")]
    newest: str
    (newest,) = {each["revision"] for each in names} - {each.get("down_revision") for each in names}
    return newest


def current(store: Store) -> str | None:
    """The migration that the database is at; None when it has no tables."""
    with store.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return version


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
