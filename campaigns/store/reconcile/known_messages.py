"""Messages that the record knows of beside the outcomes: a late answer, a search or a failed answer named their IDs.

Whoever may send to the same users again must look here first: it is proof that they may have it already, until a later
decision names the ID.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyroaring import BitMap64
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from campaigns.domain.audience.user_sets import unpack
from campaigns.store.tables.attempts import evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message ID on record that no later decision names."""

    message_id: str
    run_id: int
    seq: int
    users: bytes | None  # None: whole lists
    batch_id: int
    number: int | None  # the request that it speaks of

    def __str__(self) -> str:
        return f"message {self.message_id} is on record for batch {self.seq} of run {self.run_id}"


def unnamed_messages(
    connection: Connection, lineage: int, *, first_user: int | None = None, last_user: int | None = None
) -> list[KnownMessage]:
    """The message IDs on record for batches of a run and its reruns, the oldest first.

    `lineage`: the run that was not a rerun. `first_user`, `last_user`: only of batches whose range meets this one.
    Nothing here compares times: a database that was put back, or a clock that steps back, makes evidence look older.
    """
    first_batch = select(batch.c.id).where(batch.c.run_id == lineage, batch.c.seq == 1).scalar_subquery()
    statement = (
        select(
            evidence.c.message_id, batch.c.run_id, batch.c.seq, batch.c.users, evidence.c.batch_id, evidence.c.number
        )
        .join(batch, batch.c.id == evidence.c.batch_id)
        .join(run, run.c.id == batch.c.run_id)
        .where(
            evidence.c.batch_id >= first_batch,  # only to read less: numbers of batches grow, so all others come later
            is_unnamed(),
            func.coalesce(run.c.root_run_id, run.c.id) == lineage,
        )
        .order_by(evidence.c.id)
    )
    if first_user is not None and last_user is not None:
        meets = and_(batch.c.first_user <= last_user, batch.c.last_user >= first_user)
        statement = statement.where(or_(batch.c.users.is_(None), meets))
    found = {row.message_id: KnownMessage(*row) for row in connection.execute(statement)}
    return list(found.values())


def unnamed_for(
    connection: Connection, lineage: int, users: bytes | None, *, first_user: int | None, last_user: int | None
) -> list[KnownMessage]:
    """Those of `unnamed_messages` that any of these users may have got; of whole lists, all."""
    found = unnamed_messages(connection, lineage, first_user=first_user, last_user=last_user)
    if users is None or not found:
        return found
    asked = unpack(users)
    return [one for one in found if one.users is None or asked & unpack(one.users)]


def unnamed_users(connection: Connection, lineage: int) -> BitMap64:
    """Everybody who may have got a message of a lineage that is on record beside the outcomes."""
    users = BitMap64()
    for one in unnamed_messages(connection, lineage):
        if one.users is not None:
            users |= unpack(one.users)
    return users


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
