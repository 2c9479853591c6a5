"""Operations as people and programs see them: what was asked for, how far it is, and what became of each target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from campaigns.domain.errors import NotFound
from campaigns.domain.operations import OperationAct, TargetState
from campaigns.store.database.parts import WHOLE, Part
from campaigns.store.operations.as_of import read_as_of
from campaigns.store.operations.operations import batches_of_target
from campaigns.store.tables.desk import operation, operation_target
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation. Counts are runs, or unknown batches for a decision, or runs that were checked for `verify`."""

    id: int
    act: OperationAct
    filter: dict[str, Any]
    options: dict[str, Any]
    as_of: str | None
    reason: str
    actor: str
    asked_at: datetime
    total: int
    done: int
    failed: int
    left: int  # not done, because it was aborted
    aborted_at: datetime | None
    aborted_by: str | None
    finished_at: datetime | None  # None: it goes on
    result: dict[str, Any] | None  # of `verify`


@dataclass(frozen=True, slots=True)
class TargetView:
    """A run of an operation, and what became of it."""

    run_id: int
    account: str
    size: int  # unknown batches for a decision, else 1
    batches: list[int] | None  # the numbers of those that it is about; None: it is about the run
    state: TargetState
    at: datetime | None
    answer: dict[str, Any] | None
    error: str | None
    code: str | None


def as_of_now(connection: Connection, now: datetime) -> str:
    """The moment that whatever is read in this transaction shows, as a bulk act names it."""
    return str(read_as_of(connection, now))


def operations(
    connection: Connection, accounts: frozenset[str] | None = None, part: Part = WHOLE
) -> list[OperationView]:
    """Operations, the newest first; the position of one is its ID. `accounts`: those about these accounts alone."""
    statement = _seen_by(accounts).order_by(operation.c.id.desc()).limit(part.limit)
    if part.after is not None:
        statement = statement.where(operation.c.id < part.after)
    return [_view(connection, row) for row in connection.execute(statement).all()]


def operation_of(connection: Connection, operation_id: int, accounts: frozenset[str] | None = None) -> OperationView:
    """One operation. Raises NotFound, also for one about other accounts."""
    row = connection.execute(_seen_by(accounts).where(operation.c.id == operation_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no operation {operation_id}.")
    return _view(connection, row)


def newest_operation(connection: Connection, act: OperationAct) -> OperationView | None:
    """The operation of this act that was asked for last; None: there was none."""
    newest = select(operation).where(operation.c.act == act.value).order_by(operation.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else _view(connection, row)


def targets_of(
    connection: Connection, operation_id: int, state: TargetState | None = None, part: Part = WHOLE
) -> list[TargetView]:
    """The runs of an operation, by ID, which is the position of each."""
    statement = (
        select(operation_target, run.c.account_id)
        .join(run, run.c.id == operation_target.c.run_id)
        .where(operation_target.c.operation_id == operation_id)
        .order_by(operation_target.c.run_id)
        .limit(part.limit)
    )
    if state is not None:
        statement = statement.where(operation_target.c.state == state.value)
    if part.after is not None:
        statement = statement.where(operation_target.c.run_id > part.after)
    return [
        TargetView(
            run_id=row.run_id,
            account=row.account_id,
            size=row.size,
            batches=batches_of_target(connection, operation_id, row.run_id) or None,
            state=TargetState(row.state),
            at=row.at,
            answer=row.answer,
            error=row.error,
            code=row.code,
        )
        for row in connection.execute(statement).all()
    ]


def _seen_by(accounts: frozenset[str] | None) -> Select[Any]:
    """Operations that somebody with rights on these accounts may see: all of their runs are of them."""
    if accounts is None:
        return select(operation)
    mine = select(operation_target.c.run_id).where(operation_target.c.operation_id == operation.c.id)
    hidden = mine.join(run, run.c.id == operation_target.c.run_id).where(run.c.account_id.not_in(sorted(accounts)))
    return select(operation).where(mine.exists(), ~hidden.exists())


def _view(connection: Connection, row: Row[Any]) -> OperationView:
    counts = connection.execute(
        select(operation_target.c.state, func.sum(operation_target.c.size).label("size"))
        .where(operation_target.c.operation_id == row.id)
        .group_by(operation_target.c.state)
    )
    sums = {each.state: int(each.size) for each in counts}
    return OperationView(
        id=row.id,
        act=OperationAct(row.act),
        filter=row.filter,
        options=row.options,
        as_of=row.as_of,
        reason=row.reason,
        actor=row.actor,
        asked_at=row.asked_at,
        total=row.total,
        done=sums.get(TargetState.DONE, 0) + row.steps,
        failed=sums.get(TargetState.FAILED, 0),
        left=sums.get(TargetState.LEFT, 0),
        aborted_at=row.aborted_at,
        aborted_by=row.aborted_by,
        finished_at=row.finished_at,
        result=row.result,
    )
