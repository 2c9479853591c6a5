"""Choose the occurrence that an armed campaign waits for, and when its run is opened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.clocks import on_clocks
from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import campaign_name, run_names
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.misfire import opens_at
from campaigns.domain.schedules.occurrences import next_after
from campaigns.domain.schedules.often import runs_often
from campaigns.domain.states import CampaignState
from campaigns.flow.planning.content import zone_of_campaign
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow, find_campaign, find_revision
from campaigns.store.runs.content import open_runs_of
from campaigns.store.schedules.occurrences import has_row, last_opened

TOO_OFTEN = "too_often"
"""The code of the refusal to send to the same people more than once in 24 hours."""

DISARMED: dict[str, Any] = {
    "state": CampaignState.LAUNCHED.value,
    "due_for": None,
    "due_at": None,
    "paused_at": None,
    "paused_by": None,
    "pause_reason": None,
}
"""The columns of a campaign that has nothing scheduled."""


def armed_for(campaign_id: int, revision: RevisionRow, occurrence: datetime) -> dict[str, Any]:
    """The columns of a campaign that waits for an occurrence."""
    return {
        "state": CampaignState.SCHEDULED.value,
        "due_for": occurrence,
        "due_at": opens_at(campaign_id, revision.times, occurrence),
    }


def columns_for(campaign_id: int, revision: RevisionRow, occurrence: datetime | None) -> dict[str, Any]:
    """The columns of a campaign that waits for an occurrence; None: nothing is scheduled."""
    return DISARMED if occurrence is None else armed_for(campaign_id, revision, occurrence)


def following(
    connection: Connection, campaign: CampaignRow, revision: RevisionRow, occurrence: datetime
) -> datetime | None:
    """The occurrence after one that has no row yet; None after the only one or the last."""
    return _without_row(connection, campaign, revision, occurrence) if revision.times.recurs else None


def first_occurrence(
    connection: Connection, campaign: CampaignRow, revision: RevisionRow, now: datetime
) -> datetime | None:
    """The occurrence that a campaign waits for after it is armed with this revision; None: none is left.

    An occurrence that was opened or skipped before is left out, also when an earlier schedule had it.
    """
    if is_used_up(campaign, revision):
        return None
    after = max(now, last_opened(connection, campaign.id) or now)
    return _without_row(connection, campaign, revision, after)


def _without_row(
    connection: Connection, campaign: CampaignRow, revision: RevisionRow, after: datetime
) -> datetime | None:
    """The first occurrence after a moment that was neither opened nor skipped ahead of its time."""
    occurrence = next_after(revision.times, after, starts_at=revision.starts_at)
    while occurrence is not None and has_row(connection, campaign.id, occurrence):
        occurrence = next_after(revision.times, occurrence, starts_at=revision.starts_at)
    return occurrence


def refuse_often(revision: RevisionRow, now: datetime) -> None:
    """Raise NotAllowed for a schedule with more than one run in 24 hours that its revision does not allow."""
    if not revision.often and runs_often(revision.times, now):
        raise NotAllowed(
            f"Campaign {campaign_name(revision.campaign_id)} would send to the same people more than once in 24 "
            "hours, and its field "
            "'often' does not allow that.",
            Remedy(Do.ALLOW_OFTEN, campaign=revision.campaign_id),
            code=TOO_OFTEN,
        )


def rearmed(connection: Connection, campaign: CampaignRow, revision: RevisionRow, now: datetime) -> dict[str, Any]:
    """The columns of a campaign that an edit changes to this revision; empty while it is not armed.

    An occurrence whose time has come and that only waits for its jitter stays; the new schedule goes on after it.
    Raises NotAllowed when the edit makes the schedule more frequent than its revision allows, or no longer allows what
    is armed. Any other edit is never refused for that.
    """
    waits_for = campaign.occurrence_at
    if waits_for is None:
        return {}
    before = find_revision(connection, campaign.id, campaign.revision)
    if revision.timing != before.timing or bool(before.often) > bool(revision.often):
        refuse_often(revision, now)
    if waits_for <= now:
        return {}
    return columns_for(campaign.id, revision, first_occurrence(connection, campaign, revision, now))


def is_used_up(campaign: CampaignRow, revision: RevisionRow, *, opened: int = 0) -> bool:
    """Whether the schedule has opened as many runs as it may; `opened`: runs of this transaction, not counted yet."""
    most = revision.times.max_runs
    return most is not None and campaign.occurrences + opened >= most


def holds_from(connection: Connection, campaign_id: int, *, was: CampaignRow, revision: RevisionRow) -> str | None:
    """A sentence about when an edit takes effect; None when it does at once."""
    notes = []
    opened = open_runs_of(connection, campaign_id)
    if opened:
        runs = run_names(opened)
        notes.append(f"run {runs} keeps the revision and the audience it was opened with")
    campaign = find_campaign(connection, campaign_id)
    if campaign.occurrence_at is not None:
        at = on_clocks(campaign.occurrence_at, zone_of_campaign(connection, campaign, revision))
        notes.append(f"the edit takes effect from the occurrence at {at}")
    elif was.occurrence_at is not None:
        notes.append("it has no scheduled runs left")
    elif was.state is CampaignState.LAUNCHED and revision.times.recurs:
        notes.append("its schedule is not armed; a launch arms it")
    return "; ".join(notes) or None
