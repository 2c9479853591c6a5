"""Recalls: which runs are to be recalled, whether a recall may go on now, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from campaigns.domain.states import RUN_OPEN, BatchState, RunState
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import holds_recalls
from campaigns.store.tables.batches import batch
from campaigns.store.tables.probes import probe
from campaigns.store.tables.recalls import recall
from campaigns.store.tables.runs import run

MAY_BE_OUT = frozenset({BatchState.ACCEPTED, BatchState.UNKNOWN})
IS_OPEN = recall.c.finished_at.is_(None)
_GOES_ON: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in sorted(RUN_OPEN)]


@dataclass(frozen=True, slots=True)
class RecallRow:
    """A recall, as it is now."""

    id: int
    run_id: int
    for_run_id: int | None
    account_id: str
    reason: str
    failures: int
    until_gone: bool = False  # of a probe: the reply is not enough, a look must show that the message is gone


@dataclass(frozen=True, slots=True)
class Standing:
    """The accepted and the unknown batches of a run, by their numbers."""

    unsent: list[int]
    out: list[int]  # accepted, and not unsent
    unknown: list[int]


def add_recall(act: Act, run_id: int, account_id: str, *, for_run_id: int | None, reason: str) -> None:
    """Ask for a run to be recalled; unique keys refuse a second open recall, and a second one for the same new run."""
    act.connection.execute(
        insert(recall).values(
            run_id=run_id,
            account_id=account_id,
            for_run_id=for_run_id,
            actor=act.actor,
            reason=reason,
            requested_at=act.now,
            available_at=act.now,
        )
    )


def has_open_recall(connection: Connection, run_id: int) -> bool:
    """Whether a run is being recalled now."""
    return connection.scalar(select(recall.c.id).where(recall.c.run_id == run_id, IS_OPEN).limit(1)) is not None


def recalled_for(connection: Connection, run_id: int) -> list[int]:
    """The runs that must be recalled before this one may start."""
    statement = select(recall.c.run_id).where(recall.c.for_run_id == run_id).order_by(recall.c.id)
    return list(connection.scalars(statement))


def earlier_run(connection: Connection, campaign_id: int, run_id: int) -> int | None:
    """The newest run of the campaign, reruns aside, that was opened before this one and not skipped."""
    return connection.scalar(
        select(run.c.id)
        .where(
            run.c.campaign_id == campaign_id,
            run.c.id != run_id,
            run.c.state != RunState.SKIPPED.value,
            run.c.parent_run_id.is_(None),
        )
        .order_by(run.c.created_at.desc(), run.c.id.desc())
        .limit(1)
    )


def never_recalled(connection: Connection, campaign_id: int, run_id: int, *, since: datetime) -> list[int]:
    """The campaign's other runs planned since then, reruns too, that may be out and were never recalled to the end.

    A run whose recall has ended with something still out is not among them: a person has decided about it.
    """
    ended = select(recall.c.id).where(recall.c.run_id == run.c.id, recall.c.finished_at.is_not(None))
    out = select(batch.c.id).where(batch.c.run_id == run.c.id, batch.c.state.in_(sorted(MAY_BE_OUT)))
    return list(
        connection.scalars(
            select(run.c.id)
            .where(
                run.c.campaign_id == campaign_id,
                run.c.id != run_id,
                func.coalesce(run.c.planned_at, run.c.created_at) >= since,
                or_(run.c.state.in_(sorted(RUN_OPEN)), out.exists()),
                ~ended.exists(),
            )
            .order_by(run.c.id)
        )
    )


def waits_for_recall() -> ColumnElement[bool]:
    """The condition that a row of `run` must stay due until an earlier run is recalled."""
    return select(recall.c.id).where(recall.c.for_run_id == run.c.id, IS_OPEN).correlate(run).exists()


def recall_is_due(account_id: ColumnElement[str], now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """The condition that something of an account can be unsent now: until that is done, its lane sends nothing."""
    taken_back = run.alias("taken_back")
    return (
        select(recall.c.id)
        .join(taken_back, taken_back.c.id == recall.c.run_id)
        .where(recall.c.account_id == account_id, *_may_go_on(taken_back, now))
        .correlate_except(recall, taken_back)
        .exists()
    )


def due_recalls(upstream: str, now: datetime) -> Select[tuple[str]]:
    """A SELECT of the accounts that have a recall to carry on now."""
    return (
        select(run.c.account_id)
        .join(recall, recall.c.run_id == run.c.id)
        .where(run.c.upstream == upstream, *_may_go_on(run, now))
    )


def due_recall(connection: Connection, account_id: str, *, upstream: str, now: datetime) -> RecallRow | None:
    """The account's recall to carry on now, the oldest first; None when there is none."""
    row = connection.execute(
        select(
            recall.c.id,
            recall.c.run_id,
            recall.c.for_run_id,
            recall.c.account_id,
            recall.c.reason,
            recall.c.failures,
            probe.c.id.is_not(None).label("until_gone"),
        )
        .join(run, run.c.id == recall.c.run_id)
        .outerjoin(probe, probe.c.run_id == run.c.id)
        .where(recall.c.account_id == account_id, run.c.upstream == upstream, *_may_go_on(run, now))
        .order_by(recall.c.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else RecallRow(**row._mapping)  # noqa: SLF001 - the row's public name for it


def _may_go_on(of: Any, now: datetime | BindParameter[datetime]) -> list[ColumnElement[bool]]:
    """The conditions of a recall that may go on: nothing of its run waits, is in flight or is searched for.

    A hold keeps it waiting. A stop does not, since a recall sends nothing to fans.
    """
    looked_for = select(batch.c.id).where(
        batch.c.account_id == of.c.account_id, batch.c.run_id == of.c.id, batch.c.look_at.is_not(None)
    )
    return [
        IS_OPEN,
        recall.c.available_at <= now,
        of.c.state.not_in(_GOES_ON),
        ~looked_for.correlate_except(batch).exists(),
        ~holds_recalls(of.c.account_id, of.c.upstream),
    ]


def postpone_recall(
    connection: Connection, recall_id: int, *, until: datetime, waits_for: str | None, failures: int
) -> None:
    """Let the lane continue a recall at `until`, and store what it waits for."""
    connection.execute(
        update(recall)
        .where(recall.c.id == recall_id, IS_OPEN)
        .values(available_at=until, waits_for=waits_for, failures=failures)
    )


def finish_recall(connection: Connection, recall_id: int, standing: Standing, *, now: datetime) -> bool:
    """End a recall and store its counts; False when it has ended before."""
    ended = connection.scalar(
        update(recall)
        .where(recall.c.id == recall_id, IS_OPEN)
        .values(
            finished_at=now,
            waits_for=None,
            batches=len(standing.unsent) + len(standing.out),
            unsent=len(standing.unsent),
            failed=len(standing.out),
            unknown=len(standing.unknown),
        )
        .returning(recall.c.id)
    )
    return ended is not None
