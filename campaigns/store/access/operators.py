"""Operators: the people and programs that may use the desk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.errors import NotFound
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.audit.events import Act
from campaigns.store.tables.desk import desk_operator

ACCESS_LOCK = 7_246_004
"""PostgreSQL's advisory lock on who may do what; any number that nothing else uses."""


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """One operator."""

    id: int
    name: str
    password: str | None  # its argon2id digest
    rights: frozenset[Right]
    accounts: frozenset[str] | None  # None: every account
    disabled_at: datetime | None

    def as_principal(self, **origin: Any) -> Principal:
        """The operator behind a request; `origin`: the other fields of a Principal."""
        return Principal(self.name, self.rights, self.accounts, **origin)


OPERATOR = (
    desk_operator.c.id.label("operator_id"),
    desk_operator.c.name.label("operator_name"),
    desk_operator.c.password,
    desk_operator.c.rights.label("operator_rights"),
    desk_operator.c.accounts.label("operator_accounts"),
    desk_operator.c.disabled_at,
)
"""The columns of an OperatorRow. Their names do not clash with those of sessions and tokens."""


def hold_access(connection: Connection) -> None:
    """Let nobody else change who may do what until this transaction ends. SQLite's writer holds everything already."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(ACCESS_LOCK)))


def operator_or_none(connection: Connection, name: str) -> OperatorRow | None:
    """The operator of that name, also a disabled one."""
    row = connection.execute(select(*OPERATOR).where(desk_operator.c.name == name)).one_or_none()
    return None if row is None else operator_of(row)


def find_operator(connection: Connection, name: str) -> OperatorRow:
    """The operator of that name, also a disabled one. Raises NotFound."""
    found = operator_or_none(connection, name)
    if found is None:
        raise NotFound(f"There is no operator {name}.", Remedy(Do.LIST_OPERATORS))
    return found


def has_operators(connection: Connection) -> bool:
    """Whether anybody was ever added."""
    return connection.scalar(select(desk_operator.c.id).limit(1)) is not None


def other_admins(connection: Connection, operator_id: int) -> bool:
    """Whether another admin of every account is not disabled."""
    rows = connection.execute(
        select(desk_operator.c.rights).where(
            desk_operator.c.id != operator_id, desk_operator.c.disabled_at.is_(None), desk_operator.c.accounts.is_(None)
        )
    )
    return any(Right.ADMIN in row.rights for row in rows)


def insert_operator(act: Act, name: str, rights: frozenset[Right], accounts: frozenset[str] | None) -> int:
    """Add an operator without a password, and return its number. The caller has `hold_access`."""
    operator_id = act.connection.scalar(
        insert(desk_operator)
        .values(name=name, created_at=act.now, created_by=act.actor, **may_columns(rights, accounts))
        .returning(desk_operator.c.id)
    )
    assert isinstance(operator_id, int)
    return operator_id


def change_operator(connection: Connection, operator_id: int, **columns: Any) -> None:
    """Change an operator."""
    connection.execute(update(desk_operator).where(desk_operator.c.id == operator_id).values(**columns))


def may_columns(rights: frozenset[Right], accounts: frozenset[str] | None) -> dict[str, Any]:
    """Rights and accounts as the columns of an operator or a token."""
    return {"rights": sorted(rights), "accounts": None if accounts is None else sorted(accounts)}


def operator_of(row: Any) -> OperatorRow:
    """The operator in a row of SQL that has the columns OPERATOR."""
    return OperatorRow(
        id=row.operator_id,
        name=row.operator_name,
        password=row.password,
        rights=rights_of(row.operator_rights),
        accounts=None if row.operator_accounts is None else frozenset(row.operator_accounts),
        disabled_at=row.disabled_at,
    )


def rights_of(words: list[str]) -> frozenset[Right]:
    """The rights of a stored list. A word that a later release added gives nothing here."""
    return frozenset(Right(word) for word in words if word in set(Right))
