"""Which schedules send to the same people more than once in 24 hours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from campaigns.domain.schedules.often import runs_often
from campaigns.domain.schedules.timing import Timing

BEFORE_SUMMER_TIME = datetime(2026, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timing", "often"),
    [
        (Timing(cron="0 18 * * *"), False),
        (Timing(cron="30 2 * * *", zone="Europe/Berlin"), False),  # 03:00 on 29 March, 02:30 a day later
        (Timing(cron="0 18 * * FRI", zone="Europe/Berlin"), False),
        (Timing(every="1 day", starting=datetime(2026, 3, 1, 18), zone="Europe/Berlin"), False),  # noqa: DTZ001
        (Timing(), False),
        (Timing(cron="0 * * * *"), True),
        (Timing(cron="0 0,23 * * FRI"), True),
        (Timing(cron="0,30 9 1 1 *"), True),
        (Timing(cron="0 * * * *", max_runs=1), False),
        (Timing(cron="0 9,18 * * *", until=datetime(2026, 3, 20, 10, tzinfo=UTC)), False),
        (Timing(cron="0 9,18 * * *", until=datetime(2026, 3, 20, 18, tzinfo=UTC)), True),
    ],
)
def test_a_schedule_is_often_when_two_of_its_runs_are_less_than_a_day_apart(timing: Timing, often: bool) -> None:
    assert runs_often(timing, BEFORE_SUMMER_TIME) is often
