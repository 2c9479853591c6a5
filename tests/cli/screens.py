"""A terminal for tests: what a command draws, as the lines of the screen that a person sees."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass

import pyte
import pytest

from campaigns.cli.main import cli

ROWS = 200
"""Enough for every screen of a test: nothing is scrolled out of sight."""

END = b"<end of the screen>"


@dataclass(frozen=True)
class Shown:
    """The exit code of a command, and the lines of the terminal without blanks at their ends."""

    code: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


Terminal = Callable[..., Shown]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Runs a command on a pseudo-terminal of so many columns and rows. Input is closed: nobody types."""

    def run(*words: str, columns: int, rows: int = ROWS) -> Shown:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with monkeypatch.context() as patch, os.fdopen(theirs, "w", encoding="utf-8") as stream:
            patch.setenv("COLUMNS", str(columns))
            patch.setenv("LINES", str(rows))
            patch.setenv("TERM", "xterm")
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", stream)
            screen = pyte.Screen(columns, rows)
            reader = pyte.ByteStream(screen)
            code = _drain_while(lambda: cli.main(list(words), standalone_mode=False), stream, ours, reader)
        os.close(ours)
        return Shown(code, [line.rstrip() for line in screen.display])

    return run


def _drain_while(command: Callable[[], int], stream: object, ours: int, reader: pyte.ByteStream) -> int:
    """Run a command while another thread reads the terminal: a full one would stop the command."""
    import threading

    drawn = bytearray()

    def read() -> None:
        while END not in drawn:
            drawn.extend(os.read(ours, 1 << 16))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        code = command()
    finally:
        stream.write(END.decode())  # type: ignore[attr-defined]
        stream.flush()  # type: ignore[attr-defined]
        thread.join()
    reader.feed(bytes(drawn).partition(END)[0])
    return code
