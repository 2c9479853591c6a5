"""What ties a child to its parent, so that a parent killed at any instruction leaves nobody behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
"""From Linux' <sys/prctl.h>: the kernel signals us when the thread that forked us ends."""

# Loaded here and not in the child: between fork and exec nothing may import or take a lock.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def dies_with_parent(number: int = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn`: the child gets this signal when its parent ends, however that ends.

    Linux only; elsewhere the child has to watch its parent itself. Start such children from the main thread: the
    kernel looks at the thread that forked, not at its whole program. A change of user after it would undo it.
    """
    parent = os.getpid()

    def bind() -> None:
        if _libc is None:
            return
        if _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(1)  # the parent is gone already: there is nobody to be told

    return bind
