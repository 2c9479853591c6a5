"""Every crash point once, each in a real worker that ends itself there, and a sound worker that takes over."""

from __future__ import annotations

import itertools
import signal
import time

from campaigns.crashpoint import POINTS
from tests.faults.installation import Installation, wait_for
from tests.faults.oracle import Verdict, judge
from tests.faults.work import Work

ACCOUNTS = 12
REACHED_WITHIN_SECONDS = 40.0
ENDS_WITHIN_SECONDS = 60.0

LATER_PASSINGS = {"send.committed": 2, "send.answered": 3, "record.committed": 2}
"""Not all at the first passing: the second send of a lane renews a claim, the first has taken one."""

VENDOR = {"limit_per_minute": None, "answer_seconds": 0.02, "rates": {"lost_answer": 0.15}}
"""Lost answers, so that there is always somebody to look for."""


def order() -> list[str]:
    """The points with what they need before them: an attempt expires only when a worker died over it."""
    last = ("expire.", "look.")
    first = [point for point in POINTS if not point.startswith(last) and point != "send.answered"]
    return [*first, "send.answered", *(point for point in POINTS if point.startswith(last))]


def run_matrix(installation: Installation, points: list[str] | None = None) -> tuple[Verdict, dict[str, float]]:
    """Die at each point once; answers the judgement, and after how many seconds each death came.

    A point that no worker reached stands in the verdict's losses: the matrix must not shrink unseen.
    """
    installation.start_broker()
    installation.start_vendor()
    for _ in range(2):
        installation.start_beat()
    work = Work(installation.store, ACCOUNTS)
    accounts = itertools.cycle(work.accounts)
    died: dict[str, float] = {}
    missed = []
    for point in points or order():
        work.run_for(next(accounts), batches=4)
        work.run_for(next(accounts), batches=4, in_seconds=1.0)
        started = time.monotonic()
        worker = installation.start_worker(f"{point}:{LATER_PASSINGS.get(point, 1)}")
        ended = wait_for(lambda worker=worker: not worker.is_alive(), REACHED_WITHIN_SECONDS)  # type: ignore[misc]
        died[point] = time.monotonic() - started
        if not ended or worker.process.returncode != -signal.SIGKILL:
            missed.append(f"no worker died at {point}")
            worker.kill()
    installation.start_worker()
    wait_for(lambda: not work.unfinished(), ENDS_WITHIN_SECONDS)
    verdict = judge(
        installation.store,
        installation.ledger,
        unfinished=work.unfinished(),
        most_in_flight=installation.most_in_flight(),
    )
    verdict.losses += missed
    return verdict, died
