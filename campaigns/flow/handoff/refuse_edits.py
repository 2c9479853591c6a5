"""Refuse to change a campaign while the vendor holds a run of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.clocks import on_clocks
from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.planning.content import zone_of_campaign
from campaigns.store.campaigns.campaigns import find_campaign, find_revision
from campaigns.store.handoff.handed_over import handed_over, runs_handed_over


def refuse_handed_over(connection: Connection, campaign_id: int, *, now: datetime) -> None:
    """Raise NotAllowed while the vendor is still to send something of a campaign: an edit would not change that."""
    for run_id in runs_handed_over(connection, campaign_id, now=now):
        campaign = find_campaign(connection, campaign_id)
        zone = zone_of_campaign(connection, campaign, find_revision(connection, campaign_id, campaign.revision))
        at = on_clocks(min(batch.due for batch in handed_over(connection, run_id)), zone)
        raise NotAllowed(
            f"Run {run_name(run_id)} of campaign {campaign_name(campaign_id)} is handed over to the vendor for {at} "
            "and cannot be changed "
            "there; recall it, or wait for its time.",
            Remedy(Do.RECALL, run=run_id),
        )
