"""Hosts whose workers live on: each has a home of its own, and caches in its process; the vendor is in this process.

Built by the product's own wiring and served through its own worker tasks, so that whatever a release remembers, and
wherever, is remembered here too. Only the clocks, chance and sockets are replaced.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from redis import Redis
from sqlalchemy import Connection

from campaigns import wiring
from campaigns.adapters.upstream import deadline
from campaigns.adapters.upstream import gateway as gateway_module
from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.errors import DatabaseAway
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.ports import Gateway
from campaigns.settings import Settings, load_settings
from campaigns.store.database.engine import Store
from campaigns.worker import tasks
from tests.clock import START, DrivenClock
from tests.law.vendor import Killed, Post, Vendor, Wire

LEASE, DEADLINE, SETTLE, LOOKS = 6, 3, 1, 3
BATCH = 2

_host: ContextVar[Host] = ContextVar("host")


class NeverStops:
    """Nobody tells the workers of these tests to stop; those who wait let time go by."""

    def __init__(self, clock: DrivenClock) -> None:
        self._clock = clock

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float | None = None) -> bool:
        self._clock.advance(seconds or 0.0)
        return False


@dataclass(frozen=True)
class MoodyStore(Store):
    """A database that can be away."""

    moods: dict[str, bool] = field(default_factory=dict)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.moods.get("away"):
            raise DatabaseAway("The database is locked.")
        with super().write() as connection:
            yield connection


class Parts(wiring.Parts):
    """The product's own parts, with this vendor in place of sockets."""

    host: Host

    def gateway(self) -> Gateway:
        gateway = HttpGateway("http://127.0.0.1", "sandbox")
        gateway._transport.close()
        gateway._transport = Wire(self.host.vendor)
        return gateway


@dataclass
class Hanging:
    """A worker that waits for an answer while the world goes on."""

    post: Post
    thread: threading.Thread
    go_on: threading.Event
    answer: Callable[[], httpx.Response]


@dataclass
class Host:
    """One machine: a home that outlives its processes, and one worker process."""

    name: str
    home: Path
    store: Store
    clock: DrivenClock
    vendor: Vendor
    redis_url: str
    limit: int = 1000
    lease: float = LEASE
    opened: ExitStack = field(default_factory=ExitStack)
    woken: list[tuple[str, Any]] = field(default_factory=list)
    hanging: Hanging | None = None
    troubles: list[Exception] = field(default_factory=list)

    def start(self) -> None:
        """A new process, which remembers nothing."""
        self.opened.close()
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        parts = Parts(self._settings(), self.store)
        parts.host = self
        self.parts = parts
        self.sender = cache(self._sender)

    def tick(self) -> None:
        """What beat asks for."""
        self._run(tasks.tick)

    def work(self) -> None:
        """What the wake-ups of before ask for, in order."""
        woken, self.woken = self.woken, []
        for task, argument in woken:
            if task == "plan":
                self._run(tasks.plan, argument)
            elif self.hanging is None or self.hanging.post.account != argument:
                self.serve(argument)

    def serve(self, account: str) -> None:
        """Serve a lane, as far as it goes; a process that dies in the middle is started again."""
        self._run(tasks.serve, account)

    def serve_until_it_hangs(self, account: str, *, takes: bool) -> None:
        """Serve a lane in a thread of its own until a request of it hangs; `takes`: the vendor has it by then."""
        stopped, go_on = threading.Event(), threading.Event()

        def hang(_: Vendor, post: Post) -> httpx.Response:
            if takes:
                post.take()
            self.hanging = Hanging(post, thread, go_on, post.reply if takes else post.accept)
            self.vendor.fate = None
            left = deadline.seconds_left()
            stopped.set()
            go_on.wait()
            deadline._ends_at.set(time.monotonic() + left)  # however long this machine took meanwhile
            return self.hanging.answer()

        def run() -> None:
            self.serve(account)
            stopped.set()

        before, self.vendor.fate = self.vendor.fate, hang
        thread = threading.Thread(target=copy_context().run, args=(run,), daemon=True)
        thread.start()
        stopped.wait()
        self.vendor.fate = before
        if self.hanging is None:
            thread.join()

    def answer_comes(self, answer: Callable[[], httpx.Response] | None = None) -> None:
        """Let the request that hangs have its answer, and the worker go on with it."""
        hanging = self.hanging
        if hanging is None:
            return
        if answer is not None:
            hanging.answer = answer
        hanging.go_on.set()
        hanging.thread.join()
        self.hanging = None

    def die(self) -> None:
        """Kill the process, and start another one."""
        if self.hanging is not None:
            self.answer_comes(_killed)
        self.start()

    def close(self) -> None:
        """End everything that still runs."""
        if self.hanging is not None:
            self.answer_comes(_killed)
        self.opened.close()

    def _run(self, task: Callable[..., object], *arguments: object) -> None:
        token = _host.set(self)
        try:
            task(*arguments)
        except Killed:
            self.start()
        except Exception as trouble:  # noqa: BLE001 - a task that fails is logged by Celery, and the next tick asks again
            self.troubles.append(trouble)
        finally:
            _host.reset(token)

    def _sender(self) -> LaneContext:
        stopping: Any = NeverStops(self.clock)
        made = self.parts.sender(stopping=stopping)
        pacer: Any = made.pacer
        pacer._clock = lambda: int(self.clock.now.timestamp() * 1e6)
        for connected in (made.pacer, made.fences):
            self.opened.callback(vars(type(connected))["close"], connected)
        return replace(made, chance=lambda: 0.0)

    def _settings(self) -> Settings:
        return load_settings(
            CAMPAIGNS_HOME=self.home,
            DATABASE_URL="sqlite:///nowhere.db",
            REDIS_URL=self.redis_url,
            CAMPAIGNS_RATE_PER_MINUTE=self.limit,
            CAMPAIGNS_ACCOUNT_GAP_SECONDS=0,
            CAMPAIGNS_REQUEST_TIMEOUT_SECONDS=DEADLINE,
            CAMPAIGNS_LEASE_SECONDS=self.lease,
            CAMPAIGNS_MAX_ATTEMPTS=3,
            CAMPAIGNS_BATCH_SIZE=BATCH,
            CAMPAIGNS_SETTLE_SECONDS=SETTLE,
            CAMPAIGNS_SETTLE_LOOKS=LOOKS,
        )


def _killed() -> httpx.Response:
    raise Killed


class _DrivenDatetime(datetime):
    """The adapter's `datetime`: its now is the driven clock's."""

    clock: DrivenClock

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return cls.clock.now if tz is None else cls.clock.now.astimezone(tz)


@contextmanager
def driven(clock: DrivenClock) -> Iterator[None]:
    """Let the product's edges go by the driven clock, and its tasks act for the host that runs them."""

    def seconds() -> float:
        return 1000.0 + (clock.now - START).total_seconds()

    def note(task: str) -> Callable[[tuple[Any, ...]], None]:
        return lambda arguments: _host.get().woken.append((task, arguments[0]))

    def name() -> str:
        return f"worker:{_host.get().name}"

    def sender() -> LaneContext:
        return _host.get().sender()

    def cache_info() -> Any:
        return _host.get().sender.cache_info()

    vars(sender)["cache_info"] = cache_info
    _DrivenDatetime.clock = clock
    with ExitStack() as patched:
        for owner, attribute, value in (
            (wiring, "clock_of_the_machine", seconds),
            (wiring, "worker_name", name),
            (gateway_module, "datetime", _DrivenDatetime),
            (httpx, "create_ssl_context", lambda **_: None),  # 39 ms for each process that starts
            (tasks, "log", mock.Mock()),
            (tasks, "clock_of_the_machine", seconds),
            (tasks, "worker_name", name),
            (tasks, "parts", lambda: _host.get().parts),
            (tasks, "sender", sender),
            (tasks, "settings", _SettingsOfTheHost()),
            (tasks.plan, "apply_async", note("plan")),
            (tasks.serve, "apply_async", note("serve")),
        ):
            patched.enter_context(mock.patch.object(owner, attribute, value))
        yield


class _SettingsOfTheHost:
    def __getattr__(self, name: str) -> Any:
        return getattr(_host.get().parts.settings, name)


def empty_home(home: Path) -> None:
    """A home that was lost."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, mode=0o700)


def redis_content(url: str) -> dict[bytes, bytes]:
    """Everything that Redis holds."""
    with Redis.from_url(url) as redis:
        return {key: content for key in redis.keys("*") if (content := redis.dump(key)) is not None}


def set_redis(url: str, content: dict[bytes, bytes]) -> None:
    """Let Redis hold exactly that."""
    with Redis.from_url(url) as redis:
        redis.flushall()
        for key, value in content.items():
            redis.restore(key, 0, value)
