"""The ID of a host: random, in a file of its home, made when it is first asked for."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path

from campaigns.private_files import private_folder


def host_id(home: Path) -> str:
    """The ID of this home. It is made once, however many processes ask at the same time. Raises OSError.

    A file that a power cut damaged is replaced: from then on this is another host, and the earlier one is missing.
    """
    private_folder(home)
    file = os.open(home / "host", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        stored = os.pread(file, 100, 0).decode("ascii", errors="replace").strip()
        if re.fullmatch("[0-9a-f]{32}", stored):
            return stored
        made = secrets.token_hex(16)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{made}\n".encode(), 0)
        os.fsync(file)
    finally:
        os.close(file)
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the file's name must survive too
    finally:
        os.close(folder)
    return made
