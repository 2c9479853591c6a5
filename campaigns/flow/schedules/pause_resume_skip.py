"""Pause, resume and skip a campaign's schedule, each recorded with its reason.

What had come due before is opened first, by the schedule as it was: beat may have been down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from campaigns.domain.clocks import on_clocks
from campaigns.domain.errors import NotAllowed, Outdated
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import CampaignState
from campaigns.flow.handoff.cancel import take_back_ahead
from campaigns.flow.schedules.arm import columns_for, following
from campaigns.flow.schedules.due import catch_up, is_due, record_ended
from campaigns.flow.schedules.open_occurrence import Opening, skip_occurrence
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import change_campaign, find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.handoff.handed_over import runs_handed_over
from campaigns.store.holds.holds import Held, holds_on
from campaigns.store.schedules.occurrences import skipped_after, unfinished_runs
from campaigns.store.sending.lanes import hold_lane

Answer = TypeVar("Answer")

SKIPPED_AHEAD = "an operator skipped it ahead of its time"


@dataclass(frozen=True, slots=True)
class ScheduleResumed:
    """A schedule that goes on, and the occurrence it waits for."""

    id: int  # of the campaign
    state: CampaignState
    paused: bool
    next_at: datetime | None
    zone: str | None  # whose clocks the schedule follows


@dataclass(frozen=True, slots=True)
class SchedulePaused:
    """A paused schedule, and what goes on in spite of the pause."""

    id: int  # of the campaign
    state: CampaignState
    paused: bool
    next_at: datetime | None
    recalling: tuple[int, ...]  # runs that were handed over and are now recalled
    zone: str | None
    open_runs: tuple[int, ...]  # runs that have not ended and go on


@dataclass(frozen=True, slots=True)
class NextSkipped:
    """An occurrence that was skipped ahead of its time, and those around it."""

    id: int  # of the campaign
    run_id: int  # the skipped run
    skipped: datetime
    next_at: datetime | None  # the occurrence that the campaign waits for now
    zone: str | None
    skipped_before: tuple[datetime, ...]  # occurrences to come that earlier calls skipped
    with_vendor: tuple[int, ...]  # runs of earlier occurrences that the vendor still sends


def pause_schedule(store: Store, campaign_id: int, *, reason: str, actor: str) -> SchedulePaused:
    """Let occurrences that come due from now on be skipped; open runs go on. Raises NotAllowed, UsageError.

    Runs that were handed over ahead of their time are recalled: a worker does it, and `recalling` names them.
    """
    given = Reason(reason)
    return _change(store, campaign_id, lambda opening: _pause(opening, given), actor=actor)


def resume_schedule(store: Store, campaign_id: int, *, reason: str, actor: str) -> ScheduleResumed:
    """Let occurrences be sent again from now on. What was skipped stays so, unless it is backfilled.

    Raises NotAllowed, UsageError.
    """
    given = Reason(reason)
    return _change(store, campaign_id, lambda opening: _resume(opening, given), actor=actor)


def skip_next(
    store: Store, campaign_id: int, *, reason: str | None, actor: str, seen: datetime | None = None
) -> NextSkipped:
    """Skip the next occurrence of an armed campaign; those after it are sent. Raises NotAllowed, UsageError.

    Each call skips one more: the occurrence that the campaign waits for at that moment. `seen`: the one that a person
    was shown; Outdated is raised when the campaign waits for another one by then.
    """
    given = None if reason is None else Reason(reason)
    return _change(store, campaign_id, lambda opening: _skip_next(opening, given, seen), actor=actor)


def _change(store: Store, campaign_id: int, change: Callable[[Opening], Answer], *, actor: str) -> Answer:
    """Change an armed schedule in one transaction, after everything that has come due was opened or skipped."""
    while True:
        catch_up(store, campaign_id, actor=actor)
        with store.write() as connection:
            hold_lane(connection, find_campaign(connection, campaign_id).account_id)
            campaign, now = find_campaign(connection, campaign_id), store.now(connection)
            if is_due(campaign, now):
                continue
            revision = find_revision(connection, campaign_id, campaign.revision)
            opening = Opening(Act(connection, now, actor), campaign, revision)
            if campaign.state is not CampaignState.SCHEDULED:
                raise _nothing_scheduled(opening)
            return change(opening)


def _nothing_scheduled(opening: Opening) -> NotAllowed:
    """The refusal for a campaign that is not armed. It suggests a launch only where that arms a schedule."""
    campaign, connection = opening.campaign, opening.act.connection
    fact = f"Campaign {campaign.id} is {campaign.state.value}, and nothing of it is scheduled"
    ahead = runs_handed_over(connection, campaign.id, now=opening.act.now)
    if ahead:
        return NotAllowed(f"{fact}; run {ahead[0]} is with the vendor.", Remedy(Do.RECALL, run=ahead[0]))
    sending = unfinished_runs(connection, campaign.id)
    if sending:
        runs = ", ".join(str(run.id) for run in sending)
        has = f"its run {runs} has" if len(sending) == 1 else f"its runs {runs} have"
        return NotAllowed(f"{fact}; {has} not ended.", *(Remedy(Do.PAUSE_RUN, run=run.id) for run in sending))
    if campaign.state is CampaignState.ARCHIVED:
        return NotAllowed(f"{fact}.")
    if _launch_arms(opening):
        return NotAllowed(f"{fact}: its schedule is not armed.", Remedy(Do.ARM, campaign=campaign.id))
    return NotAllowed(f"{fact}.", Remedy(Do.SHOW_CAMPAIGN, campaign=campaign.id))


def _launch_arms(opening: Opening) -> bool:
    """Whether a launch of the campaign would arm a schedule. Without one it would send at once."""
    campaign, revision = opening.campaign, opening.revision
    if revision.times.recurs:
        return True
    is_to_come = revision.starts_at is not None and revision.starts_at > opening.act.now
    return is_to_come and campaign.state is CampaignState.DRAFT


def _pause(opening: Opening, reason: Reason) -> SchedulePaused:
    campaign, act = opening.campaign, opening.act
    if campaign.pause_reason is not None:
        raise NotAllowed(
            f"The schedule of campaign {campaign.id} is paused already ({campaign.pause_reason}).",
            Remedy(Do.RESUME_SCHEDULE, campaign=campaign.id),
        )
    paused = {"paused_at": act.now, "paused_by": act.actor, "pause_reason": str(reason)}
    change_campaign(act.connection, campaign, now=act.now, **paused)
    recalling = take_back_ahead(act, campaign.id, reason=reason)
    _record(opening, EventKind.SCHEDULE_PAUSED, reason)
    going_on = (run.id for run in unfinished_runs(act.connection, campaign.id) if run.id not in recalling)
    return SchedulePaused(
        id=campaign.id,
        state=campaign.state,
        paused=True,
        next_at=campaign.occurrence_at,
        recalling=tuple(recalling),
        zone=opening.zone,
        open_runs=tuple(going_on),
    )


def _resume(opening: Opening, reason: Reason) -> ScheduleResumed:
    campaign, act = opening.campaign, opening.act
    if campaign.pause_reason is None:
        raise NotAllowed(
            f"The schedule of campaign {campaign.id} is not paused, so there is nothing to resume.",
            *(Remedy(Do.RESUME_RUN, run=run_id) for run_id in _paused_runs(opening)),
        )
    change_campaign(act.connection, campaign, now=act.now, paused_at=None, paused_by=None, pause_reason=None)
    _record(opening, EventKind.SCHEDULE_RESUMED, reason)
    return ScheduleResumed(
        id=campaign.id,
        state=campaign.state,
        paused=False,
        next_at=campaign.occurrence_at,
        zone=opening.zone,
    )


def _paused_runs(opening: Opening) -> list[int]:
    """The campaign's runs that are paused themselves."""
    connection = opening.act.connection
    runs = (run.id for run in unfinished_runs(connection, opening.campaign.id))
    return [run_id for run_id in runs if holds_on(connection, Held(run_id=run_id))]


def _record(opening: Opening, kind: EventKind, reason: Reason) -> None:
    campaign = opening.campaign
    opening.act.record(kind, campaign_id=campaign.id, account_id=campaign.account_id, reason=reason)


def _skip_next(opening: Opening, reason: Reason | None, seen: datetime | None) -> NextSkipped:
    campaign, act, occurrence = opening.campaign, opening.act, opening.campaign.occurrence_at
    assert occurrence is not None
    if seen is not None and seen != occurrence:
        then, now = on_clocks(seen, opening.zone), on_clocks(occurrence, opening.zone)
        raise Outdated(
            f"Campaign {campaign.id} no longer waits for the run at {then}: it waits for the one at {now} now. Nothing "
            "was skipped.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=campaign.id),
        )
    skipped_before = skipped_after(act.connection, campaign.id, act.now)
    after = following(act.connection, campaign, opening.revision, occurrence)
    change_campaign(act.connection, campaign, now=act.now, **columns_for(campaign.id, opening.revision, after))
    run_id = skip_occurrence(opening, occurrence, SKIPPED_AHEAD if reason is None else f"{SKIPPED_AHEAD}: {reason}")
    if after is None and opening.revision.times.recurs:
        record_ended(act, campaign)
    return NextSkipped(
        id=campaign.id,
        run_id=run_id,
        skipped=occurrence,
        next_at=after,
        zone=opening.zone,
        skipped_before=tuple(skipped_before),
        with_vendor=tuple(runs_handed_over(act.connection, campaign.id, now=act.now)),
    )
