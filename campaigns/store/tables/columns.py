"""Building blocks of the tables: the metadata, instants in UTC, packed user sets, columns of an enumeration."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    text,
)

from campaigns.domain.audience.user_sets import UserSet

metadata = MetaData(
    naming_convention={
        "ix": "%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC. SQLite stores it as text in UTC, which sorts in the order of time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")
"""The type of an ID. SQLite numbers rows by itself only in a column that is declared INTEGER."""


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """The rule that a column has one of the values of an enumeration."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


NAMES_USERS = ("users", "users_sha256", "first_user", "last_user")
"""The columns of a user set that a whole-list batch leaves empty."""


def user_set(*, optional: bool = False) -> list[Any]:
    """The columns of one packed user set, and the rule that its numbers fit each other.

    `optional`: a whole-list batch names no users, because only the vendor knows who is on the list.
    """
    fits = "size > 0 AND first_user > 0 AND first_user <= last_user AND size <= last_user - first_user + 1"
    if optional:
        # Each column by name: a CHECK that evaluates to NULL does not refuse the row.
        known = " AND ".join(f"{column} IS NOT NULL" for column in NAMES_USERS)
        none = " AND ".join(f"{column} IS NULL" for column in NAMES_USERS)
        fits = f"({none} AND size = 1) OR ({known} AND {fits})"
    return [
        Column("size", BigInteger, nullable=False),
        Column("first_user", BigInteger, nullable=optional),
        Column("last_user", BigInteger, nullable=optional),
        Column("users_sha256", String(64), nullable=optional),
        Column("users", LargeBinary, nullable=optional),
        CheckConstraint(fits, name="users_fit"),
    ]


def user_set_version() -> Column[int]:
    """The version of a set's digest, see domain/audience/user_sets.py; 1: by a release before there were versions.

    Not part of `user_set`, because a table has its columns in the order in which migrations added them.
    """
    return Column("users_sha256_version", Integer, nullable=False, server_default=text("1"))


def user_columns(users: UserSet) -> dict[str, Any]:
    """A packed set as the columns of a row."""
    return {
        "size": users.size,
        "first_user": users.first_user,
        "last_user": users.last_user,
        "users_sha256": users.sha256,
        "users_sha256_version": users.sha256_version,
        "users": users.blob,
    }
