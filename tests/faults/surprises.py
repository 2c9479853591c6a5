"""Exceptions that nobody caught in a worker: whatever the storm does, a task ends calmly and is asked again."""

from __future__ import annotations

import re
from collections import Counter

UNCAUGHT = re.compile(r"Task campaigns\.(\w+)\[\S+ raised unexpected: (\w+)\((.{0,160})")

OF_THE_BROKER = "OperationalError"
"""Kombu's: a wake-up could not be sent. The next tick sends it again. The database's own never gets so far."""

CLOSED_UNDER_US = "'NoneType' object has no attribute 'client'"
"""Kombu's words, for the same: a connection to the broker was closed while a wake-up was sent through it."""


def surprises(log: str) -> list[str]:
    """Each kind once, with how often it came."""
    found: Counter[tuple[str, str]] = Counter()
    words: dict[tuple[str, str], str] = {}
    for task, kind, text in UNCAUGHT.findall(log):
        if kind != OF_THE_BROKER and CLOSED_UNDER_US not in text:
            found[task, kind] += 1
            words[task, kind] = text
    return [f"{task} raised {kind} {count} times: {words[task, kind]}" for (task, kind), count in found.items()]
