"""When a run will start and end, and what binds that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from campaigns.domain.schedules.sending_hours import advance, read_windows
from campaigns.domain.sending.forecast import forecast
from tests.world import LIMITS

LIMITS = replace(LIMITS, account_gap_seconds=2.0)
DAYTIME = read_windows([{"hours": "09:00-22:00", "zone": "UTC"}])


def at(clock: str, day: int = 5) -> datetime:
    return datetime.fromisoformat(f"2026-06-0{day}T{clock}").replace(tzinfo=UTC)


def test_a_run_that_nothing_else_binds_ends_by_its_pace() -> None:
    expected = forecast(301, LIMITS, at("12:00"))
    assert (expected.starts_at, expected.ends_at) == (at("12:00"), at("12:10") + timedelta(seconds=0.5))
    assert (expected.bound_by, expected.late) == ("account gap", 0)


def test_hours_that_close_in_the_middle_move_the_end_to_the_next_day() -> None:
    expected = forecast(601, LIMITS, at("21:50"), windows=DAYTIME)
    assert expected.starts_at == at("21:50")
    assert expected.ends_at == at("09:10", day=6) + timedelta(seconds=0.5)
    assert expected.bound_by == "sending hours"


def test_a_run_of_the_night_starts_in_the_morning() -> None:
    expected = forecast(1, LIMITS, at("23:00"), windows=DAYTIME)
    assert (expected.starts_at, expected.bound_by) == (at("09:00", day=6), "sending hours")


def test_a_spread_that_is_slower_than_the_pace_binds() -> None:
    last_at = advance(DAYTIME, at("12:00"), 3600)
    expected = forecast(10, LIMITS, at("12:00"), windows=DAYTIME, last_at=last_at)
    assert (expected.ends_at, expected.bound_by) == (at("13:00") + timedelta(seconds=0.5), "spread")
    assert forecast(7200, LIMITS, at("12:00"), windows=DAYTIME, last_at=last_at).bound_by == "account gap"


def test_what_cannot_start_before_the_expiry_is_counted() -> None:
    expected = forecast(301, LIMITS, at("12:00"), expires_at=at("12:05"))
    assert (expected.ends_at, expected.bound_by, expected.late) == (at("12:05"), "expiry", 151)
    assert forecast(301, LIMITS, at("12:00"), expires_at=at("12:11")).late == 0


def test_hours_and_spread_count_before_the_expiry_too() -> None:
    night = forecast(301, LIMITS, at("21:55"), windows=DAYTIME, expires_at=at("23:00"))
    assert (night.late, night.ends_at) == (151, at("23:00"))
    spread = forecast(11, LIMITS, at("12:00"), last_at=at("13:00"), expires_at=at("12:30"))
    assert spread.late == 6, "those of 12:30 and later"
    assert forecast(5, LIMITS, at("22:30"), windows=DAYTIME, expires_at=at("23:00")).late == 5
