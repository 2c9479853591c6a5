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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml
from sqlalchemy import create_engine, make_url, text

from campaigns.adapters.upstream.sandbox_record import SandboxRecord
from campaigns.crashpoint import VARIABLE
from campaigns.domain.errors import VendorAway
from campaigns.embedded.parent_death import bound
from campaigns.embedded.server import find_server
from campaigns.settings import Settings
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
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
OUR_NAME = "campaigns-rig"
"""By which the rig's own connections to the database are told from the workers'."""

STOP_SECONDS = 20.0
START_SECONDS = 60.0


class Program:
    """One process that the rig starts, kills and starts again."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.process = process
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
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        *,
        vendor: Mapping[str, object],
        broken: str | None = None,
        main: str = "celery",
    ) -> None:
        """`database` is sqlite or the address of a PostgreSQL server on a socket."""
        self.folder = folder
        self._numbers = itertools.count(1)
        self._broken = broken
        self._main = main if broken is None else "tests.faults.broken"
        self._vendor = vendor
        self.programs: list[Program] = []
        self.broker_port, self.vendor_port = _free_port(), _free_port()
        self.proxies = {
            "broker": FaultProxy(("127.0.0.1", self.broker_port)),
            "vendor": FaultProxy(("127.0.0.1", self.vendor_port)),
        }
        self.direct_url, told_url = self._database(database)
        upgrade(self.direct_url)
        self.store: Store = open_store(self.direct_url)
        self.environment = {name: value for name, value in os.environ.items() if name not in OURS} | {
            **SHORT,
            "CAMPAIGNS_HOME": str(folder / "home"),
            "DATABASE_URL": told_url,
            "REDIS_URL": f"redis://127.0.0.1:{self.proxies['broker'].port}/0",
            "CAMPAIGNS_UPSTREAM_URL": f"http://127.0.0.1:{self.proxies['vendor'].port}",
            "PYTHONPATH": str(ROOT),
        }

    def _database(self, database: str) -> tuple[str, str]:
        """The address for us, and the one for the workers, through a proxy where there is a network."""
        if database == "sqlite":
            url = f"sqlite:///{self.folder / 'campaigns.db'}"
            return url, url
        name = f"storm_{os.getpid()}_{self.folder.name.replace('-', '_').lower()}"[:60]
        server = create_engine(database, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        server.dispose()
        direct = make_url(database).set(database=name)
        proxy = self.proxies["database"] = FaultProxy(f"{direct.query['host']}/.s.PGSQL.5432")
        told = direct.set(host="127.0.0.1", port=proxy.port, query={})
        direct = direct.update_query_dict({"application_name": OUR_NAME})
        return direct.render_as_string(hide_password=False), told.render_as_string(hide_password=False)

    @property
    def on_sqlite(self) -> bool:
        """Whether its database is a file."""
        return self.direct_url.startswith("sqlite")

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

    def start_worker(self, crash: str | None = None, *, home: str = "home") -> Program:
        """A worker; with `crash` it ends itself at that point. One with another home is another host."""
        its_own = {"CAMPAIGNS_HOME": str(self.folder / home)} | ({} if crash is None else {VARIABLE: crash})
        return self._start("worker", self._celery("worker"), its_own)

    def start_beat(self) -> Program:
        """One more beat: it ticks whoever else does."""
        schedule = self.folder / f"beat-{next(self._numbers)}"
        return self._start("beat", [*self._celery("beat"), "-s", str(schedule)])

    def _celery(self, role: str) -> list[str]:
        words = WORDS[role]
        if role == "worker":
            words = [*words, "-n", f"worker-{next(self._numbers)}@%h", "--without-mingle", "--without-gossip"]
        return [sys.executable, "-m", self._main, "-q", "-A", "campaigns.worker.app:app", *words, "-l", "INFO"]

    def _start(self, name: str, command: list[str], more: dict[str, str] | None = None) -> Program:
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
        program = Program(name, process)
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
        for proxy in self.proxies.values():
            proxy.close()
        self.store.close()


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
