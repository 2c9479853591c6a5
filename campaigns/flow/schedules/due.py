"""Open what is due: one run for each occurrence, exactly once, however many beats look.

An occurrence that is found late is sent or skipped by the campaign's misfire rule. One that meets an earlier run is
sent, queued or skipped by its overlap rule. Each has a row, so nothing is opened twice and everybody sees what became
of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain, islice, takewhile

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import NotAllowed, TryLater
from campaigns.domain.schedules.misfire import misfire, opens_at, sends_at
from campaigns.domain.schedules.occurrences import EVER, occurrences
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
from campaigns.store.schedules.occurrences import Skipped, count_skipped, rows_between
from campaigns.store.sending.lanes import hold_lane, hold_lane_briefly

MOST_CAMPAIGNS = 200
"""At most this many campaigns are opened in one tick; the next tick takes the others."""

MOST_OCCURRENCES = 2_000
"""At most this many occurrences of a campaign are judged in one transaction: a fraction of a second under a lock."""

MOST_OPENED = 300
"""At most this many runs are opened to send in one transaction: each takes a dozen statements. Skipped ones are
written together."""

RETRY_AFTER = timedelta(hours=1)
"""A schedule that cannot be computed is tried again after this time."""


def open_due_runs(store: Store, *, actor: str) -> list[int]:
    """Open what has come due; returns the runs that this call opened to send.

    An account whose lock is taken is left for the next tick; one that is stopped is left until it may go on. After a
    crash a campaign either still waits for its occurrence, which the next tick opens, or has the row and is past it.
    """
    with store.read() as connection:
        campaigns = due_campaigns(connection, now=store.now(connection), limit=MOST_CAMPAIGNS)
    taken = for_each_free(
        campaigns,
        lambda campaign: campaign.account_id,
        lambda campaign: open_due(store, campaign.id, actor=actor, hold=hold_lane_briefly) or [],
    )
    opened = list(chain.from_iterable(taken))
    if campaigns:
        crash_point("due.opened")
    return opened


def open_all_due(store: Store, *, actor: str) -> None:
    """Open everything that has come due, in as many transactions as it takes."""
    while True:
        with store.read() as connection:
            campaigns = due_campaigns(connection, now=store.now(connection), limit=MOST_CAMPAIGNS)
        if not campaigns:
            return
        for campaign in campaigns:
            catch_up(store, campaign.id, actor=actor)


def catch_up(store: Store, campaign_id: int, *, actor: str) -> None:
    """Open or skip everything of a campaign that has come due, by the revision it has now. Raises NotFound.

    On an account that is stopped all of it is skipped: whoever changes a schedule then does not send by the old one.
    """
    while True:
        with store.read() as connection:
            if not is_due(find_campaign(connection, campaign_id), store.now(connection)):
                return
        open_due(store, campaign_id, actor=actor, skips_stopped=True)


def catch_up_counting(store: Store, campaign_id: int, *, actor: str) -> int:
    """Catch up; returns how many occurrences a stop skips by that, which nobody may overlook. Raises NotFound."""
    with store.read() as connection:
        is_stopped = stop_of(connection, find_campaign(connection, campaign_id).account_id) is not None
        before = count_skipped(connection, campaign_id)
    catch_up(store, campaign_id, actor=actor)
    if not is_stopped:
        return 0
    with store.read() as connection:
        return count_skipped(connection, campaign_id) - before


def open_due(
    store: Store,
    campaign_id: int,
    *,
    actor: str,
    hold: Callable[[Connection, str], None] = hold_lane,
    skips_stopped: bool = False,
) -> list[int] | None:
    """Open or skip the oldest occurrences of a campaign that have come due; returns the runs that were opened to send.

    None when nothing has come due. `hold` takes the lane's lock. While the account is stopped they wait, or are skipped
    (`skips_stopped`).
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
            return _take(Opening(Act(connection, now, actor), campaign, revision), stop)
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
    """Pause a schedule that cannot be computed, as when newer zone data lacks its zone. The others go on."""
    with store.write() as connection:
        hold_lane(connection, find_campaign(connection, campaign_id).account_id)
        campaign = find_campaign(connection, campaign_id)
        act = Act(connection, store.now(connection), actor)
        paused = {"paused_at": act.now, "paused_by": actor, "pause_reason": reason}
        change_campaign(connection, campaign, now=act.now, due_at=act.now + RETRY_AFTER, **paused)
        act.record(EventKind.SCHEDULE_PAUSED, campaign_id=campaign_id, account_id=campaign.account_id, reason=reason)


def is_due(campaign: CampaignRow, now: datetime) -> bool:
    """Whether an occurrence of an armed campaign has come due."""
    return campaign.due_at is not None and campaign.due_at <= now


def _take(opening: Opening, stop: Stop | None = None) -> list[int]:
    due, after = come_due(opening)
    timing = opening.revision.times
    opened: list[int] = []
    skipped: list[Skipped] = []
    for place, occurrence in enumerate(due):
        if is_used_up(opening.campaign, opening.revision, opened=len(opened)):
            break
        if len(opened) == MOST_OPENED:
            after = occurrence
            break
        newer = due[place + 1] if place + 1 < len(due) else after
        reason = why_skipped(opening, timing, occurrence, newer) if stop is None else _stopped_by(stop)
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


def _stopped_by(stop: Stop) -> str:
    return f"stopped by {stop.actor.removeprefix('operator:')}: {stop.reason}"


def come_due(opening: Opening) -> tuple[list[datetime], datetime | None]:
    """The oldest occurrences that have come due and have no row yet, and the one after them. Reads only."""
    first, timing = opening.campaign.occurrence_at, opening.revision.times
    if first is None:
        return [], None
    # When the first one opens was fixed when the campaign was armed for it.
    later = takewhile(
        lambda occurrence: opens_at(opening.campaign.id, timing, occurrence) <= opening.act.now,
        occurrences(timing, first, EVER),
    )
    due = [first, *islice(later, MOST_OCCURRENCES - 1)] if timing.recurs else [first]
    written = rows_between(opening.act.connection, opening.campaign.id, due[0], due[-1])
    after = following(opening.act.connection, opening.campaign, opening.revision, due[-1])
    return [occurrence for occurrence in due if occurrence not in written], after


def why_skipped(opening: Opening, timing: Timing, occurrence: datetime, newer: datetime | None) -> str | None:
    """Why an occurrence is not opened at all: a pause, or the misfire rule. None: it is, by the overlap rule."""
    if opening.campaign.pause_reason is not None:
        return f"the schedule was paused: {opening.campaign.pause_reason}"
    now = opening.act.now
    moment = sends_at(opening.campaign.id, timing, occurrence)
    superseded = newer is not None and sends_at(opening.campaign.id, timing, newer) <= now
    return misfire(timing, moment, now, superseded=superseded)


def _go_on(opening: Opening, after: datetime | None, *, opened: int) -> None:
    """Let the campaign wait for its next occurrence; without one its schedule has ended."""
    campaign, recurs = opening.campaign, opening.revision.times.recurs
    change_campaign(
        opening.act.connection,
        campaign,
        now=opening.act.now,
        occurrences=campaign.occurrences + opened,
        # The fans of a campaign that is sent once would get it again by another launch, so that needs a reason.
        launches=campaign.launches + (0 if recurs else opened),
        **columns_for(campaign.id, opening.revision, after),
    )
    if after is None and recurs:
        record_ended(opening.act, campaign)


def record_ended(act: Act, campaign: CampaignRow) -> None:
    """Record that a schedule has no occurrence left."""
    act.record(
        EventKind.SCHEDULE_ENDED,
        campaign_id=campaign.id,
        account_id=campaign.account_id,
        detail={"revision": campaign.revision},
    )
