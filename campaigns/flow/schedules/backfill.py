"""Open the occurrences of a past period that were not sent, on the record and one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.schedules.occurrences import occurrences
from campaigns.domain.schedules.overlap import last_in_line
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import CampaignState, RunState
from campaigns.flow.planning.plan import make_plan, plan_faults, refuse_faults, text_faults
from campaigns.flow.runs.hold_restored import hold_restored
from campaigns.flow.schedules.arm import DISARMED, is_used_up
from campaigns.flow.schedules.due import is_due, say_ended, settle
from campaigns.flow.schedules.open_occurrence import Opening, occurrence_may_repeat, open_backfilled
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import Act
from campaigns.store.campaigns.campaigns import change_campaign, find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.schedules.occurrences import first_armed, open_runs, rows_between, timings_since
from campaigns.store.sending.lanes import hold_lane

MOST = 1000
"""Occurrences in one period; nobody means to send more after the fact."""

_INSTANT = timedelta(microseconds=1)
_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """Which occurrences are asked for, both ends included, and what to do while another run is open."""

    start: datetime
    end: datetime
    overlap: Literal["queue", "skip"] = "queue"


@dataclass(frozen=True, slots=True)
class Missed:
    """An occurrence without a run that was sent."""

    at: datetime
    skipped_run_id: int | None  # None: it has no row at all


@dataclass(frozen=True, slots=True)
class Found:
    """What a backfill of a period would open."""

    missed: list[Missed]
    sent: int  # occurrences that have a run that was opened to send
    left: int  # missed ones that the overlap rule leaves as they are
    after: int | None  # the first one waits for this run


def backfill(
    store: Store,
    campaign_id: int,
    period: Period,
    *,
    upstream: str,
    reason: str | None,
    actor: str,
) -> dict[str, Any]:
    """Open a run for each occurrence of the period that has none, or was skipped.

    Under `queue` each waits for the one before; under `skip` the first is opened if no run of the campaign is open.
    They say what the campaign says now. Asked again, it opens nothing twice. One that may have been sent before the
    database was restored from a backup is held until somebody has looked. Raises NotAllowed, UsageError.
    """
    while True:
        settle(store, campaign_id, actor=actor)
        _refuse_unsendable(store, campaign_id)
        with store.write() as connection:
            hold_lane(connection, find_campaign(connection, campaign_id).account_id)
            opening = _opening(connection, campaign_id, store.now(connection), actor)
            if is_due(opening.campaign, opening.now):
                continue
            found = _work_out(opening, period, upstream)
            return _answer(opening, period, found, _open(opening, found, reason), dry_run=False)


def preview_backfill(store: Store, campaign_id: int, period: Period, *, upstream: str) -> dict[str, Any]:
    """What a backfill would open now; changes nothing. Raises what a backfill does."""
    _refuse_unsendable(store, campaign_id)
    with store.read() as connection:
        opening = _opening(connection, campaign_id, store.now(connection), "")
        found = _work_out(opening, period, upstream)
        lines = [{**_line(missed), "run_id": missed.skipped_run_id, "after_run_id": None} for missed in found.missed]
        return _answer(opening, period, found, lines, dry_run=True)


def _opening(connection: Connection, campaign_id: int, now: datetime, actor: str) -> Opening:
    campaign = find_campaign(connection, campaign_id)
    return Opening(connection, campaign, find_revision(connection, campaign_id, campaign.revision), now, actor)


def _refuse_unsendable(store: Store, campaign_id: int) -> None:
    with store.read() as connection:
        campaign = find_campaign(connection, campaign_id)
        plan = make_plan(connection, campaign, campaign.revision)
        refuse_faults(campaign_id, plan_faults(connection, plan, store.now(connection)) + text_faults(plan.revision))


def _work_out(opening: Opening, period: Period, upstream: str) -> Found:
    _refuse(opening, period, upstream)
    at = _occurrences(opening, period)
    rows = rows_between(opening.connection, opening.campaign.id, period.start, period.end)
    at |= {moment for moment, row in rows.items() if row.state is RunState.SKIPPED}
    if len(at) > MOST:
        raise UsageError(f"The period has more than {MOST:,} occurrences; backfill a shorter one.")
    sent = {moment for moment, row in rows.items() if row.state is not RunState.SKIPPED}
    missed = [Missed(moment, rows[moment].run_id if moment in rows else None) for moment in sorted(at - sent)]
    going_on = open_runs(opening.connection, opening.campaign.id)
    taken = len(missed) if period.overlap == "queue" else 0 if going_on else min(1, len(missed))
    _refuse_too_many(opening, taken)
    return Found(missed[:taken], len(sent), len(missed) - taken, last_in_line(going_on))


def _refuse(opening: Opening, period: Period, upstream: str) -> None:
    campaign = opening.campaign
    if campaign.state in {CampaignState.DRAFT, CampaignState.ARCHIVED}:
        raise NotAllowed(
            f"Campaign {campaign.id} is {campaign.state.value}; only one whose schedule was launched is backfilled."
        )
    if period.end > opening.now:
        now = opening.now.astimezone(period.end.tzinfo)
        raise UsageError(
            f"--to {period.end.isoformat()} is to come (it is {now.isoformat(timespec='seconds')}); "
            "the schedule itself opens what is to come, so give a time that has passed."
        )
    if period.start > period.end:
        raise UsageError(f"--from {period.start.isoformat()} is after --to {period.end.isoformat()}; exchange them.")
    bound_to, _ = find_upstream(opening.connection, campaign.account_id)
    if bound_to != upstream:
        raise NotAllowed(
            f"Account {campaign.account_id} belongs to {bound_to}, but the settings name {upstream}; a campaign never "
            "changes vendors. Set the key and CAMPAIGNS_UPSTREAM_URL it was made for."
        )


def _occurrences(opening: Opening, period: Period) -> set[datetime]:
    """The occurrences of the period, by the schedule that held at each time; what is to come yet is not among them.

    An edit of the schedule does not give the past other occurrences: those were sent already at their own times.
    """
    schedules = _schedules(opening)
    if not schedules:
        raise NotAllowed(
            f"Campaign {opening.campaign.id} has no schedule that recurs, so there is nothing to backfill; "
            "`campaigns launch` sends it again."
        )
    waits_for = opening.campaign.occurrence_at
    end = period.end if waits_for is None else min(period.end, waits_for - _INSTANT)
    found: set[datetime] = set()
    for since, until, timing in schedules:
        after = since if since >= period.start else period.start - _INSTANT
        found |= set(islice(occurrences(timing, after, min(end, until)), MOST + 1))
    return found


def _schedules(opening: Opening) -> list[tuple[datetime, datetime, Timing]]:
    """After when and until when each schedule held; the one that was armed first also stands for what was before."""
    armed = first_armed(opening.connection, opening.campaign.id)
    held = [
        (since, timing) for since, timing in timings_since(opening.connection, opening.campaign.id) if timing.recurs
    ]
    later = [(since, timing) for since, timing in held if armed is not None and since > armed]
    first = held[: len(held) - len(later)][-1:]
    starts = [*((_EVER[0], timing) for _, timing in first), *later]
    ends = [*(since for since, _ in starts[1:]), _EVER[1]]
    return [(since, until, timing) for (since, timing), until in zip(starts, ends[: len(starts)], strict=True)]


def _refuse_too_many(opening: Opening, count: int) -> None:
    campaign, most = opening.campaign, opening.revision.times.max_runs
    if most is not None and campaign.occurrences + count > most:
        raise NotAllowed(
            f"Campaign {campaign.id} may have {most} runs and has had {campaign.occurrences}, so {count} more are too "
            f"many; allow more with `campaigns edit {campaign.id} --max-runs N`, or backfill a shorter period."
        )


def _open(opening: Opening, found: Found, reason: str | None) -> list[dict[str, Any]]:
    said = "backfill" if reason is None else f"backfill: {reason}"
    opened: list[dict[str, Any]] = []
    after = found.after
    for missed in found.missed:
        may_repeat = occurrence_may_repeat(opening, missed.at)
        run_id = open_backfilled(opening, missed.at, skipped_run_id=missed.skipped_run_id, after=after, reason=said)
        if may_repeat:
            hold_restored(Act(opening.connection, opening.now, opening.actor), run_id)
        opened.append({**_line(missed), "run_id": run_id, "after_run_id": after})
        after = run_id
    if opened:
        _count(opening, len(opened))
    return opened


def _count(opening: Opening, opened: int) -> None:
    """Count the runs as the schedule's; one that has had all of its runs by them ends."""
    campaign = opening.campaign
    ends = campaign.state is CampaignState.SCHEDULED and is_used_up(campaign, opening.revision, opened=opened)
    columns = DISARMED if ends else {}
    change_campaign(opening.connection, campaign, now=opening.now, occurrences=campaign.occurrences + opened, **columns)
    if ends:
        say_ended(opening.connection, campaign, now=opening.now, actor=opening.actor)


def _line(missed: Missed) -> dict[str, Any]:
    return {
        "scheduled_for": missed.at.isoformat(),
        "was": "missing" if missed.skipped_run_id is None else RunState.SKIPPED.value,
    }


def _answer(
    opening: Opening, period: Period, found: Found, runs: list[dict[str, Any]], *, dry_run: bool
) -> dict[str, Any]:
    return {
        "campaign_id": opening.campaign.id,
        "from": period.start.isoformat(),
        "to": period.end.isoformat(),
        "overlap": period.overlap,
        "dry_run": dry_run,
        "runs": runs,
        "sent_before": found.sent,
        "left": found.left,
    }
