"""The list of runs: one line for each, with the counts of its recipients and what pauses it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from campaigns.domain.states import RUN_OPEN, BatchState, HoldKind, RunKind, RunState
from campaigns.store.accounts.bindings import require_account
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import hold, run


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as one line of the list. Counts are recipients, except `batches`."""

    id: int
    campaign_id: int
    campaign: str
    account: str
    kind: RunKind
    state: RunState
    scheduled_for: datetime | None
    reason: str | None
    planned: int
    batches: int
    created_at: datetime
    finished_at: datetime | None
    parent_run_id: int | None
    whole_list: bool
    accepted: int
    saved: int
    rejected: int
    unknown: int
    cancelled: int
    holds: list[HoldKind]  # what pauses it, while it is open


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list shows; a field that is None leaves none out."""

    campaign_id: int | None = None
    account: str | None = None
    state: RunState | None = None
    since: datetime | None = None  # opened at that time or later
    accounts: frozenset[str] | None = None  # of these accounts
    below: int | None = None  # with a smaller ID, for the next page
    limit: int | None = None  # at most this many, the newest


EVERY_RUN = RunFilter()


def runs(connection: Connection, which: RunFilter = EVERY_RUN) -> list[RunLine]:
    """Runs, the newest first. Raises NotFound for a campaign or an account that does not exist."""
    page = _page(connection, which)
    rows = connection.execute(page).all()
    ids = page.subquery()
    counts, held = _recipients(connection, select(ids.c.id)), _holds(connection)
    return [_line(row, counts[row.id], held.of(row)) for row in rows]


def occurrences_of(connection: Connection, campaign_id: int) -> list[tuple[datetime, int]]:
    """The runs that a campaign's schedule has opened: their occurrences and IDs, the earliest first."""
    rows = connection.execute(
        select(run.c.scheduled_for, run.c.id)
        .where(run.c.campaign_id == campaign_id, run.c.kind == RunKind.SCHEDULE.value)
        .order_by(run.c.scheduled_for)
    )
    return [(row.scheduled_for, row.id) for row in rows]


def _page(connection: Connection, which: RunFilter) -> Select[Any]:
    statement = (
        select(
            *(run.c.id, run.c.campaign_id, run.c.account_id, run.c.upstream, run.c.kind, run.c.state),
            *(run.c.scheduled_for, run.c.reason, run.c.planned, run.c.batch_count, run.c.created_at),
            *(run.c.finished_at, run.c.parent_run_id, run.c.whole_list, campaign.c.name.label("campaign_name")),
        )
        .join(campaign, campaign.c.id == run.c.campaign_id)
        .order_by(run.c.id.desc())
        .limit(which.limit)
    )
    if which.campaign_id is not None:
        find_campaign(connection, which.campaign_id)
        statement = statement.where(run.c.campaign_id == which.campaign_id)
    if which.account is not None:
        require_account(connection, which.account)
        statement = statement.where(run.c.account_id == which.account)
    if which.state is not None:
        statement = statement.where(run.c.state == which.state.value)
    if which.since is not None:
        statement = statement.where(run.c.created_at >= which.since)
    if which.accounts is not None:
        statement = statement.where(run.c.account_id.in_(sorted(which.accounts)))
    if which.below is not None:
        statement = statement.where(run.c.id < which.below)
    return statement


def _recipients(connection: Connection, run_ids: Select[tuple[int]]) -> dict[int, dict[str, int]]:
    """The recipients of each run by the state of their batches."""
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    for row in connection.execute(
        select(batch.c.run_id, batch.c.state, func.sum(batch.c.size).label("recipients"))
        .where(batch.c.run_id.in_(run_ids))
        .group_by(batch.c.run_id, batch.c.state)
    ):
        counts[row.run_id][row.state] = int(row.recipients)
    return counts


@dataclass(frozen=True, slots=True)
class _Holds:
    """The open holds: there are few, whatever the number of runs."""

    rows: tuple[Any, ...]

    def of(self, row: Any) -> list[HoldKind]:
        """What pauses a run that is still open."""
        if row.state not in RUN_OPEN:
            return []
        return [
            HoldKind(held.kind)
            for held in self.rows
            if held.run_id == row.id or held.account_id == row.account_id or held.upstream == row.upstream
        ]


def _holds(connection: Connection) -> _Holds:
    rows: Iterable[Any] = connection.execute(
        select(hold.c.run_id, hold.c.account_id, hold.c.upstream, hold.c.kind)
        .where(hold.c.closed_at.is_(None))
        .order_by(hold.c.id)
    )
    return _Holds(tuple(rows))


def _line(row: Any, recipients: dict[str, int], holds: list[HoldKind]) -> RunLine:
    return RunLine(
        id=row.id,
        campaign_id=row.campaign_id,
        campaign=row.campaign_name,
        account=row.account_id,
        kind=RunKind(row.kind),
        state=RunState(row.state),
        scheduled_for=row.scheduled_for,
        reason=row.reason,
        planned=row.planned,
        batches=row.batch_count,
        created_at=row.created_at,
        finished_at=row.finished_at,
        parent_run_id=row.parent_run_id,
        whole_list=row.whole_list,
        accepted=recipients.get(BatchState.ACCEPTED, 0),
        saved=recipients.get(BatchState.SAVED, 0),
        rejected=recipients.get(BatchState.REJECTED, 0),
        unknown=recipients.get(BatchState.UNKNOWN, 0),
        cancelled=recipients.get(BatchState.CANCELLED, 0),
        holds=holds,
    )
