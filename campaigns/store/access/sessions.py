"""Sessions: the logins of browsers. Of the ID in a cookie only the digest is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from campaigns.store.access.operators import OPERATOR, OperatorRow, operator_of
from campaigns.store.audit.events import Act
from campaigns.store.backup.incarnation import find_incarnation, incarnation_in_force
from campaigns.store.tables.desk import desk_operator, desk_session

IDLE = timedelta(hours=12)
"""A session ends when nobody used it for this long."""

LONGEST = timedelta(days=7)
"""A session ends this long after its login, however much it is used."""

SEEN_EVERY = timedelta(minutes=1)
"""The last use of a session or a token is written at most this often: reading costs no write."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that is in force, and whose it is."""

    id: int
    operator: OperatorRow
    seen_at: datetime


def add_session(act: Act, operator_id: int, sha256: str, *, address: str | None) -> int:
    """Begin a session, and return its number."""
    session_id = act.connection.scalar(
        insert(desk_session)
        .values(
            sha256=sha256,
            operator_id=operator_id,
            incarnation=find_incarnation(act.connection),
            created_at=act.now,
            seen_at=act.now,
            expires_at=act.now + LONGEST,
            address=address,
        )
        .returning(desk_session.c.id)
    )
    assert isinstance(session_id, int)
    return session_id


def find_session(connection: Connection, sha256: str, *, now: datetime) -> SessionRow | None:
    """The session with this digest, if it is in force: not ended, not idle, and of an operator who is not disabled."""
    row = connection.execute(
        select(desk_session.c.id, desk_session.c.seen_at, *OPERATOR)
        .join(desk_operator, desk_operator.c.id == desk_session.c.operator_id)
        .where(desk_session.c.sha256 == sha256, is_in_force(now), desk_operator.c.disabled_at.is_(None))
    ).one_or_none()
    return None if row is None else SessionRow(row.id, operator_of(row), row.seen_at)


def is_in_force(now: datetime) -> ColumnElement[bool]:
    """The condition that a session has not ended. A database that was restored has none from before."""
    return and_(
        desk_session.c.ended_at.is_(None),
        desk_session.c.expires_at > now,
        desk_session.c.seen_at > now - IDLE,
        desk_session.c.incarnation == incarnation_in_force(),
    )


def session_was_used(connection: Connection, session_id: int, *, now: datetime) -> None:
    """Note the use of a session."""
    connection.execute(update(desk_session).where(desk_session.c.id == session_id).values(seen_at=now))


def end_session(act: Act, session_id: int) -> bool:
    """End one session; False when it has ended already."""
    ended = update(desk_session).where(desk_session.c.id == session_id, is_in_force(act.now)).values(ended_at=act.now)
    return act.connection.execute(ended).rowcount > 0


def end_sessions(act: Act, operator_id: int, *, keep: int | None = None) -> int:
    """End every session of an operator but the one with the number `keep`; returns how many there were."""
    ended = update(desk_session).where(desk_session.c.operator_id == operator_id, is_in_force(act.now))
    if keep is not None:
        ended = ended.where(desk_session.c.id != keep)
    return act.connection.execute(ended.values(ended_at=act.now)).rowcount


def operator_of_session(connection: Connection, session_id: int) -> int | None:
    """Whose session it is; None: there is no such session."""
    return connection.scalar(select(desk_session.c.operator_id).where(desk_session.c.id == session_id))
