"""Read-only questions about the database server itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, make_url, text

from campaigns.domain.errors import NotAllowed, SettingsError
from campaigns.store.database.encoding import UTF8, server_encoding
from campaigns.store.database.engine import Store
from campaigns.store.database.faults import too_weak

SQLITE = b"SQLite format 3\0"
"""The first bytes of a SQLite file that is not empty."""


def is_missing_file(database_url: str) -> bool:
    """Whether the URL names a SQLite file that does not exist; to connect would make an empty one."""
    url = make_url(database_url)
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def refuse_no_database(database_url: str) -> None:
    """Raise SettingsError for a SQLite URL whose path is a folder, or a file that holds something else.

    For the start of a command or a role. A file that is damaged later counts as a database that is away.
    """
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite":
        return
    path = Path(url.database or "")
    try:
        if path.is_dir():
            raise SettingsError(f"DATABASE_URL (else CAMPAIGNS_HOME) leads to {path}, a folder; name a file in it.")
        with path.open("rb") as file:
            begin = file.read(len(SQLITE))
    except OSError:
        return  # it does not exist yet, or SQLite will say why it cannot be read
    if begin and begin != SQLITE:
        raise SettingsError(
            f"DATABASE_URL (else CAMPAIGNS_HOME) leads to {path}, which is not a SQLite database; name another one."
        )


def commits_are_durable(connection: Connection) -> bool:
    """Whether a confirmed commit survives a power cut; on SQLite our own connections ensure that."""
    if connection.dialect.name == "sqlite":
        return True
    return str(connection.execute(text("SHOW synchronous_commit")).scalar_one()) != "off"


def is_standby(connection: Connection) -> bool:
    """Whether the server is a standby: it can be read, and accepts no writes."""
    if connection.dialect.name == "sqlite":
        return False
    return bool(connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one())


def refuse_encoding(connection: Connection) -> None:
    """Raise NotAllowed unless a new database would hold every text that a campaign or the vendor may use."""
    encoding = server_encoding(connection)
    if encoding != UTF8:
        name = connection.engine.url.database
        raise NotAllowed(
            f"The database {name} keeps texts in {encoding}, which cannot hold an emoji; nothing was made in it. "
            f"Make one with CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0, then try again."
        )


def require_sight(store: Store) -> None:
    """Raise RoleTooWeak if our role may not use the schema: then its tables seem not to exist."""
    with store.read() as connection:
        if connection.dialect.name == "sqlite":
            return
        sees = connection.execute(text("SELECT has_schema_privilege(current_user, 'public', 'USAGE')")).scalar_one()
    if not sees:
        raise too_weak(store.reader.url, "it may not use the schema public")


@dataclass(frozen=True, slots=True)
class Role:
    """The role of our connections on PostgreSQL."""

    name: str
    is_superuser: bool
    owns_tables: bool

    @property
    def may_change_rules(self) -> bool:
        """Whether it can remove the triggers that protect what is written once."""
        return self.is_superuser or self.owns_tables


def own_role(connection: Connection) -> Role | None:
    """The role of this connection; None on SQLite, where everybody who can write to the file can do anything."""
    if connection.dialect.name == "sqlite":
        return None
    asked = text(
        "SELECT rolname, rolsuper, EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND pg_has_role(current_user, relowner, 'MEMBER')) AS owns FROM pg_roles WHERE rolname = current_user"
    )
    found = connection.execute(asked).one()
    return Role(found.rolname, found.rolsuper, found.owns)
