"""Operations and their targets: written once, claimed by one worker at a time, and ended target by target."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from campaigns.domain.errors import NotFound
from campaigns.domain.operations import OperationAct, TargetState
from campaigns.domain.people import Person
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.encoding import holdable
from campaigns.store.database.engine import Store
from campaigns.store.database.held_store import HeldStore
from campaigns.store.tables.desk import operation, operation_batch, operation_target

LEASE = timedelta(minutes=2)
"""Nobody else works on a claimed operation for this long; whoever works claims it again and again."""


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation as whoever carries it out reads it."""

    id: int
    act: OperationAct
    options: dict[str, Any]
    as_of: str | None
    reason: str
    actor: Person


@dataclass(frozen=True, slots=True)
class NewOperation:
    """An operation that is asked for."""

    act: OperationAct
    filter: dict[str, Any]
    options: dict[str, Any]
    as_of: str | None
    reason: str


def add_operation(act: Act, new: NewOperation) -> int:
    """Write an operation, whose targets the caller fixes in the same transaction; returns its ID."""
    made: int = act.connection.execute(
        insert(operation)
        .values(
            **{**asdict(new), "act": new.act.value, "reason": holdable(act.connection, new.reason)},
            actor=str(act.actor),
            address=getattr(act.actor, "address", None),
            asked_at=act.now,
            total=0,
        )
        .returning(operation.c.id)
    ).scalar_one()
    return made


def set_total(connection: Connection, operation_id: int, total: int) -> None:
    """Write how much there is to do."""
    connection.execute(update(operation).where(operation.c.id == operation_id).values(total=total))


def operations_to_do(connection: Connection, *, now: datetime) -> list[int]:
    """The oldest operation that goes on and that nobody works on."""
    free = operation.c.claimed_until.is_(None) | (operation.c.claimed_until <= now)
    waiting = select(operation.c.id).where(operation.c.finished_at.is_(None), free)
    return list(connection.scalars(waiting.order_by(operation.c.id).limit(1)))


def claim_operation(connection: Connection, operation_id: int, owner: str, *, now: datetime) -> OperationRow | None:
    """Claim an operation, or claim it again; None when it has ended or somebody else works on it."""
    mine = operation.c.claimed_until.is_(None) | (operation.c.claimed_until <= now) | (operation.c.claimed_by == owner)
    row = connection.execute(
        update(operation)
        .where(operation.c.id == operation_id, operation.c.finished_at.is_(None), mine)
        .values(claimed_by=owner, claimed_until=now + LEASE)
        .returning(operation)
    ).one_or_none()
    return None if row is None else _operation(row)


def leave_operation(connection: Connection, operation_id: int, owner: str) -> None:
    """Give a claim back, so that the next tick may go on with it."""
    mine = update(operation).where(operation.c.id == operation_id, operation.c.claimed_by == owner)
    connection.execute(mine.values(claimed_by=None, claimed_until=None))


def waiting_targets(connection: Connection, operation_id: int) -> list[int]:
    """The runs of an operation that nothing was done to yet, by ID."""
    return list(
        connection.scalars(
            select(operation_target.c.run_id).where(_is_waiting(operation_id)).order_by(operation_target.c.run_id)
        )
    )


def batches_of_target(connection: Connection, operation_id: int, run_id: int) -> list[int]:
    """The numbers of the batches that were fixed with a target."""
    return list(
        connection.scalars(
            select(operation_batch.c.seq)
            .where(operation_batch.c.operation_id == operation_id, operation_batch.c.run_id == run_id)
            .order_by(operation_batch.c.seq)
        )
    )


class TargetGone(Exception):
    """The target no longer waits: it was done, or the operation was aborted."""


@dataclass(frozen=True, slots=True)
class TargetStore(HeldStore):
    """The store of one act on one target: the row of the target leaves `waiting` in the transaction of the act."""

    operation_id: int = field(kw_only=True)
    run_id: int = field(kw_only=True)

    def claim(self, connection: Connection) -> None:
        """Mark the target as done. Raises TargetGone when it no longer waits."""
        done = (
            update(operation_target)
            .where(_is_waiting(self.operation_id), operation_target.c.run_id == self.run_id)
            .values(state=TargetState.DONE.value, at=self.now(connection))
        )
        if connection.execute(done).rowcount != 1:
            raise TargetGone

    def finish(self, answer: Any) -> None:
        """Write the answer of the verb, and commit."""
        self.end(lambda connection: _keep_answer(connection, self.operation_id, self.run_id, answer))


def store_of_target(store: Store, operation_id: int, run_id: int) -> TargetStore:
    """The store for the act on this target."""
    return TargetStore(store.writer, store.reader, store.clock, store.turn, operation_id=operation_id, run_id=run_id)


def _keep_answer(connection: Connection, operation_id: int, run_id: int, answer: Any) -> None:
    target = operation_target.c
    mine = update(operation_target).where(target.operation_id == operation_id, target.run_id == run_id)
    connection.execute(mine.values(answer=answer))


def fail_target(
    connection: Connection, operation_id: int, run_id: int, *, error: str, code: str, now: datetime
) -> None:
    """Write why nothing was done to a target; nothing if it no longer waits."""
    connection.execute(
        update(operation_target)
        .where(_is_waiting(operation_id), operation_target.c.run_id == run_id)
        .values(state=TargetState.FAILED.value, at=now, error=holdable(connection, error), code=code)
    )


def abort(act: Act, operation_id: int) -> bool:
    """Leave everything of an operation that was not done yet; False when it has ended."""
    connection = act.connection
    row = connection.execute(
        update(operation)
        .where(operation.c.id == operation_id, operation.c.finished_at.is_(None))
        .values(aborted_at=act.now, aborted_by=str(act.actor), finished_at=act.now, claimed_by=None, claimed_until=None)
        .returning(operation)
    ).one_or_none()
    if row is None:
        return False
    left = update(operation_target).where(_is_waiting(operation_id))
    connection.execute(left.values(state=TargetState.LEFT.value, at=act.now))
    detail = {"operation": operation_id, "act": row.act, **_counts(connection, operation_id)}
    act.record(EventKind.OPERATION_ABORTED, detail=detail)
    return True


def end_if_done(act: Act, operation_id: int, *, result: Any = None) -> bool:
    """End an operation of which nothing waits; False when something does, or it has ended already."""
    connection = act.connection
    waits = select(operation_target.c.run_id).where(_is_waiting(operation_id)).exists()
    ended = {"finished_at": act.now, "result": result, "claimed_by": None, "claimed_until": None}
    row = connection.execute(
        update(operation)
        .where(operation.c.id == operation_id, operation.c.finished_at.is_(None), ~waits)
        .values(**ended)
        .returning(operation)
    ).one_or_none()
    if row is None:
        return False
    detail = {"operation": operation_id, "act": row.act, **_counts(connection, operation_id)}
    act.record(EventKind.OPERATION_ENDED, detail=detail)
    return True


def note_steps(connection: Connection, operation_id: int, owner: str, *, steps: int, total: int, now: datetime) -> bool:
    """Write how far a check is, and claim it again; False when it was aborted or somebody else has it."""
    mine = update(operation).where(
        operation.c.id == operation_id, operation.c.claimed_by == owner, operation.c.finished_at.is_(None)
    )
    noted = connection.execute(mine.values(steps=steps, total=total, claimed_until=now + LEASE))
    return noted.rowcount == 1


def find_operation(connection: Connection, operation_id: int) -> OperationRow:
    """The operation. Raises NotFound."""
    row = connection.execute(select(operation).where(operation.c.id == operation_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no operation {operation_id}.")
    return _operation(row)


def _counts(connection: Connection, operation_id: int) -> dict[str, int]:
    target = operation_target.c
    rows = connection.execute(
        select(target.state, func.sum(target.size).label("sum"))
        .where(target.operation_id == operation_id)
        .group_by(target.state)
    )
    return {row.state: int(row.sum) for row in rows}


def _is_waiting(operation_id: int) -> Any:
    target = operation_target.c
    return (target.operation_id == operation_id) & (target.state == TargetState.WAITING.value)


def _operation(row: Row[Any]) -> OperationRow:
    return OperationRow(
        id=row.id,
        act=OperationAct(row.act),
        options=row.options,
        as_of=row.as_of,
        reason=row.reason,
        actor=Person(row.actor, address=row.address),
    )
