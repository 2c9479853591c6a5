"""Pick a batch that may be sent now: inside its run's sending hours and before its expiry, by the database's clock."""

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


def next_in_time(act: Act, context: LaneContext, account_id: str) -> tuple[ReadyBatch, Act] | None:
    """The account's next batch that may be sent now, and the act at the moment of the choice; None: there is none.

    A run outside its hours waits until those open. A run with something that cannot be read here is put on hold, and
    the account's other runs go on. The caller holds the lane's lock.
    """
    while True:
        ready = next_batch(act.connection, account_id, upstream=context.upstream, now=act.now)
        if ready is None:
            return None
        read = _read(act, context, ready)
        if read is None:
            continue
        due, windows = read
        if not windows and not ready.expires and due is None:
            return ready, act
        act = context.act(act.connection)  # the time again: the lock may have been waited for
        if ready.expires and has_expired(act.connection, ready.run_id, now=act.now):
            continue
        opens = _waits_for(windows, act.now, due=due)
        if opens is None:
            return ready, act
        _wait(act, account_id, ready, windows, until=opens)


def _read(act: Act, context: LaneContext, ready: ReadyBatch) -> tuple[datetime | None, Sequence[Window]] | None:
    """When the vendor is to send the batch (None: now), and its sending hours; None: its run was put on hold.

    What cannot be read was written by a newer release, or was changed behind our back. A zone may also be missing from
    this host's zone data.
    """
    kind, part = HoldKind.UNREADABLE, "its message"
    try:
        due = message_of_batch(act.connection, context, ready).scheduled_date
        part = f"batch {ready.seq}"
        if ready.users is not None:
            to_ids(ready.users)
        kind, part = HoldKind.HOURS, "its sending hours"
        return due, _windows(act.connection, context, ready)
    except (ValueError, TypeError, LookupError, ArithmeticError) as fault:
        reason = one_line(f"{part} cannot be read on {context.owner}: {fault}")
        place_hold(act, Held(run_id=ready.run_id), kind, reason=reason)
        return None


def message_of_batch(connection: Connection, context: LaneContext, ready: ReadyBatch) -> Message:
    """The message of the batch's run, which never changes."""
    return context.read_once.messages.get(ready.run_id, lambda: from_json(message_of_run(connection, ready.run_id)))


def text_form(connection: Connection, context: LaneContext, account_id: str, message: Message) -> TextForm:
    """What is done to the text of a request; for plain text that depends on the account's newest probe."""
    measured = None
    if message.text_mode is TextMode.PLAIN:
        measured = context.read_once.mark_up.get(account_id, lambda: takes_mark_up(connection, account_id))
    return form_of_text(message.text_mode, takes_mark_up=measured, otherwise=context.text_as)


def _waits_for(windows: Sequence[Window], now: datetime, *, due: datetime | None) -> datetime | None:
    """Until when a batch waits; None: it is sent now. `due`: when the vendor is to send it, if it is handed over.

    Sending hours limit when fans get the message. A batch that is too late to be handed over waits for its time, and
    we send it then.
    """
    if due is not None and now < due:
        in_time = may_hand_over(due, now) and all(window.is_open(due) for window in windows)
        return None if in_time else due
    return opens_at(windows, now)


def _windows(connection: Connection, context: LaneContext, ready: ReadyBatch) -> Sequence[Window]:
    key = (ready.campaign_id, ready.revision)
    timing = context.read_once.timings.get(key, lambda: find_revision(connection, *key).times)
    return windows_of(timing, account_hours=ready.account_hours, account_zone=ready.account_zone)


def _wait(act: Act, account_id: str, ready: ReadyBatch, windows: Sequence[Window], *, until: datetime) -> None:
    if wait_until(act.connection, ready.run_id, until=until, now=act.now):
        act.record(
            EventKind.RUN_WAITS_FOR_HOURS,
            account_id=account_id,
            campaign_id=ready.campaign_id,
            run_id=ready.run_id,
            detail={"until": until.isoformat(), "hours": [str(window) for window in windows]},
        )
