"""What a storm does to an installation: kills, stops, cuts, floods. Each act is one method; what ends later is kept."""

from __future__ import annotations

import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from celery import Celery
from sqlalchemy import text

from tests.faults.databases import OUR_NAME
from tests.faults.installation import LEASE_SECONDS, Installation, Program
from tests.faults.proxy import FaultProxy
from tests.faults.recovery import Struck, lanes_of, struck_accounts
from tests.faults.work import Work

WORKERS = 2
BEATS = 2

STOPS_WITHIN_SECONDS = 0.05

DETECTED_SECONDS = 5.0
"""A dead connection to the database ends after this, as the system's own time-outs would end it."""


class Acts:
    """Counts everything that it did."""

    def __init__(
        self,
        installation: Installation,
        work: Work,
        chance: random.Random,
        *,
        before_the_vendor_dies: Callable[[], None],
    ) -> None:
        self._site = installation
        self._work = work
        self._chance = chance
        self._before_the_vendor_dies = before_the_vendor_dies
        self._later: list[tuple[float, Callable[[], object]]] = []
        self._ending = threading.Lock()
        self._is_calm = threading.Event()
        self._broker_back_at = 0.0
        self._stopped: set[int] = set()
        self._taking_back: threading.Thread | None = None
        self.kills: Counter[str] = Counter()
        self.cuts: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.struck: list[Struck] = []
        self.most_in_flight = 0
        self._wakes = Celery("storm", broker=f"redis://127.0.0.1:{installation.broker_port}/0", set_as_current=False)
        self._wakes.conf.broker_transport_options = {"global_keyprefix": "campaigns:", "socket_timeout": 2}
        self._wakes.conf.task_publish_retry = False

    def begin(self) -> None:
        """Start everything, two beats on purpose."""
        self._site.start_broker()
        self._site.start_vendor()
        self.keep_running()
        threading.Thread(target=self._end_faults, daemon=True).start()

    def keep_running(self) -> None:
        """Start again what is not there."""
        if not self._site.alive("broker"):
            self._site.start_broker()
        if not self._site.alive("vendor"):
            self._site.start_vendor()
        workers = Counter(worker.home for worker in self._site.alive("worker"))
        for home in range(len(self._site.homes)):
            for _ in range(WORKERS // len(self._site.homes) - workers[home]):
                self._site.start_worker(home=home)
        for _ in range(BEATS - len(self._site.alive("beat"))):
            self._site.start_beat()

    def bring_the_broker_back(self) -> None:
        """Start the broker when it was away for long enough."""
        if not self._site.alive("broker") and self._broker_back_at <= time.monotonic():
            self.keep_running()

    def _end_faults(self) -> None:
        """End each fault when its time is up: in a thread, since the storm may wait for a lock that a fault holds."""
        while not self._is_calm.wait(0.05):
            with self._ending:
                due = [act for at, act in self._later if at <= time.monotonic()]
                self._later = [(at, act) for at, act in self._later if at > time.monotonic()]
                for act in due:
                    act()

    def calm(self) -> None:
        """The last fault is over: everything runs, nothing is in the way."""
        self._is_calm.set()
        with self._ending:
            for _, act in self._later:
                act()
            self._later = []
        for proxy in self._site.proxies.values():
            proxy.set_mode("pass")
            proxy.reset_all()
        if self._taking_back is not None:
            self._taking_back.join()
        self.keep_running()

    def busy_worker(self) -> Program | None:
        """A worker with a request under way: killing one that only starts would prove little."""
        able = [one for one in self._site.alive("worker") if one.pid not in self._stopped]
        found = [one for one in able if any(lanes_of(self._site.store, one.pid, one.started_at).values())]
        return self._chance.choice(found) if found else None

    def kill_worker(self) -> bool:
        """kill -9 of a worker that is sending; False when none is."""
        worker = self.busy_worker()
        if worker is None:
            return False
        worker.kill()
        self.struck += struck_accounts(self._site.store, worker.pid, worker.started_at, time.time())
        self.kills["worker"] += 1
        self.keep_running()
        return True

    def kill_other(self) -> None:
        """kill -9 of a beat or of the vendor."""
        name = self._chance.choice(["beat", "vendor"])
        if name == "vendor":
            self._before_the_vendor_dies()
            self.most_in_flight = max(self.most_in_flight, self._site.most_in_flight())
        for program in self._site.alive(name)[:1]:
            program.kill()
            self.kills[name] += 1
        self.keep_running()

    def cut(self) -> None:
        """One fault of the network, between the workers and one of their three partners."""
        where = self._chance.choice(sorted(self._site.proxies))
        how = self._chance.choice(["cut", "black hole", "half-open", "slow"])
        proxy = self._site.proxies[where]
        if how == "half-open":
            proxy.half_open()
            if where in self._site.database.proxies:
                self._in(DETECTED_SECONDS, proxy.reset_all)
        else:
            proxy.set_mode(how)
            self._in(self._chance.uniform(0.2, 4.0), self._passing(proxy))
        self.cuts[f"{where}: {how}"] += 1

    def _passing(self, proxy: FaultProxy) -> Callable[[], None]:
        return lambda: proxy.set_mode("pass")

    def something_else(self) -> None:
        """One fault that is neither a kill nor a cut."""
        # Stops oftener: one is done only when a worker is sending and none is stopped.
        acts = [*[self.stop_worker] * 4, self.flush_broker, self.restart_broker, self.roll_worker]
        if not self._site.on_sqlite:
            acts.append(self.terminate_connections)
        self._chance.choice(acts)()

    def stop_worker(self) -> None:
        """SIGSTOP for half a lease to one and a half; it goes on afterwards and must find that it is late."""
        worker = self.busy_worker()
        if worker is None or self._stopped:
            return
        self._stopped.add(worker.pid)
        worker.signal(signal.SIGSTOP)
        self.others["worker stopped over its lease"] += 1

        def go_on() -> None:
            worker.signal(signal.SIGCONT)
            self._stopped.discard(worker.pid)

        self._in(self._chance.uniform(0.5, 1.5) * LEASE_SECONDS, go_on)

    def hold_everybody(self) -> bool:
        """SIGSTOP for every worker and beat; False, and nobody is stopped, while one of them holds the database."""
        self._ending.acquire()  # who was stopped before must not go on in the middle of it
        for program in self._going():
            program.signal(signal.SIGSTOP)
        time.sleep(STOPS_WITHIN_SECONDS)  # a signal takes effect a moment later
        if self._site.database.is_free():
            return True
        self.let_everybody_go()
        return False

    def let_everybody_go(self) -> None:
        """SIGCONT for whoever was stopped for that."""
        for program in self._going():
            program.signal(signal.SIGCONT)
        self._ending.release()

    def _going(self) -> list[Program]:
        running = [*self._site.alive("worker"), *self._site.alive("beat")]
        return [program for program in running if program.pid not in self._stopped]

    def flush_broker(self) -> None:
        """FLUSHALL: wake-ups and the rate budget are forgotten."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._site.broker_port), 2) as line:
            line.sendall(b"FLUSHALL\r\n")
            line.recv(64)
        self.others["FLUSHALL"] += 1

    def restart_broker(self) -> None:
        """kill -9 of the broker, which comes back empty."""
        for broker in self._site.alive("broker"):
            broker.kill()
        self.others["broker restarted empty"] += 1
        self._broker_back_at = time.monotonic() + self._chance.uniform(0.0, 2.0)

    def roll_worker(self) -> None:
        """SIGTERM to one worker and a new one in its place, as a deployment does."""
        for worker in self._site.alive("worker")[:1]:
            if worker.pid not in self._stopped:
                worker.signal(signal.SIGTERM)
                self._site.start_worker(home=worker.home)
                self.others["worker replaced"] += 1

    def terminate_connections(self) -> None:
        """pg_terminate_backend for everybody else."""
        statement = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name <> :ours"
        )
        with self._site.store.write() as connection:
            connection.execute(statement, {"ours": OUR_NAME})
        self.others["connections terminated"] += 1

    def take_back(self) -> None:
        """Have a run taken back, beside the storm: it may wait for a lock whose holder only the storm sets free."""
        if self._taking_back is None or not self._taking_back.is_alive():
            self._taking_back = threading.Thread(target=self._work.recall, kwargs={"at_most": 1}, daemon=True)
            self._taking_back.start()

    def flood(self) -> None:
        """Wake-ups that nobody asked for: every account's, twice, shuffled, and plans that are done already."""
        calls = [("campaigns.serve", (account,), "send") for account in self._work.accounts] * 2
        self._chance.shuffle(calls)
        wakes: list[tuple[str, tuple[object, ...], str]] = [*calls, ("campaigns.plan", (1,), "control")]
        with suppress(Exception):  # the broker may be away at this moment
            for name, arguments, queue in wakes:
                self._wakes.send_task(name, arguments, queue=queue, routing_key=queue)
            self.others["wake-ups nobody asked for"] += len(wakes)

    def _in(self, seconds: float, act: Callable[[], object]) -> None:
        with self._ending:
            self._later.append((time.monotonic() + seconds, act))
