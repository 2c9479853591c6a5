"""Messages that the record knows of beside the outcomes: a late answer, a search or a failed answer named their IDs.

Whoever may send to the same users again must look here first: it is proof that they may have it already, until a later
decision names the ID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from campaigns.domain.audience.user_sets import pack, unpack
from campaigns.store.tables.attempts import attempt, evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message ID on record that no later decision names."""

    message_id: str
    run_id: int
    seq: int
    users: bytes | None  # whom its request named; None: whole lists
    batch_id: int
    number: int | None  # the request that it speaks of

    def __str__(self) -> str:
        return f"message {self.message_id} is on record for batch {self.seq} of run {self.run_id}"


def unnamed_messages(
    connection: Connection,
    lineage: int,
    *,
    first_user: int | None = None,
    last_user: int | None = None,
    or_taken: bool = False,
) -> list[KnownMessage]:
    """The message IDs on record for batches of a run and its reruns, the oldest first, with whom each request named.

    `lineage`: the run that was not a rerun. `first_user`, `last_user`: only of requests that may have named somebody
    between them. `or_taken`: also those that a decision took for its batch's own. Nothing here compares times: a
    database that was put back, or a clock that steps back, makes evidence look older.
    """
    found = {}
    for row in connection.execute(_on_record(lineage, first_user, last_user, or_taken=or_taken)):
        ids = (row.message_id, row.run_id, row.seq)
        found[row.message_id] = KnownMessage(*ids, _named(connection, row), row.batch_id, row.number)
    return list(found.values())


def _on_record(lineage: int, first_user: int | None, last_user: int | None, *, or_taken: bool) -> Select[Any]:
    first_batch = select(batch.c.id).where(batch.c.run_id == lineage, batch.c.seq == 1).scalar_subquery()
    stands = or_(is_unnamed(), _is_taken()) if or_taken else is_unnamed()
    statement = (
        select(
            evidence.c.message_id,
            evidence.c.batch_id,
            evidence.c.number,
            batch.c.run_id,
            batch.c.seq,
            batch.c.users,
            batch.c.size,
            attempt.c.recipients,
        )
        .join(batch, batch.c.id == evidence.c.batch_id)
        .join(run, run.c.id == batch.c.run_id)
        .outerjoin(attempt, and_(attempt.c.batch_id == evidence.c.batch_id, attempt.c.number == evidence.c.number))
        .where(
            # Only to read less: numbers of batches grow, so all others come later.
            evidence.c.batch_id >= func.coalesce(first_batch, 0),
            stands,
            func.coalesce(run.c.root_run_id, run.c.id) == lineage,
        )
        .order_by(evidence.c.id)
    )
    if first_user is None or last_user is None:
        return statement
    meets = and_(batch.c.first_user <= last_user, batch.c.last_user >= first_user)
    named_more = func.coalesce(attempt.c.recipients > batch.c.size, true())
    return statement.where(or_(batch.c.users.is_(None), meets, named_more))


def _named(connection: Connection, row: Any) -> bytes | None:
    """Whom the request named: its batch's users, and who was left out since, as many as are on record of it.

    Of a request that is not on record it may have been everybody who was ever left out.
    """
    if row.users is None or (row.recipients is not None and row.recipients <= row.size):
        return bytes(row.users) if row.users is not None else None
    left_out = connection.scalars(
        select(batch.c.users)
        .where(
            batch.c.run_id == row.run_id,
            batch.c.parent_batch_id == row.batch_id,
            batch.c.root_batch_id.is_(None),  # one with a root is a half
        )
        .order_by(batch.c.seq.desc())
    )
    users = unpack(row.users)
    for out in left_out:
        if row.recipients is not None and len(users) >= row.recipients:
            break
        users |= unpack(out)
    return pack(users).blob


def unnamed_for(
    connection: Connection,
    lineage: int,
    users: bytes | None,
    *,
    first_user: int | None,
    last_user: int | None,
    or_taken: bool = False,
) -> list[KnownMessage]:
    """Those of `unnamed_messages` that any of these users may have got; of whole lists, all."""
    found = unnamed_messages(connection, lineage, first_user=first_user, last_user=last_user, or_taken=or_taken)
    if users is None or not found:
        return found
    asked = unpack(users)
    return [one for one in found if one.users is None or asked & unpack(one.users)]


def known_users(connection: Connection, lineage: int) -> BitMap64:
    """Everybody who may have got a message of a lineage that is on record beside the outcomes."""
    users = BitMap64()
    for one in unnamed_messages(connection, lineage, or_taken=True):
        if one.users is not None:
            users |= unpack(one.users)
    return users


def _is_taken() -> ColumnElement[bool]:
    """The condition that a row of `evidence` brought what its batch has for its message.

    That batch may have fewer users now than the request that it speaks of.
    """
    return and_(evidence.c.kind != "decision", evidence.c.message_id == batch.c.message_id)


def is_unnamed() -> ColumnElement[bool]:
    """The condition that a row of `evidence` brought a message ID which no later decision about its batch names."""
    later = evidence.alias("later")
    named = select(later.c.id).where(
        later.c.batch_id == evidence.c.batch_id,
        later.c.message_id == evidence.c.message_id,
        later.c.kind == "decision",
        later.c.id > evidence.c.id,
    )
    return and_(evidence.c.message_id.is_not(None), evidence.c.kind != "decision", ~named.correlate(evidence).exists())
