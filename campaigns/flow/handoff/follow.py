"""Ask the vendor what became of a handed-over run after its time.

One question for the whole list, and one for each batch that the list does not settle, with permits of the reserve and
without a transaction. What the vendor shows is stored as evidence; the batch stays accepted, since the vendor took it.
When the vendor has not sent a message, the run is paused for a person. A message whose fate is final, or that was asked
about since the watch was due, is not asked about again, also after a crash or after the budget ran out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.errors import PacerAway, VendorAway, VendorRefused
from campaigns.domain.printable import MOST_NAMED
from campaigns.domain.schedules.handoff import SETTLED, WATCHED_AGAIN, WATCHED_FOR, Fate, fate_of
from campaigns.domain.states import RUN_OPEN, EvidenceKind, HoldKind
from campaigns.domain.upstream.questions import (
    Purpose,
    Question,
    QuestionKind,
    item_as_kept,
    list_as_kept,
)
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.sending.account_questions import QuestionsUsedUp, put_off, require_questions_left
from campaigns.flow.sending.ask_vendor import ask
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.handoff.handed_over import HandedOver, Watched, due_watch, handed_over, settle_watch
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.recall.unsend_requests import unsent_at
from campaigns.store.reconcile.questions import account_may_be_asked, asked_since, first_asked, known_items, known_list
from campaigns.store.runs.runs import find_run
from campaigns.store.sending.lanes import hold_lane

ASKED_FOR = WATCHED_FOR + WATCHED_AGAIN
"""The last question about a run is asked at most this long after the first one, whatever failed in between."""


@dataclass(slots=True)
class _Watch:
    """A run that is asked about now, and what is known of it."""

    found: Watched
    batches: list[HandedOver]  # those that the vendor should have sent by now
    listed: list[QueueItem] | None  # the list, if it was asked for since the watch was due
    fates: dict[str, Fate]  # by message ID: final fates, and those asked for since the watch was due
    last_known: dict[str, Fate]  # by message ID: what the vendor showed last, however long ago
    is_over: bool  # it was asked about for long enough


def follow_handed_over(sender: LaneContext, account_id: str) -> int:
    """Ask about every handed-over run of an account that is due; returns how many. The caller holds the lane."""
    asked = 0
    while not sender.stopping():
        with sender.store.read() as connection:
            watch = _due(connection, sender, account_id)
        if watch is None or not _follow(sender, watch):
            return asked
        asked += 1
    return asked


def _due(connection: Connection, sender: LaneContext, account_id: str) -> _Watch | None:
    now = sender.store.now(connection)
    found = due_watch(connection, account_id, upstream=sender.upstream, now=now)
    if found is None or not account_may_be_asked(connection, account_id, upstream=sender.upstream, now=now):
        return None
    batches = _still_out(connection, found, now)
    first = first_asked(connection, found.run_id, Purpose.FOLLOW)
    since = min((each.due for each in batches), default=now)
    fates, last_known = {}, {}
    for message_id, known in known_items(connection, account_id, asked_since(since)).items():
        fate = _fate(known.content)
        last_known[message_id] = fate
        if fate in SETTLED or known.asked_at >= found.watch_at:
            fates[message_id] = fate
    return _Watch(
        found,
        batches,
        known_list(connection, account_id, asked_since(found.watch_at)),
        fates,
        last_known,
        is_over=first is not None and now >= first + ASKED_FOR,
    )


def _still_out(connection: Connection, found: Watched, now: datetime) -> list[HandedOver]:
    """The run's batches that the vendor should have sent by now."""
    back = unsent_at(connection, found.run_id)
    return [each for each in handed_over(connection, found.run_id) if each.due <= now and each.batch_id not in back]


def _follow(sender: LaneContext, watch: _Watch) -> bool:
    """Ask about one run and settle its watch; False when the vendor or the pacer is away or refuses."""
    found, batches = watch.found, watch.batches
    try:
        fates, ends = _ask_unless_over(sender, watch)
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        put_off(sender, found.account_id, obstacle)
        return False
    with sender.store.write() as connection:
        hold_lane(connection, found.account_id)
        now = sender.store.now(connection)
        # While the run is open, a search may still show that another batch was handed over.
        waits = Fate.WAITS in fates.values() or find_run(connection, found.run_id).state in RUN_OPEN
        again = waits and not ends and (not batches or now < min(each.due for each in batches) + WATCHED_FOR)
        if settle_watch(connection, found, watch_at=now + WATCHED_AGAIN if again else None) and fates and not again:
            _keep(Act(connection, now, sender.owner), found, batches, fates)
    return True


def _ask_unless_over(sender: LaneContext, watch: _Watch) -> tuple[dict[int, Fate], bool]:
    """The fate of each batch, by its ID; and whether no more questions are allowed, so that this is final."""
    if watch.batches and not watch.is_over:
        try:
            return _fates(sender, watch), False
        except QuestionsUsedUp:
            pass
    return {each.batch_id: _as_known(watch, each) for each in watch.batches}, bool(watch.batches)


def _as_known(watch: _Watch, each: HandedOver) -> Fate:
    if each.message_id is None:
        return Fate.MISSING
    listed = {item.id: fate_of(item) for item in watch.listed or []}
    last = watch.last_known.get(each.message_id, Fate.UNASKED)
    return watch.fates.get(each.message_id) or listed.get(each.message_id) or last


def _fates(sender: LaneContext, watch: _Watch) -> dict[int, Fate]:
    """The fate of each batch, by its ID. Raises VendorAway, VendorRefused, PacerAway and QuestionsUsedUp."""
    missing = [each for each in watch.batches if each.message_id is not None and each.message_id not in watch.fates]
    if missing and watch.listed is None:
        watch.listed = _ask_list(sender, watch.found)
    listed = {item.id: fate_of(item) for item in watch.listed or []}
    for each in missing:
        assert each.message_id is not None
        fate = listed.get(each.message_id, Fate.WAITS)
        watch.fates[each.message_id] = _ask_item(sender, watch.found, each) if fate is Fate.WAITS else fate
    # A batch without a message ID was decided accepted by an operator who named none.
    return {
        each.batch_id: Fate.MISSING if each.message_id is None else watch.fates[each.message_id]
        for each in watch.batches
    }


def _ask_list(sender: LaneContext, found: Watched) -> list[QueueItem]:
    _require_left(sender, found)
    question = Question(QuestionKind.LIST, Purpose.FOLLOW, found.account_id, found.run_id)
    return ask(sender, question, lambda: sender.gateway.queue(found.account_id), list_as_kept)


def _ask_item(sender: LaneContext, found: Watched, each: HandedOver) -> Fate:
    message_id = each.message_id
    assert message_id is not None
    _require_left(sender, found)
    question = Question(QuestionKind.ITEM, Purpose.FOLLOW, found.account_id, found.run_id, each.batch_id, message_id)
    return _fate(ask(sender, question, lambda: sender.gateway.item(found.account_id, message_id), item_as_kept))


def _require_left(sender: LaneContext, found: Watched) -> None:
    with sender.store.read() as connection:
        require_questions_left(sender, connection, found.run_id)


def _fate(item: ItemContent | None) -> Fate:
    return Fate.MISSING if item is None else fate_of(item)


def _keep(act: Act, found: Watched, batches: list[HandedOver], fates: dict[int, Fate]) -> None:
    for each in batches:
        act.record_evidence(
            each.batch_id,
            kind=EvidenceKind.LOOK,
            number=each.number,
            reason=f"handed over for {each.due.isoformat()}: {fates[each.batch_id]}",
            detail={"handed_over": fates[each.batch_id].name.lower(), "message_id": each.message_id},
        )
    failed = [each for each in batches if fates[each.batch_id] is not Fate.SENT]
    reason = _reason(failed, fates)
    act.record(
        EventKind.HANDOVER_SEEN,
        run_id=found.run_id,
        campaign_id=found.campaign_id,
        account_id=found.account_id,
        reason=reason,
        detail={"sent": len(batches) - len(failed), "not_sent": len(failed)},
    )
    if reason is not None:
        place_hold(act, Held(run_id=found.run_id), HoldKind.HANDOVER, reason=reason)


def _reason(failed: list[HandedOver], fates: dict[int, Fate]) -> str | None:
    if not failed:
        return None
    named = ", ".join(f"{each.seq} ({fates[each.batch_id]})" for each in failed[:MOST_NAMED])
    more = f" and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    return f"the vendor has not sent what was handed over to it: batch {named}{more}"
