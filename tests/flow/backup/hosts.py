"""Hosts with homes of their own on one Redis, for tests of what they remember."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from redis import Redis

from campaigns.adapters.disk.spool import FileSpool
from campaigns.adapters.redis.fence_book import KEY, KeptFences
from campaigns.flow.backup.detect_restore import Memory, watch_lanes
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.views import accounts as account_views
from tests.world import ACCOUNT, World


def held(world: World, account_id: str = ACCOUNT) -> list[str]:
    with world.store.read() as connection:
        (row,) = [row for row in account_views.accounts(connection) if row.id == account_id]
    return [hold.kind for hold in row.holds]


@dataclass
class Host:
    """One home and the processes that have it; the world, and so the database, is that of the moment."""

    name: str
    book: KeptFences
    spool: FileSpool

    def sender(self, world: World) -> LaneContext:
        return replace(
            world.sender(f"worker:{self.name}"), fences=self.book, spool=self.spool, host_name=self.name, stranded={}
        )

    def serve(self, world: World, account_id: str = ACCOUNT, *, turns: int = 100) -> int:
        left = iter(range(turns))
        return serve_lane(self.sender(world), account_id, lambda: next(left, None) is not None)

    def tick(self, world: World) -> list[str]:
        """What its part in a tick is: the accounts that it closes."""
        return watch_lanes(Memory(world.store, self.book, self.spool, self.name, f"worker:{self.name}"))


@dataclass
class Hosts:
    """Makes hosts, and takes the memory of their Redis away."""

    url: str
    folder: Path

    def make(self, name: str) -> Host:
        home = self.folder / name
        return Host(name, KeptFences(self.url, home), FileSpool(home))

    def again(self, host: Host) -> Host:
        """The same home after all processes of it were started anew."""
        host.book.close()
        return self.make(host.name)

    def redis_loses_its_state(self) -> None:
        with Redis.from_url(self.url) as redis:
            redis.flushall()

    def redis_now(self) -> bytes:
        """What Redis holds, to be put back later."""
        with Redis.from_url(self.url) as redis:
            dumped: bytes = redis.dump(KEY)
        return dumped

    def put_redis_back(self, held: bytes) -> None:
        with Redis.from_url(self.url) as redis:
            redis.restore(KEY, 0, held, replace=True)
