"""Ends the parts that a killed supervisor left behind. A program of its own, with the standard library only.

The supervisor writes to its standard input which process groups run: `+GROUP GRACE` and `-GROUP`, in the order of their
start. When the input ends and groups are left, the supervisor died without stopping them: they get SIGTERM in reverse
order, the broker last, and SIGKILL when their grace in seconds is over. On Linux the parent-death signal also ends
them, and at once; other systems do not have it, and a part can ignore it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

POLL_SECONDS = 0.05


def watch(lines: Iterable[str]) -> None:
    """Read the supervisor's lines until it has ended, then end the groups that it left."""
    left: dict[int, float] = {}
    for line in lines:
        group, _, grace = line[1:].partition(" ")
        if line.startswith("+"):
            left[int(group)] = float(grace)
        else:
            left.pop(int(group), None)
    for started, grace_seconds in reversed(left.items()):
        end_group(started, grace_seconds)


def end_group(group: int, grace_seconds: float) -> None:
    """Ask a process group to stop, and kill it when its grace is over."""
    give_up_at = time.monotonic() + grace_seconds
    if not _signal(group, signal.SIGTERM):
        return
    while time.monotonic() < give_up_at:
        if not _signal(group, 0):
            return
        time.sleep(POLL_SECONDS)  # they are not our children: there is no other way to see their end
    _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group; returns whether the group still had a process."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    watch(sys.stdin)
