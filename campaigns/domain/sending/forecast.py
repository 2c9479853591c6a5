"""When a run will start and end: its pace under the limits, within its hours, over its spread, before its expiry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from campaigns.domain.schedules.sending_hours import Window, advance, open_seconds, opens_at
from campaigns.domain.sending.pacing import REQUEST_SECONDS, Limits, estimate, wake_seconds

HOURS, SPREAD, EXPIRY = "sending hours", "spread", "expiry"
"""The limits of a run besides its pace."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a run starts and ends if nothing new gets in its way."""

    starts_at: datetime
    ends_at: datetime
    bound_by: str
    late: int = 0  # batches that would be cancelled at the expiry


def forecast(
    batches: int,
    limits: Limits,
    start: datetime,
    *,
    windows: Sequence[Window] = (),
    last_at: datetime | None = None,
    expires_at: datetime | None = None,
    busy_accounts: int = 0,
    seconds_per_request: float = REQUEST_SECONDS,
) -> Forecast:
    """Forecast when this many batches start and end: none is sent before `start`, nor the last one before `last_at`.

    `busy_accounts`: the number of other accounts of the team that send at the same time.
    `seconds_per_request`: how long the vendor takes to reply, as far as that is measured.
    """
    start = start.astimezone(UTC)
    pace = estimate(batches, limits, busy_accounts=busy_accounts, seconds_per_request=seconds_per_request)
    starts_at = opens_at(windows, start) or start
    pace_seconds = pace.seconds + wake_seconds(
        batches, limits, busy_accounts=busy_accounts, seconds_per_request=seconds_per_request
    )
    by_pace = advance(windows, starts_at, pace_seconds)
    by_spread = starts_at if last_at is None else last_at + timedelta(seconds=seconds_per_request)
    ends_at, bound_by = (by_spread, SPREAD) if by_spread > by_pace else (by_pace, pace.bound_by)
    if open_seconds(windows, start, ends_at) < (ends_at - start).total_seconds():
        bound_by = HOURS
    if expires_at is None or ends_at <= expires_at:
        return Forecast(starts_at, ends_at, bound_by)
    spread_seconds = 0.0 if last_at is None else open_seconds(windows, start, last_at)
    open_until_expiry = open_seconds(windows, starts_at, expires_at)
    in_time = _started_within(
        open_until_expiry,
        batches,
        limits,
        spread_seconds,
        busy_accounts=busy_accounts,
        seconds_per_request=seconds_per_request,
    )
    if in_time == batches:
        return Forecast(starts_at, ends_at, bound_by)
    return Forecast(starts_at, max(expires_at, start), EXPIRY, batches - in_time)


def _started_within(
    seconds: float,
    batches: int,
    limits: Limits,
    spread_seconds: float,
    *,
    busy_accounts: int,
    seconds_per_request: float,
) -> int:
    """The number of batches that start within less than `seconds` of open time."""
    least, most = 0, batches
    while least < most:
        middle = (least + most + 1) // 2
        pace = estimate(middle, limits, busy_accounts=busy_accounts, seconds_per_request=seconds_per_request)
        by_pace = pace.seconds - seconds_per_request
        by_spread = spread_seconds * (middle - 1) / max(batches - 1, 1)
        if max(by_pace, by_spread) < seconds:
            least = middle
        else:
            most = middle - 1
    return least
