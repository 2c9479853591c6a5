"""Redis servers of a test's own, and pacers whose time the test drives."""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from campaigns.adapters.redis.pacer import RedisPacer
from campaigns.embedded.parent_death import bound
from campaigns.embedded.server import find_server
from campaigns.ports import Recovery

_upstreams = itertools.count(1)


@dataclass
class OwnRedis:
    """A server that the test may flush, kill and start again in the same folder."""

    folder: Path
    options: tuple[str, ...]
    server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'socket'}"

    def start(self, password: str | None = None) -> None:
        command = [str(find_server()), "--port", "0", "--unixsocket", str(self.folder / "socket"), "--save", ""]
        command += ["--dir", str(self.folder), *self.options]
        self.server = subprocess.Popen(bound(command), stdout=subprocess.DEVNULL)
        give_up_at = time.monotonic() + 30
        while not self.answers(password):
            assert self.server.poll() is None, "the server did not start"
            assert time.monotonic() < give_up_at
            time.sleep(0.005)  # polling for a start, with a deadline

    def kill(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def answers(self, password: str | None = None) -> bool:
        with Redis.from_url(self.url, password=password, retry=None) as redis:
            try:
                return bool(redis.ping())
            except RedisError:
                return False

    def flush(self) -> None:
        with Redis.from_url(self.url) as redis:
            redis.flushall()


@pytest.fixture(params=[()])
def own_redis(request: pytest.FixtureRequest) -> Iterator[OwnRedis]:
    with tempfile.TemporaryDirectory(prefix="campaigns-pacer-", dir="/tmp") as folder:
        redis = OwnRedis(Path(folder), request.param)
        redis.start()
        yield redis
        redis.kill()


@dataclass
class DrivenPacers:
    """Makes pacers on one upstream that share a clock; `now` is microseconds and moves by hand."""

    url: str
    now: int = 1_700_000_000_000_000
    upstream: str = field(default_factory=lambda: f"test-{os.getpid()}-{next(_upstreams)}")
    made: list[RedisPacer] = field(default_factory=list)

    def make(
        self,
        *,
        limit: int = 10,
        reserve: float = 0.0,
        gap: float = 0.0,
        recover: Callable[[], Recovery] = lambda: Recovery([], {}),
        **more: Any,
    ) -> RedisPacer:
        pacer = RedisPacer(
            self.url,
            upstream=self.upstream,
            rate_per_minute=limit,
            reserve=reserve,
            account_gap_seconds=gap,
            recover=recover,
            **more,
        )
        pacer._clock = lambda: self.now
        self.made.append(pacer)
        return pacer

    def pass_seconds(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)

    def close(self) -> None:
        for pacer in self.made:
            pacer.close()


@pytest.fixture
def pacers(redis_url: str) -> Iterator[DrivenPacers]:
    driven = DrivenPacers(redis_url)
    yield driven
    driven.close()


@pytest.fixture
def fragile_pacers(own_redis: OwnRedis) -> Iterator[DrivenPacers]:
    """Pacers on a server that the test may flush and kill."""
    driven = DrivenPacers(own_redis.url)
    yield driven
    driven.close()
