"""Preview a campaign's next occurrences, and what they would say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.schedules.occurrences import occurrences, words
from campaigns.domain.states import CampaignState
from campaigns.flow.planning.content import said_by, zone_of_campaign
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow
from campaigns.store.runs.content import next_occurrence

SHOWN_RUNS = 10
SHOWN_TEXTS = 3

_INSTANT = timedelta(microseconds=1)
_EVER = datetime.max.replace(tzinfo=UTC)


def occurrences_ahead(campaign: CampaignRow, revision: RevisionRow, now: datetime) -> list[datetime]:
    """The next occurrences, by their nominal times: of the armed schedule, or of one that were armed now."""
    if campaign.state is CampaignState.ARCHIVED:
        return []
    start = campaign.occurrence_at or now
    left = SHOWN_RUNS
    if revision.times.max_runs is not None:
        left = min(left, max(0, revision.times.max_runs - campaign.occurrences))
    coming = occurrences(revision.times, start - _INSTANT, _EVER, starts_at=revision.starts_at)
    return list(islice(coming, left))


def schedule_told(connection: Connection, campaign: CampaignRow, revision: RevisionRow) -> dict[str, Any]:
    """When a campaign is sent, in words, and on whose clocks."""
    zone = zone_of_campaign(connection, campaign, revision)
    return {"schedule": words(revision.times, revision.starts_at, zone=zone), "zone": zone}


def texts_ahead(
    connection: Connection, campaign: CampaignRow, revision: RevisionRow, moments: Sequence[datetime], now: datetime
) -> list[dict[str, Any]]:
    """What the next occurrences would say, were none launched by hand between; without any, a launch now."""
    zone = zone_of_campaign(connection, campaign, revision)
    first = next_occurrence(connection, campaign.id)
    found = []
    for number, at in enumerate(list(moments[:SHOWN_TEXTS]) or [now], start=first):
        said = said_by(campaign, revision, number, at, zone)
        text = (said.message or revision.message)["text"]
        found.append({"at": at.isoformat(), "content": said.content, "text": text})
    return found
