"""Crash points: places where a test can end this process as `kill -9` does, around every transaction that sends.

`CAMPAIGNS_CRASH=send.committed:3` ends the process when it passes that point for the third time. Without the variable
a crash point does nothing; this is decided once, on import. The variable is for tests alone and not a setting.
docs/reliability.md lists the points.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable

VARIABLE = "CAMPAIGNS_CRASH"

POINTS = (
    "due.opened",  # an occurrence's run is committed, no wake-up is published
    "plan.cut",  # the batches are made, nothing is written
    "plan.committed",
    "tick.marked",  # which lanes to wake is committed, no wake-up is published
    "tick.woken",
    "lane.claimed",
    "lane.permitted",  # the pacer's slot is taken
    "send.written",  # the attempt is written, not committed
    "send.committed",
    "send.first_byte",  # the last check has passed, nothing has left
    "send.answered",  # the outcome is known to this process alone
    "record.written",
    "record.committed",
    "abandon.written",
    "abandon.committed",
    "search.asked",  # the vendor's list was read, nothing is written
    "search.written",
    "search.committed",
    "unsend.committed",  # the request to unsend a message is committed, not made
    "unsend.answered",
    "unsend.written",
    "unsend.recorded",
    "recall.finished",
)
"""Every crash point, in the order in which a message passes them."""


def pass_by(point: str) -> None:
    """Do nothing: the crash point of a process without the variable."""


def dying_at(wish: str) -> Callable[[str], None]:
    """Return a function that ends this process when it passes a point for the nth time; `wish` is `POINT:NTH`.

    Raises ValueError for a point that does not exist.
    """
    named, _, nth = wish.partition(":")
    if named not in POINTS:
        raise ValueError(f"{VARIABLE} is '{wish}', but there is no such point. The points are {', '.join(POINTS)}.")
    passings = itertools.count(1)
    last = int(nth or 1)

    def die(point: str) -> None:
        if point == named and next(passings) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


crash_point: Callable[[str], None] = dying_at(os.environ[VARIABLE]) if VARIABLE in os.environ else pass_by
