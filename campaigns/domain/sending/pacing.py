"""How fast a run may go: the limits in force, how long a run takes under them, and how long to wait after failures."""

from __future__ import annotations

import math
from dataclasses import dataclass

WINDOW_SECONDS = 60.0
"""The vendor's limit is "requests a minute" (vendor's docs, rate limits page, read 2026-11)."""

SETTLE_SECONDS = 2.0
"""After Redis lost the rate budget: so long until the database is asked what was granted before."""

PERMIT_SECONDS = 1.9
"""So long after its permit was asked for the row of a request must stand, or it is asked for again. Less than the
settling, since two clocks are compared."""

REQUEST_SECONDS = 0.5
"""What a request is taken to last until it was measured."""

FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 60.0


LARGEST_BATCH = 1_000_000
"""User IDs in one request at most: far beyond what a vendor takes, and within what every database counts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the sending, as the settings give it. Times are seconds."""

    rate_per_minute: int
    reserve: float  # share of the rate kept for status, reconcile and people
    account_gap_seconds: float
    request_timeout_seconds: float
    lease_seconds: float
    max_attempts: int
    batch_size: int
    settle_seconds: float = 30.0  # looks at an unknown come 1, 2, 4, 8 ... times this long after its deadline
    settle_looks: int = 4
    error_share: float = 0.5  # a run is held when this share of its ended batches is rejected ...
    error_batches: int = 10  # ... and at least so many; 0: never
    questions_per_run: int = 500  # so many questions at most do workers ask about a run by themselves


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a run takes from its first request to its last answer, and what bounds it."""

    seconds: float
    bound_by: str  # "account gap", "team budget" or "request time"


def reserve_slots(limit: int, share: float) -> int:
    """How many of `limit` requests a window are kept for status, reconcile and people; senders keep at least one."""
    # The tiny amount forgives binary fractions: 0.07 of 100 is 7 slots, not 8.
    return max(0, min(math.ceil(limit * share - 1e-9), limit - 1))


def estimate(
    batches: int, limits: Limits, *, accounts: int = 1, seconds_per_request: float = REQUEST_SECONDS
) -> Estimate:
    """How long `batches` requests take, spread evenly over the lanes of `accounts` and with nothing else going on.

    A lane has one request in flight and keeps the account's gap between starts. The team's budget lets the senders'
    share out at once and gives each slot back one window after its answer.
    """
    if batches <= 0:
        return Estimate(0.0, "request time")
    lanes = min(accounts, batches)
    interval = max(limits.account_gap_seconds, seconds_per_request)
    share = limits.rate_per_minute - reserve_slots(limits.rate_per_minute, limits.reserve)
    by_lane = (batches - 1) // lanes * interval
    windows, rest = divmod(batches - 1, share)
    by_budget = windows * (WINDOW_SECONDS + seconds_per_request) + rest // lanes * interval
    if by_budget > by_lane:
        return Estimate(by_budget + seconds_per_request, "team budget")
    gap_binds = batches > lanes and limits.account_gap_seconds > seconds_per_request
    return Estimate(by_lane + seconds_per_request, "account gap" if gap_binds else "request time")


def back_off_seconds(failures: int, jitter: float) -> float:
    """How long to wait after so many failures in a row: 0.5, 1, 2 ... 60 s, less up to half of it by `jitter`.

    `jitter` is a random number in [0, 1) that the caller draws, so that lanes that failed together part.
    """
    if failures <= 0:
        return 0.0
    longest = FIRST_BACK_OFF_SECONDS * 2.0 ** min(failures - 1, 16)
    return min(longest, LONGEST_BACK_OFF_SECONDS) * (1 - jitter / 2)


CIRCUIT_FAILURES = 5
"""So many requests in a row that did not get through open an account's circuit."""

CIRCUIT_UNKNOWNS = 2
"""So many answers in a row that proved nothing do, too: each of them costs an operator's time."""

TEAM_CIRCUIT_ACCOUNTS = 3
"""So many open circuits at once mean that the vendor is the trouble: the team's other accounts wait as well."""


def circuit_is_open(failures: int) -> bool:
    """Whether an account's failures in a row have opened its circuit; an answer that proves something shuts it."""
    return failures >= CIRCUIT_FAILURES


def failures_after_unknown(failures: int, unknowns: int) -> int:
    """What an account's failures in a row are after the last `unknowns` outcomes were unknown, this one included."""
    if unknowns < CIRCUIT_UNKNOWNS:
        return failures + 1
    return max(failures + 1, CIRCUIT_FAILURES + unknowns - CIRCUIT_UNKNOWNS)
