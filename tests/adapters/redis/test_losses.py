"""Redis loses the rate budget at any moment: the vendor's limit is kept by what stands in the database."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from campaigns.adapters.redis.pacer import RedisPacer
from campaigns.domain.sending.pacing import PERMIT_SECONDS
from campaigns.ports import RecentUse, Recovery
from tests.adapters.conftest import DrivenPacers
from tests.adapters.redis.vendor_window import VendorWindow

DEADLINE = 15.0
"""Of one request, as the worker keeps it."""

LEASE = 31.0
"""Of the lane: nothing leaves that could end after it, counted from when the permit was asked for."""

SECONDS = 200


@dataclass
class Row:
    """A request as the database knows it."""

    account: str
    reserved: bool
    started: float
    answered: float | None = None


@dataclass(frozen=True)
class Journey:
    """What is drawn for one request, in seconds."""

    until_row: float  # from the permit to the commit
    there: float
    back: float | None  # None: the answer is lost


@dataclass
class History:
    """Requests of all kinds, with one database, one Redis that forgets and one vendor.

    A third are questions; the others stand for messages and DELETEs, which differ in their tables only.
    """

    driven: DrivenPacers
    redis: Redis
    vendor: VendorWindow
    journeys: Iterator[Journey]
    rows: dict[str, Row] = field(default_factory=dict)
    events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))
    now: float = 0.0
    losses: int = 0

    def recover(self) -> Recovery:
        """What `campaigns.flow.lanes.tick.recovery` returns of these rows."""
        uses = [
            RecentUse(
                key,
                row.account,
                self.now - row.started,
                None if row.answered is None else self.now - row.answered,
                row.reserved,
            )
            for key, row in self.rows.items()
        ]
        return Recovery(uses, {}, was_used=True)

    def at(self, moment: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self.events, (moment, next(self.order), what))

    def play(self, pacers: list[RedisPacer], senders: int, losses: list[float]) -> None:
        start = self.driven.now
        for number in range(senders):
            self.at(0.0, self._asks(pacers[number % len(pacers)], number))
        for moment in losses:
            self.at(moment, self._forget)
        while self.events and self.events[0][0] <= SECONDS:
            self.now, _, happens = heapq.heappop(self.events)
            self.driven.now = start + round(self.now * 1_000_000)
            happens(self.now)

    def _forget(self, _now: float) -> None:
        self.losses += 1
        for key in self.redis.keys(f"campaigns:pace:{self.driven.upstream}:*"):
            self.redis.delete(key)

    def _asks(self, pacer: RedisPacer, number: int) -> Callable[[float], None]:
        account, reserved = f"account {number}", number % 3 == 0

        def ask(now: float) -> None:
            key = f"request {next(self.order)}"
            permit = pacer.acquire(key, account, hold_seconds=LEASE, reserved=reserved)
            if not permit.granted:
                self.at(now + permit.wait_seconds, ask)
                return
            journey = next(self.journeys)
            self.at(now + journey.until_row, lambda then: commit(key, now, then, journey))

        def commit(key: str, asked_at: float, now: float, journey: Journey) -> None:
            is_old = now - asked_at > PERMIT_SECONDS
            if is_old and not pacer.acquire(key, account, hold_seconds=LEASE, reserved=reserved).granted:
                self.at(now + 1, ask)  # its row says that it was not sent
                return
            if now + DEADLINE > asked_at + LEASE:
                pacer.refund(key, account)
                self.at(now + 1, ask)
                return
            self.rows[key] = Row(account, reserved, now)
            self.at(now + journey.there, self.vendor.count)
            ends = now + journey.there + (journey.back or 0)
            if journey.back is not None:
                self.at(ends, lambda then: self._answered(pacer, key, then))
            self.at(ends, ask)

        return ask

    def _answered(self, pacer: RedisPacer, key: str, now: float) -> None:
        self.rows[key].answered = now
        pacer.answered(key)


moments = st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 7))
journeys = st.builds(
    Journey, until_row=st.one_of(moments, st.floats(0, 30)), there=moments, back=st.one_of(moments, st.none())
)


def history_of(driven: DrivenPacers, redis: Redis, limit: int, journeys: Iterator[Journey]) -> History:
    return History(driven, redis, VendorWindow(limit, phase=None), journeys)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(
    limit=st.integers(1, 8),
    reserve=st.sampled_from([0.0, 0.2, 0.5]),
    senders=st.integers(1, 12),
    processes=st.integers(1, 3),
    losses=st.lists(st.floats(0, SECONDS - 60), min_size=1, max_size=8),
    drawn=st.lists(journeys, min_size=1, max_size=30),
)
def test_no_window_of_the_vendor_holds_more_than_its_limit_whenever_redis_forgets(
    *,
    redis_url: str,
    limit: int,
    reserve: float,
    senders: int,
    processes: int,
    losses: list[float],
    drawn: list[Journey],
) -> None:
    driven = DrivenPacers(redis_url)
    with Redis.from_url(redis_url) as redis:
        history = history_of(driven, redis, limit, iter(drawn * 1000))
        how: dict[str, Any] = {"limit": limit, "reserve": reserve, "longest_hold_seconds": LEASE}
        history.play([driven.make(recover=history.recover, **how) for _ in range(processes)], senders, losses)
    driven.close()
    assert history.vendor.most_in_any_window() <= limit


def test_a_redis_that_forgets_every_ten_seconds_stops_nothing(redis_url: str, pacers: DrivenPacers) -> None:
    chance = random.Random(5)

    def journeys() -> Iterator[Journey]:
        while True:
            back = chance.uniform(0, 0.3) if chance.random() < 0.9 else None
            yield Journey(chance.choice([0.01, 0.01, 3.0]), chance.uniform(0, 0.3), back)

    with Redis.from_url(redis_url) as redis:
        history = history_of(pacers, redis, 8, journeys())
        made = [
            pacers.make(limit=8, reserve=0.2, recover=history.recover, longest_hold_seconds=LEASE) for _ in range(3)
        ]
        history.play(made, 12, [10.0 * number for number in range(1, 15)])
    assert history.losses == 14
    assert history.vendor.most_in_any_window() <= 8
    questions = sum(row.reserved for row in history.rows.values())
    assert 3 <= questions < len(history.rows) - 12, "both kinds are made, in every window anew"
