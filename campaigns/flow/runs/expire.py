"""Cancel what was not sent of a run that has expired, whatever it waits for."""

from __future__ import annotations

from campaigns.domain.states import RunState
from campaigns.flow.accounts.free_accounts import for_each_free
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.holds.hours_and_expiry import EXPIRED, expired_runs
from campaigns.store.runs.runs import end_run_if_done, find_run, move_run
from campaigns.store.sending.batches import cancel_ready
from campaigns.store.sending.lanes import hold_lane_briefly


def expire_runs(store: Store, *, actor: str) -> list[int]:
    """Cancel what is ready of every run that has expired, paused ones too; returns the runs.

    A request in flight is settled as usual, and then the run ends; a run that was not planned yet is skipped. Nothing
    is sent after its expiry even when nobody calls this: each send checks the expiry itself. Any number of callers may
    do this. An account whose lock somebody keeps is left for the next call.
    """
    with store.read() as connection:
        expired_now = expired_runs(connection, now=store.now(connection))
    ended = for_each_free(
        expired_now,
        lambda expired: expired.account_id,
        lambda expired: expired.run_id if _expire(store, expired.run_id, actor=actor) else None,
    )
    return [run_id for run_id in ended if run_id is not None]


def _expire(store: Store, run_id: int, *, actor: str) -> bool:
    with store.write() as connection:
        hold_lane_briefly(connection, find_run(connection, run_id).account_id)
        run = find_run(connection, run_id)  # again under the lock: its last holder may have ended it
        act = Act(connection, store.now(connection), actor)
        assert run.expires_at is not None
        reason = f"{EXPIRED}: it was to be sent by {run.expires_at.isoformat(timespec='seconds')}"
        skipped = run.state is RunState.DUE
        batches = 0 if skipped else cancel_ready(connection, run_id, why=reason, now=act.now)
        if skipped:
            move_run(connection, run_id, start=RunState.DUE, end=RunState.SKIPPED, now=act.now, reason=reason)
        elif not batches:
            return False
        act.record(
            EventKind.RUN_EXPIRED,
            run_id=run_id,
            campaign_id=run.campaign_id,
            account_id=run.account_id,
            reason=reason,
            detail={"batches": batches, "skipped": skipped},
        )
        end_run_if_done(act, run_id)
        return True
