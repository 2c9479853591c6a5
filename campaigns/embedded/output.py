"""The lines of `campaigns up`: its own on standard error, those of its parts in a file of bounded size."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from campaigns.domain.printable import printable

MOST_LOG_BYTES = 5_000_000
"""At this size the file is renamed to `parts.log.1`, which replaces the one before."""

LINES_WAITING = 10_000
LAST_WORDS_SECONDS = 1.0

_END = b""


class _Log(RotatingFileHandler):
    """A file of lines. A full disk stops neither the parts nor their supervisor."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Lose the line."""


class Output:
    """Lines from `up` and its parts, written by a thread of their own.

    `log`: the file for the lines of parts; without one they are written between the lines of `up`. A paused terminal
    or an unread pipe must stop neither the parts nor their supervisor: when LINES_WAITING lines wait, new ones
    are dropped, and their number is written when there is room again.
    """

    def __init__(self, descriptor: int | None = None, *, log: Path | None = None) -> None:
        self._descriptor = sys.stderr.fileno() if descriptor is None else descriptor
        self._encoding = sys.stderr.encoding or "utf-8"
        # The entry point has made every new file our user's alone (`keep_private`).
        self._log = None if log is None else _Log(log, maxBytes=MOST_LOG_BYTES, backupCount=1, encoding="utf-8")
        self._lines: queue.Queue[bytes] = queue.Queue(LINES_WAITING)
        self._dropped = 0
        # A daemon, and no buffer of Python's between it and the descriptor: a blocked write must not hold up our end.
        self._writer = threading.Thread(target=self._write, daemon=True, name="output")
        self._writer.start()

    def say(self, line: str, part: str | None = None) -> None:
        """Write one line, after the name of its part if it has one. Never waits for a reader, and never fails."""
        text = printable(line if part is None else f"{part:<8} | {line}")
        if part is not None and self._log is not None:
            self._log.handle(logging.makeLogRecord({"msg": text}))
            return
        try:
            self._lines.put_nowait(f"{text}\n".encode(self._encoding, errors="backslashreplace"))
        except queue.Full:
            self._dropped += 1

    def repeat(self, lines: Iterable[str], part: str) -> None:
        """Show the last lines of a part that made `up` end, if they are in the file only."""
        if self._log is not None:
            for line in lines:
                self.say(f"{part:<8} | {line}")

    def close(self) -> None:
        """Write the lines that wait, for at most LAST_WORDS_SECONDS."""
        give_up_at = time.monotonic() + LAST_WORDS_SECONDS
        while self._lines.full() and time.monotonic() < give_up_at:
            time.sleep(0.01)  # a reader that fell behind gets the chance to catch up
        if not self._lines.full():
            self._lines.put(_END)
            self._writer.join(max(0.0, give_up_at - time.monotonic()))
        if self._log is not None:
            with contextlib.suppress(OSError):  # the disk may be full
                self._log.close()

    def _write(self) -> None:
        while (line := self._lines.get()) != _END:
            self._put(line)
            if self._dropped and self._lines.empty():
                dropped, self._dropped = self._dropped, 0
                self._put(f"({dropped} lines were left out, because nobody read them)\n".encode())

    def _put(self, line: bytes) -> None:
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except OSError:
                return  # the reader has gone; the parts have not
