"""Send: batches/s and CPU for each of them, this project's workers against a plain Celery task for each batch.

Both arms are real worker processes on the threads pool, with the same broker, the same database settings and the same
vendor; 16 accounts, no gap between sends, no vendor limit. The rate is that of the vendor's arrivals, the CPU what the
processes used meanwhile.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroaring import BitMap64

from benchmarks.measure import Figures, cpu_seconds, interleaved, medians, print_table, ratio, running, wait_until
from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.messages.message import make_message
from campaigns.embedded.server import find_server
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Draft, create_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
from campaigns.store.views.run_lines import runs as runs_of

ACCOUNTS = [f"acct_{n:02}" for n in range(16)]
LANES = len(ACCOUNTS)
WARM_BATCHES = 5
LONGEST_SECONDS = 300.0
ID_STEP = 7


@dataclass(frozen=True, slots=True)
class Setting:
    """One comparison."""

    batches: int  # for each account
    users: int  # for each batch
    database: str | None = None  # None: a SQLite file made for the arm

    def cut(self, account: int, count: int, first: int) -> list[list[int]]:
        """An account's batches of user IDs; no two accounts share a user."""
        start = first + account * 1_000_000_000
        return [
            list(range(start + n * self.users * ID_STEP, start + (n + 1) * self.users * ID_STEP, ID_STEP))
            for n in range(count)
        ]


def run(*, quick: bool, postgres: bool = False) -> None:
    """Print the rounds and a table for each setting."""
    rounds = 2 if quick else 5
    for users in (500,) if quick else (500, 100):
        _compare("SQLite", Setting(60 if quick else 100, users), rounds)
    if postgres:
        from tests.servers import postgres_server

        with postgres_server() as url:
            _compare("PostgreSQL", Setting(60 if quick else 100, 500, url), rounds)


def _compare(database: str, setting: Setting, rounds: int) -> None:
    title = f"send, {database}, {setting.users} users a batch, {setting.batches * LANES} batches"
    found = interleaved({"ours": lambda: _arm(_ours, setting), "peer": lambda: _arm(_peer, setting)}, rounds, title)
    rows = []
    for figure, unit in FIGURES.items():
        ours, peer = (medians(found[arm]).get(figure, 0.0) for arm in ("ours", "peer"))
        times = ratio(found["ours"][figure], found["peer"][figure]) if ours and peer else "-"
        rows.append((f"{figure.replace('_', ' ')}, {unit}", f"{ours:.0f}", f"{peer:.0f}", times))
    print_table(f"{title}; medians of {rounds} rounds", ("", "ours", "peer", "ours / peer"), rows)


FIGURES = {
    "rate": "batches/s",
    "cpu": "us a batch, all that follow but the vendor",
    "worker": "us a batch",
    "broker": "us a batch",
    "waker": "us a batch: the beat, or who publishes the tasks",
    "database": "us a batch: the server's own",
    "vendor": "us a batch",
}

Arm = Callable[["Stage", Setting], Figures]


class Stage:
    """Broker, vendor and database of one round, and what their processes used."""

    def __init__(
        self, folder: Path, stack: ExitStack, database: str | None, *, latency_milliseconds: float = 0
    ) -> None:
        self.folder = folder
        self.stack = stack
        self.redis_url = f"unix://{folder}/redis.sock"
        self.database_url = database or f"sqlite:///{folder}/campaigns.db"
        url_file = folder / "vendor.url"
        server = [str(find_server()), "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--dir", str(folder)]
        self.pids = {"broker": self.start("broker", [*server, "--appendonly", "yes", "--save", ""])}
        vendor = [sys.executable, "-m", "benchmarks.vendor", str(url_file), str(latency_milliseconds), "0"]
        self.pids["vendor"] = self.start("vendor", vendor)
        wait_until(lambda: url_file.exists() and (folder / "redis.sock").exists(), "starting broker and vendor")
        self.vendor_url = url_file.read_text()
        if database is not None:
            self.pids["database"] = postmaster(database)
        self.environment = {
            "CAMPAIGNS_HOME": str(folder),
            "DATABASE_URL": self.database_url.replace("postgresql+psycopg://", "postgresql://"),
            "REDIS_URL": self.redis_url,
            "CAMPAIGNS_UPSTREAM_URL": self.vendor_url,
            "ONLYFANSAPI_API_KEY": "benchmark",
            "CAMPAIGNS_RATE_PER_MINUTE": "1000000",
            "CAMPAIGNS_RATE_RESERVE": "0",
            "CAMPAIGNS_ACCOUNT_GAP_SECONDS": "0",
            "CAMPAIGNS_WORKER_THREADS": str(LANES + 2),  # two of them never send
            "LOG_LEVEL": "WARNING",
        }

    def start(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> int:
        """Start a process of the round."""
        return self.stack.enter_context(running(command, self.folder / f"{name}.log", environment))

    def celery(self, name: str, app: str, *options: str) -> int:
        """Start a Celery process with the round's environment."""
        command = [sys.executable, "-m", "celery", "-q", "-A", app, *options, "-l", "WARNING"]
        pid = self.start(name, command, self.environment)
        self.pids[name] = pid
        return pid

    def counts(self) -> dict[str, Any]:
        """What the vendor has counted since it was last asked."""
        with urllib.request.urlopen(f"{self.vendor_url}/counts") as reply:
            told: dict[str, Any] = json.load(reply)
        return told

    def measure(self, begin: Callable[[], float], ended: Callable[[], bool], setting: Setting) -> Figures:
        """Let the arm send everything, and see that the vendor got each batch exactly once.

        `begin` answers CPU seconds that were used in this process for the arm.
        """
        count = setting.batches * LANES
        before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        own = begin()
        wait_until(ended, "sending", LONGEST_SECONDS)
        used = {name: cpu_seconds(pid) - before[name] for name, pid in self.pids.items()}
        used["waker"] = used.pop("beat", own)
        told = self.counts()
        seen = (told["requests"], told["batches"], told["most_often"], told["users"])
        if seen != (count, count, 1, count * setting.users):
            raise AssertionError(f"the vendor was to get {count} batches exactly once, but counted {seen}")
        each = {name: seconds / count * 1e6 for name, seconds in used.items()}
        rate = (count - 1) / (max(told["at"]) - min(told["at"]))
        return {"rate": rate, "cpu": sum(each.values()) - each["vendor"], **each}


def _arm(arm: Arm, setting: Setting) -> Figures:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="campaigns-send-")))
        database = stack.enter_context(_fresh_database(setting.database)) if setting.database else None
        try:
            return arm(Stage(folder, stack, database), setting)
        except Exception:
            for log in folder.glob("*.log"):
                print(f"--- {log.name}\n{log.read_text()[-3000:]}", file=sys.stderr)
            raise


def _ours(stage: Stage, setting: Setting) -> Figures:
    upgrade(stage.database_url)
    store = open_store(stage.database_url)
    stage.stack.callback(store.close)
    for account_id in ACCOUNTS:
        add_account(store, account_id, upstream=stage.vendor_url, team=None, actor="benchmark")
    threads = str(LANES + 2)
    app = "campaigns.worker.app"
    stage.celery("worker", app, "worker", "-P", "threads", "-c", threads, "-Q", "control,send", *QUIET)
    beat = stage.celery("beat", app, "beat", "--pidfile=")
    _launch(store, stage.vendor_url, [setting.cut(n, WARM_BATCHES, 1) for n in range(LANES)])
    wait_until(lambda: _is_idle(store), "warming up", LONGEST_SECONDS)
    stage.counts()
    os.kill(beat, signal.SIGSTOP)  # so that all lanes begin together
    _launch(store, stage.vendor_url, [setting.cut(n, setting.batches, 500_000_001) for n in range(LANES)])

    def begin() -> float:
        os.kill(beat, signal.SIGCONT)
        return 0.0

    figures = stage.measure(begin, lambda: _is_idle(store), setting)
    with store.read() as connection:
        states = {each.state for each in runs_of(connection)}
    if states != {"finished"}:
        raise AssertionError(f"runs ended as {states}")
    return figures


def _launch(store: Store, upstream: str, users: list[list[list[int]]]) -> None:
    for account_id, batches in zip(ACCOUNTS, users, strict=True):
        audience = Reading(BitMap64([user for batch in batches for user in batch]))
        size = len(batches[0])
        draft = Draft("send", account_id, make_message({"text": "Hello"}), audience, "benchmark", batch_size=size)
        made = create_campaign(store, draft, actor="benchmark")
        launch(store, made.id, upstream=upstream, actor="benchmark")


def _is_idle(store: Store) -> bool:
    with store.read() as connection:
        return all(each.state == "finished" for each in runs_of(connection))


def _peer(stage: Stage, setting: Setting) -> Figures:
    os.environ.update({name: stage.environment[name] for name in ("DATABASE_URL", "REDIS_URL")})
    from benchmarks import send_peer

    # Imported once for all rounds, but each round has a broker of its own.
    broker = stage.redis_url.replace("unix://", "redis+socket://", 1)
    users = [setting.cut(n, WARM_BATCHES, 1) + setting.cut(n, setting.batches, 500_000_001) for n in range(LANES)]
    made = send_peer.prepare(stage.database_url, ACCOUNTS, users)
    # Account by account in turn, as a fair publisher would do it.
    ordered = [batch_id for group in zip(*made, strict=True) for batch_id in group]
    warm, rest = ordered[: WARM_BATCHES * LANES], ordered[WARM_BATCHES * LANES :]
    stage.environment["DATABASE_URL"] = stage.database_url
    app = "benchmarks.send_peer"
    stage.celery("worker", app, "worker", "-P", "threads", "-c", str(LANES), "-Q", "peer", *QUIET)
    store = open_store(stage.database_url)
    stage.stack.callback(store.close)
    with send_peer.app.connection_for_write(broker) as connection:

        def publish(batch_ids: list[int]) -> None:
            for batch_id in batch_ids:
                send_peer.send_batch.apply_async((batch_id,), connection=connection)  # type: ignore[call-arg]

        publish(warm)
        wait_until(lambda: _accepted(store) == len(warm), "warming up", LONGEST_SECONDS)
        stage.counts()

        def begin() -> float:
            used = time.process_time()
            publish(rest)
            return time.process_time() - used

        return stage.measure(begin, lambda: _accepted(store) == len(ordered), setting)


def _accepted(store: Store) -> int:
    from sqlalchemy import text

    with store.read() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM peer_batch WHERE state = 'accepted'")) or 0)


QUIET = ("--without-mingle", "--without-gossip", "--without-heartbeat")


@contextmanager
def _fresh_database(url: str) -> Iterator[str]:
    """A database of its own on a PostgreSQL server, gone afterwards."""
    from sqlalchemy import create_engine, make_url, text

    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"benchmark_{os.getpid()}_{time.monotonic_ns()}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = on"))
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def postmaster(url: str) -> int:
    """The server's first process, which all others descend from."""
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    with engine.connect() as connection:
        backend = int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
    engine.dispose()
    return int(fields[1])
