"""Open what is due: one run for each occurrence, exactly once, however many beats look.

What is found late is sent or skipped by the campaign's misfire rule, what meets an earlier run by its overlap rule.
Either way there is a row, so that nothing is ever opened twice and nobody wonders what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, takewhile

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import NotAllowed, TryLater
from campaigns.domain.schedules.misfire import misfire, opens_at, sends_at
from campaigns.domain.schedules.occurrences import occurrences
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import CampaignState
from campaigns.domain.upstream.outcome import one_line
from campaigns.flow.accounts.free_accounts import for_each_free
from campaigns.flow.schedules.arm import columns_for, following, is_used_up
from campaigns.flow.schedules.open_occurrence import Opening, open_occurrence, skip_occurrences
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import (
    CampaignRow,
    change_campaign,
    due_campaigns,
    find_campaign,
    find_revision,
)
from campaigns.store.database.engine import Store
from campaigns.store.holds.stops import Stop, stop_of
from campaigns.store.schedules.occurrences import Skipped, rows_between
from campaigns.store.sending.lanes import hold_lane, hold_lane_briefly

MOST_CAMPAIGNS = 200
"""So many campaigns are looked at in one tick; the next one takes the others."""

MOST_OCCURRENCES = 2_000
"""So many occurrences of a campaign are looked at in one transaction: a fraction of a second under a lock."""

MOST_OPENED = 300
"""So many of them are opened to send: each takes a dozen statements, while those skipped are written together."""

_EVER = datetime.max.replace(tzinfo=UTC)

LOOKED_AT_AGAIN = timedelta(hours=1)
"""A schedule that cannot be computed is tried again after this."""


def open_due_runs(store: Store, *, actor: str) -> list[int]:
    """Open what has come due; answers the runs that this call opened to send.

    An account whose lock somebody keeps is left for the next look, and one that is stopped until it may go on. A crash
    leaves a campaign either waiting for an occurrence, to be found again, or past it with its row written.
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
    """Open or skip everything of a campaign that has come due, by the revision it has now. Raises NotFound.

    On an account that is stopped all of it is skipped: whoever changes a schedule then does not send by the old one.
    """
    while True:
        with store.read() as connection:
            if not is_due(find_campaign(connection, campaign_id), store.now(connection)):
                return
        open_due(store, campaign_id, actor=actor, skips_stopped=True)


def open_due(
    store: Store,
    campaign_id: int,
    *,
    actor: str,
    hold: Callable[[Connection, str], None] = hold_lane,
    skips_stopped: bool = False,
) -> list[int] | None:
    """Take the oldest occurrences of a campaign that have come due; None when there is none. `hold` takes its lane.

    While its account is stopped they wait, or are skipped (`skips_stopped`).
    """
    try:
        with store.write() as connection:
            hold(connection, find_campaign(connection, campaign_id).account_id)
            campaign = find_campaign(connection, campaign_id)
            now = store.now(connection)
            if campaign.state is not CampaignState.SCHEDULED or not is_due(campaign, now):
                return None
            stop = stop_of(connection, campaign.account_id)
            if stop is not None and not skips_stopped:
                return None
            revision = find_revision(connection, campaign_id, campaign.revision)
            return _take(Opening(connection, campaign, revision, now, actor), stop)
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
        Act(connection, now, actor).record(
            EventKind.SCHEDULE_PAUSED, campaign_id=campaign_id, account_id=campaign.account_id, reason=reason
        )


def is_due(campaign: CampaignRow, now: datetime) -> bool:
    """Whether an occurrence of an armed campaign has come due."""
    return campaign.due_at is not None and campaign.due_at <= now


def _take(opening: Opening, stop: Stop | None = None) -> list[int]:
    found, after = come_due(opening)
    timing = opening.revision.times
    opened: list[int] = []
    skipped: list[Skipped] = []
    for place, occurrence in enumerate(found):
        if is_used_up(opening.campaign, opening.revision, opened=len(opened)):
            break
        if len(opened) == MOST_OPENED:
            after = occurrence
            break
        newer = found[place + 1] if place + 1 < len(found) else after
        reason = why_skipped(opening, timing, occurrence, newer) if stop is None else f"it was stopped: {stop.reason}"
        if reason is not None:
            skipped.append(Skipped(occurrence, reason))
            continue
        skip_occurrences(opening, skipped)  # in the order of time
        skipped = []
        run_id = open_occurrence(opening, occurrence)
        opened += [] if run_id is None else [run_id]
    skip_occurrences(opening, skipped)
    if is_used_up(opening.campaign, opening.revision, opened=len(opened)):
        after = None
    _go_on(opening, after, opened=len(opened))
    return opened


def come_due(opening: Opening) -> tuple[list[datetime], datetime | None]:
    """The oldest occurrences that have come due and have no row yet, and the one after them."""
    first, timing = opening.campaign.occurrence_at, opening.revision.times
    if first is None:
        return [], None
    # When the first one opens was fixed when the campaign was armed for it.
    later = takewhile(
        lambda one: opens_at(opening.campaign.id, timing, one) <= opening.now, occurrences(timing, first, _EVER)
    )
    come = [first, *islice(later, MOST_OCCURRENCES - 1)] if timing.recurs else [first]
    written = rows_between(opening.connection, opening.campaign.id, come[0], come[-1])
    after = following(opening.connection, opening.campaign, opening.revision, come[-1])
    return [one for one in come if one not in written], after


def why_skipped(opening: Opening, timing: Timing, occurrence: datetime, newer: datetime | None) -> str | None:
    """Why an occurrence is not opened at all; None: it is, by the overlap rule."""
    if opening.campaign.pause_reason is not None:
        return f"the schedule was paused: {opening.campaign.pause_reason}"
    moment = sends_at(opening.campaign.id, timing, occurrence)
    superseded = newer is not None and sends_at(opening.campaign.id, timing, newer) <= opening.now
    return misfire(timing, moment, opening.now, superseded=superseded)


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
    Act(connection, now, actor).record(
        EventKind.SCHEDULE_ENDED,
        campaign_id=campaign.id,
        account_id=campaign.account_id,
        detail={"revision": campaign.revision},
    )
