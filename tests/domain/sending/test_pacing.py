"""How long runs take under the limits, and how long to wait after failures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.domain.sending.pacing import WINDOW_SECONDS, Estimate, Limits, back_off_seconds, estimate, reserve_slots


def limits(*, rate: int = 1000, reserve: float = 0.05, gap: float = 1.0) -> Limits:
    return Limits(
        rate_per_minute=rate,
        reserve=reserve,
        account_gap_seconds=gap,
        request_timeout_seconds=60,
        lease_seconds=90,
        max_attempts=8,
        batch_size=500,
    )


def played_out(batches: int, bounds: Limits, accounts: int, seconds_per_request: float) -> float:
    """The last answer's time when every request starts as soon as its lane, its account and the budget allow."""
    share = bounds.rate_per_minute - reserve_slots(bounds.rate_per_minute, bounds.reserve)
    starts: list[float] = []
    for n in range(batches):
        may_start = 0.0
        if n >= accounts:
            may_start = starts[n - accounts] + max(bounds.account_gap_seconds, seconds_per_request)
        if n >= share:
            may_start = max(may_start, starts[n - share] + seconds_per_request + WINDOW_SECONDS)
        starts.append(may_start)
    return starts[-1] + seconds_per_request


@settings(deadline=None)
@given(
    batches=st.integers(1, 400),
    rate=st.integers(2, 120),
    gap=st.sampled_from([0.0, 0.3, 1.0, 5.0]),
    accounts=st.integers(1, 12),
    seconds_per_request=st.sampled_from([0.1, 0.5, 3.0]),
)
def test_an_estimate_is_what_playing_it_out_gives(
    batches: int, rate: int, gap: float, accounts: int, seconds_per_request: float
) -> None:
    bounds = limits(rate=rate, gap=gap)
    found = estimate(batches, bounds, accounts=accounts, seconds_per_request=seconds_per_request)
    exact = played_out(batches, bounds, accounts, seconds_per_request)
    # Lanes and windows that do not divide evenly shift single requests by a lane's interval at each window.
    interval = max(gap, seconds_per_request)
    windows = batches // (rate - reserve_slots(rate, 0.05)) + 1
    assert exact - windows * interval - 1e-6 <= found.seconds <= exact + windows * interval + 1e-6


@settings(deadline=None)
@given(
    batches=st.integers(1, 100),
    rate=st.integers(20, 120),
    gap=st.sampled_from([0.0, 1.0, 5.0]),
    others=st.integers(1, 9),
)
def test_an_account_beside_others_is_never_promised_an_end_before_theirs(
    batches: int, rate: int, gap: float, others: int
) -> None:
    bounds = limits(rate=rate, gap=gap)
    alone = estimate(batches, bounds)
    found = estimate(batches, bounds, busy_accounts=others)
    exact = played_out(batches * (others + 1), bounds, others + 1, 0.5)
    windows = batches * (others + 1) // (rate - reserve_slots(rate, 0.05)) + 1
    assert found.seconds >= alone.seconds
    assert found.seconds >= exact - windows * max(gap, 0.5) - 1e-6


@pytest.mark.parametrize(
    ("batches", "accounts", "gap", "expected"),
    [
        (0, 1, 1.0, Estimate(0.0, "request time")),
        (1, 1, 1.0, Estimate(0.5, "request time")),
        (3, 3, 1.0, Estimate(0.5, "request time")),
        (100, 1, 1.0, Estimate(99.5, "account gap")),
        (100, 1, 0.0, Estimate(50.0, "request time")),
        (100, 10, 1.0, Estimate(9.5, "account gap")),
        (950, 1000, 1.0, Estimate(0.5, "request time")),
        (951, 1000, 1.0, Estimate(61.0, "team budget")),
        (20_000, 100, 1.0, Estimate(21 * 60.5 + 0.5, "team budget")),
    ],
)
def test_an_estimate_names_what_bounds_it(batches: int, accounts: int, gap: float, expected: Estimate) -> None:
    assert estimate(batches, limits(gap=gap), accounts=accounts) == expected


@pytest.mark.parametrize(
    ("limit", "share", "slots"),
    [
        (1000, 0.05, 50),
        (1000, 0.0, 0),
        (100, 0.07, 7),
        (10, 0.05, 1),
        (2, 0.05, 1),
        (1, 0.05, 0),
        (1, 0.99, 0),
        (0, 0.5, 0),
        (10, 0.99, 9),
    ],
)
def test_the_reserve_leaves_the_senders_at_least_one_slot(limit: int, share: float, slots: int) -> None:
    assert reserve_slots(limit, share) == slots


def test_failures_in_a_row_are_waited_for_twice_as_long_each_time_up_to_a_minute() -> None:
    waits = [back_off_seconds(failures, 0.0) for failures in range(11)]
    assert waits == [0, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert back_off_seconds(10_000, 0.0) == 60


@settings(deadline=None)
@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_jitter_takes_off_up_to_half_of_the_wait(failures: int, jitter: float) -> None:
    longest = back_off_seconds(failures, 0.0)
    assert longest / 2 <= back_off_seconds(failures, jitter) <= longest
