"""Go on with an account's probe once its message was accepted or refused: read it back, have it deleted, see it gone.

Each question is a row, as in a search, and costs a permit of the reserve; the deletion is a recall of the probe's run.
A crash in the middle asks again. Nothing here sends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from campaigns.domain.errors import PacerAway, VendorAway, VendorRefused
from campaigns.domain.probe.reading import ProbeEnd, Shown, echoes, read_shown, skew_seconds
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.questions import (
    Purpose,
    Question,
    QuestionKind,
    item_as_kept,
    list_as_kept,
    overview_as_kept,
)
from campaigns.domain.upstream.queue_items import QueueItem
from campaigns.flow.recall.recall import ask_back
from campaigns.flow.sending.ask_vendor import ask
from campaigns.flow.sending.lane_context import Sender
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.probe.probes import ProbeRow, change_probe, due_probe, finish_probe
from campaigns.store.probe.results import add_result
from campaigns.store.sending.lanes import hold_lane

Answer = TypeVar("Answer")

LIST_LOOKS_AFTER = (0.0, 2.0, 5.0, 12.0, 30.0)
"""Seconds after the message was accepted at which the list is asked, until it shows the message."""

MOST_QUESTIONS = len(LIST_LOOKS_AFTER) + 5
"""The list, the item and the overview; then a look before the deletion and one after it, and the list once more."""

CREDITS = MOST_QUESTIONS + 2
"""What a probe costs at most, a credit each, when every answer comes: its questions, the POST and the DELETE."""

OBSTACLE_SECONDS = 5.0
DELETE_AGAIN_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 3600.0
"""How soon a question, or the deletion, is tried again: each time twice as late, an hour at most."""

MOST_FAILURES = 5
"""After so many failed questions in a row the message is deleted unread: a key may be limited in what it asks."""

DAY = timedelta(days=1)


def carry_out_probe(sender: Sender, account_id: str) -> None:
    """Do what is due of the account's probe, one step; its lane is ours. Raises DatabaseAway."""
    with sender.store.read() as connection:
        found = due_probe(connection, account_id, upstream=sender.upstream, now=sender.store.now(connection))
    if found is None or sender.stopping():
        return
    try:
        _go_on(sender, found)
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        _postpone(sender, found, _later(OBSTACLE_SECONDS, found.failures), str(obstacle), failed=True)


def _go_on(sender: Sender, found: ProbeRow) -> None:
    if found.state is BatchState.REJECTED:
        _end(sender, found, ProbeEnd.REFUSED, found.error)
    elif found.is_deleted:
        _see_gone(sender, found)
    elif found.state is BatchState.CANCELLED:
        _end(sender, found, ProbeEnd.CANCELLED, found.error)
    elif found.message_id is None:
        _postpone(sender, found, LONGEST_WAIT_SECONDS, "its message ID is not known")
    elif found.is_read or found.recalls or found.failures >= MOST_FAILURES:
        _delete(sender, found)
    else:
        _read(sender, found, found.message_id)


def _read(sender: Sender, found: ProbeRow, message_id: str) -> None:
    """Look at the list until it shows the message, or for the last time; then at all the rest, and have it deleted."""
    items = _ask_list(sender, found)
    heard = _now(sender)
    is_listed = any(item.id == message_id for item in items)
    if not is_listed and found.looks + 1 < len(LIST_LOOKS_AFTER):
        wait = LIST_LOOKS_AFTER[found.looks + 1] - LIST_LOOKS_AFTER[found.looks]
        _postpone(sender, found, wait, "the vendor's list does not show it yet", looks=found.looks + 1)
        return
    # Of a message that a search has found, nobody knows when it could first be seen.
    lag = None if found.accepted_at is None else (heard - found.accepted_at).total_seconds()
    shown = _ask_the_rest(sender, found, message_id, items, lag)
    _keep(sender, found, message_id, shown)


def _ask_the_rest(
    sender: Sender, found: ProbeRow, message_id: str, items: list[QueueItem], lag_seconds: float | None
) -> Shown:
    account_id = found.account_id
    content = _ask(sender, found, QuestionKind.ITEM, lambda: sender.gateway.item(account_id, message_id), item_as_kept)
    asked = _now(sender)
    # By its date or by the time it was made: no source says which one counts for a scheduled message.
    since, until = asked - DAY, found.scheduled_for + DAY
    overview = _ask(
        sender,
        found,
        QuestionKind.OVERVIEW,
        lambda: sender.gateway.overview(account_id, since=since, until=until),
        overview_as_kept,
    )
    skew = skew_seconds(overview.answered_at, asked=asked, heard=_now(sender))
    return Shown(items, content, overview.items, lag_seconds, skew)


def _keep(sender: Sender, found: ProbeRow, message_id: str, shown: Shown) -> None:
    """Write what was learned and ask for the deletion, both or neither."""
    priced = found.media is not None
    reading = read_shown(
        shown, message_id=message_id, scheduled_for=found.scheduled_for, mark=found.mark, priced=priced
    )
    with sender.store.write() as connection:
        hold_lane(connection, found.account_id)
        now = sender.store.now(connection)
        if change_probe(connection, found, recalls=1, failures=0, waits_for=None):
            echo = echoes(shown, message_id)
            add_result(connection, found.id, found.account_id, reading, echo=echo, now=now)
            _record(connection, sender, found, EventKind.PROBE_READ, now, detail={"message_id": message_id})
            _ask_back(connection, sender, found, now)


def _delete(sender: Sender, found: ProbeRow) -> None:
    """Have the deletion asked for: at first because it could not be read; again some time after a recall failed."""
    with sender.store.write() as connection:
        hold_lane(connection, found.account_id)
        now = sender.store.now(connection)
        wait = timedelta(seconds=_later(DELETE_AGAIN_SECONDS, found.recalls - 1))
        if found.recalled_at is not None and now < found.recalled_at + wait:
            change_probe(connection, found, available_at=found.recalled_at + wait, waits_for=NOT_CONFIRMED)
        elif change_probe(connection, found, recalls=found.recalls + 1):
            _ask_back(connection, sender, found, now)


NOT_READ = "the vendor did not let it be read back, so nothing was learned"
NOT_CONFIRMED = "its deletion was not confirmed, and is tried again"


def _ask_back(connection: Connection, sender: Sender, found: ProbeRow, now: datetime) -> None:
    ask_back(Act(connection, now, sender.owner), found.run_id, reason="a probe is deleted")


def _see_gone(sender: Sender, found: ProbeRow) -> None:
    """The item was seen gone; the list must not show it either."""
    items = _ask_list(sender, found)
    if any(item.id == found.message_id and not item.is_canceled for item in items):
        wait = _later(OBSTACLE_SECONDS, found.failures)
        _postpone(sender, found, wait, "it is deleted, but the vendor's list still shows it", failed=True)
    else:
        _end(sender, found, ProbeEnd.GONE, None if found.is_read else NOT_READ)


def _end(sender: Sender, found: ProbeRow, ended: ProbeEnd, words: str | None) -> None:
    with sender.store.write() as connection:
        hold_lane(connection, found.account_id)
        now = sender.store.now(connection)
        if finish_probe(connection, found, ended, words=words, now=now):
            detail = {"ended": ended.value, "message_id": found.message_id}
            _record(connection, sender, found, EventKind.PROBE_ENDED, now, reason=words, detail=detail)


def _postpone(
    sender: Sender, found: ProbeRow, seconds: float, why: str, *, failed: bool = False, looks: int | None = None
) -> None:
    with sender.store.write() as connection:
        until = sender.store.now(connection) + timedelta(seconds=seconds)
        change_probe(
            connection,
            found,
            available_at=until,
            waits_for=why[:500],
            looks=found.looks if looks is None else looks,
            failures=found.failures + 1 if failed else 0,
        )


def _ask_list(sender: Sender, found: ProbeRow) -> list[QueueItem]:
    return _ask(sender, found, QuestionKind.LIST, lambda: sender.gateway.queue(found.account_id), list_as_kept)


def _ask(
    sender: Sender,
    found: ProbeRow,
    kind: QuestionKind,
    put: Callable[[], Answer],
    as_kept: Callable[[Answer], dict[str, Any]],
) -> Answer:
    """One question, on record. Raises PacerAway, VendorAway or VendorRefused: it is asked later."""
    message_id = found.message_id if kind is QuestionKind.ITEM else None
    question = Question(kind, Purpose.PROBE, found.account_id, found.run_id, message_id=message_id)
    return ask(sender, question, put, as_kept)


def _now(sender: Sender) -> datetime:
    with sender.store.read() as connection:
        return sender.store.now(connection)


def _later(seconds: float, times: int) -> float:
    return float(min(seconds * 2 ** min(times, 20), LONGEST_WAIT_SECONDS))


def _record(
    connection: Connection,
    sender: Sender,
    found: ProbeRow,
    kind: EventKind,
    now: datetime,
    *,
    reason: str | None = None,
    detail: dict[str, str | None],
) -> None:
    Act(connection, now, sender.owner).record(
        kind,
        account_id=found.account_id,
        campaign_id=found.campaign_id,
        run_id=found.run_id,
        reason=reason,
        detail=detail,
    )
