"""One run for its page: its books, its map of batches, its pace, and its outlook, in few statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.sending.pacing import Limits
from campaigns.flow.runs.outlook import has_ended, outlook, wait_of
from campaigns.flow.runs.words import Words, words_of_wait
from campaigns.store.database.engine import Store
from campaigns.store.runs.lane_work import LaneWork, lane_work
from campaigns.store.views.progress.run_page import RunPage, run_page
from campaigns.store.views.progress.throughput import Throughput, throughput


@dataclass(frozen=True, slots=True)
class RunLook:
    """One run as it was at `at`, the database's time."""

    at: datetime
    run: RunPage
    throughput: Throughput | None  # None: no request was made yet
    waits: Words | None
    eta: datetime | None  # None: it has ended, or nobody knows
    bound_by: str | None


def look_at_run(store: Store, run_id: int, limits: Limits) -> RunLook:
    """One run, read in one transaction. Raises NotFound."""
    with store.read() as connection:
        now = store.now(connection)
        run = run_page(connection, run_id)
        work = LaneWork() if has_ended(run) else lane_work(connection, run_id, now=now)
        pace = None
        if run.served_at is not None:
            pace = throughput(connection, run_id, run.account, newest=run.served_at)
    wait, expected = wait_of(run, work, limits=limits, now=now), outlook(run, work, limits=limits, now=now)
    return RunLook(
        at=now,
        run=run,
        throughput=pace,
        waits=None if wait is None else words_of_wait(wait, run.account),
        eta=None if expected is None else expected.ends_at,
        bound_by=None if expected is None else expected.bound_by,
    )
