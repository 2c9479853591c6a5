"""The rate budget on a real Redis, on the world's clock, rebuilt from the world's database."""

from __future__ import annotations

import itertools
import os
from datetime import timedelta

from redis import Redis

from campaigns.adapters.redis.pacer import RedisPacer
from campaigns.flow.lanes.tick import recovery
from tests.world import LIMITS, World

_numbers = itertools.count(1)


class RealPacer(RedisPacer):
    """A budget that a test may let Redis forget."""

    def __init__(self, world: World, redis_url: str, *, limit: int, reserve: float = 0.05) -> None:
        self._name = f"world-{os.getpid()}-{next(_numbers)}"
        self._url = redis_url
        hold = LIMITS.lease_seconds
        super().__init__(
            redis_url,
            upstream=self._name,
            rate_per_minute=limit,
            reserve=reserve,
            account_gap_seconds=0,
            recover=lambda: recovery(world.store, within=timedelta(seconds=hold + 61)),
            longest_hold_seconds=hold,
        )
        self._clock = lambda: int(world.clock.now.timestamp() * 1_000_000)

    def forget(self) -> None:
        """What a restart without its files, a flush or an eviction does."""
        with Redis.from_url(self._url) as redis:
            for key in redis.keys(f"campaigns:pace:{self._name}:*"):
                redis.delete(key)


def use_real_pacer(world: World, redis_url: str, *, limit: int, reserve: float = 0.05) -> RealPacer:
    """Give the world such a budget in place of its own."""
    pacer = RealPacer(world, redis_url, limit=limit, reserve=reserve)
    world.pacer = pacer  # type: ignore[assignment]
    return pacer
