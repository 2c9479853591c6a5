"""Carry out an account's probe once its message was accepted or refused: read it back, delete it, see it gone.

Each question is a row, as in a search, and takes a permit of the reserve. The deletion is a recall of the probe's run.
After a crash in the middle the question is asked again. Nothing here sends a message.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

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
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.probe.probes import ProbeRow, change_probe, due_probe, finish_probe
from campaigns.store.probe.results import add_result
from campaigns.store.sending.lanes import hold_lane

Answer = TypeVar("Answer")

LIST_LOOKS_AFTER = (0.0, 2.0, 5.0, 12.0, 30.0)
"""Seconds after the acceptance at which the list is asked for, until it shows the message."""

MOST_QUESTIONS = len(LIST_LOOKS_AFTER) + 5
"""At most: the list, the item, the overview, a look before and after the deletion, and the list once more."""

CREDITS = MOST_QUESTIONS + 2
"""A probe costs at most this many credits when every answer comes: its questions, the POST and the DELETE."""

OBSTACLE_SECONDS = 5.0
DELETE_AGAIN_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 3600.0
"""The first wait before a question or the deletion is tried again, which doubles each time, and the longest one."""

MOST_FAILURES = 5
"""After this many failed questions in a row the message is deleted unread: a key may not be allowed to ask."""

DAY = timedelta(days=1)


def carry_out_probe(context: LaneContext, account_id: str) -> None:
    """Do the next step of the account's probe, if it is due; its lane is ours. Raises DatabaseAway."""
    with context.store.read() as connection:
        probe = due_probe(connection, account_id, upstream=context.upstream, now=context.store.now(connection))
    if probe is None or context.stopping():
        return
    try:
        _step(context, probe)
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        _postpone(context, probe, _later(OBSTACLE_SECONDS, probe.failures), str(obstacle), failed=True)


def _step(context: LaneContext, probe: ProbeRow) -> None:
    if probe.state is BatchState.REJECTED:
        _end(context, probe, ProbeEnd.REFUSED, probe.error)
    elif probe.is_deleted:
        _see_gone(context, probe)
    elif probe.state is BatchState.CANCELLED:
        _end(context, probe, ProbeEnd.CANCELLED, probe.error)
    elif probe.message_id is None:
        _postpone(context, probe, LONGEST_WAIT_SECONDS, "its message ID is not known")
    elif probe.is_read or probe.recalls or probe.failures >= MOST_FAILURES:
        _delete(context, probe)
    else:
        _read(context, probe, probe.message_id)


def _read(context: LaneContext, probe: ProbeRow, message_id: str) -> None:
    """Look at the list until it shows the message, or a last time; then ask for the rest, and have it deleted."""
    items = _ask_list(context, probe)
    answered_at = _now(context)
    is_listed = any(item.id == message_id for item in items)
    if not is_listed and probe.looks + 1 < len(LIST_LOOKS_AFTER):
        wait = LIST_LOOKS_AFTER[probe.looks + 1] - LIST_LOOKS_AFTER[probe.looks]
        _postpone(context, probe, wait, "the vendor's list does not show it yet", looks=probe.looks + 1)
        return
    # When a search has found the message, nobody knows since when the list shows it.
    lag = None if probe.accepted_at is None else (answered_at - probe.accepted_at).total_seconds()
    shown = _ask_the_rest(context, probe, message_id, items, lag)
    _keep(context, probe, message_id, shown)


def _ask_the_rest(
    context: LaneContext, probe: ProbeRow, message_id: str, items: list[QueueItem], lag_seconds: float | None
) -> Shown:
    account_id = probe.account_id
    content = _ask(
        context, probe, QuestionKind.ITEM, lambda: context.gateway.item(account_id, message_id), item_as_kept
    )
    before = _now(context)
    # From its creation to its date: no source states which one counts for a scheduled message.
    since, until = before - DAY, probe.scheduled_for + DAY
    overview = _ask(
        context,
        probe,
        QuestionKind.OVERVIEW,
        lambda: context.gateway.overview(account_id, since=since, until=until),
        overview_as_kept,
    )
    skew = skew_seconds(overview.answered_at, asked=before, heard=_now(context))
    return Shown(items, content, overview.items, lag_seconds, skew)


def _keep(context: LaneContext, probe: ProbeRow, message_id: str, shown: Shown) -> None:
    """Write what was learned and ask for the deletion, in one transaction."""
    priced = probe.media is not None
    reading = read_shown(
        shown, message_id=message_id, scheduled_for=probe.scheduled_for, mark=probe.mark, priced=priced
    )
    with context.store.write() as connection:
        hold_lane(connection, probe.account_id)
        act = context.act(connection)
        if change_probe(connection, probe, recalls=1, failures=0, waits_for=None):
            echo = echoes(shown, message_id)
            add_result(connection, probe.id, probe.account_id, reading, echo=echo, now=act.now)
            _record(act, probe, EventKind.PROBE_READ, detail={"message_id": message_id})
            _ask_back(act, probe)


def _delete(context: LaneContext, probe: ProbeRow) -> None:
    """Ask for the deletion: of a message that could not be read, or again some time after a recall failed."""
    with context.store.write() as connection:
        hold_lane(connection, probe.account_id)
        act = context.act(connection)
        wait = timedelta(seconds=_later(DELETE_AGAIN_SECONDS, probe.recalls - 1))
        if probe.recalled_at is not None and act.now < probe.recalled_at + wait:
            change_probe(connection, probe, available_at=probe.recalled_at + wait, waits_for=NOT_CONFIRMED)
        elif change_probe(connection, probe, recalls=probe.recalls + 1):
            _ask_back(act, probe)


NOT_READ = "the vendor did not let it be read back, so nothing was learned"
NOT_CONFIRMED = "its deletion was not confirmed, and is tried again"


def _ask_back(act: Act, probe: ProbeRow) -> None:
    ask_back(act, probe.run_id, reason="a probe is deleted")


def _see_gone(context: LaneContext, probe: ProbeRow) -> None:
    """End the probe if the list no longer shows the deleted message either."""
    items = _ask_list(context, probe)
    if any(item.id == probe.message_id and not item.is_canceled for item in items):
        wait = _later(OBSTACLE_SECONDS, probe.failures)
        _postpone(context, probe, wait, "it is deleted, but the vendor's list still shows it", failed=True)
    else:
        _end(context, probe, ProbeEnd.GONE, None if probe.is_read else NOT_READ)


def _end(context: LaneContext, probe: ProbeRow, ended: ProbeEnd, words: str | None) -> None:
    with context.store.write() as connection:
        hold_lane(connection, probe.account_id)
        act = context.act(connection)
        if finish_probe(connection, probe, ended, words=words, now=act.now):
            detail = {"ended": ended.value, "message_id": probe.message_id}
            _record(act, probe, EventKind.PROBE_ENDED, reason=words, detail=detail)


def _postpone(
    context: LaneContext,
    probe: ProbeRow,
    seconds: float,
    waits_for: str,
    *,
    failed: bool = False,
    looks: int | None = None,
) -> None:
    with context.store.write() as connection:
        until = context.store.now(connection) + timedelta(seconds=seconds)
        change_probe(
            connection,
            probe,
            available_at=until,
            waits_for=waits_for[:500],
            looks=probe.looks if looks is None else looks,
            failures=probe.failures + 1 if failed else 0,
        )


def _ask_list(context: LaneContext, probe: ProbeRow) -> list[QueueItem]:
    return _ask(context, probe, QuestionKind.LIST, lambda: context.gateway.queue(probe.account_id), list_as_kept)


def _ask(
    context: LaneContext,
    probe: ProbeRow,
    kind: QuestionKind,
    put: Callable[[], Answer],
    as_kept: Callable[[Answer], dict[str, Any]],
) -> Answer:
    """Ask one question, on record. Raises PacerAway, VendorAway or VendorRefused: it is asked again later."""
    message_id = probe.message_id if kind is QuestionKind.ITEM else None
    question = Question(kind, Purpose.PROBE, probe.account_id, probe.run_id, message_id=message_id)
    return ask(context, question, put, as_kept)


def _now(context: LaneContext) -> datetime:
    with context.store.read() as connection:
        return context.store.now(connection)


def _later(seconds: float, times: int) -> float:
    return float(min(seconds * 2 ** min(times, 20), LONGEST_WAIT_SECONDS))


def _record(
    act: Act, probe: ProbeRow, kind: EventKind, *, reason: str | None = None, detail: dict[str, str | None]
) -> None:
    act.record(
        kind,
        account_id=probe.account_id,
        campaign_id=probe.campaign_id,
        run_id=probe.run_id,
        reason=reason,
        detail=detail,
    )
