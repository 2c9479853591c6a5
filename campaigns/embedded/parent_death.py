"""Tie a child to its parent, so that a parent that is killed at any moment leaves no child behind.

Also the program that ties itself and then becomes the child; run as a file of its own, standard library only. Doing
the same between fork and exec of a program with threads could hang the child in a lock that a thread held.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
"""From Linux' <sys/prctl.h>: the kernel signals us when the thread that started us ends."""

NOT_FOUND = 127
"""The exit code of a shell for a command that it cannot start."""


def bound(command: Sequence[str], number: int = signal.SIGTERM) -> list[str]:
    """The command, changed so that it gets this signal when the program that starts it ends, in whatever way.

    Linux only; elsewhere it is the command as it was. Start it from the main thread: the kernel looks at the thread
    that started it, not at the whole program. Nor does the tie survive a change of user behind it.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-IS", __file__, str(int(number)), str(os.getpid()), *command]


def become(number: int, parent: int, command: list[str]) -> int:
    """Tie this program to its parent and turn into the command; returns only when that is not possible."""
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0 or os.getppid() != parent:
        return 1  # the parent is gone already: nobody waits for an answer
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}.\n")
    return NOT_FOUND


if __name__ == "__main__":
    sys.exit(become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
