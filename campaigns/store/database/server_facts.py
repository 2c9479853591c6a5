"""Read-only questions about the database server itself."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, make_url, text


def is_missing_file(database_url: str) -> bool:
    """Whether the URL names a SQLite file that is not there; connecting would make an empty one in its place."""
    url = make_url(database_url)
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def commits_are_durable(connection: Connection) -> bool:
    """Whether a confirmed commit survives a power cut; on SQLite our own connections see to that."""
    if connection.dialect.name == "sqlite":
        return True
    return str(connection.execute(text("SHOW synchronous_commit")).scalar_one()) != "off"
