"""Places where a test may end this process, as kill -9 would: at the boundaries of every transaction that sends.

Without the environment variable they are a function that does nothing, chosen once when this is imported.
`CAMPAIGNS_CRASH=send.committed:3` ends the process when it passes that point for the third time. It is no setting:
nothing of the product depends on it, and docs/reliability.md lists the points.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable

VARIABLE = "CAMPAIGNS_CRASH"

POINTS = (
    "due.opened",  # an occurrence's run is committed, nobody was told
    "plan.cut",  # the batches are made, nothing is written
    "plan.committed",
    "tick.marked",  # what is woken is committed, no wake-up is published
    "tick.woken",
    "lane.claimed",
    "lane.permitted",  # the pacer's slot is taken
    "send.written",  # the attempt is written, not committed
    "send.committed",
    "send.first_byte",  # the last check was passed
    "send.answered",  # the outcome is known to this process alone
    "record.written",
    "record.committed",
    "abandon.written",
    "abandon.committed",
    "search.asked",  # the vendor's list was read, nothing is written
    "search.written",
    "search.committed",
    "unsend.committed",  # the request to take a message back is committed, not made
    "unsend.answered",
    "unsend.written",
    "unsend.recorded",
    "recall.finished",
)
"""In the order in which a message meets them."""


def pass_by(point: str) -> None:
    """Nothing happens here unless a test asked for it."""


def dying_at(wish: str) -> Callable[[str], None]:
    """A function that ends this process at the point and the passing that `POINT:NTH` names."""
    named, _, nth = wish.partition(":")
    if named not in POINTS:
        raise ValueError(f"{VARIABLE} is '{wish}', but there is no such point; there are {', '.join(POINTS)}.")
    passings = itertools.count(1)
    last = int(nth or 1)

    def die(point: str) -> None:
        if point == named and next(passings) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


crash_point: Callable[[str], None] = dying_at(os.environ[VARIABLE]) if VARIABLE in os.environ else pass_by
