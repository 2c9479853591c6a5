"""The incarnation of the database: a random value that no other database has, nor this one after a restore.

What is remembered outside the database names it, because a restored or remade database gives the numbers of its lost
rows to other rows. A restored database has the incarnation of its backup until the restore is recognised.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, ScalarSelect, insert, select

from campaigns.store.audit.events import Act
from campaigns.store.tables.backup import incarnation


def incarnation_in_force() -> ScalarSelect[str]:
    """The newest incarnation, as a subquery."""
    return select(incarnation.c.value).order_by(incarnation.c.number.desc()).limit(1).scalar_subquery()


def find_incarnation(connection: Connection) -> str:
    """The incarnation in force. The migrations write the first one, so there is always one."""
    return connection.execute(select(incarnation_in_force())).scalar_one()


def begin_incarnation(act: Act, *, reason: str) -> str:
    """Begin a new incarnation, in the transaction that recognises a restore; earlier ones stay on record."""
    value = secrets.token_hex(16)
    act.connection.execute(insert(incarnation).values(value=value, at=act.now, actor=act.actor, reason=reason))
    return value
