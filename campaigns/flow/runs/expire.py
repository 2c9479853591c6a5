"""Cancel what has not left of a run whose time is over, whatever it was waiting for."""

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
    """Cancel what is ready of every run whose time is over, held ones too; answers the runs.

    A request in flight is settled as ever, and the run ends by it; one that was not planned yet is skipped. Nothing
    leaves after its expiry even when nobody calls this: a send asks for itself. Any number of callers may do this. An
    account whose lock somebody keeps is left for the next call.
    """
    with store.read() as connection:
        found = expired_runs(connection, now=store.now(connection))
    ended = for_each_free(
        found,
        lambda expired: expired.account_id,
        lambda expired: expired.run_id if _expire(store, expired.run_id, actor=actor) else None,
    )
    return [run_id for run_id in ended if run_id is not None]


def _expire(store: Store, run_id: int, *, actor: str) -> bool:
    with store.write() as connection:
        hold_lane_briefly(connection, find_run(connection, run_id).account_id)
        found = find_run(connection, run_id)  # again under the lock: its last holder may have ended it
        now = store.now(connection)
        assert found.expires_at is not None
        why = f"{EXPIRED}: it was to be sent by {found.expires_at.isoformat(timespec='seconds')}"
        skipped = found.state is RunState.DUE
        batches = 0 if skipped else cancel_ready(connection, run_id, why=why, now=now)
        if skipped:
            move_run(connection, run_id, start=RunState.DUE, end=RunState.SKIPPED, now=now, reason=why)
        elif not batches:
            return False
        Act(connection, now, actor).record(
            EventKind.RUN_EXPIRED,
            run_id=run_id,
            campaign_id=found.campaign_id,
            account_id=found.account_id,
            reason=why,
            detail={"batches": batches, "skipped": skipped},
        )
        end_run_if_done(connection, run_id, now=now, actor=actor)
        return True
