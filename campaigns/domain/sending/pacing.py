"""How fast a run may go: the limits in force, how long a run takes under them, and how long to wait after failures."""

from __future__ import annotations

import math
from dataclasses import dataclass

WINDOW_SECONDS = 60.0
"""The vendor counts requests by the minute (its rate limits page, read 2026-11); fixed or sliding is not stated."""

SETTLE_SECONDS = 2.0
"""After Redis has lost the rate budget, this much time passes before the database is read for the permits granted."""

PERMIT_SECONDS = 1.9
"""The row of a request must be committed within this time after its permit was asked for; else the permit is asked for
again. It is shorter than SETTLE_SECONDS, since two clocks are compared."""

REQUEST_SECONDS = 0.5
"""A request is assumed to last this long until it is measured."""

LONGEST_WAIT_IN_MEMORY = 2.0
"""A lane waits at most this long while it holds its thread; a longer wait becomes a time in SQL."""

WAKE_SECONDS = 1.0
"""After a wait that is a time in SQL, beat wakes the lane within this time: one tick of the default settings."""

FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 60.0


LARGEST_BATCH = 1_000_000
"""At most this many user IDs in one request: far more than a vendor accepts, and few enough for every database."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of sending, from the settings. Times are in seconds."""

    rate_per_minute: int
    reserve: float  # share of the rate kept for status, reconcile and people
    account_gap_seconds: float
    request_timeout_seconds: float
    lease_seconds: float
    max_attempts: int
    batch_size: int
    settle_seconds: float = 30.0  # an unknown is searched for 1, 2, 4, 8 ... times this long after its deadline
    settle_looks: int = 4
    error_share: float = 0.5  # a run is held when this share of its ended batches is rejected ...
    error_batches: int = 10  # ... and at least this many; 0: never
    questions_per_run: int = 500  # workers ask at most this many questions about a run without a person


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a run takes from its first request to its last reply, and what limits it."""

    seconds: float
    bound_by: str  # "account gap", "team budget" or "request time"


def reserve_slots(limit: int, share: float) -> int:
    """How many of `limit` requests a window are kept for status, reconcile and people; senders keep at least one."""
    # The tiny amount forgives binary fractions: 0.07 of 100 is 7 slots, not 8.
    return max(0, min(math.ceil(limit * share - 1e-9), limit - 1))


def estimate(
    batches: int,
    limits: Limits,
    *,
    accounts: int = 1,
    busy_accounts: int = 0,
    seconds_per_request: float = REQUEST_SECONDS,
) -> Estimate:
    """How long `batches` requests take, spread evenly over the lanes of `accounts`, while `busy_accounts` others send.

    A lane has one request in flight and keeps the account's gap between starts. The team's budget grants the
    senders' whole share at once, and each slot is free again one window after its reply.
    """
    if batches <= 0:
        return Estimate(0.0, "request time")
    lanes = min(accounts, batches)
    interval = max(limits.account_gap_seconds, seconds_per_request)
    share = _own_share(limits, busy_accounts, interval)
    by_lane = (batches - 1) // lanes * interval
    windows, rest = divmod(batches - 1, share)
    by_budget = windows * (WINDOW_SECONDS + seconds_per_request) + rest // lanes * interval
    if by_budget > by_lane:
        return Estimate(by_budget + seconds_per_request, "team budget")
    gap_binds = batches > lanes and limits.account_gap_seconds > seconds_per_request
    return Estimate(by_lane + seconds_per_request, "account gap" if gap_binds else "request time")


def wake_seconds(
    batches: int, limits: Limits, *, busy_accounts: int = 0, seconds_per_request: float = REQUEST_SECONDS
) -> float:
    """How much longer the lane of an account may sleep after waits that are times in SQL, until beat wakes it."""
    interval = max(limits.account_gap_seconds, seconds_per_request)
    waits = max(0, batches - 1)
    if limits.account_gap_seconds <= LONGEST_WAIT_IN_MEMORY:
        waits //= _own_share(limits, busy_accounts, interval)
    return waits * WAKE_SECONDS


def _own_share(limits: Limits, busy_accounts: int, interval: float) -> int:
    """The slots of a window for one account: an even share, or the slots that the others cannot use."""
    share = limits.rate_per_minute - reserve_slots(limits.rate_per_minute, limits.reserve)
    unused = math.floor(share - busy_accounts * WINDOW_SECONDS / interval)
    return max(1, share // (busy_accounts + 1), unused)


def back_off_seconds(failures: int, jitter: float) -> float:
    """How long to wait after this many failures in a row: 0.5, 1, 2 ... 60 s, less up to half of it by `jitter`.

    `jitter` is a random number in [0, 1) that the caller draws, so that lanes do not retry all at once.
    """
    if failures <= 0:
        return 0.0
    longest = FIRST_BACK_OFF_SECONDS * 2.0 ** min(failures - 1, 16)
    return min(longest, LONGEST_BACK_OFF_SECONDS) * (1 - jitter / 2)


CIRCUIT_FAILURES = 5
"""An account's circuit opens after this many requests in a row that did not get through."""

CIRCUIT_UNKNOWNS = 2
"""An account's circuit also opens after this many unknown outcomes in a row; each costs an operator time."""

TEAM_CIRCUIT_ACCOUNTS = 3
"""With this many open circuits at once the vendor itself counts as failed: the other accounts of the team wait, too."""


def circuit_is_open(failures: int) -> bool:
    """Whether an account's failures in a row have opened its circuit; a reply that proves something closes it."""
    return failures >= CIRCUIT_FAILURES


def failures_after_unknown(failures: int, unknowns: int) -> int:
    """An account's failures in a row after another unknown outcome; `unknowns`: how many in a row, with this one."""
    if unknowns < CIRCUIT_UNKNOWNS:
        return failures + 1
    return max(failures + 1, CIRCUIT_FAILURES + unknowns - CIRCUIT_UNKNOWNS)
