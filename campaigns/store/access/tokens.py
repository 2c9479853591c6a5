"""API tokens. Of the text of a token only the digest and the last four characters are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from campaigns.domain.access.rights import Right
from campaigns.store.access.operators import OPERATOR, OperatorRow, may_columns, operator_of, rights_of
from campaigns.store.audit.events import Act
from campaigns.store.tables.desk import api_token, desk_operator


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be added."""

    name: str
    operator_id: int
    rights: frozenset[Right]
    accounts: frozenset[str] | None
    expires_at: datetime
    is_live: bool


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token, in force or not, and as whom it acts."""

    id: int
    name: str
    last_four: str
    operator: OperatorRow
    is_live: bool
    rights: frozenset[Right]
    accounts: frozenset[str] | None
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


_TOKENS = select(
    api_token.c.id,
    api_token.c.name,
    api_token.c.last_four,
    api_token.c.is_live,
    api_token.c.rights,
    api_token.c.accounts,
    api_token.c.expires_at,
    api_token.c.used_at,
    api_token.c.revoked_at,
    *OPERATOR,
).join(desk_operator, desk_operator.c.id == api_token.c.operator_id)


def add_token(act: Act, new: NewToken, *, sha256: str, last_four: str) -> int:
    """Write a token, and return its number."""
    token_id = act.connection.scalar(
        insert(api_token)
        .values(
            sha256=sha256,
            last_four=last_four,
            name=new.name,
            operator_id=new.operator_id,
            is_live=new.is_live,
            created_at=act.now,
            created_by=act.actor,
            expires_at=new.expires_at,
            **may_columns(new.rights, new.accounts),
        )
        .returning(api_token.c.id)
    )
    assert isinstance(token_id, int)
    return token_id


def find_token(connection: Connection, sha256: str) -> TokenRow | None:
    """The token with this digest."""
    return _one(connection, sha256=sha256)


def token_of_number(connection: Connection, token_id: int) -> TokenRow | None:
    """The token with this number."""
    return _one(connection, id=token_id)


def token_was_used(connection: Connection, token_id: int, *, now: datetime) -> None:
    """Note the use of a token."""
    connection.execute(update(api_token).where(api_token.c.id == token_id).values(used_at=now))


def revoke(act: Act, token_id: int) -> bool:
    """Revoke a token; False when it was revoked before."""
    revoked = (
        update(api_token)
        .where(api_token.c.id == token_id, api_token.c.revoked_at.is_(None))
        .values(revoked_at=act.now, revoked_by=act.actor)
    )
    return act.connection.execute(revoked).rowcount > 0


def _one(connection: Connection, **key: object) -> TokenRow | None:
    row = connection.execute(_TOKENS.where(*(api_token.c[name] == value for name, value in key.items()))).one_or_none()
    if row is None:
        return None
    return TokenRow(
        id=row.id,
        name=row.name,
        last_four=row.last_four,
        operator=operator_of(row),
        is_live=row.is_live,
        rights=rights_of(row.rights),
        accounts=None if row.accounts is None else frozenset(row.accounts),
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
