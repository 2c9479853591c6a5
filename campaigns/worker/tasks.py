"""Four thin tasks: tick once a second, freeze a run, serve a lane, carry out an operation. Arguments are only IDs.

A task that cannot do its work now logs that and ends: the next tick starts it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import _lru_cache_wrapper, cache
from typing import Any, TypeVar

import structlog
from celery.signals import worker_ready

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import DatabaseBusy, NotFound, TryLater
from campaigns.flow.backup.detect_restore import watch_lanes
from campaigns.flow.lanes.serve import give_back_stranded, serve_lane
from campaigns.flow.lanes.tick import tick as look
from campaigns.flow.operations.carry_out import Hand, carry_out
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.flow.sending.spool_outcome import write_kept
from campaigns.store.runs.runs import find_run
from campaigns.wiring import Parts, clock_of_the_machine, open_parts, worker_name
from campaigns.worker.app import app, settings, stopping

log = structlog.get_logger()

SLICE_SECONDS = 30.0
"""A lane keeps its seat at most this long while others wait for one."""

CONTROL_THREADS = 2
"""Threads that lanes never take, so that ticks and plans always find one."""


class Seats:
    """The lanes that this process can serve at once. A lane without a seat is woken again by a later tick."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)
        self.turned_away = 0

    def take(self) -> bool:
        """Take a seat if one is free."""
        if self._free.acquire(blocking=False):
            return True
        self.turned_away += 1
        return False

    def leave(self) -> None:
        """Give the seat back."""
        self._free.release()


seats = Seats(settings.worker_threads - CONTROL_THREADS)

_Built = TypeVar("_Built")
_building = threading.RLock()  # reentrant: `sender` calls `parts`


def once(build: Callable[[], _Built]) -> _lru_cache_wrapper[_Built]:
    """As `cache`, but one thread builds and the others wait: else each would ask the vendor for the key's team."""
    built = cache(build)

    @cache
    def build_alone() -> _Built:
        with _building:
            return built()

    return build_alone


@once
def parts() -> Parts:
    """The parts of this process, built once and after any fork."""
    return open_parts(settings)


@once
def sender() -> LaneContext:
    """The context that the lanes of this process share."""
    return parts().sender(stopping=stopping)


@worker_ready.connect
def catch_up(**_: Any) -> None:
    """Do the work left over from before: at the start of the worker."""
    try:
        _catch_up()
    except TryLater as away:
        log.warning("catch_up_postponed", reason=str(away))


def _catch_up() -> None:
    """Write the outcomes that this host kept, then release the lanes that it still held. Raises DatabaseAway.

    Runs at the start, and before each tick and each lane.
    """
    _write_kept()
    if sender.cache_info().currsize:
        give_back_stranded(sender())


def _write_kept() -> None:
    try:
        replayed = write_kept(parts().store, parts().spool, parts().limits, actor=worker_name())
    except DatabaseBusy as busy:  # the lock of one account must not stop the tick of the others
        log.warning("kept_outcomes_postponed", reason=str(busy))
        return
    except OSError as fault:
        log.exception("kept_outcomes_unreadable", reason=str(fault))
        return
    if replayed.written:
        log.info("kept_outcomes_written", outcomes=replayed.written)
    if replayed.damaged:
        log.error(
            "kept_outcomes_damaged",
            reason=f"{replayed.damaged} outcomes kept on this host cannot be read or written and count as unknown; "
            f"they were put aside in {replayed.aside}.",
        )
    if replayed.lost:
        log.error(
            "kept_outcomes_lost",
            reason=f"{replayed.lost} outcomes kept on this host are of requests that the database does not know: it "
            f"was restored from a backup, or is new; they were put aside in {replayed.lost_aside}.",
        )


def _watch_lanes() -> None:
    """Compare the database with what this host remembers. A worker that cannot still does the rest of its tick."""
    try:
        closed = watch_lanes(parts().memory())
    except TryLater as away:
        log.warning("lanes_not_compared", reason=str(away))
        return
    if closed:
        log.error("database_restored", reason=f"The database is behind its fence book: {', '.join(closed)} are held.")


@app.task(name="campaigns.tick")
def tick() -> None:
    """Find the runs to plan and the lanes with work, and wake them."""
    try:
        _catch_up()
        _watch_lanes()
        wake = look(
            parts().store,
            upstream=settings.upstream_name,
            settle_seconds=settings.settle_seconds,
            actor=worker_name(),
        )
    except TryLater as away:
        log.warning("tick_postponed", reason=str(away))
        return
    for run_id in wake.plans:
        plan.apply_async((run_id,))
    for account_id in wake.lanes:
        serve.apply_async((account_id,))
    for operation_id in wake.operations:
        operate.apply_async((operation_id,))
    crash_point("tick.woken")


@app.task(name="campaigns.plan")
def plan(run_id: int) -> None:
    """Freeze who gets a due run, and wake its lane."""
    try:
        if plan_run(parts().store, run_id, actor=worker_name()):
            crash_point("plan.committed")
            log.info("run_planned", run_id=run_id)
            serve.apply_async((_account_of(run_id),))  # without waiting for the next tick: its batches may be sent now
    except TryLater as away:
        log.warning("plan_postponed", run_id=run_id, reason=str(away))
    except NotFound as unknown:  # a wake-up from before a restore: the run is lost
        log.warning("plan_of_an_unknown_run", run_id=run_id, reason=str(unknown))


def _account_of(run_id: int) -> str:
    with parts().store.read() as connection:
        return find_run(connection, run_id).account_id


@app.task(name="campaigns.serve")
def serve(account_id: str) -> None:
    """Serve an account's lane until it is empty, or until its slice is over and another lane wants the seat."""
    if not seats.take():
        return
    try:
        started, turned_away = clock_of_the_machine(), seats.turned_away

        def goes_on() -> bool:
            return clock_of_the_machine() - started < SLICE_SECONDS or seats.turned_away == turned_away

        _catch_up()
        requests = serve_lane(sender(), account_id, goes_on)
        if requests:
            log.info("lane_served", account_id=account_id, requests=requests)
    except TryLater as away:
        log.warning("lane_postponed", account_id=account_id, reason=str(away))
    finally:
        seats.leave()


@app.task(name="campaigns.operate")
def operate(operation_id: int) -> None:
    """Carry out an operation for the length of a slice; a later tick goes on with the rest."""
    if not seats.take():
        return
    try:
        started = clock_of_the_machine()

        def goes_on() -> bool:
            return clock_of_the_machine() - started < SLICE_SECONDS and not stopping.is_set()

        tried = carry_out(Hand(parts().store, settings.upstream_name, worker_name(), goes_on), operation_id)
        if tried:
            log.info("operation_carried_out", operation_id=operation_id, targets=tried)
    except TryLater as away:
        log.warning("operation_postponed", operation_id=operation_id, reason=str(away))
    finally:
        seats.leave()
