"""Open the run of one occurrence: its place among the runs of its campaign, and what it says.

Every run of a schedule is opened here, when it comes due or by a backfill. The caller holds the lane's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.domain.clocks import on_clocks
from campaigns.domain.schedules.handoff import WATCHED_AFTER, sent_from
from campaigns.domain.schedules.misfire import sends_at
from campaigns.domain.schedules.overlap import find_place, last_in_line
from campaigns.domain.schedules.timing import expires_at
from campaigns.domain.states import RunKind
from campaigns.flow.planning.content import what_is_said, zone_of_campaign
from campaigns.flow.recall.recall import recall_earlier
from campaigns.flow.runs.hold_restored import hold_restored
from campaigns.flow.runs.pause_resume_cancel import cancel_open_run
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import Act
from campaigns.store.backup.restored import opening_may_repeat
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow
from campaigns.store.runs.runs import add_run, find_run
from campaigns.store.schedules.occurrences import Skipped, add_skipped, take_up_skipped, unfinished_runs


@dataclass(frozen=True, slots=True)
class Opening:
    """What one actor does to the schedule of one campaign, within one transaction."""

    act: Act
    campaign: CampaignRow  # as it was read in this transaction
    revision: RevisionRow

    @property
    def zone(self) -> str | None:
        """The zone whose clocks its times are shown on."""
        return zone_of_campaign(self.act.connection, self.campaign, self.revision)


def open_occurrence(opening: Opening, occurrence: datetime) -> int | None:
    """Open a run for an occurrence by the campaign's overlap rule; None when that skips it."""
    timing, act = opening.revision.times, opening.act
    moment = sends_at(opening.campaign.id, timing, occurrence)
    before = unfinished_runs(act.connection, opening.campaign.id)
    place = find_place(timing.overlap, before, missed_at=moment if timing.misfire == "all" else None)
    if place.skipped is not None:
        skip_occurrence(opening, occurrence, place.skipped)
        return None
    may_repeat = occurrence_may_repeat(opening, occurrence)  # before the run is cancelled that nobody has looked at
    in_its_place = (
        f"the occurrence at {on_clocks(occurrence, timing.zone)} takes the place of earlier runs: "
        f"overlap rule {timing.overlap}"
    )
    after = _cancel(opening, place.cancels, in_its_place) if place.cancels else place.after
    run_id = add_run(
        act,
        reason=None,
        kind=RunKind.SCHEDULE,
        scheduled_for=occurrence,
        **_columns(opening, occurrence, after=after, counts_from=occurrence),
    )
    if may_repeat:
        hold_restored(act, run_id)
    if timing.overlap == "unsend":
        recall_earlier(
            act,
            opening.campaign.id,
            for_run_id=run_id,
            besides=place.cancels,
            reason=in_its_place,
        )
    return run_id


def occurrence_may_repeat(opening: Opening, occurrence: datetime) -> bool:
    """Whether an occurrence only seems to be new, since what was sent of it is missing from a restored database."""
    earliest = sent_from(opening.revision.times, occurrence)
    return opening_may_repeat(opening.act.connection, opening.campaign.id, sent_from=earliest)


def skip_occurrence(opening: Opening, occurrence: datetime, reason: str) -> int:
    """Write that an occurrence is not sent, and why; returns its run."""
    return skip_occurrences(opening, [Skipped(occurrence, reason)])[0]


def skip_occurrences(opening: Opening, skipped: Sequence[Skipped]) -> list[int]:
    """Write that occurrences are not sent, and the reason of each; returns their runs, in order."""
    return add_skipped(opening.act, skipped, **_origin(opening))


def open_backfilled(
    opening: Opening, occurrence: datetime, *, skipped_run_id: int | None, after: int | None, reason: str
) -> int:
    """Open a run for an occurrence that was missed, or was skipped as `skipped_run_id`, behind another run."""
    act = opening.act
    columns = _columns(opening, occurrence, after=after, counts_from=act.now)
    if skipped_run_id is not None and take_up_skipped(act, skipped_run_id, reason=reason, **columns):
        return skipped_run_id
    return add_run(act, reason=reason, kind=RunKind.SCHEDULE, scheduled_for=occurrence, **columns)


def _cancel(opening: Opening, run_ids: tuple[int, ...], reason: str) -> int | None:
    """Cancel runs that have not ended; returns the run to wait for, if a request of one is in flight."""
    act = opening.act
    for run_id in run_ids:
        cancel_open_run(act, find_run(act.connection, run_id), reason=reason)
    return last_in_line(unfinished_runs(act.connection, opening.campaign.id))


def _columns(opening: Opening, occurrence: datetime, *, after: int | None, counts_from: datetime) -> dict[str, Any]:
    """The columns of a run that is to be sent; its expiry counts from `counts_from`."""
    at = _vendors_time(opening, occurrence)
    content = what_is_said(opening.act.connection, opening.campaign, opening.revision, occurrence, scheduled_date=at)
    return {
        **_origin(opening),
        **content.columns,
        "watch_at": None if at is None else at + WATCHED_AFTER,
        "after_run_id": after,
        "expires_at": expires_at(opening.revision.times, counts_from),
    }


def _vendors_time(opening: Opening, occurrence: datetime) -> datetime | None:
    """When the vendor is to send it, where it is handed over."""
    timing = opening.revision.times
    moment = sends_at(opening.campaign.id, timing, occurrence)
    return moment if timing.handoff and moment > opening.act.now else None


def _origin(opening: Opening) -> dict[str, Any]:
    """The columns that say what a run was opened from."""
    upstream, _ = find_upstream(opening.act.connection, opening.campaign.account_id)
    return {
        "campaign_id": opening.campaign.id,
        "revision": opening.revision.number,
        "audience_version_id": opening.revision.audience_version_id,
        "account_id": opening.campaign.account_id,
        "upstream": upstream,
    }
