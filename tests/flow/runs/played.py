"""A world in which time passes: requests last, gaps are kept, and the beat wakes lanes once a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import case, func, select

from campaigns.domain.sending.pacing import REQUEST_SECONDS, Limits
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.runs.outlook import ShownRun, has_ended, show_run
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.ports import Permit
from campaigns.store.tables.accounts import lane
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run
from tests.world import UPSTREAM, FakeGateway, FakePacer, World

TICK_SECONDS = 1.0
LONGEST_PLAY = 500


@dataclass
class Timed:
    """Time that passes in a world, and what the vendor answers to the next requests; then it accepts."""

    world: World
    limits: Limits

    def play_out(self, run_id: int) -> datetime:
        """Let the beat and its worker work until the run has ended; returns when it did."""
        for _ in range(LONGEST_PLAY):
            self.work()
            ended = self.shown(run_id)
            if has_ended(ended):
                assert ended.finished_at is not None
                return ended.finished_at
            self._sleep_until_something_is_due(ended.account)
        raise AssertionError("the run never ended")

    def answer(self, *answers: Outcome) -> None:
        """Let the vendor answer the next requests like this, and the beat and its worker work until it has."""
        self.world.gateway.script = list(answers)
        while self.world.gateway.script:
            self.work()
            if self.world.gateway.script:
                self.world.clock.advance(TICK_SECONDS)

    def _sleep_until_something_is_due(self, account_id: str) -> None:
        """The ticks until then find nothing to do, so they are left out; at least one tick passes."""
        now = self.world.clock.now
        lane_waits, *times = self._due_times(account_id)
        due = min((time for time in times if time is not None), default=now)
        seconds = max(0.0, (max(due, lane_waits or due) - now).total_seconds())
        self.world.clock.advance(max(1, ceil(seconds / TICK_SECONDS)) * TICK_SECONDS)

    def _due_times(self, account_id: str) -> list[datetime | None]:
        statements = (
            select(lane.c.available_at).where(lane.c.account_id == account_id),
            select(func.min(batch.c.look_at)).where(batch.c.account_id == account_id),
            select(
                func.min(case((run.c.resumes_at > batch.c.available_at, run.c.resumes_at), else_=batch.c.available_at))
            )
            .join(run, run.c.id == batch.c.run_id)
            .where(batch.c.account_id == account_id, batch.c.state == "ready"),
        )
        with self.world.store.read() as connection:
            return [connection.scalar(statement) for statement in statements]

    def work(self) -> None:
        """One tick with all that it wakes."""
        wake = tick(self.world.store, upstream=UPSTREAM, settle_seconds=self.limits.settle_seconds, actor="beat")
        for run_id in wake.plans:
            plan_run(self.world.store, run_id, actor="beat")
        for account_id in wake.lanes:
            serve_lane(self.sender(), account_id, lambda: True)

    def shown(self, run_id: int) -> ShownRun:
        """The run as `runs show` has it at this moment."""
        with self.world.store.read() as connection:
            return show_run(connection, run_id, limits=self.limits, now=self.world.clock.now)

    def sender(self) -> LaneContext:
        return replace(self.world.sender(limits=self.limits), sleep=self._pass)

    def _pass(self, seconds: float) -> None:
        self.world.clock.advance(seconds)


class LastingGateway(FakeGateway):
    """Each request lasts half a second of the driven clock."""

    pass_time: Callable[[float], object] = staticmethod(lambda _: None)

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        outcome = super().send(account, body, deadline_seconds=deadline_seconds, may_start=may_start)
        self.pass_time(REQUEST_SECONDS)
        return outcome


@dataclass
class GapPacer(FakePacer):
    """Keeps the gap of each account, and the team's share of a minute, by the driven clock."""

    now: Callable[[], datetime] = field(kw_only=True)
    gap: float = field(kw_only=True)
    started: dict[str, datetime] = field(default_factory=dict)

    def acquire(self, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        if not reserved and key not in self.held:
            last, now = self.started.get(account), self.now()
            if last is not None and now < last + timedelta(seconds=self.gap):
                wait = last + timedelta(seconds=self.gap) - now
                return Permit(granted=False, wait_seconds=wait.total_seconds(), why="account gap")
            self.started[account] = now
        return super().acquire(key, account, hold_seconds=hold_seconds, reserved=reserved)


def timed(world: World, limits: Limits) -> Timed:
    """The world, from now on with time that passes. Its clock stands between two ticks."""
    clock = world.clock
    clock.advance(0.3)
    gateway = LastingGateway()
    gateway.pass_time = clock.advance
    world.gateway = gateway
    world.pacer = GapPacer(now=lambda: clock.now, gap=limits.account_gap_seconds)
    return Timed(world, limits)
