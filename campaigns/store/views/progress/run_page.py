"""One run for its page: the same facts as `views/runs.py`, from one pass over the batches instead of five."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from campaigns.domain.states import BATCH_WAITS, RUN_OPEN, BatchState, RunKind, RunState
from campaigns.store.runs.content import content_of_run
from campaigns.store.runs.runs import find_run
from campaigns.store.runs.times import OpenHours, times_of
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.audience import exclusion
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import run
from campaigns.store.views.progress.cells import Cells, cells_of
from campaigns.store.views.recalls import RecallView, recalls_of
from campaigns.store.views.runs import HoldView, LaneView, holds_on


@dataclass(frozen=True, slots=True)
class Relative:
    """A run of the same lineage."""

    id: int
    parent_run_id: int | None
    state: RunState
    planned: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RunPage:
    """A run with all that its page shows. Counts are recipients, but those of `batches` and `cells`."""

    id: int
    campaign_id: int
    campaign: str
    campaign_kind: str
    is_archived: bool
    revision: int
    account: str
    zone: str | None  # of the account
    upstream: str
    kind: RunKind
    state: RunState
    whole_list: bool
    planned: int
    recipients: dict[BatchState, int]
    batches: dict[BatchState, int]
    cells: Cells
    recalled: int
    recall: RecallView | None
    waits_for_recall_of: list[int]
    excluded: dict[str, int]  # by reason
    holds: list[HoldView]
    lane: LaneView | None  # None: the run has ended
    family: list[Relative]  # the run that was not a rerun, and all its reruns; empty when there is no other
    reason: str | None
    actor: str
    after_run_id: int | None
    parent_run_id: int | None
    scheduled_for: datetime | None
    created_at: datetime
    planned_at: datetime | None
    served_at: datetime | None
    finished_at: datetime | None
    text: str
    scheduled_date: datetime | None
    sending_hours: list[OpenHours]
    resumes_at: datetime | None
    next_batch_at: datetime | None
    last_batch_at: datetime | None
    expires_at: datetime | None
    expired: int

    @property
    def accepted(self) -> int:
        """Recipients whom the vendor took."""
        return self.recipients[BatchState.ACCEPTED]

    @property
    def waiting(self) -> int:
        """Recipients who are ready or in flight."""
        return sum(self.recipients[state] for state in BATCH_WAITS)

    @property
    def in_books(self) -> int:
        """The sum of the books. It is `planned`, or the books do not balance."""
        return sum(count for state, count in self.recipients.items() if state is not BatchState.SPLIT)


def run_page(connection: Connection, run_id: int) -> RunPage:
    """One run for its page. Raises NotFound."""
    row = find_run(connection, run_id)
    about = connection.execute(
        select(campaign.c.name, campaign.c.kind, campaign.c.state, account.c.zone, lane)
        .join(account, account.c.id == campaign.c.account_id)
        .join(lane, lane.c.account_id == account.c.id)
        .where(campaign.c.id == row.campaign_id)
    ).one()
    cells, content = cells_of(connection, run_id), content_of_run(connection, run_id)
    parts = _fields_of(row) | _fields_of(recalls_of(connection, run_id)) | _fields_of(times_of(connection, row))
    return RunPage(
        **{each.name: parts[each.name] for each in fields(RunPage) if each.name in parts},
        campaign=about.name,
        campaign_kind=about.kind,
        is_archived=about.state == "archived",
        account=row.account_id,
        zone=about.zone,
        recipients=cells.recipients,
        batches=cells.batches,
        cells=cells,
        excluded=_excluded(connection, run_id),
        holds=holds_on(connection, row),
        lane=LaneView(about.owner, about.available_at, about.waits_for) if row.state in RUN_OPEN else None,
        family=_family(connection, row.lineage),
        text=content.text,
        scheduled_date=content.scheduled_date,
    )


def _fields_of(part: Any) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _excluded(connection: Connection, run_id: int) -> dict[str, int]:
    rows = connection.execute(select(exclusion.c.reason, exclusion.c.size).where(exclusion.c.run_id == run_id))
    return {row.reason: row.size for row in rows}


def _family(connection: Connection, root: int) -> list[Relative]:
    rows = connection.execute(
        select(run.c.id, run.c.parent_run_id, run.c.state, run.c.planned, run.c.created_at)
        .where(or_(run.c.id == root, run.c.root_run_id == root))
        .order_by(run.c.id)
    ).all()
    if len(rows) == 1:
        return []
    return [
        Relative(
            id=row.id,
            parent_run_id=row.parent_run_id,
            state=RunState(row.state),
            planned=row.planned,
            created_at=row.created_at,
        )
        for row in rows
    ]
