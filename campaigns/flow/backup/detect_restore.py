"""Recognise a database that was restored from a backup, before its lanes send anything again.

A backup lacks the requests that left after it, so batches that are ready in it may have been sent. The fence book, kept
outside the database, then has a higher fence than the database. Nothing of such an account is sent until an operator
has released it, and its ready batches become unknown. When Redis has lost its state, no lane is served before every
host has copied to Redis what its own files remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from campaigns.store.holds.holds import Held, holds_on, lift_hold, place_hold
from campaigns.store.runs.runs import end_run_if_done
from campaigns.store.sending.lanes import LaneClaim

RESTORED_AGAIN = "the database was restored from a backup once more; a new hold replaces this one"


@dataclass(frozen=True, slots=True)
class Memory:
    """What this host needs to compare the database with what is remembered outside it."""

    store: Store
    fences: FenceBook
    spool: Spool
    host_name: str  # as the machine calls itself
    actor: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """A lane after its comparison with the fence book; it was closed if the database was restored."""

    lane: LaneFence
    hosts: tuple[HostRow, ...]  # whose memory counts
    waits_for: tuple[HostRow, ...] = ()  # hosts that have not compared yet: the lane may not send before


def recognise(memory: Memory, account_id: str) -> Recognised | None:
    """Compare one lane before it is claimed, and close it if the database was restored; None: no such account.

    Raises FencesAway. Any number of callers may do this at once: the transaction that closes the lane raises its fence,
    so only one of them acts. A crash in the middle changes nothing.
    """
    with memory.store.read() as connection:
        lane, hosts = lane_fence(connection, account_id), known_hosts(connection)
    if lane is None:
        return None
    if memory.fences.host not in {host.id for host in hosts}:
        join(memory.store, memory.fences, memory.host_name, actor=memory.actor)
    outside = memory.fences.compare(lane.name, lane.fence, [host.id for host in hosts])
    if outside.highest > lane.fence:
        lane = _close(memory, lane, outside.highest, to=outside.highest, below=outside.highest)
    return Recognised(lane, tuple(hosts), tuple(host for host in hosts if host.id in outside.missing))


def confirm(memory: Memory, claim: LaneClaim, hosts: Sequence[HostRow]) -> Recognised | None:
    """Compare a lane again after its claim. None: it may send; otherwise it was closed, or waits for hosts.

    The database, or Redis too, may have been restored between the comparison and the claim: then the claim has the
    fence of a lost request. Raises FencesAway. A crash in the middle changes nothing.
    """
    outside = memory.fences.claim(claim.name, claim.fence, [host.id for host in hosts])
    lane = LaneFence(claim.account_id, claim.name, claim.fence - 1, claim.incarnation)
    if outside.highest >= claim.fence:
        lane = _close(memory, lane, outside.highest, to=outside.highest + 1, below=claim.fence + 1)
    elif not outside.missing:
        return None
    return Recognised(lane, tuple(hosts), tuple(host for host in hosts if host.id in outside.missing))


def watch_lanes(memory: Memory) -> list[str]:
    """Copy the fences of all lanes from the database to this host's memory; returns the accounts whose lanes it closed.

    A lane for which this host remembers a higher fence is closed at once, before it is served again. Raises FencesAway.
    A crash in the middle changes nothing: the next tick does all of it again.
    """
    with memory.store.read() as connection:
        now, hosts, lanes = memory.store.now(connection), known_hosts(connection), every_lane_fence(connection)
    ours = next((host for host in hosts if host.id == memory.fences.host), None)
    if ours is None:
        join(memory.store, memory.fences, memory.host_name, actor=memory.actor)
    elif not was_seen_lately(ours, now):
        with memory.store.write() as connection:
            see_host(connection, ours.id, now=now)
    behind = set(memory.fences.see({lane.name: lane.fence for lane in lanes}))
    account_ids = [lane.account_id for lane in lanes if lane.name in behind]
    for account_id in account_ids:
        recognise(memory, account_id)
    return account_ids


def _close(memory: Memory, lane: LaneFence, highest: int, *, to: int, below: int) -> LaneFence:
    """Close a lane that is behind; returns it with its new fence. A fence that is not below `below` was used since."""
    # Occurrences that came due since the backup may have been sent too: open them, to put them on hold with the others.
    open_all_due(memory.store, actor=memory.actor)
    incarnation = lane.incarnation
    with memory.store.write() as connection:
        if raise_fence(connection, lane.account_id, to, below=below):
            incarnation = _doubt(Act(connection, memory.store.now(connection), memory.actor), memory, lane, highest)
    return replace(lane, fence=to, incarnation=incarnation)


def _doubt(act: Act, memory: Memory, lane: LaneFence, highest: int) -> str:
    """Put the account on hold and make its ready batches unknown; returns the incarnation that begins now."""
    connection, account_id = act.connection, lane.account_id
    last = newest_attempt(connection, account_id)
    reason = (
        f"the database was restored from a backup: request {highest} was made on this account, but the database knows "
        f"none after {lane.fence} ({'none at all' if last is None else last.isoformat(timespec='seconds')})"
        + _lost_answers(memory, lane)
        + "; suppressions made since are lost"
    )
    _hold_account(act, account_id, reason=reason)
    batches = doubt_ready_batches(connection, account_id, now=act.now)
    act.record(
        EventKind.DATABASE_RESTORED,
        account_id=account_id,
        reason=reason,
        detail={"fence": lane.fence, "highest": highest, "runs": sorted(batches)},
    )
    for run_id, seqs in sorted(batches.items()):
        act.record(
            EventKind.READY_DOUBTED,
            account_id=account_id,
            run_id=run_id,
            reason=MAY_HAVE_BEEN_SENT,
            detail={"batches": len(seqs)},
        )
        end_run_if_done(act, run_id)
    for run_id in runs_not_planned(connection, account_id):
        hold_restored(act, run_id)
    return begin_incarnation(act, reason=reason)


def _hold_account(act: Act, account_id: str, *, reason: str) -> None:
    """Place a new hold, also where an earlier restore placed one: the newest one shows what may be lost."""
    held = Held(account_id=account_id)
    for hold in holds_on(act.connection, held):
        if hold.kind is HoldKind.RESTORED:
            lift_hold(act, hold.id, reason=RESTORED_AGAIN)
    at = max(filter(None, (act.now, newest_row(act.connection, account_id))))
    place_hold(act, held, HoldKind.RESTORED, reason=reason, opened_at=at)


def _lost_answers(memory: Memory, lane: LaneFence) -> str:
    """A clause about the answers to lost requests of the lane that this host has put aside."""
    answers = [
        answer
        for answer in memory.spool.lost()
        if answer.account_id == lane.account_id and answer.lane in {None, lane.name}
    ]
    if not answers:
        return ""
    message_ids = [answer.message_id for answer in answers if answer.message_id is not None]
    as_messages = f", messages {', '.join(message_ids[:5])} among them" if message_ids else ""
    return f"; host {memory.host_name} has answers to {len(answers)} of the lost requests{as_messages}"
