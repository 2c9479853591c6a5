"""Occurrences against an oracle that was written apart from the code; `./run storm` compares all of it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.domain.schedules.occurrences import occurrences
from tests.domain.schedules.oracle.compare import Tally, Zone
from tests.domain.schedules.oracle.expressions import all_of, cron, drawn
from tests.domain.schedules.oracle.oracle import DAY_MINUTES, EPOCH, MINUTE, Clock
from tests.domain.schedules.oracle.zones import changes_of, year_at, zone_called, zone_names

ODD = ("Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll")
"""Half an hour; twice a year at other dates each year; two hours."""

DRAWN_ZONES = 2
DRAWN_EXPRESSIONS = 6
SAMPLE_STRIDE_DAYS = 53


@pytest.fixture
def seed() -> int:
    """A new one each time; SCHEDULES_SEED repeats one."""
    return int(os.environ.get("SCHEDULES_SEED", random.SystemRandom().randrange(10**6)))


def test_occurrences_are_those_that_a_look_at_the_clock_finds(seed: int) -> None:
    print(f"SCHEDULES_SEED={seed}")
    chance = random.Random(seed)
    tally = Tally()
    for name in [*ODD, *_drawn_zones(chance)]:
        year = chance.randint(2024, 2030)
        schedules = all_of(name) + [cron(drawn(chance), name) for _ in range(DRAWN_EXPRESSIONS)]
        Zone(name, tally, year_at(year), year_at(year + 1)).compare(schedules, SAMPLE_STRIDE_DAYS)
    assert tally.faults == [], f"SCHEDULES_SEED={seed}"
    assert tally.compared > 10_000


@pytest.mark.parametrize(
    ("zone", "expression", "day", "expected"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-29", "01:00"),
        ("Europe/Berlin", "*/20 2,3 * * *", "2026-03-29", "01:00 01:20 01:40"),
        ("Europe/Berlin", "0 * * * *", "2026-03-29", " ".join(f"{hour:02}:00" for hour in range(24))),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25", "00:30"),
        ("Europe/Berlin", "*/30 2-3 * * *", "2026-10-25", "00:00 00:30 02:00 02:30"),
        ("Europe/Berlin", "30 * * * *", "2026-10-25", " ".join(f"{hour:02}:30" for hour in range(24))),
        ("Africa/Cairo", "0 0 * * *", "2026-04-23", "22:00"),
        ("Australia/Lord_Howe", "*/15 2 * * *", "2026-10-03", "15:30 15:45"),
        (
            "Australia/Lord_Howe",
            "0 */1 * * SUN",
            "2026-10-03",
            "13:30 14:30 16:00 17:00 18:00 19:00 20:00 21:00 22:00 23:00",
        ),
        ("America/New_York", "0 0 13 * FRI", "2026-03-13", "04:00"),
        ("America/New_York", "0 0 */13 * FRI", "2026-03-06", ""),
    ],
)
def test_oracle_and_code_agree_with_what_was_worked_out_by_hand(
    zone: str, expression: str, day: str, expected: str
) -> None:
    start = (datetime.fromisoformat(day).replace(tzinfo=UTC) - EPOCH) // MINUTE
    changes = [change.instant for change in changes_of(zone)]
    schedule = cron(expression, zone)
    clock = Clock(zone_called(zone), changes, start, start + DAY_MINUTES)
    found = [EPOCH + instant * MINUTE for instant in clock.instants(schedule.rule)]
    after = EPOCH + start * MINUTE - timedelta(seconds=1)
    assert " ".join(f"{moment:%H:%M}" for moment in found) == expected
    assert list(occurrences(schedule.timing, after, after + timedelta(days=1))) == found


def _drawn_zones(chance: random.Random) -> Iterator[str]:
    found = 0
    for name in chance.sample(zone_names(), len(zone_names())):
        if changes_of(name):
            yield name
            found += 1
        if found == DRAWN_ZONES:
            return
