"""What an operation acts on: the runs that fit a filter, that an act can be done to, and that its author has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, literal, select, update

from campaigns.domain.operations import OF_BATCHES, BulkFilter, OperationAct
from campaigns.domain.states import RUN_OPEN, BatchState, HoldKind, RunState
from campaigns.store.accounts.bindings import hidden_account, require_account
from campaigns.store.campaigns.campaigns import find_campaign, unknown_campaign
from campaigns.store.operations.as_of import AsOf
from campaigns.store.recall.recalls import IS_OPEN
from campaigns.store.recall.unsend_requests import is_unsent
from campaigns.store.tables.audit import event
from campaigns.store.tables.batches import batch
from campaigns.store.tables.desk import operation_batch, operation_target
from campaigns.store.tables.recalls import recall
from campaigns.store.tables.runs import hold, run

OPEN = sorted(state.value for state in RUN_OPEN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operation acts on."""

    act: OperationAct
    which: BulkFilter
    accounts: frozenset[str] | None  # of these accounts alone; None: of any
    as_of: AsOf


def refuse_unknown(connection: Connection, which: BulkFilter, accounts: frozenset[str] | None) -> None:
    """Raise NotFound for a campaign or an account that does not exist, or is not among `accounts`."""
    if which.campaign is not None:
        of = find_campaign(connection, which.campaign).account_id
        if accounts is not None and of not in accounts:
            raise unknown_campaign(which.campaign)
    if which.account is not None:
        if accounts is not None and which.account not in accounts:
            raise hidden_account(which.account)
        require_account(connection, which.account)


def find_targets(connection: Connection, wanted: Wanted) -> list[tuple[int, int]]:
    """The runs that an operation would act on, by ID, and the size of each: its batches, or 1."""
    if wanted.act is OperationAct.DECIDE:
        chosen = _runs(wanted).subquery()
        seen = select(batch.c.run_id, func.count().label("size")).where(_seen_batches(wanted))
        sizes = seen.where(batch.c.run_id.in_(select(chosen.c.id))).group_by(batch.c.run_id)
        rows = connection.execute(sizes.order_by(batch.c.run_id))
        return [(row.run_id, row.size) for row in rows]
    return [(run_id, 1) for run_id in connection.scalars(_runs(wanted).order_by(run.c.id))]


def fix_targets(connection: Connection, operation_id: int, wanted: Wanted) -> int:
    """Write what an operation acts on, in the transaction that writes the operation; returns the sum of the sizes."""
    chosen = _runs(wanted).add_columns(literal(operation_id), literal(1)).subquery()
    columns = [chosen.c[1], chosen.c[0], chosen.c[2]]
    target = operation_target.c
    connection.execute(insert(operation_target).from_select(["operation_id", "run_id", "size"], select(*columns)))
    if wanted.act in OF_BATCHES:
        mine = select(target.run_id).where(target.operation_id == operation_id)
        batches = select(literal(operation_id), batch.c.run_id, batch.c.seq)
        seen = batches.where(_seen_batches(wanted), batch.c.run_id.in_(mine))
        connection.execute(insert(operation_batch).from_select(["operation_id", "run_id", "seq"], seen))
        named = select(func.count()).where(
            operation_batch.c.operation_id == operation_id, operation_batch.c.run_id == target.run_id
        )
        of_it = named.correlate(operation_target).scalar_subquery()
        connection.execute(delete(operation_target).where(target.operation_id == operation_id, of_it == 0))
        if wanted.act is OperationAct.DECIDE:
            connection.execute(update(operation_target).where(target.operation_id == operation_id).values(size=of_it))
    whole = select(func.coalesce(func.sum(target.size), 0)).where(target.operation_id == operation_id)
    return int(connection.execute(whole).scalar_one())


def _runs(wanted: Wanted) -> Select[Any]:
    """The IDs of the runs that fit, that were there at the moment, and that the act can be done to."""
    which = wanted.which
    was_there = select(event.c.id).where(event.c.run_id == run.c.id, event.c.id <= wanted.as_of.event)
    statement = select(run.c.id).where(was_there.exists(), _may(wanted))
    if which.campaign is not None:
        statement = statement.where(run.c.campaign_id == which.campaign)
    if which.account is not None:
        statement = statement.where(run.c.account_id == which.account)
    if which.state is not None:
        statement = statement.where(run.c.state == which.state.value)
    if which.since is not None:
        statement = statement.where(run.c.created_at >= which.since)
    if which.runs is not None:
        statement = statement.where(run.c.id.in_(which.runs))
    if wanted.accounts is not None:
        statement = statement.where(run.c.account_id.in_(sorted(wanted.accounts)))
    return statement


def _may(wanted: Wanted) -> ColumnElement[bool]:
    """The condition that the act can be done to a run, as far as it can be seen from outside."""
    paused = select(hold.c.id).where(
        hold.c.run_id == run.c.id, hold.c.kind == HoldKind.OPERATOR.value, hold.c.closed_at.is_(None)
    )
    if wanted.act is OperationAct.PAUSE:
        return run.c.state.in_(OPEN) & ~paused.exists()
    if wanted.act is OperationAct.RESUME:
        return run.c.state.in_(OPEN) & paused.where(hold.c.opened_at <= wanted.as_of.at).exists()
    if wanted.act is OperationAct.CANCEL:
        return run.c.state.in_(OPEN) & (run.c.state != RunState.CANCELLING.value)
    if wanted.act is OperationAct.RECALL:
        out = select(batch.c.id).where(
            batch.c.run_id == run.c.id, batch.c.state == BatchState.ACCEPTED.value, ~is_unsent()
        )
        is_recalled = select(recall.c.id).where(recall.c.run_id == run.c.id, IS_OPEN)
        return run.c.state.not_in(OPEN) & out.exists() & ~is_recalled.exists()
    seen = select(batch.c.id).where(batch.c.run_id == run.c.id, _seen_batches(wanted)).exists()
    if wanted.act is OperationAct.DECIDE:
        return seen
    child = run.alias("child")
    is_sent_again = select(child.c.id).where(child.c.parent_run_id == run.c.id).exists()
    return seen & run.c.state.not_in(OPEN) & ~run.c.whole_list & ~is_sent_again


def _seen_batches(wanted: Wanted) -> ColumnElement[bool]:
    """The condition that a batch had the state that the act is about at the moment, and has it still."""
    state = BatchState.UNKNOWN if wanted.act is OperationAct.DECIDE else BatchState.REJECTED
    return (batch.c.state == state.value) & (batch.c.updated_at <= wanted.as_of.at)
