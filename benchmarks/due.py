"""Due: from the time that a campaign is due to the first byte of its POST at the vendor, on an idle system.

Ours is a real beat, a real worker and a real Redis with the default tick; the peer is the same POST by a Celery task
with that time as its ETA, in a real worker on the same Redis. The vendor is the sandbox, which says when each arrived.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pyroaring import BitMap64

from benchmarks.measure import Figures, print_table, running, wait_until
from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.messages.message import make_message
from campaigns.embedded.server import find_server
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade

ACCOUNTS = 8
TICK_SECONDS = 1.0
GOAL_SECONDS = TICK_SECONDS + 0.5
AHEAD_SECONDS = 0.5
"""At least so long before its time it is asked for, and up to a tick longer at random: at any phase of the tick."""

WARM = 2
OURS, PEER = "ours", "peer"
QUIET = ("--without-mingle", "--without-gossip", "--without-heartbeat")


def run(*, quick: bool) -> None:
    """Print the distribution of each arm."""
    count = 20 if quick else 150
    late: dict[str, list[float]] = {OURS: [], PEER: []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="campaigns-due-")))
        stage = _Stage(folder, stack)
        try:
            for _ in range(count + WARM):
                for arm, found in late.items():
                    found.append(stage.lateness(arm))
        except Exception:
            for log in folder.glob("*.log"):
                print(f"--- {log.name}\n{log.read_text()[-3000:]}", file=sys.stderr)
            raise
    ours, peer = (_spread(late[arm][WARM:]) for arm in (OURS, PEER))
    for arm in late:
        print(json.dumps({"benchmark": "due", "arm": arm, "late": [round(each, 4) for each in late[arm][WARM:]]}))
    rows = [(name, f"{ours[name]:.3f} s", f"{peer[name]:.3f} s", f"{ours[name] - peer[name]:.3f} s") for name in ours]
    verdict = "kept" if ours["p99"] < GOAL_SECONDS else "missed"
    print_table(
        f"due to first POST, {count} each, tick {TICK_SECONDS:g} s; goal p99 under {GOAL_SECONDS:g} s: {verdict}",
        ("", "ours", "Celery task with an ETA", "ours later by"),
        rows,
    )


def _spread(values: list[float]) -> Figures:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "most": max(values)}


class _Stage:
    """Redis, sandbox, our beat and worker, and the peer's worker."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._numbers = 0
        socket, url_file = folder / "redis.sock", folder / "vendor.url"
        server = [str(find_server()), "--port", "0", "--unixsocket", str(socket), "--dir", str(folder)]
        self._start("redis", [*server, "--appendonly", "yes", "--save", ""])
        faults = folder / "faults.yaml"
        faults.write_text("limit_per_minute: null\n")
        vendor = ["campaigns.sandbox", "--url-file", str(url_file), "--faults", str(faults)]
        self._start("vendor", [sys.executable, "-m", *vendor])
        wait_until(lambda: url_file.exists() and socket.exists(), "starting Redis and sandbox")
        self._vendor = stack.enter_context(closing(httpx.Client(base_url=url_file.read_text().strip())))
        self._environment = {
            "CAMPAIGNS_HOME": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/campaigns.db",
            "REDIS_URL": f"unix://{socket}",
            "CAMPAIGNS_UPSTREAM_URL": str(self._vendor.base_url),
            "ONLYFANSAPI_API_KEY": "benchmark",
            "CAMPAIGNS_TICK_SECONDS": str(TICK_SECONDS),
            "LOG_LEVEL": "INFO",
        }
        self._store = self._installation()
        self._celery(
            "worker", "campaigns.worker.app", "worker", "-P", "threads", "-c", "16", "-Q", "control,send", *QUIET
        )
        self._celery("beat", "campaigns.worker.app", "beat", "--pidfile=")
        self._celery("peer", "benchmarks.due_peer", "worker", "-P", "threads", "-c", "16", "-Q", "peer", *QUIET)

    def _installation(self) -> Store:
        url = self._environment["DATABASE_URL"]
        upgrade(url)
        store = open_store(url)
        self._stack.callback(store.close)
        for number in range(ACCOUNTS):
            upstream = self._environment["CAMPAIGNS_UPSTREAM_URL"]
            add_account(store, f"acct_{number}", upstream=upstream, team=None, actor="benchmark")
        return store

    def _start(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        self._stack.enter_context(running(command, self._folder / f"{name}.log", environment))

    def _celery(self, name: str, app: str, *options: str) -> None:
        command = [sys.executable, "-m", "celery", "-q", "-A", app, *options, "-l", "INFO"]
        self._start(name, command, self._environment)

    def lateness(self, arm: str) -> float:
        """Have one sent at a time soon; answers how many seconds later the vendor had it."""
        due = datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS + random.uniform(0, TICK_SECONDS))
        self._numbers += 1
        text = f"{arm} number {self._numbers}"
        (self._arm if arm == OURS else self._publish)(text, due)
        found: list[dict[str, Any]] = []

        def arrived() -> bool:
            found[:] = self._vendor.get("/sandbox/accepted", params={"text": text}).json()["accepted"]
            return bool(found)

        if datetime.now(UTC) >= due:
            raise TimeoutError(f"{text} was due before it was asked for: the machine is too busy for this")
        time.sleep((due - datetime.now(UTC)).total_seconds())
        wait_until(arrived, f"sending {text}")
        (send,) = found
        return (datetime.fromisoformat(send["at"]) - due).total_seconds()

    def _arm(self, text: str, due: datetime) -> None:
        upstream = self._environment["CAMPAIGNS_UPSTREAM_URL"]
        audience = Reading(BitMap64([self._numbers]))
        account_id = f"acct_{self._numbers % ACCOUNTS}"
        draft = Draft(text, account_id, make_message({"text": text}), audience, "benchmark", starts_at=due)
        made = create_campaign(self._store, draft, actor="benchmark")
        launch(self._store, made.id, upstream=upstream, actor="benchmark")

    def _publish(self, text: str, due: datetime) -> None:
        from benchmarks import due_peer

        broker = self._environment["REDIS_URL"].replace("unix://", "redis+socket://", 1)
        with due_peer.app.connection_for_write(broker) as connection:
            due_peer.post.apply_async((text, self._numbers), eta=due, connection=connection)  # type: ignore[call-arg]
