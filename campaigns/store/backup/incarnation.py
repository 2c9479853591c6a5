"""The incarnation of the database: a random value that no other database, and no later life of this one, has.

What is remembered outside the database goes by it, since rows of a restored or remade database have the numbers of
others that are gone. A restored backup has the incarnation of its backup until the restore is recognised.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import Connection, ScalarSelect, insert, select

from campaigns.store.tables.backup import incarnation


def incarnation_in_force() -> ScalarSelect[str]:
    """The newest incarnation, as a part of another question."""
    return select(incarnation.c.value).order_by(incarnation.c.number.desc()).limit(1).scalar_subquery()


def find_incarnation(connection: Connection) -> str:
    """The incarnation in force. The migrations write the first one, so there always is one."""
    return connection.execute(select(incarnation_in_force())).scalar_one()


def begin_incarnation(connection: Connection, *, reason: str, actor: str, now: datetime) -> str:
    """Begin a new one, in the transaction that recognises a restore; those before it stay on record."""
    value = secrets.token_hex(16)
    connection.execute(insert(incarnation).values(value=value, at=now, actor=actor, reason=reason))
    return value
