"""One arm of the plan benchmark in a process of its own; started by `benchmarks.plan`."""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

ACCOUNT = "acct_one"


def ours(file: str, url: str) -> Callable[[], int]:
    """From a file to batches that are ready to send: create the campaign, launch it."""
    from campaigns.domain.audience.user_sets import read_users
    from campaigns.domain.messages.message import make_message
    from campaigns.flow.campaigns.drafts import Draft, create_campaign
    from campaigns.flow.campaigns.launch import launch
    from campaigns.store.database.engine import open_store
    from campaigns.store.runs.runs import find_run

    store = open_store(url)

    def work() -> int:
        with Path(file).open("rb") as stream:
            reading = read_users(stream, name=file)
        draft = Draft("plan", ACCOUNT, make_message({"text": "Hello"}), reading, file, batch_size=500)
        made = create_campaign(store, draft, actor="benchmark")
        del reading, draft
        opened = launch(store, made.id, upstream="sandbox", actor="benchmark")
        assert opened.run_id is not None  # it has no schedule
        with store.read() as connection:
            return find_run(connection, opened.run_id).planned

    return work


def bare(file: str, _url: str) -> Callable[[], int]:
    """The same file read and sorted, as shortly as Python can say it; nothing is kept."""

    def work() -> int:
        with Path(file).open() as lines:
            return len(sorted(set(map(int, lines))))

    return work


def main(arm: str, file: str, url: str, count: str = "0") -> None:
    """Run one arm; its last line of output says what it did. Imports are not counted in the time."""
    if arm in {"orm", "core"}:
        from benchmarks.plan_rows import row_for_each

        work = row_for_each(file, url, int(count), objects=arm == "orm")
    else:
        work = {"ours": ours, "bare": bare}[arm](file, url)
    began, used = time.perf_counter(), _cpu()
    recipients = work()
    took = {"seconds": time.perf_counter() - began, "cpu": _cpu() - used}
    print(json.dumps({**took, "peak_megabytes": _peak_megabytes(), "recipients": recipients}))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_megabytes() -> float:
    """Of this program alone: `ru_maxrss` begins with what the process that forked it had."""
    found = re.search(r"VmHWM:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
