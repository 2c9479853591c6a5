"""Idempotency keys: the row of a key is committed with the act that it belongs to, so that no act is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from campaigns.domain.errors import KeyInUse, KeyReused
from campaigns.store.database.engine import Store
from campaigns.store.tables.desk import idempotency_key

KEPT = timedelta(days=30)
"""A key is remembered for this long. The draft of the header names no time; a day is usual, and short for a weekend."""


@dataclass(frozen=True, slots=True)
class Key:
    """One idempotency key, as its request named it."""

    scope: str  # who sent it
    value: str
    request_sha256: str  # of method, path and body


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to the first request with a key."""

    status: int
    answer: Any  # its JSON


@dataclass(slots=True)
class _Pending:
    """The last transaction of an act, which is not committed yet."""

    claimed: bool = False
    connection: Connection | None = None
    transaction: ExitStack = field(default_factory=ExitStack)

    def hold(self, connection: Connection, transaction: ExitStack) -> None:
        self.connection, self.transaction = connection, transaction

    def commit(self) -> None:
        self.connection = None
        self.transaction.close()


@dataclass(frozen=True, slots=True)
class KeyedStore(Store):
    """The store of one act with an idempotency key.

    The first transaction of the act writes the row of the key; the last one, which `finish` commits, the answer. For an
    act of one transaction both are in it. A crash between two transactions leaves a key without an answer: the act may
    be half done, and the key is never taken again. An act that fails in its first transaction leaves no key.
    """

    key: Key = field(kw_only=True)
    pending: _Pending = field(default_factory=_Pending, kw_only=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed before the next one begins, or by `finish`. Raises KeyInUse, KeyReused."""
        self.pending.commit()
        with ExitStack() as transaction:
            connection = transaction.enter_context(Store.write(self))
            if not self.pending.claimed:
                _claim(self, connection, self.key)
                self.pending.claimed = True
            yield connection
            self.pending.hold(connection, transaction.pop_all())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot that has everything that the act wrote so far."""
        self.pending.commit()
        with Store.read(self) as connection:
            yield connection

    def finish(self, status: int, answer: Any) -> None:
        """Write the answer and commit. For an act that wrote nothing, write the key, too."""
        if self.pending.connection is None:
            with self.write():
                pass
        connection = self.pending.connection
        assert connection is not None
        connection.execute(update(idempotency_key).where(*_is(self.key)).values(status=status, answer=answer))
        self.pending.commit()

    def release(self) -> None:
        """Commit what an act wrote before it failed, as a plain store does; the key has no answer then."""
        self.pending.commit()


def keyed(store: Store, key: Key) -> KeyedStore:
    """The store for an act with this key."""
    return KeyedStore(store.writer, store.reader, store.clock, store.turn, key=key)


def find_answer(connection: Connection, key: Key) -> Kept | None:
    """The answer to the first request with this key; None: there was none. Raises KeyReused, KeyInUse."""
    row = connection.execute(
        select(idempotency_key.c.request_sha256, idempotency_key.c.status, idempotency_key.c.answer).where(*_is(key))
    ).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != key.request_sha256:
        raise KeyReused("This idempotency key was used for another request. Take a new key for each act.")
    if row.status is None:
        raise KeyInUse(
            "The first request with this idempotency key has not ended, or its process died in the middle. Look at "
            "what was done before you ask with a new key."
        )
    return Kept(row.status, row.answer)


def _claim(store: Store, connection: Connection, key: Key) -> None:
    """Write the row of the key. Raises KeyInUse when a simultaneous request was first."""
    now = store.now(connection)
    connection.execute(delete(idempotency_key).where(idempotency_key.c.at < now - KEPT))
    try:
        connection.execute(
            insert(idempotency_key).values(scope=key.scope, value=key.value, request_sha256=key.request_sha256, at=now)
        )
    except IntegrityError:
        raise KeyInUse(
            "Another request with this idempotency key came at the same time. Ask again with the same key for its "
            "answer."
        ) from None


def _is(key: Key) -> tuple[Any, Any]:
    return idempotency_key.c.scope == key.scope, idempotency_key.c.value == key.value
