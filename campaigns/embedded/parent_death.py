"""Let a child process end with its parent, also when the parent is killed.

This file is also the program that asks the kernel for that and then becomes the child; it needs the standard library
only. Doing it between fork and exec could hang the child in a lock that a thread of the parent held.
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

    Linux only; on other systems the command is unchanged. Start it from the main thread: the kernel sends the signal
    when the thread that started it ends. A command that changes its user loses the signal.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-IS", __file__, str(int(number)), str(os.getpid()), *command]


def become(number: int, parent: int, command: list[str]) -> int:
    """Ask for the signal, then become the command; returns an exit code only when that is not possible."""
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0 or os.getppid() != parent:
        return 1  # the parent has ended already
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}.\n")
    return NOT_FOUND


if __name__ == "__main__":
    sys.exit(become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
