"""Choose the content of an occurrence, in the transaction that opens its run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.messages.contents import message_at
from campaigns.store.accounts.bindings import zone_of_account
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow
from campaigns.store.runs.content import next_occurrence


@dataclass(frozen=True, slots=True)
class RunContent:
    """The content of a run, and its number among the runs of its campaign that are opened to send."""

    occurrence: int
    content: int | None  # None: the campaign has none to rotate
    message: dict[str, Any] | None  # None: that of its revision

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of the run's row."""
        return {"occurrence": self.occurrence, "content": self.content, "message": self.message}


def what_is_said(
    connection: Connection,
    campaign: CampaignRow,
    revision: RevisionRow,
    at: datetime,
    *,
    scheduled_date: datetime | None = None,
) -> RunContent:
    """The content of the next run; `at` is its nominal time, or now for a launch by hand.

    A launch by hand counts, too: it takes the next number, and the schedule goes on after it, so no content is left out
    and none comes twice. A skipped occurrence takes no number. The caller's transaction has changed the campaign's row
    before, so no two runs get one number. `scheduled_date`: when the vendor is to send it.
    """
    number = next_occurrence(connection, campaign.id)
    zone = zone_of_campaign(connection, campaign, revision)
    return said_by(campaign, revision, number, at, zone, scheduled_date=scheduled_date)


def said_by(
    campaign: CampaignRow,
    revision: RevisionRow,
    number: int,
    at: datetime,
    zone: str | None,
    *,
    scheduled_date: datetime | None = None,
) -> RunContent:
    """The content of the run with that number at that nominal time."""
    content, message = message_at(
        revision.message,
        revision.contents,
        campaign_id=campaign.id,
        number=number,
        at=at,
        zone=zone,
        rotate=revision.times.rotate,
        scheduled_date=scheduled_date,
    )
    return RunContent(number, content, message)


def zone_of_campaign(connection: Connection, campaign: CampaignRow, revision: RevisionRow) -> str | None:
    """The zone whose clocks its texts and times follow: the campaign's, else its account's."""
    return revision.times.zone or revision.zone or zone_of_account(connection, campaign.account_id)
