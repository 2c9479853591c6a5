"""Find the occurrences of a past period that were not sent. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from campaigns.domain.clocks import on_clocks
from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.ids import campaign_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.occurrences import EVER, INSTANT, occurrences
from campaigns.domain.schedules.overlap import last_in_line
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import CampaignState, RunState
from campaigns.flow.schedules.open_occurrence import Opening
from campaigns.store.accounts.bindings import upstream_to_send
from campaigns.store.schedules.occurrences import first_armed, rows_between, timings_since, unfinished_runs

MOST = 1000
"""The most occurrences of one backfill; nobody means to send more after the fact."""

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """Which occurrences are asked for, both ends included, and what to do while another run is open."""

    start: datetime
    end: datetime
    overlap: Literal["queue", "skip"] = "queue"


@dataclass(frozen=True, slots=True)
class Gap:
    """An occurrence that was not sent."""

    at: datetime
    skipped_run_id: int | None  # None: it has no row at all

    @property
    def was(self) -> str:
        """What became of it: `missing` or `skipped`."""
        return "missing" if self.skipped_run_id is None else RunState.SKIPPED.value


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a backfill of a period would open."""

    opens: tuple[Gap, ...]  # in the order of time
    sent: int  # occurrences that have a run that was opened to send
    left: int  # gaps that the overlap rule leaves as they are
    after: int | None  # the first run waits for this one


def find_gaps(opening: Opening, period: Period, upstream: str) -> Gaps:
    """What a backfill of the period opens now. Raises NotAllowed, UsageError when it cannot be backfilled."""
    _refuse(opening, period, upstream)
    due = _occurrences(opening, period)
    rows = rows_between(opening.act.connection, opening.campaign.id, period.start, period.end)
    due |= {moment for moment, row in rows.items() if row.state is RunState.SKIPPED}
    if len(due) > MOST:
        raise UsageError(f"The period has more than {MOST:,} occurrences; backfill a shorter one.")
    sent = {moment for moment, row in rows.items() if row.state is not RunState.SKIPPED}
    gaps = [Gap(moment, rows[moment].run_id if moment in rows else None) for moment in sorted(due - sent)]
    going_on = unfinished_runs(opening.act.connection, opening.campaign.id)
    count = len(gaps) if period.overlap == "queue" else 0 if going_on else min(1, len(gaps))
    _refuse_too_many(opening, count)
    return Gaps(tuple(gaps[:count]), len(sent), len(gaps) - count, last_in_line(going_on))


def _refuse(opening: Opening, period: Period, upstream: str) -> None:
    campaign, zone = opening.campaign, opening.zone
    if campaign.state in {CampaignState.DRAFT, CampaignState.ARCHIVED}:
        raise NotAllowed(
            f"Campaign {campaign_name(campaign.id)} is {campaign.state.value}; only a campaign whose schedule was "
            "armed is backfilled."
        )
    if period.end > opening.act.now:
        raise UsageError(
            f"The end of the period, {on_clocks(period.end, zone)}, is in the future (it is "
            f"{on_clocks(opening.act.now.replace(microsecond=0), zone)}); the schedule itself opens what is to come, "
            "so give a time that has passed."
        )
    if period.start > period.end:
        raise UsageError(
            f"The start of the period, {on_clocks(period.start, zone)}, is after its end, "
            f"{on_clocks(period.end, zone)}; exchange them."
        )
    bound_to, _ = upstream_to_send(opening.act.connection, campaign.account_id)
    if bound_to != upstream:
        raise NotAllowed(
            f"Account {campaign.account_id} belongs to {bound_to}, but the settings name {upstream}; a campaign never "
            "changes vendors. Set the key and CAMPAIGNS_UPSTREAM_URL it was made for."
        )


def _occurrences(opening: Opening, period: Period) -> set[datetime]:
    """The occurrences of the period by the schedule that was in force at each time, without those still to come.

    An edit of the schedule does not give the past other occurrences: those were sent at their own times.
    """
    schedules = _schedules(opening)
    if not schedules:
        raise NotAllowed(
            f"Campaign {campaign_name(opening.campaign.id)} has no schedule that recurs, so there is nothing to "
            "backfill.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=opening.campaign.id),
        )
    waits_for = opening.campaign.occurrence_at
    end = period.end if waits_for is None else min(period.end, waits_for - INSTANT)
    due: set[datetime] = set()
    for since, until, timing in schedules:
        after = since if since >= period.start else period.start - INSTANT
        due |= set(islice(occurrences(timing, after, min(end, until)), MOST + 1))
    return due


def _schedules(opening: Opening) -> list[tuple[datetime, datetime, Timing]]:
    """Each schedule, with the time after which and until which it was in force.

    The one that was armed first also counts for the time before that.
    """
    connection, campaign_id = opening.act.connection, opening.campaign.id
    armed = first_armed(connection, campaign_id)
    recurring = [(since, timing) for since, timing in timings_since(connection, campaign_id) if timing.recurs]
    later = [(since, timing) for since, timing in recurring if armed is not None and since > armed]
    first = recurring[: len(recurring) - len(later)][-1:]
    starts = [*((_BEFORE_ALL, timing) for _, timing in first), *later]
    ends = [*(since for since, _ in starts[1:]), EVER]
    return [(since, until, timing) for (since, timing), until in zip(starts, ends[: len(starts)], strict=True)]


def _refuse_too_many(opening: Opening, count: int) -> None:
    campaign, most = opening.campaign, opening.revision.times.max_runs
    if most is not None and campaign.occurrences + count > most:
        raise NotAllowed(
            f"Campaign {campaign_name(campaign.id)} may have {most} runs and has had {campaign.occurrences}, so "
            f"{count} more are too "
            "many; backfill a shorter period, or allow more runs.",
            Remedy(Do.ALLOW_MORE_RUNS, campaign=campaign.id, value=str(campaign.occurrences + count)),
        )
