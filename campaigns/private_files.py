"""The files that we write belong to our own user, and nobody else can read them.

A home holds passwords of the embedded broker, message texts and user IDs. Somebody else who can write there can have
another database, broker or vendor used in place of ours.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

OTHERS = 0o077
"""The rights of the group and of all others."""

OTHERS_WRITE = 0o022

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of the system when the disk, or our share of it, is full."""

OLD_SCHEDULE = "beat-schedule"
"""The files in which earlier releases kept a pickle of Celery's beat."""


class UnfitFile(OSError):
    """A file or folder that must not be used; `strerror` is the whole sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(None, sentence)
        self.strerror = sentence

    def __str__(self) -> str:
        return str(self.strerror)


class NotPrivate(UnfitFile):
    """A folder that somebody else owns or may write to."""


def keep_private() -> None:
    """Make every file that this process creates its user's alone. Each entry point calls this first."""
    os.umask(OTHERS)


def private_folder(folder: Path) -> Path:
    """Make a folder for our user alone if it does not exist; returns it.

    If others may read the folder, it is closed to them, with a line in the log. Raises NotPrivate, which is an OSError,
    if another user owns it or may write to it, and OSError when it cannot be made.
    """
    try:
        found = folder.stat()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(20, os.strerror(20), str(folder))
    if found.st_uid != os.geteuid():
        raise NotPrivate(f"it belongs to user {found.st_uid} and we are user {os.geteuid()}; name a folder of your own")
    if found.st_mode & OTHERS_WRITE:
        raise NotPrivate(
            f"other users may write it (mode {stat.S_IMODE(found.st_mode):04o}); see that nothing in it is theirs, "
            "then `chmod 700` it"
        )
    if found.st_mode & OTHERS:
        folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
        log.warning("Other users could read the folder '%s'; it is closed to them now.", folder)
    return folder


def close_file(path: Path) -> None:
    """Take all rights of other users away from a file, with a line in the log. One of another owner is not changed."""
    try:
        found = path.stat()
        if not found.st_mode & OTHERS or not stat.S_ISREG(found.st_mode):
            return
        path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
    except FileNotFoundError:
        return
    except PermissionError:
        log.warning("Other users can read the file '%s', and it is not ours to close.", path)
        return
    if found.st_size:
        log.warning("Other users could read the file '%s'; it is closed to them now.", path)


def read_plain_file(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises OSError, whose `strerror` says why not.

    A pipe is not waited for, and a device is not read: it may have no end.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UnfitFile("it is a pipe or a device, not a regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise UnfitFile(f"it is larger than {most:,} bytes")
    return content


def remove_old_schedule(home: Path) -> None:
    """Delete the pickle of an older release's beat; nothing reads it now."""
    with suppress(OSError):
        for left in home.glob(f"{OLD_SCHEDULE}*"):
            left.unlink()
            log.warning("The old file '%s' was deleted: beat no longer keeps anything on disk.", left)
