"""An installation for faults: workers, beats, broker and vendor as real processes, and proxies between them."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from campaigns.adapters.upstream.sandbox_record import SandboxRecord
from campaigns.crashpoint import VARIABLE
from campaigns.domain.errors import VendorAway
from campaigns.embedded.parent_death import bound
from campaigns.embedded.server import find_server
from campaigns.settings import Settings
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
from tests.faults.databases import Database, PostgresDatabase, SqliteDatabase
from tests.faults.proxy import FaultProxy
from tests.servers import postgres_server

ROOT = Path(__file__).parents[2]

LEASE_SECONDS = 6.0
DEADLINE_SECONDS = 3.0
SETTLE_SECONDS = 1.0
LOOKS = 3
TICK_SECONDS = 0.5

SHORT = {
    "CAMPAIGNS_LEASE_SECONDS": str(LEASE_SECONDS),
    "CAMPAIGNS_REQUEST_TIMEOUT_SECONDS": str(DEADLINE_SECONDS),
    "CAMPAIGNS_SETTLE_SECONDS": str(SETTLE_SECONDS),
    "CAMPAIGNS_SETTLE_LOOKS": str(LOOKS),
    "CAMPAIGNS_TICK_SECONDS": str(TICK_SECONDS),
    "CAMPAIGNS_ACCOUNT_GAP_SECONDS": "0",
    "CAMPAIGNS_RATE_PER_MINUTE": "1000000",
    "CAMPAIGNS_WORKER_THREADS": "10",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
}
"""The settings of every rig; the storm prints them."""

WORDS = {
    "worker": ["worker", "-P", "threads", "-c", SHORT["CAMPAIGNS_WORKER_THREADS"], "-Q", "control,send"],
    "beat": ["beat", "--pidfile="],
}

OURS = {str(field.alias) for field in Settings.model_fields.values()} | {VARIABLE, "PYTHONSAFEPATH"}
STOP_SECONDS = 20.0
START_SECONDS = 60.0


class Program:
    """One process that the rig starts, kills and starts again."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], home: int = 0) -> None:
        self.name = name
        self.process = process
        self.home = home
        self.started_at = time.time()  # by the clock that the database goes by, too

    @property
    def pid(self) -> int:
        """Its process, which has the same ID from its start to its end."""
        return self.process.pid

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask it to stop, and kill it when it does not."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.kill()


class Installation:
    """Everything that a storm shakes.

    `broken` names a build of tests.faults.broken that the workers run; `main` is what they run in place of celery.
    `homes`: how many hosts there are, each with files of its own; with `pooled`, every other one of them reaches
    PostgreSQL through PgBouncer. `settings` come on top of the short ones of every rig.
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        *,
        vendor: Mapping[str, object],
        broken: str | None = None,
        main: str = "celery",
        homes: int = 1,
        pooled: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`database` is sqlite or the address of a PostgreSQL server."""
        self.folder = folder
        self._numbers = itertools.count(1)
        self._broken = broken
        self._main = main if broken is None else "tests.faults.broken"
        self._vendor = vendor
        self.programs: list[Program] = []
        self.starts: Counter[str] = Counter()
        self.broker_port, self.vendor_port = _free_port(), _free_port()
        self.proxies = {
            "broker": FaultProxy(("127.0.0.1", self.broker_port)),
            "vendor": FaultProxy(("127.0.0.1", self.vendor_port)),
        }
        self.database: Database = (
            SqliteDatabase(folder) if database == "sqlite" else PostgresDatabase(database, folder, pooled=pooled)
        )
        self.proxies |= self.database.proxies
        upgrade(self.database.url)
        self.store: Store = open_store(self.database.url)
        self.homes = [folder / "home", *(folder / f"home-{number}" for number in range(2, homes + 1))]
        self.environment = {name: value for name, value in os.environ.items() if name not in OURS} | {
            **SHORT,
            **(settings or {}),
            "CAMPAIGNS_HOME": str(self.homes[0]),
            "DATABASE_URL": self.database.addresses[0],
            "REDIS_URL": f"redis://127.0.0.1:{self.proxies['broker'].port}/0",
            "CAMPAIGNS_UPSTREAM_URL": f"http://127.0.0.1:{self.proxies['vendor'].port}",
            "PYTHONPATH": str(ROOT),
        }

    @property
    def on_sqlite(self) -> bool:
        """Whether its database is a file."""
        return self.database.url.startswith("sqlite")

    @property
    def ledger(self) -> Path:
        """What the vendor really accepted; on the disk before its answer leaves."""
        return self.folder / "ledger.jsonl"

    def start_broker(self) -> Program:
        """An empty broker: whatever it knew before is lost."""
        rules = ["--port", str(self.broker_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        broker = self._start("broker", [str(find_server()), *rules, "--dir", str(self.folder)])
        wait_for(lambda: _listens(self.broker_port), START_SECONDS)
        return broker

    def start_vendor(self) -> Program:
        """The vendor at its old address, with all that it ever accepted; its faults are drawn anew each time."""
        number = next(self._numbers)
        faults = self.folder / f"faults-{number}.yaml"
        faults.write_text(yaml.safe_dump({**self._vendor, "seed": number}))
        files = ["--faults", str(faults), "--ledger", str(self.ledger)]
        command = [sys.executable, "-m", "campaigns.sandbox", "--port", str(self.vendor_port), *files]
        vendor = self._start("vendor", command)
        wait_for(lambda: _listens(self.vendor_port), START_SECONDS)
        return vendor

    def start_worker(self, crash: str | None = None, *, home: int = 0) -> Program:
        """A worker on the host of that number; with `crash` it ends itself at that point."""
        addresses = self.database.addresses
        where = {"CAMPAIGNS_HOME": str(self.homes[home]), "DATABASE_URL": addresses[home % len(addresses)]}
        return self._start("worker", self._celery("worker"), where | ({} if crash is None else {VARIABLE: crash}), home)

    def start_beat(self) -> Program:
        """One more beat: it ticks whoever else does."""
        return self._start("beat", self._celery("beat"))

    def _celery(self, role: str) -> list[str]:
        words = WORDS[role]
        if role == "worker":
            words = [*words, "-n", f"worker-{next(self._numbers)}@%h", "--without-mingle", "--without-gossip"]
        return [sys.executable, "-m", self._main, "-q", "-A", "campaigns.worker.app:app", *words, "-l", "INFO"]

    def _start(self, name: str, command: list[str], more: dict[str, str] | None = None, home: int = 0) -> Program:
        environment = {**self.environment, **(more or {}), "CAMPAIGNS_BROKEN": self._broken or ""}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                bound(command, signal.SIGKILL),
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts[name] += 1
        program = Program(name, process, home)
        self.programs = [*(one for one in self.programs if one.is_alive()), program]
        return program

    def alive(self, name: str) -> list[Program]:
        """The processes of that kind that run."""
        return [program for program in self.programs if program.name == name and program.is_alive()]

    def record(self) -> SandboxRecord:
        """The vendor's truth, asked directly and not through the proxy."""
        return SandboxRecord(f"http://127.0.0.1:{self.vendor_port}")

    def most_in_flight(self) -> int:
        """The most sends of one account that the vendor ever had at once in this life of it; 0 when it is away."""
        try:
            with contextlib.closing(self.record()) as record:
                most: dict[str, int] = record.summary()["most_sends_in_flight"]
        except VendorAway:
            return 0
        return max(most.values(), default=0)

    def log(self, name: str) -> str:
        """What the processes of that kind have said."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        """Stop everything."""
        for name in ("beat", "worker"):
            for program in self.alive(name):
                program.signal(signal.SIGCONT)
                program.signal(signal.SIGTERM)
        for name in ("beat", "worker", "vendor", "broker"):
            for program in self.alive(name):
                program.stop()
        self.store.close()
        self.database.close()
        for name in ("broker", "vendor"):
            self.proxies[name].close()


@contextmanager
def database_server(kind: str) -> Iterator[str]:
    """`sqlite`, or the address of a PostgreSQL that lives as long as this is open."""
    if kind == "sqlite":
        yield kind
        return
    with postgres_server() as url:
        yield url


def wait_for(holds: Callable[[], object], seconds: float) -> bool:
    """Look until it holds; False when that takes longer."""
    give_up_at = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.05)  # polling, with a deadline
    return True


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
