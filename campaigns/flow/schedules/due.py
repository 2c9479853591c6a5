"""Open what is due: one run for each occurrence, exactly once, however many beats look.

What is found late is sent or skipped by the campaign's misfire rule, what meets an earlier run by its overlap rule.
Either way there is a row, so that nothing is ever opened twice and nobody wonders what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import NotAllowed, TryLater
from campaigns.domain.schedules.misfire import misfire, opens_at, sends_at
from campaigns.domain.states import CampaignState
from campaigns.domain.upstream.outcome import one_line
from campaigns.flow.accounts.free_accounts import for_each_free
from campaigns.flow.schedules.arm import columns_for, following, is_used_up
from campaigns.flow.schedules.open_occurrence import Opening, open_occurrence, skip_occurrence
from campaigns.store.audit.events import EventKind, record_event
from campaigns.store.campaigns.campaigns import (
    CampaignRow,
    change_campaign,
    due_campaigns,
    find_campaign,
    find_revision,
)
from campaigns.store.database.engine import Store
from campaigns.store.sending.lanes import hold_lane, hold_lane_briefly

MOST_CAMPAIGNS = 200
"""So many campaigns are looked at in one tick; the next one takes the others."""

MOST_OCCURRENCES = 300
"""So many occurrences of a campaign are opened or skipped in one transaction; after a long outage others follow."""

LOOKED_AT_AGAIN = timedelta(hours=1)
"""A schedule that cannot be computed is tried again after this."""


def open_due_runs(store: Store, *, actor: str) -> list[int]:
    """Open what has come due; answers the runs that this call opened to send.

    An account whose lock somebody keeps is left for the next look. A crash leaves a campaign either waiting for an
    occurrence, to be found again, or past it with its row written.
    """
    with store.read() as connection:
        found = due_campaigns(connection, now=store.now(connection), limit=MOST_CAMPAIGNS)
    taken = for_each_free(
        found,
        lambda campaign: campaign.account_id,
        lambda campaign: open_due(store, campaign.id, actor=actor, hold=hold_lane_briefly) or [],
    )
    opened = list(chain.from_iterable(taken))
    if found:
        crash_point("due.opened")
    return opened


def open_all_due(store: Store, *, actor: str) -> None:
    """Open everything that has come due, in as many transactions as it takes."""
    while True:
        with store.read() as connection:
            found = due_campaigns(connection, now=store.now(connection), limit=MOST_CAMPAIGNS)
        if not found:
            return
        for campaign in found:
            settle(store, campaign.id, actor=actor)


def settle(store: Store, campaign_id: int, *, actor: str) -> None:
    """Open or skip everything of a campaign that has come due, by the revision it has now. Raises NotFound."""
    while True:
        with store.read() as connection:
            if not is_due(find_campaign(connection, campaign_id), store.now(connection)):
                return
        open_due(store, campaign_id, actor=actor)


def open_due(
    store: Store, campaign_id: int, *, actor: str, hold: Callable[[Connection, str], None] = hold_lane
) -> list[int] | None:
    """Take the oldest occurrences of a campaign that have come due; None when there is none. `hold` takes its lane."""
    try:
        with store.write() as connection:
            hold(connection, find_campaign(connection, campaign_id).account_id)
            campaign = find_campaign(connection, campaign_id)
            now = store.now(connection)
            if campaign.state is not CampaignState.SCHEDULED or not is_due(campaign, now):
                return None
            revision = find_revision(connection, campaign_id, campaign.revision)
            return _take(Opening(connection, campaign, revision, now, actor))
    except NotAllowed:
        return []  # an operator changed the campaign at this very moment
    except TryLater:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever is wrong with one campaign, beat goes on with the others
        first = str(fault).partition("\n")[0]  # a database says after that what it was given
        what = first if isinstance(fault, ValueError) else f"{type(fault).__name__}: {first}"
        _set_aside(store, campaign_id, f"its schedule cannot be computed: {one_line(what)}", actor=actor)
        return []


def _set_aside(store: Store, campaign_id: int, reason: str, *, actor: str) -> None:
    """Pause a schedule that nobody can read, as after newer zone data without its zone; the others must go on."""
    with store.write() as connection:
        hold_lane(connection, find_campaign(connection, campaign_id).account_id)
        campaign, now = find_campaign(connection, campaign_id), store.now(connection)
        paused = {"paused_at": now, "paused_by": actor, "pause_reason": reason}
        change_campaign(connection, campaign, now=now, due_at=now + LOOKED_AT_AGAIN, **paused)
        record_event(
            connection,
            EventKind.SCHEDULE_PAUSED,
            at=now,
            actor=actor,
            campaign_id=campaign_id,
            account_id=campaign.account_id,
            reason=reason,
        )


def is_due(campaign: CampaignRow, now: datetime) -> bool:
    """Whether an occurrence of an armed campaign has come due."""
    return campaign.due_at is not None and campaign.due_at <= now


def _take(opening: Opening) -> list[int]:
    found, after = _come_due(opening)
    opened: list[int] = []
    for place, occurrence in enumerate(found):
        if is_used_up(opening.campaign, opening.revision, opened=len(opened)):
            break
        newer = found[place + 1] if place + 1 < len(found) else after
        run_id = _send_or_skip(opening, occurrence, newer)
        opened += [] if run_id is None else [run_id]
    if is_used_up(opening.campaign, opening.revision, opened=len(opened)):
        after = None
    _go_on(opening, after, opened=len(opened))
    return opened


def _come_due(opening: Opening) -> tuple[list[datetime], datetime | None]:
    """The oldest occurrences that have come due, and the one after them."""
    found: list[datetime] = []
    occurrence = opening.campaign.occurrence_at
    # When the first one opens was fixed when the campaign was armed for it.
    while occurrence is not None and (not found or _has_come(opening, occurrence)):
        if len(found) == MOST_OCCURRENCES:
            break
        found.append(occurrence)
        occurrence = following(opening.connection, opening.campaign, opening.revision, occurrence)
    return found, occurrence


def _has_come(opening: Opening, occurrence: datetime) -> bool:
    return opens_at(opening.campaign.id, opening.revision.times, occurrence) <= opening.now


def _send_or_skip(opening: Opening, occurrence: datetime, newer: datetime | None) -> int | None:
    timing = opening.revision.times
    if opening.campaign.pause_reason is not None:
        reason: str | None = f"the schedule was paused: {opening.campaign.pause_reason}"
    else:
        moment = sends_at(opening.campaign.id, timing, occurrence)
        superseded = newer is not None and sends_at(opening.campaign.id, timing, newer) <= opening.now
        reason = misfire(timing, moment, opening.now, superseded=superseded)
    if reason is None:
        return open_occurrence(opening, occurrence)
    skip_occurrence(opening, occurrence, reason)
    return None


def _go_on(opening: Opening, after: datetime | None, *, opened: int) -> None:
    """Let the campaign wait for its next occurrence; without one it is scheduled no more."""
    campaign, recurs = opening.campaign, opening.revision.times.recurs
    change_campaign(
        opening.connection,
        campaign,
        now=opening.now,
        occurrences=campaign.occurrences + opened,
        # The fans of a campaign that is sent once would get it again by another launch, so that has to say why.
        launches=campaign.launches + (0 if recurs else opened),
        **columns_for(campaign.id, opening.revision, after),
    )
    if after is None and recurs:
        say_ended(opening.connection, campaign, now=opening.now, actor=opening.actor)


def say_ended(connection: Connection, campaign: CampaignRow, *, now: datetime, actor: str) -> None:
    """Leave an event that a schedule has no occurrence left."""
    record_event(
        connection,
        EventKind.SCHEDULE_ENDED,
        at=now,
        actor=actor,
        campaign_id=campaign.id,
        account_id=campaign.account_id,
        detail={"revision": campaign.revision},
    )
