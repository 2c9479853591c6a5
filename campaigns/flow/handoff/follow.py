"""Ask the vendor what became of a handed-over run after its time.

One question for the whole list, and one for each batch that the list does not settle, with permits of the reserve and
without a transaction. What the vendor shows is kept as evidence beside the batch, which stays accepted: the vendor took
it. What it has not sent holds the run, so that a person is told. A crash in the middle asks again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.domain.errors import PacerAway, VendorAway, VendorRefused
from campaigns.domain.schedules.handoff import WATCHED_AGAIN, WATCHED_FOR, Fate, fate_of
from campaigns.domain.states import RUN_OPEN
from campaigns.domain.upstream.outcome import MOST_NAMED
from campaigns.flow.sending.ask_vendor import permit_to_ask
from campaigns.flow.sending.lane_context import Sender
from campaigns.store.audit.events import EventKind, record_event, record_evidence
from campaigns.store.handoff.handed_over import HandedOver, Watched, due_watch, handed_over, settle_watch
from campaigns.store.holds.holds import Held, open_hold
from campaigns.store.recall.unsend_requests import unsent_at
from campaigns.store.runs.runs import find_run
from campaigns.store.sending.lanes import hold_lane

OBSTACLE_SECONDS = 30.0
"""How soon a question is asked again that could not be asked."""


def follow_handed_over(sender: Sender, account_id: str) -> int:
    """Ask about everything of an account whose lane is ours and whose time has come; answers how many runs."""
    asked = 0
    while not sender.stopping():
        with sender.store.read() as connection:
            now = sender.store.now(connection)
            found = due_watch(connection, account_id, upstream=sender.upstream, now=now)
            batches = [] if found is None else _still_out(connection, found, now)
        if found is None or not _follow(sender, found, batches):
            return asked
        asked += 1
    return asked


def _still_out(connection: Connection, found: Watched, now: datetime) -> list[HandedOver]:
    """The run's batches that the vendor should have sent by now."""
    back = unsent_at(connection, found.run_id)
    return [each for each in handed_over(connection, found.run_id) if each.due <= now and each.batch_id not in back]


def _follow(sender: Sender, found: Watched, batches: list[HandedOver]) -> bool:
    """Ask about one run; False when that could not be done."""
    try:
        fates = _fates(sender, found, batches) if batches else {}
    except (VendorAway, VendorRefused, PacerAway):
        with sender.store.write() as connection:
            later = sender.store.now(connection) + timedelta(seconds=OBSTACLE_SECONDS)
            settle_watch(connection, found, watch_at=later)
        return False
    with sender.store.write() as connection:
        hold_lane(connection, found.account_id)
        now = sender.store.now(connection)
        # Of a run that has not ended, what is looked for may turn out to be handed over, too.
        waits = Fate.WAITS in fates.values() or find_run(connection, found.run_id).state in RUN_OPEN
        again = waits and (not batches or now < min(each.due for each in batches) + WATCHED_FOR)
        if settle_watch(connection, found, watch_at=now + WATCHED_AGAIN if again else None) and fates and not again:
            _keep(connection, found, batches, fates, actor=sender.owner, now=now)
    return True


def _fates(sender: Sender, found: Watched, batches: list[HandedOver]) -> dict[int, Fate]:
    """What became of each batch, by its ID."""
    key = _permit(sender, found, "list")
    listed = {item.id: fate_of(item) for item in sender.gateway.queue(found.account_id)}
    sender.pacer.answered(key)
    fates = {}
    for each in batches:
        fate = listed.get(each.message_id or "", Fate.WAITS)
        fates[each.batch_id] = _asked(sender, found, each) if fate is Fate.WAITS else fate
    return fates


def _asked(sender: Sender, found: Watched, each: HandedOver) -> Fate:
    if each.message_id is None:
        return Fate.MISSING  # an operator decided that it was accepted, and named no ID
    key = _permit(sender, found, each.message_id)
    item = sender.gateway.item(found.account_id, each.message_id)
    sender.pacer.answered(key)
    return Fate.MISSING if item is None else fate_of(item)


def _permit(sender: Sender, found: Watched, what: str) -> str:
    """A slot of the reserve. Raises PacerAway when there is none now."""
    key = f"follow:{found.run_id}:{found.watch_at.timestamp()}:{what}"
    return permit_to_ask(sender, found.account_id, key)


def _keep(
    connection: Connection,
    found: Watched,
    batches: list[HandedOver],
    fates: dict[int, Fate],
    *,
    actor: str,
    now: datetime,
) -> None:
    for each in batches:
        record_evidence(
            connection,
            each.batch_id,
            kind="look",
            at=now,
            actor=actor,
            number=each.number,
            reason=f"handed over for {each.due.isoformat()}: {fates[each.batch_id]}",
            detail={"handed_over": fates[each.batch_id].name.lower(), "message_id": each.message_id},
        )
    failed = [each for each in batches if fates[each.batch_id] is not Fate.SENT]
    why = _why(failed, fates)
    record_event(
        connection,
        EventKind.HANDOVER_SEEN,
        at=now,
        actor=actor,
        run_id=found.run_id,
        campaign_id=found.campaign_id,
        account_id=found.account_id,
        reason=why,
        detail={"sent": len(batches) - len(failed), "not_sent": len(failed)},
    )
    if why is not None:
        open_hold(connection, Held(run_id=found.run_id), "handover", reason=why, actor=actor, now=now)


def _why(failed: list[HandedOver], fates: dict[int, Fate]) -> str | None:
    if not failed:
        return None
    named = ", ".join(f"{each.seq} ({fates[each.batch_id]})" for each in failed[:MOST_NAMED])
    more = f" and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    return f"the vendor has not sent what it was handed: batch {named}{more}"
