"""Read-only questions about operators, and about the rules for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from campaigns.domain.errors import NotFound
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.access.rules import has_four_eyes
from campaigns.store.access.sessions import is_in_force
from campaigns.store.tables.desk import api_token, desk_operator, desk_session


@dataclass(frozen=True, slots=True)
class OperatorView:
    """One operator. Nothing of a password is shown but whether there is one."""

    name: str
    rights: list[str]
    accounts: list[str] | None  # None: every account
    has_password: bool
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class People:
    """Every operator, and the rules of the installation."""

    operators: list[OperatorView]
    four_eyes: bool


_LAST_LOGIN = (
    select(func.max(desk_session.c.created_at))
    .where(desk_session.c.operator_id == desk_operator.c.id)
    .scalar_subquery()
    .label("last_login_at")
)

_OPERATORS = select(
    desk_operator.c.name,
    desk_operator.c.rights,
    desk_operator.c.accounts,
    desk_operator.c.password.is_not(None).label("has_password"),
    desk_operator.c.created_at,
    desk_operator.c.created_by,
    desk_operator.c.disabled_at,
    _LAST_LOGIN,
)


def people(connection: Connection) -> People:
    """Every operator by name, also the disabled ones."""
    rows = connection.execute(_OPERATORS.order_by(desk_operator.c.name))
    return People([_view(row) for row in rows], has_four_eyes(connection))


def operator_view(connection: Connection, name: str) -> OperatorView:
    """One operator. Raises NotFound."""
    row = connection.execute(_OPERATORS.where(desk_operator.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"There is no operator {name}.", Remedy(Do.LIST_OPERATORS))
    return _view(row)


def has_an_operator(connection: Connection) -> bool:
    """Whether anybody was ever added: until then the desk shows nothing, and only the first login link opens it."""
    return connection.scalar(select(desk_operator.c.id).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session that is in force."""

    id: int
    created_at: datetime
    seen_at: datetime  # to the minute
    expires_at: datetime
    address: str | None


def sessions_of(connection: Connection, name: str, *, now: datetime) -> list[SessionView]:
    """The sessions of an operator that are in force, the one that was used last first."""
    rows = connection.execute(
        select(
            desk_session.c.id,
            desk_session.c.created_at,
            desk_session.c.seen_at,
            desk_session.c.expires_at,
            desk_session.c.address,
        )
        .join(desk_operator, desk_operator.c.id == desk_session.c.operator_id)
        .where(desk_operator.c.name == name, is_in_force(now))
        .order_by(desk_session.c.seen_at.desc(), desk_session.c.id.desc())
    )
    return [SessionView(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class TokenView:
    """One API token. Its text is nowhere; the last four characters tell it from others."""

    id: int
    name: str
    operator: str
    kind: str  # live or sandbox
    last_four: str
    rights: list[str]
    accounts: list[str] | None  # None: every account of its operator
    state: str  # valid, expired, revoked, or disabled with its operator
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None  # to the minute
    revoked_at: datetime | None
    revoked_by: str | None


def tokens(
    connection: Connection, *, now: datetime, operator: str | None = None, token_id: int | None = None
) -> list[TokenView]:
    """Tokens, the newest first: all of them, those of one operator, or the one with a number."""
    statement = select(
        api_token,
        desk_operator.c.name.label("operator"),
        desk_operator.c.disabled_at,
    ).join(desk_operator, desk_operator.c.id == api_token.c.operator_id)
    if operator is not None:
        statement = statement.where(desk_operator.c.name == operator)
    if token_id is not None:
        statement = statement.where(api_token.c.id == token_id)
    return [_token(row, now) for row in connection.execute(statement.order_by(api_token.c.id.desc()))]


def _token(row: Row[Any], now: datetime) -> TokenView:
    state = "valid"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at <= now:
        state = "expired"
    elif row.disabled_at is not None:
        state = "disabled"
    return TokenView(
        id=row.id,
        name=row.name,
        operator=row.operator,
        kind="live" if row.is_live else "sandbox",
        last_four=row.last_four,
        rights=row.rights,
        accounts=row.accounts,
        state=state,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )


def _view(row: Row[Any]) -> OperatorView:
    return OperatorView(
        name=row.name,
        rights=row.rights,
        accounts=row.accounts,
        has_password=row.has_password,
        created_at=row.created_at,
        created_by=row.created_by,
        disabled_at=row.disabled_at,
        last_login_at=row.last_login_at,
    )
