"""Messages on record beside the outcomes: a late answer, a search or a failed answer named their IDs.

Check here before the same users get another request: they may have the message already, until a later decision names
its ID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from campaigns.domain.audience.user_sets import pack, unpack
from campaigns.domain.ids import run_name
from campaigns.domain.states import EvidenceKind
from campaigns.store.tables.attempts import attempt, evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message ID on record that no later decision names."""

    message_id: str
    run_id: int
    seq: int
    users: bytes | None  # the users that its request named; None: whole lists
    batch_id: int
    number: int | None  # of the request that it belongs to

    def __str__(self) -> str:
        return f"message {self.message_id} is on record for batch {self.seq} of run {run_name(self.run_id)}"


def unnamed_messages(
    connection: Connection,
    lineage: int,
    *,
    first_user: int | None = None,
    last_user: int | None = None,
    or_taken: bool = False,
) -> list[KnownMessage]:
    """The message IDs on record for batches of a run and its reruns, the oldest first, with the users of each request.

    `lineage`: the first run. `first_user`, `last_user`: only requests that may have named a user between them.
    `or_taken`: also IDs that a decision took as its batch's own. Nothing here compares times: a restored database, or a
    clock that steps back, makes evidence look older.
    """
    messages: dict[str, KnownMessage] = {}
    for row in connection.execute(_on_record(lineage, first_user, last_user, or_taken=or_taken)):
        messages[row.message_id] = KnownMessage(
            message_id=row.message_id,
            run_id=row.run_id,
            seq=row.seq,
            users=_users_of_request(connection, row),
            batch_id=row.batch_id,
            number=row.number,
        )
    return list(messages.values())


def _on_record(lineage: int, first_user: int | None, last_user: int | None, *, or_taken: bool) -> Select[Any]:
    first_batch = select(batch.c.id).where(batch.c.run_id == lineage, batch.c.seq == 1).scalar_subquery()
    counts = or_(is_unnamed(), _is_taken()) if or_taken else is_unnamed()
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
            # Only to read fewer rows: IDs of batches grow, so all others come later.
            evidence.c.batch_id >= func.coalesce(first_batch, 0),
            counts,
            func.coalesce(run.c.root_run_id, run.c.id) == lineage,
        )
        .order_by(evidence.c.id)
    )
    if first_user is None or last_user is None:
        return statement
    meets = and_(batch.c.first_user <= last_user, batch.c.last_user >= first_user)
    named_more = func.coalesce(attempt.c.recipients > batch.c.size, true())
    return statement.where(or_(batch.c.users.is_(None), meets, named_more))


def _users_of_request(connection: Connection, row: Any) -> bytes | None:
    """The users that the request named: those of its batch, and those left out since, up to its number of recipients.

    A request that is not on record may have named everybody who was ever left out.
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
    """The `unnamed_messages` that any of these users may have got; all of them for whole lists."""
    messages = unnamed_messages(connection, lineage, first_user=first_user, last_user=last_user, or_taken=or_taken)
    if users is None or not messages:
        return messages
    these = unpack(users)
    return [message for message in messages if message.users is None or these & unpack(message.users)]


def known_users(connection: Connection, lineage: int) -> BitMap64:
    """All users who may have got a message of a lineage that is on record beside the outcomes."""
    users = BitMap64()
    for message in unnamed_messages(connection, lineage, or_taken=True):
        if message.users is not None:
            users |= unpack(message.users)
    return users


def _is_taken() -> ColumnElement[bool]:
    """The condition that a row of `evidence` named the message that its batch has.

    That batch may have fewer users now than the request had.
    """
    return and_(evidence.c.kind != EvidenceKind.DECISION.value, evidence.c.message_id == batch.c.message_id)


def is_unnamed() -> ColumnElement[bool]:
    """The condition that a row of `evidence` names a message ID which no later decision about its batch names."""
    later = evidence.alias("later")
    named = select(later.c.id).where(
        later.c.batch_id == evidence.c.batch_id,
        later.c.message_id == evidence.c.message_id,
        later.c.kind == EvidenceKind.DECISION.value,
        later.c.id > evidence.c.id,
    )
    return and_(
        evidence.c.message_id.is_not(None),
        evidence.c.kind != EvidenceKind.DECISION.value,
        ~named.correlate(evidence).exists(),
    )
