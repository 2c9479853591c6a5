"""Recognise a database that was restored from a backup, before its lanes send anything again.

Requests that left after the backup are not in it, so its ready batches may have been sent. The fence book, kept outside
the database, knows a higher fence than the database does: then nothing of the account goes out until an operator has
released it, and what was ready is unknown. When Redis has lost its state, no lane goes on before every host has told
it what its own files know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.states import HoldKind
from campaigns.flow.backup.hosts import join
from campaigns.flow.runs.hold_restored import hold_restored
from campaigns.flow.schedules.due import open_all_due
from campaigns.ports import FenceBook, Spool
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.hosts import HostRow, known_hosts, see_host, was_seen_lately
from campaigns.store.backup.incarnation import begin_incarnation
from campaigns.store.backup.restored import (
    MAY_HAVE_BEEN_SENT,
    LaneFence,
    doubt_ready_batches,
    every_lane_fence,
    lane_fence,
    newest_attempt,
    newest_row,
    raise_fence,
    runs_not_planned,
)
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, close_hold, open_hold, open_holds
from campaigns.store.runs.runs import end_run_if_done
from campaigns.store.sending.lanes import LaneClaim

RESTORED_AGAIN = "the database was restored from a backup once more; a new hold takes the place of this one"


@dataclass(frozen=True, slots=True)
class Memory:
    """What this host needs to hold the database against what is remembered outside it."""

    store: Store
    fences: FenceBook
    spool: Spool
    host_name: str  # as the machine calls itself, for people
    actor: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """A lane that was compared with the fence book; closed, if the database turned out to be restored."""

    lane: LaneFence
    hosts: tuple[HostRow, ...]  # whose memory counts
    waits_for: tuple[HostRow, ...] = ()  # those that have not told yet what they know: it may not send before


def recognise(memory: Memory, account_id: str) -> Recognised | None:
    """Compare one lane before it is claimed, and close it if the database was restored; None: no such account.

    Raises FencesAway. Any number of callers may do this at once: the lane's fence, raised in the same transaction,
    lets one of them act. A crash in the middle changes nothing.
    """
    with memory.store.read() as connection:
        lane, hosts = lane_fence(connection, account_id), known_hosts(connection)
    if lane is None:
        return None
    if memory.fences.host not in {one.id for one in hosts}:
        join(memory.store, memory.fences, memory.host_name, actor=memory.actor)
    outside = memory.fences.compare(lane.name, lane.fence, [one.id for one in hosts])
    if outside.highest > lane.fence:
        lane = _close(memory, lane, outside.highest, to=outside.highest, below=outside.highest)
    return Recognised(lane, tuple(hosts), tuple(one for one in hosts if one.id in outside.missing))


def confirm(memory: Memory, claim: LaneClaim, hosts: Sequence[HostRow]) -> Recognised | None:
    """Compare a lane again once it is claimed; None: it may send. Else it is closed, or waits for hosts.

    The database, or Redis too, may have been put back after the lane was compared and before it was claimed: then the
    claim has the fence of a request that is lost. Raises FencesAway. A crash in the middle changes nothing.
    """
    outside = memory.fences.claim(claim.name, claim.fence, [one.id for one in hosts])
    lane = LaneFence(claim.account_id, claim.name, claim.fence - 1, claim.incarnation)
    if outside.highest >= claim.fence:
        lane = _close(memory, lane, outside.highest, to=outside.highest + 1, below=claim.fence + 1)
    elif not outside.missing:
        return None
    return Recognised(lane, tuple(hosts), tuple(one for one in hosts if one.id in outside.missing))


def watch_lanes(memory: Memory) -> list[str]:
    """Keep the fences that the database shows of every lane in this host's memory; returns the accounts it closed.

    A lane of which this host knows more is closed at once, not only when it is served next. Raises FencesAway. A
    crash in the middle changes nothing: all of it is done again by the next tick.
    """
    with memory.store.read() as connection:
        now, hosts, lanes = memory.store.now(connection), known_hosts(connection), every_lane_fence(connection)
    ours = next((one for one in hosts if one.id == memory.fences.host), None)
    if ours is None:
        join(memory.store, memory.fences, memory.host_name, actor=memory.actor)
    elif not was_seen_lately(ours, now):
        with memory.store.write() as connection:
            see_host(connection, ours.id, now=now)
    behind = set(memory.fences.see({one.name: one.fence for one in lanes}))
    account_ids = [one.account_id for one in lanes if one.name in behind]
    for account_id in account_ids:
        recognise(memory, account_id)
    return account_ids


def _close(memory: Memory, lane: LaneFence, highest: int, *, to: int, below: int) -> LaneFence:
    """Close a lane that is behind; returns how it stands then. One whose fence is not below `below` was used since."""
    # Occurrences that came due since the backup may have been sent too: open them, to be held with the others.
    open_all_due(memory.store, actor=memory.actor)
    incarnation = lane.incarnation
    with memory.store.write() as connection:
        if raise_fence(connection, lane.account_id, to, below=below):
            incarnation = _doubt(connection, memory, lane, highest)
    return replace(lane, fence=to, incarnation=incarnation)


def _doubt(connection: Connection, memory: Memory, lane: LaneFence, highest: int) -> str:
    """Hold the account and doubt what was ready; returns the incarnation that begins with it."""
    now, account_id, actor = memory.store.now(connection), lane.account_id, memory.actor
    last = newest_attempt(connection, account_id)
    reason = (
        f"the database was restored from a backup: request {highest} was made on this account, but the database knows "
        f"none after {lane.fence} ({'none at all' if last is None else last.isoformat(timespec='seconds')})"
        + _lost_answers(memory, lane)
        + "; suppressions made since are lost: make them again before the release"
    )
    _hold_account(connection, account_id, reason=reason, actor=actor, now=now)
    batches = doubt_ready_batches(connection, account_id, now=now)
    Act(connection, now, actor).record(
        EventKind.DATABASE_RESTORED,
        account_id=account_id,
        reason=reason,
        detail={"fence": lane.fence, "highest": highest, "runs": sorted(batches)},
    )
    for run_id, seqs in sorted(batches.items()):
        Act(connection, now, actor).record(
            EventKind.READY_DOUBTED,
            account_id=account_id,
            run_id=run_id,
            reason=MAY_HAVE_BEEN_SENT,
            detail={"batches": len(seqs)},
        )
        end_run_if_done(Act(connection, now, actor), run_id)
    for run_id in runs_not_planned(connection, account_id):
        hold_restored(Act(connection, now, actor), run_id)
    return begin_incarnation(connection, reason=reason, actor=actor, now=now)


def _hold_account(connection: Connection, account_id: str, *, reason: str, actor: str, now: datetime) -> None:
    """Hold the account anew, also where it was held for an earlier restore: the newest tells what may be lost."""
    held = Held(account_id=account_id)
    for hold_id, kind, _ in open_holds(connection, held):
        if kind is HoldKind.RESTORED:
            close_hold(Act(connection, now, actor), hold_id, reason=RESTORED_AGAIN)
    at = max(filter(None, (now, newest_row(connection, account_id))))
    open_hold(Act(connection, now, actor), held, HoldKind.RESTORED, reason=reason, opened_at=at)


def _lost_answers(memory: Memory, lane: LaneFence) -> str:
    """Half a sentence on the answers to lost requests of a lane that this host has put aside."""
    answers = [
        one for one in memory.spool.lost() if one.account_id == lane.account_id and one.lane in {None, lane.name}
    ]
    if not answers:
        return ""
    message_ids = [one.message_id for one in answers if one.message_id is not None]
    as_messages = f", messages {', '.join(message_ids[:5])} among them" if message_ids else ""
    return f"; host {memory.host_name} has answers to {len(answers)} of the lost requests{as_messages}"
