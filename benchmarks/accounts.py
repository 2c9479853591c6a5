"""Accounts: 200 of them launched at once, served by one worker with the settings that everybody has.

16 threads, a second between two messages of an account, 1,000 requests a minute with their reserve, SQLite, and a
vendor that takes 0.3 s for an answer. With five batches for each account the limit alone makes it last a minute.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyroaring import BitMap64

from benchmarks.measure import cpu_seconds, print_table, wait_until
from benchmarks.send import QUIET, Stage
from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.messages.message import make_message
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
from campaigns.store.health.heartbeats import heartbeats
from campaigns.store.views.run_lines import runs as runs_of

BATCHES, USERS = 5, 500
VENDOR_MILLISECONDS = 300.0
LONGEST_SECONDS = 900.0
LOOK_SECONDS = 0.25
DEFAULT = (
    "CAMPAIGNS_RATE_PER_MINUTE",
    "CAMPAIGNS_RATE_RESERVE",
    "CAMPAIGNS_ACCOUNT_GAP_SECONDS",
    "CAMPAIGNS_WORKER_THREADS",
)
ALLOWED_A_MINUTE = 950


@dataclass
class Watch:
    """What is seen of the database and the worker while the runs go on."""

    store: Store
    worker: int
    began: float
    first: dict[int, float] = field(default_factory=dict)  # seconds until the first message of each run
    longest_without_tick: float = 0.0
    largest_bytes: int = 0

    def is_over(self) -> bool:
        time.sleep(LOOK_SECONDS)
        with self.store.read() as connection:
            now, beat = self.store.now(connection), heartbeats(connection).get("beat")
            runs = runs_of(connection)
        if beat is not None:
            self.longest_without_tick = max(self.longest_without_tick, (now - beat).total_seconds())
        for run in runs:
            if run.state != "planned":
                self.first.setdefault(run.id, time.monotonic() - self.began)
        self.largest_bytes = max(self.largest_bytes, _memory(self.worker))
        return all(run.state == "finished" for run in runs)


def run(*, quick: bool) -> None:
    """Print the figures of one round."""
    count = 50 if quick else 200
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="campaigns-accounts-")))
        stage = Stage(folder, stack, None, latency_milliseconds=VENDOR_MILLISECONDS)
        for name in DEFAULT:
            del stage.environment[name]
        upgrade(stage.database_url)
        store = open_store(stage.database_url)
        stack.callback(store.close)
        app = "campaigns.worker.app"
        stage.celery("worker", app, "worker", "-P", "threads", "-c", "16", "-Q", "control,send", *QUIET)
        stage.celery("beat", app, "beat", "-s", str(folder / "beat"), "--pidfile=")
        wait_until(lambda: _has_ticked(store), "starting", 60)
        _launch(store, stage.vendor_url, count)
        before = {name: cpu_seconds(pid) for name, pid in stage.pids.items()}
        watch = Watch(store, stage.pids["worker"], time.monotonic())
        wait_until(watch.is_over, "sending", LONGEST_SECONDS)
        _print(count, watch, stage, before)


def _print(count: int, watch: Watch, stage: Stage, before: dict[str, float]) -> None:
    told: dict[str, Any] = stage.counts()
    requests = count * BATCHES
    if (told["requests"], told["batches"], told["most_often"]) != (requests, requests, 1):
        raise AssertionError(f"the vendor was to get {requests} batches exactly once, but counted {told}")
    lasted = max(told["at"]) - min(told["at"])
    firsts = list(watch.first.values())
    rows = [
        ("messages, first to last", f"{requests} in {lasted:.1f} s"),
        ("of what the limit allows", f"{requests / max(lasted / 60 * ALLOWED_A_MINUTE, ALLOWED_A_MINUTE):.0%}"),
        ("an account's first message", f"{statistics.median(firsts):.1f} s in the median, {max(firsts):.1f} s at most"),
        ("longest time without a tick", f"{watch.longest_without_tick:.1f} s"),
        ("memory of the worker", f"{watch.largest_bytes / 1e6:.0f} MB"),
        *(
            (f"CPU of the {name}", f"{(cpu_seconds(pid) - before[name]) / requests * 1e3:.1f} ms a message")
            for name, pid in stage.pids.items()
        ),
    ]
    print_table(f"{count} accounts at once, {BATCHES} batches of {USERS} users each", ("", ""), rows)


def _launch(store: Store, upstream: str, count: int) -> None:
    for number in range(count):
        account_id = f"acct_{number:03}"
        add_account(store, account_id, upstream=upstream, team=None, actor="benchmark")
        users = BitMap64(range(number * 1_000_000 + 1, number * 1_000_000 + BATCHES * USERS + 1))
        draft = Draft(
            "night", account_id, make_message({"text": "Hello"}), Reading(users), "benchmark", batch_size=USERS
        )
        launch(store, create_campaign(store, draft, actor="benchmark").id, upstream=upstream, actor="benchmark")


def _has_ticked(store: Store) -> bool:
    with store.read() as connection:
        return "beat" in heartbeats(connection)


def _memory(pid: int) -> int:
    """What a process keeps in memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
