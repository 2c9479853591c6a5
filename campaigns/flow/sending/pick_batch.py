"""Pick a batch that is in time: inside its run's sending hours and before its expiry, by the clock of this moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.audience.user_sets import to_ids
from campaigns.domain.messages.message import Message, from_json
from campaigns.domain.messages.text_modes import TextForm, TextMode, form_of_text
from campaigns.domain.schedules.handoff import may_hand_over
from campaigns.domain.schedules.sending_hours import Window, opens_at, windows_of
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import one_line
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.holds.hours_and_expiry import has_expired, wait_until
from campaigns.store.probe.results import takes_mark_up
from campaigns.store.runs.content import message_of_run
from campaigns.store.sending.attempts import ReadyBatch, next_batch


def next_in_time(
    connection: Connection, sender: LaneContext, account_id: str, *, now: datetime
) -> tuple[ReadyBatch, datetime] | None:
    """The account's next batch that may be sent at this moment, and the moment; None: there is none.

    Runs found outside their hours wait from now on until those open; one of which something cannot be read here is
    held, and the account's others go on. The caller holds the lane's lock.
    """
    while True:
        ready = next_batch(connection, account_id, upstream=sender.upstream, now=now)
        if ready is None:
            return None
        read = _read(connection, sender, ready, now)
        if read is None:
            continue
        due, windows = read
        if not windows and not ready.expires and due is None:
            return ready, now
        now = sender.store.now(connection)  # again: the lock may have been waited for
        if ready.expires and has_expired(connection, ready.run_id, now=now):
            continue
        opens = _waits_for(windows, now, due=due)
        if opens is None:
            return ready, now
        _wait(connection, sender, account_id, ready, windows, until=opens, now=now)


def _read(
    connection: Connection, sender: LaneContext, ready: ReadyBatch, now: datetime
) -> tuple[datetime | None, Sequence[Window]] | None:
    """When the vendor is to send the batch, if it is, and its sending hours; None: its run is held, with the reason.

    What cannot be read was written by a newer release, or was changed behind our back; the zone of its hours may also
    be missing from older zone data.
    """
    kind, what = HoldKind.UNREADABLE, "its message"
    try:
        due = said_by_batch(connection, sender, ready).scheduled_date
        what = f"batch {ready.seq}"
        if ready.users is not None:
            to_ids(ready.users)
        kind, what = HoldKind.HOURS, "its sending hours"
        return due, _windows(connection, sender, ready)
    except (ValueError, TypeError, LookupError, ArithmeticError) as fault:
        why = one_line(f"{what} cannot be read on {sender.owner}: {fault}")
        place_hold(Act(connection, now, sender.owner), Held(run_id=ready.run_id), kind, reason=why)
        return None


def said_by_batch(connection: Connection, sender: LaneContext, ready: ReadyBatch) -> Message:
    """What the batch's run says; kept in memory for as long as the lane is claimed, since it never changes."""
    if ready.run_id not in sender.messages:
        sender.messages[ready.run_id] = from_json(message_of_run(connection, ready.run_id))
    return sender.messages[ready.run_id]


def text_form(connection: Connection, sender: LaneContext, account_id: str, message: Message) -> TextForm:
    """What is done to the text of a request; what was measured is kept in memory for as long as the lane is claimed."""
    if message.text_mode is TextMode.PLAIN and account_id not in sender.mark_up:
        sender.mark_up[account_id] = takes_mark_up(connection, account_id)
    return form_of_text(message.text_mode, takes_mark_up=sender.mark_up.get(account_id), otherwise=sender.text_as)


def _waits_for(windows: Sequence[Window], now: datetime, *, due: datetime | None) -> datetime | None:
    """Until when a batch waits; None: it is sent now. `due`: when the vendor is to send it, if it is handed over.

    Sending hours are about when fans get it. What is too late to be handed over waits for its time, and is then sent
    by us.
    """
    if due is not None and now < due:
        in_time = may_hand_over(due, now) and all(window.is_open(due) for window in windows)
        return None if in_time else due
    return opens_at(windows, now)


def _windows(connection: Connection, sender: LaneContext, ready: ReadyBatch) -> Sequence[Window]:
    key = (ready.campaign_id, ready.revision)
    if key not in sender.timings:
        sender.timings[key] = find_revision(connection, *key).times
    return windows_of(sender.timings[key], account_hours=ready.account_hours, account_zone=ready.account_zone)


def _wait(
    connection: Connection,
    sender: LaneContext,
    account_id: str,
    ready: ReadyBatch,
    windows: Sequence[Window],
    *,
    until: datetime,
    now: datetime,
) -> None:
    if wait_until(connection, ready.run_id, until=until, now=now):
        Act(connection, now, sender.owner).record(
            EventKind.RUN_WAITS_FOR_HOURS,
            account_id=account_id,
            campaign_id=ready.campaign_id,
            run_id=ready.run_id,
            detail={"until": until.isoformat(), "hours": [str(window) for window in windows]},
        )
