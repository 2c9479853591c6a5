"""What lifting a stop lets happen: which runs go on, and what becomes of each occurrence that came due meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.upstream.outcome import one_line
from campaigns.flow.runs.shown import refuse_other
from campaigns.flow.schedules.arm import is_used_up
from campaigns.flow.schedules.due import come_due, why_skipped
from campaigns.flow.schedules.open_occurrence import Opening
from campaigns.store.audit.events import Act
from campaigns.store.campaigns.campaigns import CampaignRow, due_campaigns, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.holds.reach import WaitingRun, waiting_runs
from campaigns.store.holds.stops import open_stops


@dataclass(frozen=True, slots=True)
class Overdue:
    """An occurrence that came due while its account was stopped."""

    campaign_id: int
    campaign: str
    account: str
    scheduled_for: datetime
    skipped: str | None  # why it will be skipped; None: a run is opened for it


@dataclass(frozen=True, slots=True)
class AfterStop:
    """What happens as soon as a stop is lifted."""

    runs: Sequence[WaitingRun]
    occurrences: Sequence[Overdue]

    @property
    def sent(self) -> Sequence[Overdue]:
        """The occurrences for which a run is opened at once."""
        return [each for each in self.occurrences if each.skipped is None]


def preview_go(store: Store, account_id: str | None) -> AfterStop:
    """What would happen if the stop of an account, or that of everything (None), were lifted now. Changes nothing."""
    with store.read() as connection:
        return _after(connection, account_id, store.now(connection))


def as_shown(account_id: str | None, *, runs: int, sent: int) -> Callable[[Act], None]:
    """The check that `go` makes for somebody who was shown so many runs that go on, and occurrences that are sent.

    It raises Outdated when there are others by then.
    """

    def check(act: Act) -> None:
        after = _after(act.connection, account_id, act.now)
        refuse_other(runs, len(after.runs), "runs that go on")
        refuse_other(sent, len(after.sent), "occurrences that are sent at once")

    return check


def _after(connection: Connection, account_id: str | None, now: datetime) -> AfterStop:
    others = {each.account for each in open_stops(connection)} - {account_id}

    def is_freed(of: str) -> bool:
        return None not in others and of not in others and account_id in {None, of}

    runs = [each for each in waiting_runs(connection) if is_freed(each.account)]
    due = [each for each in due_campaigns(connection, now=now, stopped=True) if is_freed(each.account_id)]
    return AfterStop(runs, [overdue for campaign in due for overdue in _overdue(connection, campaign, now)])


def _overdue(connection: Connection, campaign: CampaignRow, now: datetime) -> Iterator[Overdue]:
    """The occurrences of a campaign that came due; one for a schedule that cannot be read, which will be paused."""
    try:
        yield from _judged(connection, campaign, now)
    except (ValueError, TypeError, LookupError, ArithmeticError) as fault:
        why = one_line(f"its schedule cannot be computed: {fault}")
        yield Overdue(campaign.id, campaign.name, campaign.account_id, campaign.occurrence_at or now, why)


def _judged(connection: Connection, campaign: CampaignRow, now: datetime) -> Iterator[Overdue]:
    revision = find_revision(connection, campaign.id, campaign.revision)
    opening, opened = Opening(Act(connection, now, "preview"), campaign, revision), 0
    occurrences, after = come_due(opening)
    for occurrence, newer in zip(occurrences, [*occurrences[1:], after], strict=True):
        if is_used_up(campaign, revision, opened=opened):
            return
        skipped = why_skipped(opening, revision.times, occurrence, newer)
        opened += skipped is None
        yield Overdue(campaign.id, campaign.name, campaign.account_id, occurrence, skipped)
