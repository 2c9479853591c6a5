"""Open the occurrences of a past period that were not sent, on the record and one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from campaigns.domain.clocks import DAY
from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import campaign_name, run_names
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import CampaignState
from campaigns.flow.planning.plan import confirm_texts, make_plan, plan_faults, refuse_faults, text_faults
from campaigns.flow.planning.upcoming import contents_ahead
from campaigns.flow.runs.hold_restored import hold_restored
from campaigns.flow.schedules.arm import DISARMED, TOO_OFTEN, is_used_up
from campaigns.flow.schedules.due import catch_up_counting, is_due, record_ended
from campaigns.flow.schedules.gaps import Gaps, Period, find_gaps
from campaigns.flow.schedules.open_occurrence import Opening, occurrence_may_repeat, open_backfilled
from campaigns.store.audit.events import Act
from campaigns.store.campaigns.campaigns import change_campaign, find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.schedules.occurrences import opened_since, timings_since
from campaigns.store.sending.lanes import hold_lane


@dataclass(frozen=True, slots=True)
class BackfilledRun:
    """One occurrence of a backfill."""

    scheduled_for: datetime
    was: str  # missing, or skipped
    run_id: int | None  # None: it has no row yet
    after_run_id: int | None  # it waits for this run


@dataclass(frozen=True, slots=True)
class Backfill:
    """What a backfill opened, or would open."""

    campaign_id: int
    from_: datetime
    to: datetime
    overlap: str
    dry_run: bool
    runs: tuple[BackfilledRun, ...]
    sent_before: int  # occurrences of the period that have a run that was opened to send
    left: int  # occurrences without one that the overlap rule leaves as they are
    account: str
    revision: int
    recipients: int | None  # of each run; None: the vendor alone knows who is on its lists
    text: str  # what the first run says
    before_created: int  # runs whose time was before the campaign was written
    needs_often: bool  # more than one run within 24 hours, which the campaign does not allow
    skipped: int  # occurrences that came due during a stop, and are skipped now, as the backfill looks at them
    opened_lately: tuple[int, ...]  # runs of the campaign that were opened in the last 24 hours
    zone: str | None  # whose clocks the schedule follows


def backfill(
    store: Store,
    campaign_id: int,
    period: Period,
    *,
    upstream: str,
    reason: str | None,
    actor: str,
    before_created: bool = False,
    agreed: Backfill | None = None,
) -> Backfill:
    """Open a run for each occurrence of the period that has none, or was skipped.

    Under `queue` each waits for the one before; under `skip` the first is opened if no run of the campaign is open.
    They say what the campaign says now. A second call opens nothing twice. A run that may have been sent before the
    database was restored from a backup is held until a person has looked. `before_created`: times before the campaign
    was written are meant. `agreed`: the preview that a person agreed to; more or other runs than it shows are refused.
    All runs are opened in one transaction. Raises NotAllowed, UsageError; nothing is changed then.
    """
    recorded_reason = "backfill" if reason is None else f"backfill: {Reason(reason)}"
    skipped = 0
    while True:
        skipped += catch_up_counting(store, campaign_id, actor=actor)
        recipients = _sendable(store, campaign_id)
        with store.write() as connection:
            hold_lane(connection, find_campaign(connection, campaign_id).account_id)
            opening = _opening(Act(connection, store.now(connection), actor), campaign_id)
            if is_due(opening.campaign, opening.act.now):
                continue
            gaps = find_gaps(opening, period, upstream)
            seen = _answer(opening, period, gaps, recipients)
            refuse_often(seen)
            _refuse_before_created(seen, is_meant=before_created)
            _refuse_changed(seen, agreed)
            opened = tuple(_open(opening, gaps, recorded_reason))
            return replace(seen, dry_run=False, runs=opened, skipped=skipped)


def preview_backfill(
    store: Store, campaign_id: int, period: Period, *, upstream: str, actor: str | None = None
) -> Backfill:
    """What a backfill would open now, also where the backfill refuses that (`needs_often`, `before_created`).

    Changes nothing without an `actor`. With one, what has come due is opened or skipped first, as beat does it, and
    then the backfill opens exactly this. Raises NotAllowed, UsageError for the rest of what the backfill refuses.
    """
    skipped = 0 if actor is None else catch_up_counting(store, campaign_id, actor=actor)
    recipients = _sendable(store, campaign_id)
    with store.read() as connection:
        opening = _opening(Act(connection, store.now(connection), "nobody"), campaign_id)
        return replace(_answer(opening, period, find_gaps(opening, period, upstream), recipients), skipped=skipped)


def _opening(act: Act, campaign_id: int) -> Opening:
    campaign = find_campaign(act.connection, campaign_id)
    return Opening(act, campaign, find_revision(act.connection, campaign_id, campaign.revision))


def _sendable(store: Store, campaign_id: int) -> int | None:
    """How many people a run of the campaign goes to now; None for whole lists. Raises NotAllowed with every fault."""
    with store.read() as connection:
        campaign = find_campaign(connection, campaign_id)
        plan = make_plan(connection, campaign, campaign.revision)
        faults = plan_faults(connection, plan, store.now(connection)) + text_faults(plan.revision)
        refuse_faults(campaign_id, faults, *confirm_texts(plan.revision))
    return None if plan.whole_list else plan.recipients


def refuse_often(seen: Backfill) -> None:
    """Raise NotAllowed for more than one run that the campaign does not allow within 24 hours.

    All runs of a backfill are sent from now on, so they reach the same people within that time. Those that were opened
    in the 24 hours before count too: several backfills of one run each have the same limit.
    """
    if seen.needs_often:
        number = f"{len(seen.runs)} run{'' if len(seen.runs) == 1 else 's'}"
        lately, way = "", "backfill one occurrence, or allow it"
        if seen.opened_lately:
            runs = run_names(seen.opened_lately)
            lately, way = f", besides run {runs} of the last 24 hours", "wait, or allow it"
        raise NotAllowed(
            f"The backfill of campaign {campaign_name(seen.campaign_id)} would send {number} to the same people within "
            f"24 hours{lately}, and its field 'often' does not allow that; {way}.",
            Remedy(Do.ALLOW_OFTEN, campaign=seen.campaign_id),
            code=TOO_OFTEN,
        )


def _refuse_before_created(seen: Backfill, *, is_meant: bool) -> None:
    if seen.before_created and not is_meant:
        times = "1 time" if seen.before_created == 1 else f"{seen.before_created} times"
        raise NotAllowed(
            f"The period has {times} before campaign {campaign_name(seen.campaign_id)} was written, when nobody "
            "expected a run.",
            Remedy(Do.BACKFILL_BEFORE_CREATED, campaign=seen.campaign_id),
            code="before_created",
        )


def _refuse_changed(seen: Backfill, agreed: Backfill | None) -> None:
    """Refuse a backfill that is no longer what somebody agreed to."""
    if agreed is not None and (seen.revision, seen.runs) != (agreed.revision, agreed.runs):
        raise NotAllowed(
            f"The backfill of campaign {campaign_name(seen.campaign_id)} has changed since it was shown: it would open "
            f"{len(seen.runs)} runs of revision {seen.revision} now. Look at it again.",
            code="changed",
        )


def _answer(opening: Opening, period: Period, gaps: Gaps, recipients: int | None) -> Backfill:
    """The backfill before it is done."""
    campaign, revision, connection = opening.campaign, opening.revision, opening.act.connection
    moments = [gap.at for gap in gaps.opens]
    created_at, _ = timings_since(connection, campaign.id)[0]
    lately = opened_since(connection, campaign.id, opening.act.now - DAY)
    return Backfill(
        campaign_id=campaign.id,
        from_=period.start,
        to=period.end,
        overlap=period.overlap,
        dry_run=True,
        runs=tuple(BackfilledRun(gap.at, gap.was, gap.skipped_run_id, None) for gap in gaps.opens),
        sent_before=gaps.sent,
        left=gaps.left,
        account=campaign.account_id,
        revision=campaign.revision,
        recipients=recipients,
        text=contents_ahead(connection, campaign, revision, moments, opening.act.now)[0].text,
        before_created=sum(moment < created_at for moment in moments),
        needs_often=bool(moments) and len(moments) + len(lately) > 1 and not revision.often,
        skipped=0,
        opened_lately=tuple(lately),
        zone=opening.zone,
    )


def _open(opening: Opening, gaps: Gaps, reason: str) -> list[BackfilledRun]:
    act = opening.act
    opened: list[BackfilledRun] = []
    after = gaps.after
    for gap in gaps.opens:
        may_repeat = occurrence_may_repeat(opening, gap.at)
        run_id = open_backfilled(opening, gap.at, skipped_run_id=gap.skipped_run_id, after=after, reason=reason)
        if may_repeat:
            hold_restored(act, run_id)
        opened.append(BackfilledRun(gap.at, gap.was, run_id, after))
        after = run_id
    if opened:
        _count(opening, len(opened))
    return opened


def _count(opening: Opening, opened: int) -> None:
    """Count the runs as the schedule's own; a schedule that has had all of its runs ends."""
    campaign, act = opening.campaign, opening.act
    ends = campaign.state is CampaignState.SCHEDULED and is_used_up(campaign, opening.revision, opened=opened)
    columns = DISARMED if ends else {}
    change_campaign(act.connection, campaign, now=act.now, occurrences=campaign.occurrences + opened, **columns)
    if ends:
        record_ended(act, campaign)
