"""Show one campaign with the next runs of its schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace

from campaigns.flow.planning.plan_warnings import PlanWarning, often_warnings
from campaigns.flow.planning.upcoming import occurrences_ahead
from campaigns.store.campaigns.campaigns import find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.views.campaigns import CampaignView, campaign_of


@dataclass(frozen=True, slots=True)
class Shown:
    """One campaign, and what a person should know about its schedule."""

    campaign: CampaignView
    warnings: list[PlanWarning]


def show_campaign(store: Store, campaign_id: int) -> Shown:
    """One campaign with its newest revision, its audience, its runs, and the runs to come. Raises NotFound."""
    with store.read() as connection:
        campaign = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, campaign.revision)
        now = store.now(connection)
        ahead = occurrences_ahead(campaign, revision, now)
        view = replace(campaign_of(connection, campaign_id), next_runs=ahead)
        return Shown(view, often_warnings(campaign, revision, now))
