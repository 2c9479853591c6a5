"""Show one campaign with the next runs of its schedule."""

from __future__ import annotations

from dataclasses import replace

from campaigns.flow.planning.upcoming import occurrences_ahead
from campaigns.store.campaigns.campaigns import find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.views.campaigns import CampaignView, campaign_of


def show_campaign(store: Store, campaign_id: int) -> CampaignView:
    """One campaign with its newest revision, its audience, its runs, and the runs to come. Raises NotFound."""
    with store.read() as connection:
        campaign = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, campaign.revision)
        ahead = occurrences_ahead(campaign, revision, store.now(connection))
        return replace(campaign_of(connection, campaign_id), next_runs=ahead)
