"""Recognise a database that was restored from a backup, before its lane sends anything again.

Requests that left after the backup are not in it, so its ready batches may have been sent. The fence book, kept outside
the database, knows a higher fence than the database does: then nothing of the account goes out until an operator has
released it, and what was ready is unknown.
"""

from __future__ import annotations

from sqlalchemy import Connection

from campaigns.flow.schedules.due import open_all_due
from campaigns.flow.sending.lane_context import Sender
from campaigns.store.audit.events import EventKind, record_event
from campaigns.store.backup.restored import (
    MAY_HAVE_BEEN_SENT,
    RESTORED,
    doubt_ready_batches,
    lane_fence,
    newest_attempt,
    raise_fence,
    runs_not_planned,
)
from campaigns.store.holds.holds import Held, open_hold
from campaigns.store.runs.runs import end_run_if_done


def recognise(sender: Sender, account_id: str) -> str | None:
    """The lane's name in the fence book, after a database that was restored has been closed to it; None: no account.

    Raises FencesAway. Any number of callers may do this at once: the lane's fence, raised in the same transaction,
    lets one of them act. A crash in the middle changes nothing.
    """
    with sender.store.read() as connection:
        known = lane_fence(connection, account_id)
    if known is None:
        return None
    highest = sender.fences.highest(known.name)
    if highest is not None and highest > known.fence:
        # Occurrences that came due since the backup may have been sent too: open them, to be held with the others.
        open_all_due(sender.store, actor=sender.owner)
        with sender.store.write() as connection:
            if raise_fence(connection, account_id, highest):
                _close(connection, sender, account_id, seen=known.fence, highest=highest)
    return known.name


def _close(connection: Connection, sender: Sender, account_id: str, *, seen: int, highest: int) -> None:
    now = sender.store.now(connection)
    last = newest_attempt(connection, account_id)
    reason = (
        f"the database was restored from a backup: request {highest} was made on this account, but the database knows "
        f"none after {seen} ({'none at all' if last is None else last.isoformat(timespec='seconds')})"
    )
    open_hold(connection, Held(account_id=account_id), RESTORED, reason=reason, actor=sender.owner, now=now)
    doubted = doubt_ready_batches(connection, account_id, now=now)
    record_event(
        connection,
        EventKind.DATABASE_RESTORED,
        at=now,
        actor=sender.owner,
        account_id=account_id,
        reason=reason,
        detail={"fence": seen, "highest": highest, "runs": sorted(doubted)},
    )
    for run_id, seqs in sorted(doubted.items()):
        record_event(
            connection,
            EventKind.READY_DOUBTED,
            at=now,
            actor=sender.owner,
            account_id=account_id,
            run_id=run_id,
            reason=MAY_HAVE_BEEN_SENT,
            detail={"batches": len(seqs)},
        )
        end_run_if_done(connection, run_id, now=now, actor=sender.owner)
    for run_id in runs_not_planned(connection, account_id):
        open_hold(connection, Held(run_id=run_id), RESTORED, reason=MAY_HAVE_BEEN_SENT, actor=sender.owner, now=now)
