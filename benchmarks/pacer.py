"""Pacer: what a permit costs against a bare PING, and how exactly four processes together use a limit, judged live."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from redis import Redis

from benchmarks.measure import Figures, interleaved, medians, print_table, ratio, running, wait_until
from campaigns.adapters.redis.pacer import RedisPacer
from campaigns.ports import Recovery
from tests.servers import redis_server

LIMIT = 1000
WINDOW_SECONDS = 6.0
"""Ten times harsher than the vendor's minute: the same requests, a tenth of the time to hide a mistake in."""

PROCESSES = 4
THREADS = 12
LATENCY_MS = 50
DELAY_MS = 50
START_SECONDS = 2.0


def run(*, quick: bool) -> None:
    """Print the table of costs and the judgement of the live run."""
    with redis_server() as url:
        _cost(url, rounds=5 if quick else 15)
    with redis_server() as url:
        _live(url, windows=2 if quick else 4)


def make_pacer(url: str, *, limit: int = LIMIT) -> RedisPacer:
    """The pacer as the live run uses it: no reserve, no gap between an account's sends."""
    return RedisPacer(
        url,
        upstream="benchmark",
        rate_per_minute=limit,
        reserve=0.0,
        account_gap_seconds=0.0,
        recover=lambda: Recovery([], {}),
        window_seconds=WINDOW_SECONDS,
    )


def _cost(url: str, *, rounds: int, operations: int = 1000) -> None:
    pacer, redis, keys = make_pacer(url, limit=1_000_000), Redis.from_url(url), count()

    def permit() -> None:
        key = f"acct_one:{next(keys)}"
        assert pacer.acquire(key, "acct_one", hold_seconds=60).granted
        pacer.answered(key, limit_minute=1_000_000, remaining_minute=999_999)

    def two_pings() -> None:
        redis.ping()
        redis.ping()

    def timed(work: Callable[[], None]) -> Figures:
        began, used = time.perf_counter(), time.thread_time()
        for _ in range(operations):
            work()
        return {
            "us": (time.perf_counter() - began) / operations * 1e6,
            "cpu_us": (time.thread_time() - used) / operations * 1e6,
        }

    permit()
    found = interleaved({"permit": lambda: timed(permit), "pings": lambda: timed(two_pings)}, rounds, "pacer cost")
    rows = [
        (name, f"{medians(found['permit'])[figure]:.0f}", f"{medians(found['pings'])[figure]:.0f}", ratio(*both))
        for figure, name in (("us", "time, us"), ("cpu_us", "own CPU, us"))
        for both in [(found["permit"][figure], found["pings"][figure])]
    ]
    print_table(
        "pacer, cost for each batch: asked and answered, against two bare PINGs", ("", "pacer", "PINGs", "ratio"), rows
    )


def _live(url: str, *, windows: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="campaigns-pacer-")))
        url_file = folder / "vendor.url"
        vendor = [sys.executable, "-m", "benchmarks.vendor", str(url_file), str(LATENCY_MS), str(DELAY_MS)]
        stack.enter_context(running(vendor, folder / "vendor.log"))
        wait_until(url_file.exists, "starting the vendor")
        vendor_url = url_file.read_text()
        seconds = START_SECONDS + (windows + 1) * WINDOW_SECONDS
        ends_at = time.monotonic() + seconds
        for n in range(PROCESSES):
            arguments = [url, vendor_url, f"sender{n}", str(ends_at)]
            command = [sys.executable, "-m", "benchmarks.pacer_sender", *arguments]
            stack.enter_context(running(command, folder / f"sender{n}.log"))
        time.sleep(seconds + 1)
        with urllib.request.urlopen(f"{vendor_url}/counts") as reply:
            at = sorted(json.load(reply)["at"])
    used, over = judge(at)
    print_table(
        f"pacer, live: {PROCESSES} processes of {THREADS} threads, {LIMIT} in {WINDOW_SECONDS:g} s, "
        f"{LATENCY_MS} ms latency and up to {DELAY_MS} ms more at random",
        ("requests", "of the limit used", "more than the limit in any sliding window"),
        [(len(at), f"{used:.1%}", f"{over} requests")],
    )


def judge(at: list[float]) -> tuple[float, int]:
    """The share of the limit that was used after the first window, and how many requests a sliding window refuses."""
    over = sum(at[n] - at[n - LIMIT] < WINDOW_SECONDS for n in range(LIMIT, len(at)))
    begins = at[0] + WINDOW_SECONDS
    whole = int((at[-1] - begins) // WINDOW_SECONDS)
    counted = sum(begins <= each < begins + whole * WINDOW_SECONDS for each in at)
    return counted / (whole * LIMIT), over
