"""Pause, resume and skip a campaign's schedule, each with its reason on the record.

Whatever had come due before is opened first, by the schedule as it was: beat may have been away.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import CampaignState
from campaigns.flow.handoff.cancel import take_back_ahead
from campaigns.flow.schedules.arm import columns_for, following
from campaigns.flow.schedules.due import is_due, say_ended, settle
from campaigns.flow.schedules.open_occurrence import Opening, skip_occurrence
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import CampaignRow, change_campaign, find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.handoff.handed_over import runs_handed_over
from campaigns.store.sending.lanes import hold_lane

SKIPPED_AHEAD = "an operator skipped it ahead of its time"


def pause_schedule(store: Store, campaign_id: int, *, reason: str, actor: str) -> dict[str, Any]:
    """Let occurrences that come due from now on be skipped; open runs go on. Raises NotAllowed.

    What was handed over ahead of its time is taken back: a worker does it, and the answer names those runs.
    """
    return _act(store, campaign_id, lambda opening: _pause(opening, reason), actor=actor)


def resume_schedule(store: Store, campaign_id: int, *, reason: str, actor: str) -> dict[str, Any]:
    """Let occurrences be sent again from now on; what was skipped stays so, unless backfilled. Raises NotAllowed."""
    return _act(store, campaign_id, lambda opening: _resume(opening, reason), actor=actor)


def skip_next(store: Store, campaign_id: int, *, reason: str | None, actor: str) -> dict[str, Any]:
    """Skip the next occurrence of an armed campaign, whatever comes after goes on. Raises NotAllowed."""
    return _act(store, campaign_id, lambda opening: _skip_next(opening, reason), actor=actor)


def _act(store: Store, campaign_id: int, act: Callable[[Opening], dict[str, Any]], *, actor: str) -> dict[str, Any]:
    while True:
        settle(store, campaign_id, actor=actor)
        with store.write() as connection:
            hold_lane(connection, find_campaign(connection, campaign_id).account_id)
            campaign, now = find_campaign(connection, campaign_id), store.now(connection)
            if is_due(campaign, now):
                continue
            if campaign.state is not CampaignState.SCHEDULED:
                raise NotAllowed(_nothing_scheduled(connection, campaign, now))
            revision = find_revision(connection, campaign_id, campaign.revision)
            return act(Opening(connection, campaign, revision, now, actor))


def _nothing_scheduled(connection: Connection, campaign: CampaignRow, now: datetime) -> str:
    said = f"Campaign {campaign.id} is {campaign.state.value}, and nothing of it is scheduled"
    ahead = runs_handed_over(connection, campaign.id, now=now)
    if ahead:
        recall = f"`campaigns runs recall {ahead[0]} --reason TEXT` takes it back"
        return f"{said}; run {ahead[0]} is with the vendor: {recall}."
    if campaign.state is CampaignState.ARCHIVED:
        return f"{said}; create a new one to send it again."
    return f"{said}; `campaigns launch {campaign.id}` arms the schedule that `campaigns show {campaign.id}` tells."


def _pause(opening: Opening, reason: str) -> dict[str, Any]:
    campaign = opening.campaign
    if campaign.pause_reason is not None:
        raise NotAllowed(
            f"The schedule of campaign {campaign.id} is paused already ({campaign.pause_reason}); "
            f"`campaigns resume {campaign.id} --reason TEXT` lets it go on."
        )
    change_campaign(
        opening.connection,
        campaign,
        now=opening.now,
        paused_at=opening.now,
        paused_by=opening.actor,
        pause_reason=reason,
    )
    taken_back = take_back_ahead(Act(opening.connection, opening.now, opening.actor), campaign.id, reason=reason)
    return {**_said(opening, EventKind.SCHEDULE_PAUSED, reason, paused=True), "recalling": taken_back}


def _resume(opening: Opening, reason: str) -> dict[str, Any]:
    campaign = opening.campaign
    if campaign.pause_reason is None:
        raise NotAllowed(
            f"The schedule of campaign {campaign.id} is not paused, so there is nothing to resume; "
            "a run is resumed with `campaigns runs resume RUN`."
        )
    change_campaign(opening.connection, campaign, now=opening.now, paused_at=None, paused_by=None, pause_reason=None)
    return _said(opening, EventKind.SCHEDULE_RESUMED, reason, paused=False)


def _said(opening: Opening, kind: EventKind, reason: str, *, paused: bool) -> dict[str, Any]:
    campaign = opening.campaign
    Act(opening.connection, opening.now, opening.actor).record(
        kind, campaign_id=campaign.id, account_id=campaign.account_id, reason=reason
    )
    return {
        "id": campaign.id,
        "state": campaign.state.value,
        "paused": paused,
        "next_at": campaign.occurrence_at and campaign.occurrence_at.isoformat(),
    }


def _skip_next(opening: Opening, reason: str | None) -> dict[str, Any]:
    campaign, occurrence = opening.campaign, opening.campaign.occurrence_at
    assert occurrence is not None
    after = following(opening.connection, campaign, opening.revision, occurrence)
    change_campaign(opening.connection, campaign, now=opening.now, **columns_for(campaign.id, opening.revision, after))
    run_id = skip_occurrence(opening, occurrence, SKIPPED_AHEAD if reason is None else f"{SKIPPED_AHEAD}: {reason}")
    if after is None and opening.revision.times.recurs:
        say_ended(opening.connection, campaign, now=opening.now, actor=opening.actor)
    return {
        "id": campaign.id,
        "run_id": run_id,
        "skipped": occurrence.isoformat(),
        "next_at": None if after is None else after.isoformat(),
    }
