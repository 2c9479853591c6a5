"""What the pages below a run, and the questions before an act, say about it: a few columns, and no counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from campaigns.domain.errors import NotFound
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import RunState
from campaigns.store.tables.accounts import account
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class RunHead:
    """A run, named."""

    id: int
    campaign_id: int
    campaign: str
    account: str
    zone: str | None
    state: RunState
    whole_list: bool
    served_at: datetime | None


def run_head(connection: Connection, run_id: int) -> RunHead:
    """The run. Raises NotFound."""
    row = connection.execute(
        select(run, campaign.c.name, account.c.zone)
        .join(campaign, campaign.c.id == run.c.campaign_id)
        .join(account, account.c.id == run.c.account_id)
        .where(run.c.id == run_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no run {run_id}.", Remedy(Do.LIST_RUNS))
    return RunHead(
        id=row.id,
        campaign_id=row.campaign_id,
        campaign=row.name,
        account=row.account_id,
        zone=row.zone,
        state=RunState(row.state),
        whole_list=row.whole_list,
        served_at=row.served_at,
    )
