"""What the parts of `campaigns up` say, line by line with the part's name before it, on standard error."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time

from campaigns.domain.printable import printable

LINES_WAITING = 10_000
LAST_WORDS_SECONDS = 1.0

_END = b""


class Output:
    """Lines from many parts, written by a thread of their own.

    A terminal that is paused, or a pipe that nobody reads, must stop neither the parts nor their supervisor: beyond
    some thousand waiting lines new ones are dropped, and how many is said once there is room again.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stderr.fileno() if descriptor is None else descriptor
        self._encoding = sys.stderr.encoding or "utf-8"
        self._lines: queue.Queue[bytes] = queue.Queue(LINES_WAITING)
        self._dropped = 0
        # A daemon, and no buffer of Python's between it and the descriptor: a blocked write must not hold up our end.
        self._writer = threading.Thread(target=self._write, daemon=True, name="output")
        self._writer.start()

    def say(self, line: str, part: str | None = None) -> None:
        """Write one line, after the part's name when it is a part that speaks. Never blocks, never fails."""
        text = line if part is None else f"{part:<8} | {line}"
        try:
            self._lines.put_nowait(f"{printable(text)}\n".encode(self._encoding, errors="backslashreplace"))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what is waiting, for at most a second."""
        give_up_at = time.monotonic() + LAST_WORDS_SECONDS
        while self._lines.full() and time.monotonic() < give_up_at:
            time.sleep(0.01)  # a reader that fell behind gets the chance to catch up
        if not self._lines.full():
            self._lines.put(_END)
            self._writer.join(max(0.0, give_up_at - time.monotonic()))

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
