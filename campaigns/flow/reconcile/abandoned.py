"""Settle attempts whose worker is gone as unknown, never as ready: they may have reached the vendor."""

from __future__ import annotations

from campaigns.crashpoint import crash_point
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import ABANDONED_WORDS, Outcome, OutcomeKind
from campaigns.flow.accounts.free_accounts import for_each_free
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.runs.runs import end_run_if_done
from campaigns.store.sending.attempts import OpenAttempt, add_outcome, expired_attempts, first_look, settle_batch
from campaigns.store.sending.lanes import hold_lane_briefly

ABANDONED = Outcome(OutcomeKind.UNKNOWN, error=ABANDONED_WORDS)


def expire_attempts(store: Store, *, settle_seconds: float, actor: str, account_id: str | None = None) -> int:
    """Settle as unknown every attempt in flight whose lease has ended, so that it is searched for; returns how many.

    Any number of callers may do this at once: the fence lets one of them settle each attempt. A worker that comes
    back later finds its claim lost and leaves its answer as evidence. An account whose lock somebody holds waits for
    the next sweep. A crash before a commit changes nothing.
    """
    with store.read() as connection:
        expired = expired_attempts(connection, now=store.now(connection), account_id=account_id)
    settled = for_each_free(
        expired,
        lambda opened: opened.account_id,
        lambda opened: _abandon(store, opened, settle_seconds=settle_seconds, actor=actor),
    )
    return sum(settled)


def _abandon(store: Store, opened: OpenAttempt, *, settle_seconds: float, actor: str) -> bool:
    with store.write() as connection:
        hold_lane_briefly(connection, opened.account_id)
        now = store.now(connection)
        look_at = first_look(connection, opened, settle_seconds=settle_seconds, now=now)
        if not settle_batch(connection, opened, BatchState.UNKNOWN, now=now, error=ABANDONED.error, look_at=look_at):
            return False
        add_outcome(connection, opened, ABANDONED, now=now, retry_at=None)
        Act(connection, now, actor).record(
            EventKind.ATTEMPT_ABANDONED,
            account_id=opened.account_id,
            run_id=opened.run_id,
            batch_seq=opened.batch_seq,
            detail={"number": opened.number},
        )
        end_run_if_done(Act(connection, now, actor), opened.run_id)
        crash_point("abandon.written")
    crash_point("abandon.committed")
    return True
