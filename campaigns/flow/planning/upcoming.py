"""A campaign's next occurrences, and what they would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.schedules.occurrences import EVER, INSTANT, occurrences
from campaigns.domain.schedules.words import words
from campaigns.domain.states import CampaignState
from campaigns.flow.planning.content import said_by, zone_of_campaign
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow
from campaigns.store.runs.content import next_occurrence

SHOWN_RUNS = 10
SHOWN_TEXTS = 3


@dataclass(frozen=True, slots=True)
class ScheduleInWords:
    """When a campaign is sent, in words, and the zone whose clocks it follows."""

    schedule: str
    zone: str | None


@dataclass(frozen=True, slots=True)
class ContentAhead:
    """What one coming occurrence would say."""

    at: datetime
    content: int | None  # None: the campaign has none to rotate
    message: dict[str, Any]  # as it is stored

    @property
    def text(self) -> str:
        """Its text, with the variables filled in."""
        return str(self.message["text"])


def occurrences_ahead(campaign: CampaignRow, revision: RevisionRow, now: datetime) -> list[datetime]:
    """The next occurrences, by their nominal times: of the armed schedule, or of one that is armed now."""
    if campaign.state is CampaignState.ARCHIVED:
        return []
    start = campaign.occurrence_at or now
    count = SHOWN_RUNS
    if revision.times.max_runs is not None:
        count = min(count, max(0, revision.times.max_runs - campaign.occurrences))
    coming = occurrences(revision.times, start - INSTANT, EVER, starts_at=revision.starts_at)
    return list(islice(coming, count))


def schedule_in_words(connection: Connection, campaign: CampaignRow, revision: RevisionRow) -> ScheduleInWords:
    """When a campaign is sent."""
    zone = zone_of_campaign(connection, campaign, revision)
    return ScheduleInWords(words(revision.times, revision.starts_at, zone=zone), zone)


def contents_ahead(
    connection: Connection,
    campaign: CampaignRow,
    revision: RevisionRow,
    moments: Sequence[datetime],
    now: datetime,
    *,
    most: int = SHOWN_TEXTS,
) -> list[ContentAhead]:
    """What the next occurrences would say if none is launched by hand before; without any, what a launch now says."""
    zone = zone_of_campaign(connection, campaign, revision)
    first = next_occurrence(connection, campaign.id)
    ahead = []
    for number, at in enumerate(list(moments[:most]) or [now], start=first):
        run = said_by(campaign, revision, number, at, zone)
        ahead.append(ContentAhead(at, run.content, run.message or revision.message))
    return ahead
