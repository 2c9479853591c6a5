"""Every crash point once, each in a real worker that ends itself there, and a sound worker that takes over."""

from __future__ import annotations

import signal
import time

from campaigns.crashpoint import POINTS
from tests.faults.installation import Installation, Program, wait_for
from tests.faults.oracle import Verdict, judge
from tests.faults.work import Work

ACCOUNTS = 12
AT_ONCE = 2
FED_EVERY_SECONDS = 1.0
REACHED_WITHIN_SECONDS = 60.0
ENDS_WITHIN_SECONDS = 150.0

LATER_PASSINGS = {"send.committed": 2, "send.answered": 3, "record.committed": 2}
"""Not all at the first passing: the second send of a lane renews a claim, the first has taken one."""

VENDOR = {"limit_per_minute": None, "answer_seconds": 0.02, "rates": {"lost_answer": 0.15}}
"""Lost answers, so that there is always somebody to look for."""


def order() -> list[str]:
    """The points with what they need before them: an attempt expires only when a worker died over it."""
    later = ("send.answered", "record.", "look.", "unsend.", "recall.")
    return sorted(POINTS, key=lambda point: point.startswith(later))


def run_matrix(installation: Installation, points: list[str] | None = None) -> tuple[Verdict, dict[str, float]]:
    """Die at each point once; answers the judgement, and after how many seconds each death came.

    A point that no worker reached stands in the verdict's losses: the matrix must not shrink unseen.
    """
    installation.start_broker()
    installation.start_vendor()
    for _ in range(2):
        installation.start_beat()
    work = Work(installation.store, ACCOUNTS)
    died, missed = _die(installation, work, points or order())
    for _ in range(2):
        installation.start_worker()
    wait_for(lambda: not work.unfinished(), ENDS_WITHIN_SECONDS)
    verdict = judge(
        installation.store,
        installation.ledger,
        orders=work.orders,
        unfinished=work.unfinished(),
        most_in_flight=installation.most_in_flight(),
    )
    verdict.losses += missed
    return verdict, died


def _die(installation: Installation, work: Work, points: list[str]) -> tuple[dict[str, float], list[str]]:
    """A worker for each point, two at a time; answers how long each took to die, and who did not."""
    waiting, dying = list(points), dict[str, Program]()
    died: dict[str, float] = {}
    missed = []
    fed = 0.0
    while waiting or dying:
        while waiting and len(dying) < AT_ONCE:
            point = waiting.pop(0)
            dying[point] = installation.start_worker(f"{point}:{LATER_PASSINGS.get(point, 1)}")
        if time.monotonic() - fed > FED_EVERY_SECONDS:
            fed = time.monotonic()
            work.feed(batches=4, at_most=2)
            work.recall()
        only_expiry = not waiting and all(point.startswith("expire.") for point in dying)
        if only_expiry and len(dying) == len(installation.alive("worker")):
            installation.start_worker("send.answered")  # somebody has to die over a request
        for point, worker in list(dying.items()):
            lived = time.time() - worker.started_at
            if worker.is_alive() and lived < REACHED_WITHIN_SECONDS:
                continue
            if worker.is_alive() or worker.process.returncode != -signal.SIGKILL:
                missed.append(f"no worker died at {point}")
            worker.kill()
            died[point] = round(lived, 1)
            del dying[point]
        time.sleep(0.05)  # polling, with a deadline for each
    return died, missed
