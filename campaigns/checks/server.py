"""Checks of the database server itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from campaigns.checks.check import AWAY, FAULTY, Check

if TYPE_CHECKING:
    from campaigns.store.database.engine import Store


def server_checks(store: Store) -> Iterator[Check]:
    """Whether it may take writes, keeps them through a power cut, and can hold every text. Raises DatabaseAway."""
    from campaigns.store.database.encoding import UTF8, server_encoding
    from campaigns.store.database.postgresql_tls import VERIFIED, line_of
    from campaigns.store.database.server_facts import commits_are_durable, is_standby

    with store.read() as connection:
        line = line_of(connection)
        standby, durable, encoding = (
            is_standby(connection),
            commits_are_durable(connection),
            server_encoding(connection),
        )
    if line is not None and line.is_verified:
        yield Check("database tls", "ok", "encrypted; the server's certificate and name are verified")
    elif line is not None:
        how = "encrypted" if line.is_encrypted else "plain text"
        found = f"{how}, and the server is not verified (sslmode={line.mode}): whoever answers gets the password"
        yield Check("database tls", "note", found, f"sslmode={VERIFIED} in DATABASE_URL; docs/settings.md, TLS")
    if standby:
        found = "the server is a standby, which takes no writes: nothing is sent"
        fix = "name its primary in DATABASE_URL, or both hosts with target_session_attrs=read-write"
        yield Check("database server", "fault", found, fix, AWAY)
    if not durable:
        found = "synchronous_commit is off: a confirmed attempt may be lost, and its fans messaged twice"
        yield Check("durability", "fault", found, "set synchronous_commit to on", FAULTY)
    if encoding != UTF8:
        found = f"texts are kept in {encoding}, so an emoji in an answer is written as an escape, and none can be typed"
        yield Check("encoding", "fault", found, "docs/operating.md, A database that is not UTF-8", FAULTY)
