"""Runs and their batches: opening, freezing the plan, counting, ending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from campaigns.domain.audience.user_sets import UserSet
from campaigns.domain.errors import NotFound
from campaigns.domain.ids import run_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import (
    BATCH_WAITS,
    RUN_MOVES,
    RUN_OPEN,
    BatchState,
    HoldKind,
    RunKind,
    RunState,
    ended_state,
)
from campaigns.store.accounts.bindings import refuse_removed
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.sending.batches import add_batches, anything_is_looked_for, anything_waits
from campaigns.store.tables.audience import exclusion
from campaigns.store.tables.batches import batch
from campaigns.store.tables.columns import user_columns
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run, as it is now."""

    id: int
    campaign_id: int
    revision: int
    audience_version_id: int | None
    account_id: str
    upstream: str
    kind: RunKind
    scheduled_for: datetime | None
    parent_run_id: int | None
    root_run_id: int | None
    state: RunState
    whole_list: bool
    planned: int
    batch_count: int
    resumes_at: datetime | None  # outside its sending hours until then
    expires_at: datetime | None
    reason: str | None
    actor: str
    after_run_id: int | None  # it waits in `due` until that run has ended
    created_at: datetime
    planned_at: datetime | None
    served_at: datetime | None  # when its last attempt was committed
    finished_at: datetime | None

    @property
    def lineage(self) -> int:
        """The first run of this run and all its reruns."""
        return self.root_run_id or self.id


@dataclass(frozen=True, slots=True)
class Books:
    """The counts of a run's recipients by state; batches that were split do not count."""

    planned: int
    accepted: int = 0
    saved: int = 0
    rejected: int = 0
    unknown: int = 0
    cancelled: int = 0
    waiting: int = 0

    @property
    def balanced(self) -> bool:
        """Law 2: planned = accepted + saved + rejected + unknown + cancelled + waiting."""
        settled = self.accepted + self.saved + self.rejected + self.unknown + self.cancelled
        return self.planned == settled + self.waiting


DETAIL_OF_A_NEW_RUN = ("kind", "revision", "occurrence", "content")
"""Columns that the event of a new run contains, if they are set."""


def find_run(connection: Connection, run_id: int) -> RunRow:
    """The run. Raises NotFound."""
    columns = [run.c[field.name] for field in fields(RunRow)]
    row = connection.execute(select(*columns).where(run.c.id == run_id)).one_or_none()
    if row is None:
        raise unknown_run(run_id)
    return RunRow(**{**row._mapping, "kind": RunKind(row.kind), "state": RunState(row.state)})  # noqa: SLF001


def unknown_run(run_id: int) -> NotFound:
    """The refusal for a run that does not exist, or that must look like one."""
    return NotFound(f"There is no run {run_name(run_id)}.", Remedy(Do.LIST_RUNS))


def add_run(act: Act, *, reason: str | None, as_written: bool = False, **columns: Any) -> int:
    """Open a run in state `due`; the unique keys refuse a second one for the same occurrence or launch.

    Raises NotAllowed on an account that was removed. `as_written`: the person who launched it confirmed the
    doubtful parts of its text; the event records that.
    """
    refuse_removed(act.connection, columns["account_id"])
    run_id = act.connection.scalar(
        insert(run)
        .values(state=RunState.DUE.value, actor=act.actor, reason=reason, created_at=act.now, **columns)
        .returning(run.c.id)
    )
    assert isinstance(run_id, int)
    act.record(
        EventKind.RUN_OPENED,
        run_id=run_id,
        campaign_id=columns["campaign_id"],
        account_id=columns["account_id"],
        reason=reason,
        detail={name: columns[name] for name in DETAIL_OF_A_NEW_RUN if columns.get(name) is not None}
        | ({"as_written": True} if as_written else {}),
    )
    return run_id


def freeze_plan(
    act: Act,
    run_id: int,
    *,
    batches: Iterable[UserSet],
    whole_list: bool,
    excluded: dict[str, UserSet],
    recipients: int,
    suppressions: int,
    plan_sha256: str,
    available_at: Iterable[datetime] = (),
) -> bool:
    """Write who gets a due run, in the caller's one transaction; False when it was planned before.

    `available_at`: when each batch may be sent, in their order; the rest may be sent at once. A run without recipients
    is finished at once.
    """
    connection, now = act.connection, act.now
    planned = connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state == RunState.DUE.value)
        .values(
            state=RunState.PLANNED.value,
            whole_list=whole_list,
            planned=recipients,
            suppressions=suppressions,
            plan_sha256=plan_sha256,
            planned_at=now,
        )
        .returning(run.c.account_id, run.c.campaign_id)
    ).one_or_none()
    if planned is None:
        return False
    for reason, users in excluded.items():
        connection.execute(insert(exclusion).values(run_id=run_id, reason=reason, **user_columns(users)))
    common = {"run_id": run_id, "account_id": planned.account_id, "state": BatchState.READY.value, "updated_at": now}
    times = chain(available_at, repeat(now))
    count = add_batches(connection, common, batches, whole_list=whole_list, available_at=times)
    connection.execute(update(run).where(run.c.id == run_id).values(batch_count=count))
    detail = {
        "recipients": None if whole_list else recipients,
        "batches": count,
        "excluded": {reason: users.size for reason, users in excluded.items()},
        "plan_sha256": plan_sha256,
    }
    act.record(
        EventKind.RUN_PLANNED,
        run_id=run_id,
        campaign_id=planned.campaign_id,
        account_id=planned.account_id,
        detail=detail,
    )
    end_run_if_done(act, run_id)
    return True


def books(connection: Connection, run_id: int) -> Books:
    """The counts of a run's recipients by state, from its batches."""
    planned = connection.scalar(select(run.c.planned).where(run.c.id == run_id)) or 0
    sums = {
        row.state: int(row.recipients)
        for row in connection.execute(
            select(batch.c.state, func.sum(batch.c.size).label("recipients"))
            .where(batch.c.run_id == run_id)
            .group_by(batch.c.state)
        )
    }
    return Books(
        planned,
        accepted=sums.get(BatchState.ACCEPTED, 0),
        saved=sums.get(BatchState.SAVED, 0),
        rejected=sums.get(BatchState.REJECTED, 0),
        unknown=sums.get(BatchState.UNKNOWN, 0),
        cancelled=sums.get(BatchState.CANCELLED, 0),
        waiting=sum(sums.get(state, 0) for state in BATCH_WAITS),
    )


def move_run(
    connection: Connection, run_id: int, *, start: RunState, end: RunState, now: datetime, **columns: Any
) -> bool:
    """One guarded step of a run; False when it was no longer in `start`. Raises KeyError for an illegal step."""
    RUN_MOVES[start][end]
    moved = connection.scalar(
        update(run)
        .where(run.c.id == run_id, run.c.state == start.value)
        .values(state=end.value, finished_at=None if end in RUN_OPEN else now, **columns)
        .returning(run.c.id)
    )
    return moved is not None


def end_run_if_done(act: Act, run_id: int) -> None:
    """End the run when nothing of it waits, after checking in this same transaction that its books balance.

    When the books do not balance, the run stays open and is paused: the batches are right, the sum is wrong.
    """
    connection = act.connection
    if anything_waits(connection, run_id) or anything_is_looked_for(connection, run_id):
        return
    connection.execute(select(run.c.id).where(run.c.id == run_id).with_for_update())
    if anything_waits(connection, run_id) or anything_is_looked_for(connection, run_id):
        return
    row, counted = find_run(connection, run_id), books(connection, run_id)
    if not counted.balanced:
        place_hold(act, Held(run_id=run_id), HoldKind.BOOKS, reason=f"{counted}")
        return
    end = _end_of(row.state, counted)
    if end is None or not move_run(connection, run_id, start=row.state, end=end, now=act.now):
        return
    act.record(
        EventKind.RUN_ENDED,
        run_id=run_id,
        campaign_id=row.campaign_id,
        account_id=row.account_id,
        detail={
            "state": end.value,
            "planned": counted.planned,
            "accepted": counted.accepted,
            "saved": counted.saved,
            "rejected": counted.rejected,
            "unknown": counted.unknown,
            "cancelled": counted.cancelled,
        },
    )


def _end_of(state: RunState, counted: Books) -> RunState | None:
    if state is RunState.CANCELLING:
        return RunState.CANCELLED
    if state in {RunState.PLANNED, RunState.SENDING}:
        return ended_state(rejected=counted.rejected, unknown=counted.unknown)
    if state is RunState.FINISHED_WITH_FAILURES and not counted.rejected and not counted.unknown:
        return RunState.FINISHED
    return None


def lineage_runs(connection: Connection, root_run_id: int) -> list[int]:
    """The IDs of a run and of all its reruns, also those of reruns."""
    return list(
        connection.scalars(
            select(run.c.id).where(or_(run.c.id == root_run_id, run.c.root_run_id == root_run_id)).order_by(run.c.id)
        )
    )
