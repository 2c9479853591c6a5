"""The users of a run by the state of their batch, or by the reason for which they were left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyroaring import BitMap64
from sqlalchemy import Connection, select

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.ids import run_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import BatchState
from campaigns.store.runs.runs import find_run
from campaigns.store.tables.audience import exclusion
from campaigns.store.tables.batches import batch

AT_ONCE = 20
"""At most this many batches are read at once: a set of a million users takes megabytes."""


def recipients_in_state(
    connection: Connection, run_id: int, state: BatchState, *, seqs: Sequence[int] | None = None
) -> Iterator[BitMap64]:
    """The users of the batches in a state, one set for each batch; `seqs` narrows to some batches.

    Raises NotFound for a batch that does not exist, and NotAllowed for a run to whole lists: only the vendor knows who
    is on those.
    """
    if find_run(connection, run_id).whole_list:
        raise NotAllowed(
            f"Run {run_name(run_id)} went to whole lists of the vendor, so nobody here knows who its recipients are."
        )
    _refuse_missing(connection, run_id, seqs)
    statement = (
        select(batch.c.users)
        .where(batch.c.run_id == run_id, batch.c.state == state.value, batch.c.users.is_not(None))
        .order_by(batch.c.seq)
    )
    if seqs is not None:
        statement = statement.where(batch.c.seq.in_(seqs))
    rows = connection.execution_options(yield_per=AT_ONCE).scalars(statement)
    return map(unpack, rows)


def recipients_left_out(connection: Connection, run_id: int, reason: str) -> BitMap64:
    """The users whom a run left out for a reason. Raises NotFound with the reasons that the run has."""
    find_run(connection, run_id)
    rows = connection.execute(select(exclusion.c.reason, exclusion.c.users).where(exclusion.c.run_id == run_id)).all()
    users = {row.reason: row.users for row in rows}
    if reason not in users:
        known = f"it left users out for: {', '.join(sorted(users))}" if users else "it left nobody out"
        raise NotFound(f"Run {run_name(run_id)} left nobody out for the reason '{reason}'; {known}.")
    return unpack(users[reason])


def _refuse_missing(connection: Connection, run_id: int, seqs: Sequence[int] | None) -> None:
    if seqs is None:
        return
    known = set(connection.scalars(select(batch.c.seq).where(batch.c.run_id == run_id)))
    missing = sorted(set(seqs) - known)
    if missing:
        raise NotFound(f"Run {run_name(run_id)} has no batch {missing[0]}.", Remedy(Do.LIST_BATCHES, run=run_id))
