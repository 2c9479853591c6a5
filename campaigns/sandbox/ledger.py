"""What was accepted, in a file of JSON Lines that survives a kill -9."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from campaigns.domain.errors import UsageError


class Ledger:
    """An append-only record, or no record when there is no path. Thread-safe.

    A durable line is on the disk when `append` returns; lines of several threads share one sync. A crash in the middle
    leaves at most one unfinished last line, whose request got no reply; opening the file cuts it off.
    """

    def __init__(self, path: Path | None) -> None:
        """Raises UsageError when the file cannot be opened, or when another sandbox has it."""
        self._path = path
        self._file = -1 if path is None else _open(path)
        self._write_lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._written = 0
        self._synced = 0

    def replay(self) -> Iterator[dict[str, Any]]:
        """Every line of earlier runs, oldest first. Raises UsageError for a line that is not a JSON object."""
        if self._path is None:
            return
        whole = 0
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break
                yield self._parsed(line, number)
                whole += len(line)
        os.ftruncate(self._file, whole)

    def append(self, line: bytes, *, durable: bool = True) -> None:
        """Add one line (without its newline). Raises OSError when the disk fails; then the line may be there or not."""
        if self._file < 0:
            return
        with self._write_lock:
            _write_all(self._file, line + b"\n")
            self._written += 1
            mine = self._written
        if durable:
            self._sync(mine)

    def clear(self) -> None:
        """Forget everything, on the disk too."""
        if self._file >= 0:
            with self._write_lock:
                os.ftruncate(self._file, 0)
                os.fsync(self._file)

    def close(self) -> None:
        """Close the file, so that another sandbox may use it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _sync(self, mine: int) -> None:
        with self._sync_lock:
            if self._synced >= mine:
                return  # the sync of another thread, which began after our write, included our line
            upto = self._written
            os.fsync(self._file)
            self._synced = upto

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise UsageError(
                f"The ledger '{self._path}' is damaged in line {number}; move it away to start with an empty one."
            )
        return entry


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        _sync_folder(path.parent)
    except OSError as error:
        raise UsageError(f"The ledger '{path}' cannot be opened: {error.strerror}.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise UsageError(
            f"The ledger '{path}' belongs to a sandbox that is running; stop it or name another."
        ) from None
    return file


def _sync_folder(folder: Path) -> None:
    """A power cut may lose a new file whose folder was not synced."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _write_all(file: int, content: bytes) -> None:
    """A line that was cut short would damage the next one, so it is removed before the error is raised."""
    start = os.fstat(file).st_size
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError:
        os.ftruncate(file, start)
        raise
