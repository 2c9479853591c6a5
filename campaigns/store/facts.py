"""Read-only questions about the database server itself."""

from __future__ import annotations

from sqlalchemy import Connection, text


def commits_are_durable(connection: Connection) -> bool:
    """Whether a confirmed commit survives a power cut; on SQLite our own connections see to that."""
    if connection.dialect.name == "sqlite":
        return True
    return str(connection.execute(text("SHOW synchronous_commit")).scalar_one()) != "off"
