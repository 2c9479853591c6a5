"""What lifting a stop lets happen: which runs go on, and what becomes of each occurrence that came due meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.upstream.outcome import one_line
from campaigns.flow.accounts.as_shown import changed, runs_in_numbers
from campaigns.flow.accounts.stop import Going, go
from campaigns.flow.schedules.arm import is_used_up
from campaigns.flow.schedules.due import come_due, why_skipped
from campaigns.flow.schedules.open_occurrence import Opening
from campaigns.store.audit.events import Act
from campaigns.store.campaigns.campaigns import CampaignRow, due_campaigns, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.holds.reach import WaitingRun, runs_freed
from campaigns.store.holds.stops import Stop, holds_of_stop, open_stops


@dataclass(frozen=True, slots=True)
class Overdue:
    """An occurrence that came due while its account was stopped."""

    campaign_id: int
    campaign: str
    account: str
    scheduled_for: datetime
    skipped: str | None  # why it will be skipped; None: a run is opened for it
    zone: str | None  # whose clocks the schedule follows


@dataclass(frozen=True, slots=True)
class AfterStop:
    """What happens as soon as a stop is lifted."""

    stop: Stop | None  # the one that is lifted; None: there is none
    runs: Sequence[WaitingRun]
    occurrences: Sequence[Overdue]

    @property
    def sent(self) -> Sequence[Overdue]:
        """The occurrences for which a run is opened at once."""
        return [each for each in self.occurrences if each.skipped is None]

    @property
    def facts(self) -> tuple[object, ...]:
        """What a person agrees to. How late an occurrence is changes with every second, and is not among it."""
        occurrences = [(each.campaign_id, each.scheduled_for, each.skipped is None) for each in self.occurrences]
        return self.stop, tuple(self.runs), tuple(sorted(occurrences))

    @property
    def in_numbers(self) -> str:
        """The runs that go on and the occurrences that are sent, such as `2 runs to 1,200 recipients`."""
        number = len(self.occurrences)
        due = f", and {len(self.sent):,} of {number:,} overdue occurrences are sent" if number else ""
        why = "" if self.stop is None else f' after the stop "{self.stop.reason}"'
        return f"{runs_in_numbers(self.runs)}{due}{why}"


def preview_go(store: Store, account_id: str | None) -> AfterStop:
    """What would happen if the stop of an account, or that of everything (None), were lifted now. Changes nothing."""
    with store.read() as connection:
        return _after_stop(connection, account_id, store.now(connection))


def go_as_shown(
    store: Store, account_id: str | None, shown: AfterStop, *, reason: str | None = None, actor: str
) -> Going:
    """Lift a stop, if exactly that happens then what a person was shown and agreed to. Raises NotAllowed, NotFound.

    Otherwise nothing is lifted: another run, another number of recipients or another occurrence needs another answer.
    """

    def check(connection: Connection) -> None:
        seen = _after_stop(connection, account_id, store.now(connection))
        if seen.stop is not None and seen.facts != shown.facts:
            raise changed(shown.in_numbers, seen.in_numbers)

    return go(store, account_id, reason=reason, actor=actor, check=check)


def _after_stop(connection: Connection, account_id: str | None, now: datetime) -> AfterStop:
    stops = open_stops(connection)
    others = {each.account for each in stops} - {account_id}

    def is_freed(of: str) -> bool:
        return None not in others and of not in others and account_id in {None, of}

    due = [each for each in due_campaigns(connection, now=now, stopped=True) if is_freed(each.account_id)]
    return AfterStop(
        stop=next((each for each in stops if each.account == account_id), None),
        runs=runs_freed(connection, holds_of_stop(connection, account_id)),
        occurrences=[overdue for campaign in due for overdue in _overdue(connection, campaign, now)],
    )


def _overdue(connection: Connection, campaign: CampaignRow, now: datetime) -> Iterator[Overdue]:
    """The occurrences of a campaign that came due; one for a schedule that cannot be read, which will be paused."""
    try:
        yield from _judged(connection, campaign, now)
    except (ValueError, TypeError, LookupError, ArithmeticError) as fault:
        why = one_line(f"its schedule cannot be computed: {fault}")
        yield Overdue(campaign.id, campaign.name, campaign.account_id, campaign.occurrence_at or now, why, None)


def _judged(connection: Connection, campaign: CampaignRow, now: datetime) -> Iterator[Overdue]:
    revision = find_revision(connection, campaign.id, campaign.revision)
    opening, opened = Opening(Act(connection, now, "preview"), campaign, revision), 0
    occurrences, after = come_due(opening)
    for occurrence, newer in zip(occurrences, [*occurrences[1:], after], strict=True):
        if is_used_up(campaign, revision, opened=opened):
            return
        skipped = why_skipped(opening, revision.times, occurrence, newer)
        opened += skipped is None
        yield Overdue(campaign.id, campaign.name, campaign.account_id, occurrence, skipped, opening.zone)
