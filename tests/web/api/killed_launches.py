"""Launches with an idempotency key in processes that are killed: `python -m tests.web.api.killed_launches URL IDS`.

The first one is killed at the first thing that it does with the database, the second at the second, and so on; the
last one lives. Each has a campaign of its own. Prints how many were killed.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from typing import Any

from sqlalchemy import event

from campaigns.as_json import plain
from campaigns.flow.access.once import once
from campaigns.flow.campaigns.launch import launch
from campaigns.store.access.keyed_store import Kept, Key
from campaigns.store.database.engine import Store, open_store
from tests.clock import DrivenClock

UPSTREAM, ANNA = "sandbox", "operator:anna"


def key_of(campaign: int) -> Key:
    """The key of the launch of a campaign."""
    return Key("anna", f"launch of campaign {campaign}", "0" * 64)


def launch_once(store: Store, campaign: int) -> Kept:
    """What the API does for a launch."""
    return once(
        store,
        key_of(campaign),
        lambda own: Kept(200, plain(launch(own, campaign, upstream=UPSTREAM, actor=ANNA))),
    )


def die_at(store: Store, nth: int) -> None:
    """Kill this process at the nth statement or commit of the writer, or the nth return of its connection."""
    happenings = count(1)

    def happens(*_: Any) -> None:
        if next(happenings) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store.writer, "before_cursor_execute", happens)
    event.listen(store.writer, "commit", happens)
    event.listen(store.writer.pool, "checkin", happens)


def main(url: str, campaigns: list[int]) -> None:
    """Launch each campaign in a process of its own, until one lives."""
    for nth, campaign in enumerate(campaigns, start=1):
        child = os.fork()
        if child == 0:
            store = open_store(url, clock=DrivenClock())
            die_at(store, nth)
            launch_once(store, campaign)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.stdout.write(f"{nth - 1} {os.WEXITSTATUS(status)}")
            return


if __name__ == "__main__":
    main(sys.argv[1], [int(each) for each in sys.argv[2:]])
