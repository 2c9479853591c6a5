"""The home folder of `campaigns up`: made for its owner only, and used by one `up` at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns.domain.errors import NotAllowed, SettingsError
from campaigns.private_files import FULL_DISK, private_folder

LEFTOVER_SECONDS = 20.0
"""The parts of an `up` that was killed may take this long to end."""

POLL_SECONDS = 0.1


def prepare_home(home: Path) -> Path:
    """Make the folder if it is missing; returns its absolute path. Raises SettingsError when it cannot be written.

    Raises OSError for a full disk, which is not a fault of the setting.
    """
    home = home.absolute()
    try:
        private_folder(home)
        probe = home / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno in FULL_DISK:
            raise
        reason = error.strerror or "it cannot be written"
        raise SettingsError(
            f"CAMPAIGNS_HOME '{home}' cannot be used ({reason}): name a folder of your own. Nothing was started."
        ) from None
    return home


@contextmanager
def only_up(home: Path, say: Callable[[str], None]) -> Iterator[int]:
    """Lock the home for one `up`; yields the descriptor that every part has to keep open.

    There are two locks. The first ends with us, and refuses a second `up` at once. The second ends with the last part:
    after a kill -9 the next `up` waits for it, since two brokers must never use one file.
    Raises NotAllowed.
    """
    ours, parts = _opened(home / "up.lock"), _opened(home / "parts.lock")
    try:
        if not _taken(ours):
            holder = (home / "up.lock").read_text().strip() or "unknown"
            raise NotAllowed(
                f"`campaigns up` already runs on '{home}' (process {holder}): stop that one, or set CAMPAIGNS_HOME to "
                "another folder."
            )
        os.ftruncate(ours, 0)
        os.pwrite(ours, str(os.getpid()).encode(), 0)
        _await_leftovers(parts, home, say)
        yield parts
    finally:
        os.close(ours)
        os.close(parts)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read. A reader sees the old file or the whole new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def _await_leftovers(parts: int, home: Path, say: Callable[[str], None]) -> None:
    if _taken(parts):
        return
    say("Waiting for the parts of an earlier `campaigns up` to end.")
    give_up_at = time.monotonic() + LEFTOVER_SECONDS
    while not _taken(parts):
        if time.monotonic() > give_up_at:
            raise NotAllowed(
                f"Parts of an earlier `campaigns up` still run on '{home}' after {LEFTOVER_SECONDS:g} s: end them and "
                "start again."
            )
        time.sleep(POLL_SECONDS)  # there is no way to wait for a lock with a deadline


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
