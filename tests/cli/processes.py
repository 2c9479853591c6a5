"""Commands as processes of their own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

GIVE_UP_SECONDS = 60.0


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command as a process of its own, ended at the end."""
    command = [sys.executable, "-m", "campaigns", *words]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def await_words(process: subprocess.Popen[str], words: str) -> str:
    """What a process has said when the line that holds these words is among it.

    Read past the pipe's buffered reader: what that holds already, no select tells of.
    """
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    give_up_at, said = time.monotonic() + GIVE_UP_SECONDS, ""
    while "\n" not in said.partition(words)[2]:
        left = give_up_at - time.monotonic()
        assert left > 0, said
        readable, _, _ = select.select([pipe], [], [], left)
        assert readable, said
        more = os.read(pipe, 65_536).decode()
        assert more, f"it ended: {said}"
        said += more
    return said
