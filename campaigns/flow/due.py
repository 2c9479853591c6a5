"""1. A campaign's time has come: open one run for the occurrence, exactly once, however many beats look."""

from __future__ import annotations

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import CampaignState
from campaigns.store.campaigns import CampaignRow, change_campaign, due_campaigns, find_revision, find_upstream
from campaigns.store.engine import Store
from campaigns.store.runs import add_run


def open_due_runs(store: Store, *, actor: str) -> list[int]:
    """Open the runs that have come due; answers those that this call opened.

    A crash leaves a campaign either armed, to be found again, or launched with its run due.
    """
    with store.read() as connection:
        found = due_campaigns(connection, now=store.now(connection))
    opened = [_open(store, campaign, actor=actor) for campaign in found]
    if opened:
        crash_point("due.opened")
    return [run_id for run_id in opened if run_id is not None]


def _open(store: Store, campaign: CampaignRow, *, actor: str) -> int | None:
    try:
        with store.write() as connection:
            now = store.now(connection)
            change_campaign(
                connection,
                campaign,
                now=now,
                state=CampaignState.LAUNCHED.value,
                due_at=None,
                launches=campaign.launches + 1,
            )
            revision = find_revision(connection, campaign.id, campaign.revision)
            upstream, _ = find_upstream(connection, campaign.account_id)
            return add_run(
                connection,
                now=now,
                actor=actor,
                reason=None,
                campaign_id=campaign.id,
                revision=campaign.revision,
                audience_version_id=revision.audience_version_id,
                account_id=campaign.account_id,
                upstream=upstream,
                kind="schedule",
                scheduled_for=campaign.due_at,
            )
    except NotAllowed:
        return None  # another beat opened it, or an operator changed the campaign at this very moment
