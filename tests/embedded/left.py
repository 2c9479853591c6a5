"""Who is still there of what a test started, and waiting for what comes to pass by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def alive(mark: str) -> dict[int, str]:
    """The programs that have `mark` in their environment or command line, by ID, with their command lines.

    Redis writes its title over its environment, but names its socket in it. Zombies have neither.
    """
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue  # it ended while we looked
        if mark.encode() in command + environment:
            found[int(entry.name)] = command.replace(b"\0", b" ").decode()
    return found


def wait_until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Look again and again until it holds; fail when that takes too long."""
    give_up_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up_at, f"it did not come to that in {seconds:g} s"
        time.sleep(0.02)  # polling, with a deadline
