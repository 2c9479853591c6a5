"""Several real processes on one real server, in real time: the vendor's own count is what counts."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.conftest import OwnRedis
from tests.adapters.redis.hammer import CountingVendor, Order, hammer

LIMIT = 40
WINDOW_SECONDS = 0.5
ENOUGH = 120
PROCESSES = 4


def nothing(redis: OwnRedis) -> None:
    """Leave the server alone."""


def flush(redis: OwnRedis) -> None:
    redis.flush()


def restart(redis: OwnRedis) -> None:
    redis.kill()
    redis.start()


@pytest.mark.parametrize("happens", [nothing, flush, restart])
def test_however_many_processes_send_the_vendor_never_counts_more_than_its_limit(
    own_redis: OwnRedis, tmp_path: Path, happens: Callable[[OwnRedis], None]
) -> None:
    with CountingVendor(ENOUGH) as vendor:
        new = multiprocessing.get_context("spawn")
        orders = [
            Order(own_redis.url, vendor.address, str(tmp_path / "attempts.db"), LIMIT, WINDOW_SECONDS, seed)
            for seed in range(PROCESSES)
        ]
        processes = [new.Process(target=hammer, args=(order,), daemon=True) for order in orders]
        for process in processes:
            process.start()
        give_up_at = time.monotonic() + 90
        while len(vendor.arrivals) < ENOUGH // 2:
            assert time.monotonic() < give_up_at, "the processes do not send"
            time.sleep(0.001)  # polling for the middle of the sending, with a deadline
        happens(own_redis)
        for process in processes:
            process.join(max(0, give_up_at - time.monotonic()))
        assert [process.exitcode for process in processes] == [0] * PROCESSES
    assert len(vendor.arrivals) >= ENOUGH
    assert vendor.most_in_any(WINDOW_SECONDS) <= LIMIT
