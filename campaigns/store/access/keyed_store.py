"""Idempotency keys: the row of a key is committed with the act that it belongs to, so that no act is repeated."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from campaigns.domain.errors import KeyInUse, KeyReused
from campaigns.store.database.engine import Store
from campaigns.store.database.held_store import HeldStore
from campaigns.store.tables.desk import idempotency_key

KEPT = timedelta(days=30)
"""A key is remembered for this long. The draft of the header names no time; a day is usual, and short for a weekend."""

FORGOTTEN_AT_ONCE = 100
"""At most this many old keys are deleted with an act, so that an act after a busy month takes no longer."""


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


class Simultaneous(Exception):
    """Another request with this key was committed since the caller looked; this one did nothing.

    No refusal: whoever gets it looks for the answer of the other request.
    """


@dataclass(frozen=True, slots=True)
class KeyedStore(HeldStore):
    """The store of one act with an idempotency key, whose row is the claim.

    A crash between two transactions leaves a key without an answer, which is never taken again.
    """

    key: Key = field(kw_only=True)

    def claim(self, connection: Connection) -> None:
        """Write the row of the key. Raises Simultaneous when another request was first; waits for one that writes."""
        now = self.now(connection)
        _forget_old(connection, self.key, now)
        try:
            connection.execute(
                insert(idempotency_key).values(
                    scope=self.key.scope, value=self.key.value, request_sha256=self.key.request_sha256, at=now
                )
            )
        except IntegrityError:
            raise Simultaneous from None

    def finish(self, status: int, answer: Any) -> None:
        """Write the answer and commit. For an act that wrote nothing, write the key, too."""
        self.end(lambda connection: _keep(connection, self.key, status, answer))


def keyed(store: Store, key: Key) -> KeyedStore:
    """The store for an act with this key."""
    return KeyedStore(store.writer, store.reader, store.clock, store.turn, key=key)


def find_answer(store: Store, key: Key) -> Kept | None:
    """The answer to the first request with this key; None: there was none in the last 30 days.

    Raises KeyReused, KeyInUse.
    """
    with store.read() as connection:
        oldest = store.now(connection) - KEPT
        row = connection.execute(
            select(idempotency_key.c.request_sha256, idempotency_key.c.status, idempotency_key.c.answer).where(
                *_is(key), idempotency_key.c.at >= oldest
            )
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


def _keep(connection: Connection, key: Key, status: int, answer: Any) -> None:
    kept = connection.execute(update(idempotency_key).where(*_is(key)).values(status=status, answer=answer))
    assert kept.rowcount == 1, "an act ends in the transaction of its claim, or after it"


def _forget_old(connection: Connection, key: Key, now: datetime) -> None:
    """Delete this key if it is old, and some other old ones: those that nobody else deletes at this moment."""
    connection.execute(delete(idempotency_key).where(*_is(key), idempotency_key.c.at < now - KEPT))
    old = (
        select(idempotency_key.c.id)
        .where(idempotency_key.c.at < now - KEPT)
        .order_by(idempotency_key.c.id)
        .limit(FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(idempotency_key).where(idempotency_key.c.id.in_(old)))


def _is(key: Key) -> tuple[Any, Any]:
    return idempotency_key.c.scope == key.scope, idempotency_key.c.value == key.value
