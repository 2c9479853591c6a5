"""Carry out an operation, one target at a time, by the same verbs as for one run.

The row of a target leaves `waiting` in the transaction of the act on its run. So a crash anywhere, or two workers at
once, neither repeats an act nor leaves a run out: what still waits is done by whoever claims the operation next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import CampaignsError, NotAllowed, TryLater
from campaigns.domain.operations import OperationAct
from campaigns.domain.people import Actor
from campaigns.domain.states import BatchState, HoldKind
from campaigns.flow.handoff.cancel import Cancelled, cancel_run
from campaigns.flow.operations.check import verify_as_operation
from campaigns.flow.recall.recall import RecallAnswer, recall_run
from campaigns.flow.reconcile.decide import Decided, decide
from campaigns.flow.runs.pause_resume_cancel import Paused, Resumed, pause_run, resume_run
from campaigns.flow.runs.rerun import RerunAnswer, rerun
from campaigns.store.audit.events import Act
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, holds_on
from campaigns.store.operations.operations import (
    OperationRow,
    TargetGone,
    abort,
    batches_of_target,
    claim_operation,
    end_if_done,
    fail_target,
    leave_operation,
    store_of_target,
    waiting_targets,
)

FAULT = "campaigns has a fault here; the log of the worker has the details."


Answer = Paused | Resumed | Cancelled | RecallAnswer | Decided | RerunAnswer


@dataclass(frozen=True, slots=True)
class Hand:
    """Who carries out operations, and until when."""

    store: Store
    upstream: str  # the vendor in force
    owner: str
    goes_on: Callable[[], bool]


def carry_out(hand: Hand, operation_id: int) -> int:
    """Do what waits of an operation, as long as `goes_on`; returns how many targets were tried. Raises DatabaseAway.

    A target whose account is busy waits for the next time. Raises what is a fault of ours, after the target was marked.
    """
    with hand.store.write() as connection:
        now = hand.store.now(connection)
        row = claim_operation(connection, operation_id, hand.owner, now=now)
        if row is None:
            return 0
        if _is_restored(connection, row):
            abort(Act(connection, now, hand.owner), row.id)
            return 0
    if row.act is OperationAct.VERIFY:
        return verify_as_operation(hand.store, row, owner=hand.owner)
    try:
        return _do_targets(hand, row)
    finally:
        with hand.store.write() as connection:
            if not end_if_done(Act(connection, hand.store.now(connection), Actor(hand.owner)), row.id):
                leave_operation(connection, row.id, hand.owner)


def _is_restored(connection: Connection, row: OperationRow) -> bool:
    """Whether the database was restored since the operation was asked for: what was done may be forgotten."""
    return row.as_of is not None and not row.as_of.startswith(find_incarnation(connection)[:12])


def _do_targets(hand: Hand, row: OperationRow) -> int:
    with hand.store.read() as connection:
        waiting = waiting_targets(connection, row.id)
    tried = 0
    for run_id in waiting:
        if not hand.goes_on():
            break
        with hand.store.write() as connection:
            if claim_operation(connection, row.id, hand.owner, now=hand.store.now(connection)) is None:
                break
        _do_target(hand, row, run_id)
        tried += 1
    return tried


def _do_target(hand: Hand, row: OperationRow, run_id: int) -> None:
    with hand.store.read() as connection:
        seqs = batches_of_target(connection, row.id, run_id)
    own = store_of_target(hand.store, row.id, run_id)
    try:
        answer = _done_to(own, row, run_id, seqs, upstream=hand.upstream)
        own.finish(asdict(answer))
    except (TargetGone, TryLater):
        own.release()
    except CampaignsError as refusal:
        own.release()
        _fail(hand, row, run_id, str(refusal), refusal.code)
    except Exception:
        own.release()
        _fail(hand, row, run_id, FAULT, CampaignsError.code)
        raise


def _done_to(store: Store, row: OperationRow, run_id: int, seqs: list[int], *, upstream: str) -> Answer:
    """What the act did to one run. Raises what the verb raises."""
    why: Any = {"reason": row.reason, "actor": row.actor}
    if row.act is OperationAct.PAUSE:
        return pause_run(store, run_id, **why)
    if row.act is OperationAct.RESUME:
        return resume_run(store, run_id, closing=_pause_of_a_person(store, run_id), **why)
    if row.act is OperationAct.CANCEL:
        return cancel_run(store, run_id, **why)
    if row.act is OperationAct.RECALL:
        return recall_run(store, run_id, **why)
    if row.act is OperationAct.DECIDE:
        return decide(store, run_id, seqs=seqs, verdict=row.options["verdict"], **why)
    rejected = frozenset({BatchState.REJECTED})
    return rerun(store, run_id, states=rejected, seqs=seqs, upstream=upstream, **why)


def _pause_of_a_person(store: Store, run_id: int) -> int:
    """The hold that a resume is about: no other is closed. Raises NotAllowed when there is none now."""
    with store.read() as connection:
        holds = [hold for hold in holds_on(connection, Held(run_id=run_id)) if hold.kind is HoldKind.OPERATOR]
    if not holds:
        raise NotAllowed(f"Run {run_id} is no longer paused by a person.")
    return holds[0].id


def _fail(hand: Hand, row: OperationRow, run_id: int, error: str, code: str) -> None:
    with hand.store.write() as connection:
        fail_target(connection, row.id, run_id, error=error, code=code, now=hand.store.now(connection))
